//! What a reply used: what the server reports, settled with what was seen.
//!
//! The server's count is believed unless it contradicts something certain: log-probabilities of more tokens than
//! it counts, text without tokens, tokens longer than any vocabulary has. Pieces of a stream are no tokens: there
//! are servers that send letters, and servers that send the whole text at once. They are an estimate, where
//! there is nothing better, and marked so.

use outthink_core::{Usage, UsageRead};

/// Tokens that no reply has, whatever the model: a report of more is a mistake.
const MOST_TOKENS: u64 = 1 << 24;
/// Bytes that no token has.
const MOST_BYTES: u64 = 128;

/// What was seen of one choice.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Tokens by our estimate.
    pub(super) tokens: u64,
    /// Those of them that were reasoning.
    pub(super) reasoning: u64,
    /// Tokens of which log-probabilities came. They are certain.
    pub(super) certain: u64,
    /// Pieces with something in them.
    pub(super) pieces: u64,
    /// Bytes of text.
    pub(super) bytes: u64,
    /// What the server reported of this choice alone.
    pub(super) own: Option<UsageRead>,
}

/// What was reported of all choices together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reported {
    read: UsageRead,
    /// Pieces that had come by then.
    pieces: u64,
    /// Whether it was not passed on yet.
    pub(super) is_news: bool,
    /// Whether the last of it came by itself, as it does at the end of a stream.
    pub(super) is_alone: bool,
}

impl Reported {
    /// Takes in a report; `pieces` came before it. Counts of a stream grow.
    pub(super) fn add(&mut self, read: UsageRead, pieces: u64) {
        self.read = self.read.later(read);
        self.pieces = pieces;
        (self.is_news, self.is_alone) = (true, false);
    }

    /// Whether there was any report.
    pub(super) fn is_known(&self) -> bool {
        self.read.is_known()
    }

    /// Whether it is the one at the end of a reply: it came by itself after all `pieces` and counts them.
    pub(super) fn is_final(&self, pieces: u64) -> bool {
        self.is_alone && self.read.completion > Some(0) && self.pieces >= pieces
    }

    /// Whether the server counted the tokens of reasoning.
    pub(super) fn has_reasoning(&self) -> bool {
        self.read.reasoning.is_some()
    }

    /// The bill of each choice. A prompt that the server does not count is estimated from its characters.
    pub(super) fn settle(&self, choices: &[Seen], prompt_chars: u64) -> Vec<Usage> {
        let sum = |of: fn(&Seen) -> u64| choices.iter().map(of).sum::<u64>();
        let (tokens, pieces) = (sum(|c| c.tokens), sum(|c| c.pieces));
        let one = choices.len() == 1;
        let own = |choice: &Seen| choice.own.and_then(|own| own.completion.filter(|&c| fits(c, choice)));
        let each: Option<Vec<u64>> = choices.iter().map(own).collect();
        let all = Seen { tokens, certain: sum(|c| c.certain), pieces, bytes: sum(|c| c.bytes), ..Seen::default() };
        // A count from before the last of the text may be one of what had come by then. And llama.cpp counts one
        // choice of several.
        let is_whole = |&count: &u64| count >= pieces || (one && self.pieces >= pieces);
        let reported = self.read.completion.filter(|&count| fits(count, &all)).filter(is_whole);
        let from_total = || self.read.total?.checked_sub(reported.unwrap_or(tokens));
        let of_choice = choices.iter().find_map(|choice| choice.own?.prompt);
        let known = |count: &u64| *count > 0;
        let reported_prompt = self.read.prompt.filter(known).or(of_choice.filter(known));
        let prompt = reported_prompt.or_else(|| from_total().filter(known)).unwrap_or_else(|| prompt_chars.div_ceil(4));
        let cached = self.read.cached.or_else(|| choices.first()?.own?.cached).unwrap_or(0);
        let written = self.read.cache_write.or_else(|| choices.first()?.own?.cache_write).unwrap_or(0);
        let for_an_hour = self.read.cache_write_1h.unwrap_or(0);
        let usage = |(index, choice): (usize, &Seen)| {
            let (completion, exact) = match (&each, reported) {
                (_, Some(count)) if one => (count, true),
                (Some(each), _) => (each[index], true),
                (None, Some(count)) if tokens > 0 => (share(count, choice.tokens, tokens), count == tokens),
                _ => (choice.tokens, choice.tokens == 0 && reported == Some(0)),
            };
            let counted = choice.own.and_then(|own| own.reasoning).max(self.read.reasoning.filter(|_| one));
            // Of more pieces than tokens, reasoning has its share.
            let seen = if choice.tokens > completion {
                share(completion, choice.reasoning, choice.tokens)
            } else {
                choice.reasoning
            };
            Usage {
                prompt,
                // The choices after the first share its work on the prompt.
                cached: if index == 0 { cached.min(prompt) } else { prompt },
                cache_write: if index == 0 { written.min(prompt) } else { 0 },
                cache_write_1h: if index == 0 { for_an_hour.min(written).min(prompt) } else { 0 },
                completion,
                // A server that does not know its reasoning tokens reports none.
                reasoning: counted.unwrap_or(0).max(seen).min(completion),
                estimated: !exact || reported_prompt.is_none(),
                ..Usage::default()
            }
        };
        choices.iter().enumerate().map(usage).collect()
    }
}

