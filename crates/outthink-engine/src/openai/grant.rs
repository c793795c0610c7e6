//! The limit on a sample's tokens, held where the server does not hold it.
//!
//! Only the server knows its tokens; what is seen are pieces of text. A piece may be a part of a token or
//! many tokens, so that a sample is over its limit only where no tokenizer could have written so much text,
//! or so many pieces, with the tokens that were granted.

use outthink_core::Delta;
use serde_json::Value;

/// Characters of one token at most, on average over a text. A run of one character counts a sixteenth:
/// tokenizers have tokens for long runs of spaces and dashes.
const MOST_CHARS: u64 = 12;
/// Characters of one token on average, where there are also more pieces than tokens were granted.
const MANY_CHARS: u64 = 6;
/// Pieces of one token at most, on average: a server may send letter by letter.
const MOST_PIECES: u64 = 4;
/// Tokens beyond the limit that are not worth a broken connection.
const SLACK: u64 = 16;
/// The part of a run that counts.
const RUN: u32 = 16;

/// What was seen of one sample, against its limit.
#[derive(Debug, Clone, Default)]
pub(super) struct Grant {
    limit: Option<u64>,
    /// Pieces of text, or tokens where the server counts them.
    pub(super) pieces: u64,
    /// Tokens with log-probabilities: these are certain.
    certain: u64,
    /// Characters, those in runs for less.
    chars: u64,
    reasoning: u64,
    last: Option<(char, u32)>,
}

impl Grant {
    /// For a sample of at most so many tokens.
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Counts a piece; whether the sample is over its limit beyond doubt.
    pub(super) fn is_exceeded_by(&mut self, delta: &Delta) -> bool {
        let Some(limit) = self.limit else { return false };
        self.pieces += delta.tokens;
        self.certain += delta.logprobs.len() as u64;
        if delta.content.is_empty() && !delta.reasoning.is_empty() {
            self.reasoning += delta.tokens;
        }
        self.read(&delta.content);
        self.read(&delta.reasoning);
        let calls = delta.extra.get("tool_calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).for_each(|text| self.read(text));
        let over = |seen: u64, most: u64| seen > most.saturating_mul(limit.saturating_add(SLACK));
        over(self.certain, 1)
            || over(self.chars, MOST_CHARS)
            || over(self.pieces, MOST_PIECES)
            || (over(self.pieces, 1) && over(self.chars, MANY_CHARS))
    }

    fn read(&mut self, text: &str) {
        for c in text.chars() {
            let run = match self.last {
                Some((before, run)) if before == c => run + 1,
                _ => 0,
            };
            self.chars += u64::from(run.is_multiple_of(RUN));
            self.last = Some((c, run));
        }
    }

    /// The tokens so far, and those of them that were reasoning; an estimate.
    pub(super) fn seen(&self) -> (u64, u64) {
        let tokens = self.certain.max(self.pieces).max(self.chars.div_ceil(MOST_CHARS));
        (tokens, self.reasoning.min(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn piece(text: &str) -> Delta {
        Delta { content: text.into(), tokens: 1, ..Delta::default() }
    }

    /// The number of pieces after which a sample is over its limit.
    fn cut_after(limit: u64, text: &str, pieces: usize) -> Option<usize> {
        let mut grant = Grant::new(Some(limit));
        (0..pieces).find(|_| grant.is_exceeded_by(&piece(text))).map(|at| at + 1)
    }

    #[test]
    fn a_server_that_ignores_the_limit_is_found_out_soon() {
        assert!(cut_after(50, "word ", 5_000).unwrap() <= 85, "words");
        assert!(cut_after(50, "a", 5_000).unwrap() <= 265, "a run");
        assert!(cut_after(50, "ab", 5_000).unwrap() <= 265, "letters");
        let large = (0..2_000).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(cut_after(50, &large, 2), Some(1), "one large piece");
        let mut certain = Grant::new(Some(5));
        let delta = Delta { logprobs: vec![-0.5; 30], ..piece("x") };
        assert!(certain.is_exceeded_by(&delta));
        assert!(!Grant::new(None).is_exceeded_by(&piece(&large)), "nobody asked for a limit");
    }

    #[test]
    fn long_runs_may_be_few_tokens() {
        assert_eq!(cut_after(50, &" ".repeat(80), 50), None);
        assert_eq!(cut_after(50, &"-".repeat(64), 50), None);
    }

    proptest! {
        /// At most as many pieces as tokens were granted, of at most 12 characters each: honest.
        #[test]
        fn an_honest_server_is_never_cut(limit in 1u64..400, texts in prop::collection::vec("\\PC{0,12}", 1..400)) {
            let mut grant = Grant::new(Some(limit));
            for text in texts.iter().take(limit as usize) {
                prop_assert!(!grant.is_exceeded_by(&piece(text)));
            }
        }
    }
}
