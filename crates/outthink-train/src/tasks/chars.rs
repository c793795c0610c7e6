//! The tokenizer of generated tasks: one token a character, and one for each mark of a reply.

use super::TaskError;
use crate::vocabulary::{Piece, PieceKind, Vocabulary};

/// What closes a reply.
pub const END: u32 = 0;
/// What opens the thought.
pub const THINK: u32 = 1;
/// What closes the thought.
pub const THOUGHT: u32 = 2;
/// What stands before the final answer.
pub const ANSWER: u32 = 3;

/// The marks in the order of their tokens.
pub const MARKS: [&str; 4] = ["<|end|>", "<think>", "</think>", "#### "];

/// The first printable character of ASCII.
const FIRST: u8 = b' ';
/// The last one.
const LAST: u8 = b'~';
/// The line feed comes after the marks and before the printable characters.
const LINE: u32 = MARKS.len() as u32;

/// Tokens of the vocabulary: four marks, the line feed, and the printable characters of ASCII.
pub const VOCABULARY: usize = MARKS.len() + 1 + (LAST - FIRST + 1) as usize;

/// A fixed vocabulary of characters, so that no file is needed to read what a model wrote.
///
/// ```
/// use outthink_train::tasks::CharTokenizer;
///
/// let tokens = CharTokenizer.encode("7+8\n<think>")?;
/// assert_eq!(tokens.len(), 5);
/// assert_eq!(CharTokenizer.decode(&tokens), "7+8\n<think>");
/// # Ok::<(), outthink_train::tasks::TaskError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CharTokenizer;

impl CharTokenizer {
    /// The tokens of a text; marks are read as one token wherever they stand.
    ///
    /// # Errors
    ///
    /// A character that the vocabulary does not hold, with its place.
    pub fn encode(self, text: &str) -> Result<Vec<u32>, TaskError> {
        let mut tokens = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some((mark, length)) = mark_at(rest) {
                tokens.push(mark);
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            let token = match u8::try_from(c) {
                Ok(b'\n') => LINE,
                Ok(byte @ FIRST..=LAST) => LINE + 1 + u32::from(byte - FIRST),
                _ => return Err(TaskError::UnknownCharacter { character: c, at: text.len() - rest.len() }),
            };
            tokens.push(token);
            rest = rest.get(1..).unwrap_or_default();
        }
        Ok(tokens)
    }

    /// The text of tokens; tokens outside the vocabulary give U+FFFD.
    pub fn decode(self, tokens: &[u32]) -> String {
        tokens.iter().map(|&token| self.piece(token)).collect()
    }

    /// The same tokens as a vocabulary, for checkpoints and GGUF files.
    pub fn vocabulary(self) -> Vocabulary {
        let kind = |token| match token {
            END => PieceKind::Control,
            THINK | THOUGHT | ANSWER => PieceKind::Mark,
            _ => PieceKind::Normal,
        };
        let piece = |token| Piece { bytes: self.piece(token).into_bytes(), kind: kind(token) };
        Vocabulary { pieces: (0..VOCABULARY as u32).map(piece).collect(), end: END, merges: Vec::new() }
    }

    /// The text of one token.
    pub fn piece(self, token: u32) -> String {
        if let Some(mark) = MARKS.get(token as usize) {
            return (*mark).to_owned();
        }
        match token - LINE {
            0 => "\n".to_owned(),
            at if (token as usize) < VOCABULARY => char::from(FIRST + (at - 1) as u8).to_string(),
            _ => char::REPLACEMENT_CHARACTER.to_string(),
        }
    }
}

/// The mark with which a text begins, with its length in bytes.
fn mark_at(text: &str) -> Option<(u32, usize)> {
    (0_u32..).zip(MARKS).find(|(_, mark)| text.starts_with(mark)).map(|(token, mark)| (token, mark.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_token_has_a_text_of_its_own() {
        for token in 0..VOCABULARY as u32 {
            assert_eq!(CharTokenizer.encode(&CharTokenizer.piece(token)).unwrap(), [token]);
        }
        assert_eq!(CharTokenizer.piece(VOCABULARY as u32), "\u{fffd}");
    }

    #[test]
    fn a_character_outside_is_named_with_its_place() {
        let error = CharTokenizer.encode("1+é").unwrap_err();
        assert_eq!(error, TaskError::UnknownCharacter { character: 'é', at: 2 });
    }

    proptest! {
        #[test]
        fn the_vocabulary_of_files_reads_the_same_tokens(text in "([ -~\n]|<think>|</think>|#### )*") {
            let tokens = CharTokenizer.encode(&text).unwrap();
            // What ends a text is never read out of one by llama.cpp.
            prop_assume!(!tokens.contains(&END));
            prop_assert_eq!(CharTokenizer.vocabulary().encode(text.as_bytes()), tokens);
        }

        #[test]
        fn texts_come_back(text in "([ -~\n]|<think>|</think>|#### )*") {
            let tokens = CharTokenizer.encode(&text).unwrap();
            prop_assert_eq!(CharTokenizer.decode(&tokens), text);
        }
    }
}
