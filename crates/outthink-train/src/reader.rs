//! From texts to tokens.

use crate::bpe::words;
use crate::vocabulary::{PieceKind, Vocabulary};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Words that are kept with their tokens, so that frequent ones are merged once.
const KEPT: usize = 1 << 16;
/// Longer words are not kept.
const LONGEST_KEPT: usize = 32;

/// Reads texts by a vocabulary.
#[derive(Debug)]
pub struct Reader<'a> {
    vocabulary: &'a Vocabulary,
    of_byte: [Option<u32>; 256],
    /// Marks, the longest first.
    marks: Vec<(u32, &'a [u8])>,
    /// The merge of a pair and the token that it makes.
    merges: HashMap<(u32, u32), (u32, u32)>,
    kept: HashMap<Vec<u8>, Vec<u32>>,
}

impl<'a> Reader<'a> {
    /// Gets ready to read by a vocabulary.
    pub fn new(vocabulary: &'a Vocabulary) -> Self {
        let mut of_byte = [None; 256];
        let mut marks: Vec<(u32, &[u8])> = Vec::new();
        for (token, piece) in (0_u32..).zip(&vocabulary.pieces) {
            match (piece.kind, &piece.bytes[..]) {
                (PieceKind::Normal, [byte]) => of_byte[usize::from(*byte)] = Some(token),
                (PieceKind::Mark, bytes) if !bytes.is_empty() => marks.push((token, bytes)),
                _ => {}
            }
        }
        marks.sort_by_key(|(_, bytes)| Reverse(bytes.len()));
        let merges = (0_u32..)
            .zip(&vocabulary.merges)
            .filter_map(|(rank, pair)| Some((*pair, (rank, vocabulary.made(rank as usize)?))))
            .collect();
        Self { vocabulary, of_byte, marks, merges, kept: HashMap::new() }
    }

    /// The tokens of a text, as [`Vocabulary::encode`] says.
    pub fn read(&mut self, text: &[u8]) -> Vec<u32> {
        let mut tokens = Vec::with_capacity(text.len());
        let (mut rest, mut plain) = (text, 0);
        // What stands between marks is read as a whole.
        while plain < rest.len() {
            let here = &rest[plain..];
            let Some(&(token, mark)) = self.marks.iter().find(|(_, mark)| here.starts_with(mark)) else {
                plain += 1;
                continue;
            };
            self.plain(&rest[..plain], &mut tokens);
            tokens.push(token);
            rest = &rest[plain + mark.len()..];
            plain = 0;
        }
        self.plain(rest, &mut tokens);
        tokens
    }

    /// Reads text without marks.
    fn plain(&mut self, text: &[u8], tokens: &mut Vec<u32>) {
        if self.merges.is_empty() {
            tokens.extend(text.iter().filter_map(|byte| self.of_byte[usize::from(*byte)]));
            return;
        }
        for chunk in text.utf8_chunks() {
            for word in words(chunk.valid()) {
                self.word(word.as_bytes(), tokens);
            }
            tokens.extend(chunk.invalid().iter().filter_map(|byte| self.of_byte[usize::from(*byte)]));
        }
    }

    fn word(&mut self, word: &[u8], tokens: &mut Vec<u32>) {
        if let Some(known) = self.kept.get(word) {
            tokens.extend(known);
            return;
        }
        let bytes: Vec<u32> = word.iter().filter_map(|byte| self.of_byte[usize::from(*byte)]).collect();
        let merged = self.merged(bytes);
        tokens.extend(&merged);
        if word.len() <= LONGEST_KEPT && self.kept.len() < KEPT {
            self.kept.insert(word.to_vec(), merged);
        }
    }

    /// Makes the earliest merge, of equal ones the leftmost, until there is none.
    fn merged(&self, mut tokens: Vec<u32>) -> Vec<u32> {
        /// What a merge has taken in.
        const GONE: u32 = u32::MAX;
        let len = tokens.len();
        let mut next: Vec<usize> = (1..=len).collect();
        let mut before: Vec<usize> = (0..len).map(|i| i.wrapping_sub(1)).collect();
        let mut queue = BinaryHeap::new();
        let find = |tokens: &[u32], left: usize, right: usize| {
            let pair = (*tokens.get(left)?, *tokens.get(right)?);
            let (rank, made) = *self.merges.get(&pair)?;
            Some(Reverse((rank, left, right, pair, made)))
        };
        (1..len).for_each(|right| queue.extend(find(&tokens, right - 1, right)));
        while let Some(Reverse((_, left, right, pair, made))) = queue.pop() {
            // A merge on either side may have come first.
            if (tokens[left], tokens[right]) != pair || next[left] != right {
                continue;
            }
            tokens[left] = made;
            tokens[right] = GONE;
            next[left] = next[right];
            if let Some(before) = before.get_mut(next[left]) {
                *before = left;
            }
            queue.extend(find(&tokens, before[left], left));
            queue.extend(find(&tokens, left, next[left]));
        }
        tokens.retain(|token| *token != GONE);
        tokens
    }

    /// The vocabulary.
    pub fn vocabulary(&self) -> &Vocabulary {
        self.vocabulary
    }
}
