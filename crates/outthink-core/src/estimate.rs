//! The tokens of a text where nobody counted them.

/// Bytes of a word that is taken for one token at most. What is longer, or more than a word, has a token for each
/// [`TOKEN_BYTES`].
const ONE_TOKEN: usize = 16;
/// Bytes of a token, about.
pub const TOKEN_BYTES: usize = 4;

/// The tokens of a piece of text, about.
///
/// ```
/// use outthink_core::estimated_tokens;
///
/// assert_eq!((estimated_tokens(""), estimated_tokens(" word\n"), estimated_tokens("The answer is 42")), (0, 1, 4));
/// ```
pub fn estimated_tokens(text: &str) -> u64 {
    match text.len() {
        0 => 0,
        1..=ONE_TOKEN if !text.trim_ascii().as_bytes().contains(&b' ') => 1,
        bytes => bytes.div_ceil(TOKEN_BYTES) as u64,
    }
}
