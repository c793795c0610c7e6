//! A key as its holder has it: `ot-IDENTIFIER-SECRET`.

use crate::LedgerError;
use sha2::{Digest, Sha256};
use std::fmt;

const PREFIX: &str = "ot-";
/// Letters and digits that are not taken for one another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const ID_LENGTH: usize = 8;
/// 5 bits each: 200 bits.
const SECRET_LENGTH: usize = 40;

/// A key as its holder has it. It is shown once, when it is made, and never printed otherwise.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret(String);

impl KeySecret {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    /// If the system has none.
    pub(crate) fn generate() -> Result<Self, LedgerError> {
        let mut bytes = [0; ID_LENGTH + SECRET_LENGTH];
        getrandom::fill(&mut bytes)
            .map_err(|e| LedgerError::Asked(format!("the system gives no random numbers: {e}")))?;
        let letters: String = bytes.iter().map(|b| char::from(ALPHABET[usize::from(b % 32)])).collect();
        let (id, secret) = letters.split_at(ID_LENGTH);
        Ok(Self(format!("{PREFIX}{id}-{secret}")))
    }

    /// The whole key.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The part by which it is known in lists and logs.
    pub fn id(&self) -> &str {
        id_of(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Whether it is in [`ALPHABET`]: each request shows a key, and a search for each letter costs more than its hash.
const fn is_of_ours(letter: u8) -> bool {
    matches!(letter, b'a'..=b'k' | b'm' | b'n' | b'p'..=b'z' | b'2'..=b'9')
}

/// The identifier in a presented key, if it has our form.
pub(crate) fn id_of(presented: &str) -> Option<&str> {
    let (id, secret) = presented.strip_prefix(PREFIX)?.split_once('-')?;
    let ours = |text: &str, length| text.len() == length && text.bytes().all(is_of_ours);
    (ours(id, ID_LENGTH) && ours(secret, SECRET_LENGTH)).then_some(id)
}

/// SHA-256 in hexadecimal. A key has 200 random bits, so that a slow hash would add nothing.
pub(crate) fn hash(text: &str) -> String {
    let digit = |four: u8| char::from(b"0123456789abcdef"[usize::from(four & 15)]);
    Sha256::digest(text.as_bytes()).iter().flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect()
}

/// Whether two hashes are equal, in a time that does not depend on where they differ.
pub(crate) fn equal(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

/// Whether two secrets are equal, in a time that does not depend on where they differ.
pub fn same_secret(a: &str, b: &str) -> bool {
    equal(&hash(a), &hash(b))
}

/// What makes a key that somebody chose by hand too weak to face a network, if anything.
///
/// ```
/// use outthink_ledger::weakness;
/// assert!(weakness("sk-1234").is_some());
/// assert!(weakness("change-me-change-me-change-me-now").is_some());
/// assert!(weakness("4f9a2c7be1d05863aa17f0c9d2e4b6583c").is_none());
/// ```
pub fn weakness(key: &str) -> Option<&'static str> {
    const EXAMPLES: [&str; 13] = [
        "example", "change", "secret", "password", "passwort", "sk-1234", "123456", "abcdef", "your", "test", "demo",
        "dummy", "letmein",
    ];
    let lower = key.to_lowercase();
    let mut letters: Vec<char> = key.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if key.chars().count() < 24 {
        Some("it is shorter than 24 characters")
    } else if EXAMPLES.iter().any(|word| lower.contains(word)) {
        Some("it looks like an example")
    } else if letters.len() < 10 {
        Some("it is made of fewer than 10 different characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_new_each_time_and_strong() {
        let (a, b) = (KeySecret::generate().unwrap(), KeySecret::generate().unwrap());
        assert_ne!(a, b);
        assert_eq!(id_of(a.expose()), Some(a.id()));
        assert_eq!(format!("{a:?}"), "***");
        assert!((0..=u8::MAX).all(|letter| is_of_ours(letter) == ALPHABET.contains(&letter)));
        assert!(equal(&hash(a.expose()), &hash(a.expose())) && !equal(&hash(a.expose()), &hash(b.expose())));
    }

    #[test]
    fn what_is_no_key_of_ours_has_no_identifier() {
        for wrong in ["", "ot-", "ot-abcdefgh-", "sk-abcdefgh-abc", "ot-abcdefgh-ABC", "ot-'; drop-x"] {
            assert_eq!(id_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_known_hash_of_a_known_text() {
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
