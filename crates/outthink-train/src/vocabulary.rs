//! What the tokens of a model stand for.

use crate::reader::Reader;
use serde::{Deserialize, Serialize};

/// What llama.cpp is to take a token for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PieceKind {
    /// Text like any other.
    Normal,
    /// A mark that is written by programs and never read out of a text.
    Control,
    /// A mark that is read as one token wherever it stands in a text.
    Mark,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its bytes.
    #[serde(with = "printable")]
    pub bytes: Vec<u8>,
    /// What it is.
    pub kind: PieceKind,
}

/// The tokens of a model, in order, and the one that ends a text. Kept in checkpoints, so that a model
/// is never read by other tokens than it was trained on.
///
/// A text is read byte by byte, but for marks, and then by the merges, if there are any. llama.cpp reads
/// the same tokens out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    /// The tokens.
    pub pieces: Vec<Piece>,
    /// The token that ends a text.
    pub end: u32,
    /// Pairs of tokens that become one, the earliest first (byte-pair encoding, Sennrich et al. 2016). The
    /// last tokens are those that the merges make, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<(u32, u32)>,
}

impl Vocabulary {
    /// All 256 bytes, then the end of a text.
    pub fn bytes() -> Self {
        let mut pieces: Vec<Piece> =
            (0..=255).map(|byte| Piece { bytes: vec![byte], kind: PieceKind::Normal }).collect();
        pieces.push(Piece { bytes: b"<|end|>".to_vec(), kind: PieceKind::Control });
        Self { pieces, end: 256, merges: Vec::new() }
    }

    /// Tokens.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The token that a merge makes.
    pub(crate) fn made(&self, merge: usize) -> Option<u32> {
        let first = self.pieces.len().checked_sub(self.merges.len())?;
        Some((first + merge) as u32)
    }

    /// Whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The tokens of a text: the longest mark that begins at a place, otherwise one token a byte, then
    /// merged. Bytes that the vocabulary lacks are left out, as llama.cpp leaves them out.
    ///
    /// To read many texts make one [`Reader`].
    pub fn encode(&self, text: &[u8]) -> Vec<u32> {
        Reader::new(self).read(text)
    }

    /// The bytes of tokens; what is no token gives nothing.
    pub fn decode(&self, tokens: &[u32]) -> Vec<u8> {
        tokens.iter().filter_map(|t| self.pieces.get(*t as usize)).flat_map(|p| p.bytes.iter().copied()).collect()
    }
}

/// Bytes as printable characters, the way of GPT-2 (Radford et al. 2019): printable ones of Latin-1
/// stand for themselves, the others for the characters from U+0100 on.
pub(crate) mod printable {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    fn itself(byte: u8) -> bool {
        matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
    }

    pub(crate) fn text(bytes: &[u8]) -> String {
        let other = |byte: u8| (0..byte).filter(|b| !itself(*b)).count() as u32;
        let char_of =
            |&byte: &u8| if itself(byte) { Some(char::from(byte)) } else { char::from_u32(256 + other(byte)) };
        bytes.iter().filter_map(char_of).collect()
    }

    pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
        text.chars()
            .map(|c| match u32::from(c) {
                code @ 0..=255 => u8::try_from(code).ok().filter(|b| itself(*b)),
                code => (0..=255_u8).filter(|b| !itself(*b)).nth(code as usize - 256),
            })
            .collect()
    }

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        bytes(&text).ok_or_else(|| D::Error::custom("a token with characters that stand for no byte"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(printable::bytes(&printable::text(&all)).unwrap(), all);
        assert_eq!(printable::text(b" a\n~"), "\u{120}a\u{10a}~");
        assert_eq!(printable::bytes(" "), None);
        let v = Vocabulary::bytes();
        assert_eq!(v.decode(&v.encode(&all)), all);
        let json = serde_json::to_string(&v).unwrap();
        assert_eq!(serde_json::from_str::<Vocabulary>(&json).unwrap(), v);
    }

    #[test]
    fn the_longest_mark_is_read_and_control_tokens_are_not() {
        let piece = |text: &str, kind| Piece { bytes: text.as_bytes().to_vec(), kind };
        let pieces = vec![
            piece("a", PieceKind::Normal),
            piece("<x>", PieceKind::Mark),
            piece("<x>>", PieceKind::Mark),
            piece("<", PieceKind::Normal),
            piece("<aa>", PieceKind::Control),
        ];
        let v = Vocabulary { pieces, end: 4, merges: Vec::new() };
        assert_eq!(v.encode(b"a<x>>a<x><aa>z"), [0, 2, 0, 1, 3, 0, 0]);
    }
}