/// Whether a count contradicts nothing that is certain.
const fn fits(count: u64, seen: &Seen) -> bool {
    count >= seen.certain
        && count <= MOST_TOKENS
        && (count > 0 || seen.tokens == 0)
        && count.saturating_mul(MOST_BYTES) >= seen.bytes
}

fn share(of: u64, part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(of) * u128::from(part) / u128::from(whole.max(1))).unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::estimated_tokens;
    use proptest::prelude::*;

    fn seen(pieces: u64) -> Seen {
        Seen { tokens: pieces, pieces, bytes: pieces * 3, ..Seen::default() }
    }

    /// Completion, reasoning, and whether it is an estimate.
    fn one(completion: Option<u64>, seen: Seen) -> (u64, u64, bool) {
        let mut reported = Reported::default();
        reported.add(UsageRead { prompt: Some(7), completion, ..UsageRead::default() }, seen.pieces);
        let usage = reported.settle(&[seen], 40)[0];
        assert_eq!(usage.prompt, 7);
        (usage.completion, usage.reasoning, usage.estimated)
    }

    #[test]
    fn a_report_is_believed_unless_it_contradicts_what_is_certain() {
        for (kind, completion, seen, wanted) in [
            ("equal", Some(5), seen(5), (5, 0, false)),
            ("hidden reasoning, above any limit", Some(9_000), seen(5), (9_000, 0, false)),
            ("letter by letter", Some(8), seen(31), (8, 0, false)),
            ("none", None, seen(5), (5, 0, true)),
            ("zero for text", Some(0), seen(5), (5, 0, true)),
            ("zero for nothing", Some(0), seen(0), (0, 0, false)),
            ("fewer than have log-probabilities", Some(2), Seen { certain: 4, ..seen(4) }, (4, 0, true)),
            ("tokens that are too long", Some(1), Seen { bytes: 4_000, tokens: 1_000, ..seen(1) }, (1_000, 0, true)),
            ("reasoning that is not counted", Some(9), Seen { reasoning: 4, ..seen(8) }, (9, 4, false)),
            ("reasoning letter by letter", Some(8), Seen { reasoning: 16, ..seen(32) }, (8, 4, false)),
        ] {
            assert_eq!(one(completion, seen), wanted, "{kind}");
        }
    }

    #[test]
    fn a_report_that_no_model_could_have_is_a_mistake() {
        let seen = Seen { tokens: 5, pieces: 5, bytes: 20, ..Seen::default() };
        assert_eq!(one(Some(9_000), seen).0, 9_000);
        let (completion, _, estimated) = one(Some(1_000_000_005), seen);
        assert_eq!((completion, estimated), (5, true));
    }

    #[test]
    fn an_early_report_is_believed_where_it_can_be_the_whole() {
        let early = |completion| {
            let mut reported = Reported::default();
            reported.add(UsageRead { prompt: Some(7), completion, ..UsageRead::default() }, 0);
            let usage = reported.settle(&[seen(20)], 0)[0];
            (usage.completion, usage.estimated)
        };
        assert_eq!(early(Some(21)), (21, false));
        assert_eq!(early(Some(1)), (20, true));
        assert_eq!(early(None), (20, true));
    }

    #[test]
    fn a_total_alone_gives_the_prompt() {
        let mut reported = Reported::default();
        reported.add(UsageRead { total: Some(50), ..UsageRead::default() }, 5);
        let usage = reported.settle(&[seen(5)], 8)[0];
        assert_eq!((usage.prompt, usage.completion, usage.estimated), (45, 5, true));
        assert_eq!(Reported::default().settle(&[seen(5)], 8)[0].prompt, 2);
    }

    #[test]
    fn several_choices_share_one_count_unless_each_has_its_own() {
        let (a, b) = (seen(4), seen(2));
        let completions = |choices: &[Seen], completion| {
            let mut reported = Reported::default();
            reported.add(UsageRead { prompt: Some(7), completion, cached: Some(3), ..UsageRead::default() }, 6);
            let usages = reported.settle(choices, 0);
            assert_eq!((usages[0].cached, usages[1].cached), (3, 7));
            usages.iter().map(|u| (u.completion, u.estimated)).collect::<Vec<_>>()
        };
        assert_eq!(completions(&[a, b], Some(6)), [(4, false), (2, false)]);
        assert_eq!(completions(&[a, b], Some(60)), [(40, true), (20, true)]);
        assert_eq!(completions(&[a, b], Some(3)), [(4, true), (2, true)], "one choice of several is counted");
        let own = |count, seen: Seen| Seen {
            own: Some(UsageRead { completion: Some(count), ..UsageRead::default() }),
            ..seen
        };
        assert_eq!(completions(&[own(9, a), own(3, b)], None), [(9, false), (3, false)]);
    }

    #[test]
    fn a_large_piece_is_more_than_one_token() {
        assert_eq!(
            (estimated_tokens(""), estimated_tokens(" word\n"), estimated_tokens("The answer is 42")),
            (0, 1, 4)
        );
        assert_eq!((estimated_tokens(&"word ".repeat(80)), estimated_tokens("international")), (100, 1));
    }

    proptest! {
        #[test]
        fn bills_are_sane(
            completion in any::<Option<u32>>(), reasoning in any::<Option<u32>>(), total in any::<Option<u32>>(),
            pieces in prop::collection::vec(0u64..1000, 1..4),
        ) {
            let mut reported = Reported::default();
            let wide = |count: Option<u32>| count.map(u64::from);
            reported.add(
                UsageRead { completion: wide(completion), reasoning: wide(reasoning), total: wide(total), ..UsageRead::default() },
                3,
            );
            let seen: Vec<Seen> = pieces.iter().map(|&p| Seen { reasoning: p / 2, ..seen(p) }).collect();
            let usages = reported.settle(&seen, 100);
            prop_assert_eq!(usages.len(), seen.len());
            let sum: u64 = usages.iter().map(|u| u.completion).sum();
            let counted: u64 = pieces.iter().sum();
            prop_assert!(sum <= counted.max(u64::from(completion.unwrap_or(0))));
            prop_assert!(usages.iter().all(|u| u.reasoning <= u.completion && u.cached <= u.prompt));
        }
    }
}
