//! Byte-pair encoding (Sennrich et al. 2016): which pairs of tokens become one.
//!
//! Words are cut as llama.cpp cuts them under the name `bloom`, and no merge crosses their ends. Departure
//! from the paper: a pair is merged where it is the most frequent one, and of equally frequent ones the one
//! with the smaller tokens, so that the same texts give the same merges.

use crate::vocabulary::{Piece, PieceKind, Vocabulary};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

/// A pair must be seen so often to be merged.
const LEAST: u64 = 2;

/// Learns a vocabulary of at most `size` tokens from texts: all bytes, the end of a text, and merges. Fewer
/// tokens where no pair is left that is seen twice.
pub fn learn_merges<'a>(texts: impl IntoIterator<Item = &'a str>, size: usize) -> Vocabulary {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for word in texts.into_iter().flat_map(words) {
        *counts.entry(word).or_default() += 1;
    }
    let mut words: Vec<(Vec<u32>, u64)> =
        counts.into_iter().map(|(word, n)| (word.bytes().map(u32::from).collect(), n)).collect();
    let mut pairs = Pairs::default();
    for (index, (word, n)) in words.iter().enumerate() {
        pairs.count(word, index, *n, true);
    }
    let mut vocabulary = Vocabulary::bytes();
    let mut known: HashSet<Vec<u8>> = vocabulary.pieces.iter().map(|p| p.bytes.clone()).collect();
    while vocabulary.len() < size {
        let Some(pair) = pairs.pop() else { break };
        let made = vocabulary.len() as u32;
        let bytes: Vec<u8> =
            [pair.0, pair.1].iter().flat_map(|t| vocabulary.pieces[*t as usize].bytes.clone()).collect();
        // Two ways to one text would be two tokens of one name, which llama.cpp cannot tell apart.
        if !known.insert(bytes.clone()) {
            continue;
        }
        vocabulary.pieces.push(Piece { bytes, kind: PieceKind::Normal });
        vocabulary.merges.push(pair);
        for index in pairs.places.remove(&pair).unwrap_or_default() {
            let (word, n) = &mut words[index];
            pairs.count(word, index, *n, false);
            merge(word, pair, made);
            pairs.count(word, index, *n, true);
        }
    }
    vocabulary
}

/// How often pairs are seen, and in which words.
#[derive(Debug, Default)]
struct Pairs {
    counts: HashMap<(u32, u32), u64>,
    places: HashMap<(u32, u32), HashSet<usize>>,
    /// Counts as they once were; those that are no longer true are passed over.
    queue: BinaryHeap<(u64, Reverse<(u32, u32)>)>,
}

impl Pairs {
    /// Adds the pairs of a word, or takes them out.
    fn count(&mut self, word: &[u32], index: usize, n: u64, add: bool) {
        for pair in word.windows(2).map(|w| (w[0], w[1])) {
            let count = self.counts.entry(pair).or_default();
            *count = if add { *count + n } else { count.saturating_sub(n) };
            let count = *count;
            // A pair that grew or shrank stands in the queue once more under its new count.
            self.queue.push((count, Reverse(pair)));
            if add {
                self.places.entry(pair).or_default().insert(index);
            }
        }
    }

    /// The most frequent pair.
    fn pop(&mut self) -> Option<(u32, u32)> {
        while let Some((count, Reverse(pair))) = self.queue.pop() {
            if count < LEAST {
                return None;
            }
            if self.counts.get(&pair) == Some(&count) {
                self.counts.remove(&pair);
                return Some(pair);
            }
        }
        None
    }
}

/// Puts one token in the place of a pair, from left to right.
fn merge(word: &mut Vec<u32>, pair: (u32, u32), made: u32) {
    let (mut from, mut to) = (0, 0);
    while from < word.len() {
        let hit = word[from] == pair.0 && word.get(from + 1) == Some(&pair.1);
        word[to] = if hit { made } else { word[from] };
        from += if hit { 2 } else { 1 };
        to += 1;
    }
    word.truncate(to);
}

/// The words of a text: a space or none and then all up to the next white space, bracket that opens or
/// closes, or mark of punctuation; what stands between words is one, too.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let body = rest.strip_prefix(' ').unwrap_or(rest);
        let end = body.find(between).unwrap_or(body.len());
        let length = if end > 0 {
            rest.len() - body.len() + end
        } else {
            // All that is between, but for a space with which the next word begins.
            let gap = rest.find(|c| !between(c)).unwrap_or(rest.len());
            if gap < rest.len() && rest[..gap].ends_with(' ') { gap - 1 } else { gap }
        };
        let (word, after) = rest.split_at(length);
        rest = after;
        Some(word)
    })
}

/// Whether a character stands between words.
fn between(c: char) -> bool {
    c.is_whitespace() || "(|.,!?…。，、।۔،)".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_cut_as_llama_cpp_cuts_them() {
        let cut = |text| words(text).collect::<Vec<_>>();
        assert_eq!(
            cut("let x = f(y, 2);\n    end"),
            ["let", " x", " =", " f", "(", "y", ",", " 2", ")", ";", "\n   ", " end"]
        );
        assert_eq!(cut("  a "), [" ", " a", " "]);
        assert_eq!(cut("(  "), ["(  "]);
        assert_eq!(cut("").len(), 0);
    }

    #[test]
    fn the_most_frequent_pair_is_merged_first_and_texts_come_back() {
        let v = learn_merges(["low low low lower lowest", "newer newer wider"], 257 + 6);
        let made: Vec<String> =
            (0..6).map(|i| String::from_utf8_lossy(&v.pieces[257 + i].bytes).into_owned()).collect();
        // `lo` and `ow` are both seen 5 times, `er` 4 times: the smaller tokens win a tie.
        assert_eq!(made[..2], ["lo", "low"], "{made:?}");
        let tokens = v.encode(b"low newer");
        assert!(tokens.len() < 9 && tokens.contains(&258), "{tokens:?}");
        assert_eq!(v.decode(&tokens), b"low newer");
        // Nothing is merged that is seen once.
        assert_eq!(learn_merges(["abcdef"], 1000).len(), 257);
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_in_fewer_tokens(text: Vec<u8>, common in "[ab (]{0,60}") {
            let v = learn_merges([common.as_str()], 280);
            for text in [&text[..], common.as_bytes()] {
                let tokens = v.encode(text);
                prop_assert!(tokens.len() <= text.len());
                prop_assert_eq!(v.decode(&tokens), text);
            }
        }

        #[test]
        fn words_are_the_text(text in "[ \n(),.a-c\u{e9}\u{a0}]{0,40}") {
            prop_assert_eq!(words(&text).collect::<String>(), text);
        }
    }
}
