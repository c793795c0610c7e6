//! Asking a long thought for its answer while it goes on, and closing it once the answer has settled.

use super::thought::{CLOSING, Exit, Thought};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry, Takes};
use outthink_core::{DefaultValue, Entry, Kind, Paper, Setting};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Fu et al. 2024", "https://arxiv.org/abs/2412.20993")),
        settings: &[
            Setting::new("every", Kind::count(1, 1_000_000), DefaultValue::Count(64), "tokens between two probes"),
            Setting::new(
                "growth",
                Kind::number(0.0, 1.0),
                DefaultValue::Number(0.04),
                "the same as a share of the reasoning so far, where that is more",
            ),
            Setting::new(
                "agree",
                Kind::count(1, 100),
                DefaultValue::Count(3),
                "probes in a row that must say the same",
            ),
            Setting::new(
                "sure",
                Kind::number(0.0, 1.0),
                DefaultValue::Number(0.0),
                "mean probability of its tokens at which one probe is enough (needs logprobs); 0 for never",
            ),
            Setting::new("answer_tokens", Kind::count(1, 1_000), DefaultValue::Count(20), "tokens of a probe at most"),
            Setting::new("words", Kind::Text, DefaultValue::Text(ASK), "what a probe puts after the reasoning so far"),
            CLOSING,
        ],
        needs: "continuation",
        also: &["dynasor", "certaindex", "deer", "early-exit"],
        ..Entry::new("probe", "one reply, asked for its answer while it reasons; once that has settled, it answers")
    },
    stops: "the last `agree` probes say the same (those that doubt themselves do not count), or one is `sure`; \
            --thinking-floor and --thinking-cap hold as in budget-forcing",
    draws: Draws::One,
    takes: &[Takes::Thinking],
    build: |from| {
        let exit = read(from)?;
        Ok(Box::new(Thought::build("probe", from)?.with_exit(exit)))
    },
};

/// What a probe puts after the thought so far.
const ASK: &str = "\n\nOh, I suddenly got the answer to the whole problem. **Final Answer**\n\n\\boxed{";

fn read(from: &mut Build<'_>) -> Result<Exit, StrategyError> {
    Ok(Exit {
        every: u64::from(from.count("every")?),
        growth: from.number("growth")?,
        agree: from.count("agree")?,
        sure: from.number("sure")?,
        answer_tokens: u64::from(from.count("answer_tokens")?),
        words: from.text("words")?,
        probed_at: 0,
    })
}
