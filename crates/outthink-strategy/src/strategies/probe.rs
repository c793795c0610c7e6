//! Asking a long thought for its answer while it goes on.

use super::common::{give_up, stop_with_leader, wait};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{
    Decision, DefaultValue, Entry, Kind, Link, Needs, Paper, Sample, SampleId, SampleStatus, Setting, Span, State,
    Step, StopReason, Strategy,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Fu et al. 2024", "https://arxiv.org/abs/2412.20993")),
        settings: &[
            Setting::new("every", Kind::count(1, 1_000_000), DefaultValue::Count(64), "tokens between two probes"),
            Setting::new(
                "agree",
                Kind::count(1, 100),
                DefaultValue::Count(3),
                "probes in a row that must say the same",
            ),
            Setting::new("answer_tokens", Kind::count(1, 1_000), DefaultValue::Count(20), "tokens of a probe at most"),
            Setting::new("words", Kind::Text, DefaultValue::Text(ASK), "what a probe puts after the reasoning so far"),
        ],
        needs: "continuation",
        also: &["dynasor", "certaindex"],
        ..Entry::new("probe", "one reply, asked for its answer while it reasons, until the answer has settled")
    },
    stops: "the last `agree` probes say the same; those that doubt themselves do not count",
    draws: Draws::One,
    takes: &[],
    build: |from| Probe::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Answer probing (Fu et al. 2024, Dynasor; Fu et al. 2025): while one thought runs, a short answer is
/// forced every `every` tokens on a fork of it; the thought is cut short when the last `agree` probes
/// say the same. A probe whose own words doubt it (wait, hold, but, hmm) does not count.
#[derive(Debug, Clone)]
pub struct Probe {
    max_tokens: Option<u64>,
    every: u64,
    agree: u32,
    answer_tokens: u64,
    words: String,
    /// Tokens of the thought at the last probe.
    probed_at: u64,
}

/// What a probe puts after the thought so far.
const ASK: &str = "\n\nOh, I suddenly got the answer to the whole problem. **Final Answer**\n\n\\boxed{";

impl Probe {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            max_tokens: from.max_tokens(),
            every: u64::from(from.count("every")?),
            agree: from.count("agree")?,
            answer_tokens: u64::from(from.count("answer_tokens")?),
            words: from.text("words")?,
            probed_at: 0,
        })
    }

    /// Whether a probe's own words take it back.
    fn doubts(&self, probe: &Sample) -> bool {
        let own = probe.content.rsplit_once(&self.words).map_or(probe.content.as_str(), |(_, own)| own).to_lowercase();
        own.split(|c: char| !c.is_alphabetic()).any(|word| matches!(word, "wait" | "hold" | "but" | "hmm"))
    }

    /// The last probes that agree, the newest first.
    fn agreeing<'a>(&self, state: &'a State) -> Vec<&'a Sample> {
        let probes = state.samples.iter().rev().filter(|s| s.parent.is_some() && s.is_done());
        let mut run: Vec<&Sample> = Vec::new();
        for probe in probes.filter(|p| !self.doubts(p)) {
            if probe.class.is_none() || run.first().is_some_and(|first| first.class != probe.class) {
                break;
            }
            run.push(probe);
        }
        run
    }
}

impl Strategy for Probe {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { continuation: true, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        let Some(thought) = state.samples.first() else {
            if state.room(0).affordable(self.max_tokens) == 0 {
                return give_up(state);
            }
            // Probes must be paid for as well: up to half of what there is.
            let twice = self.max_tokens.map(|most| most.saturating_mul(2));
            let span = Span::whole(state.room(0).cap(twice, 1).map(|most| most.div_ceil(2).max(1)));
            let why = format!("one thought, probed every {} tokens", self.every);
            return Decision::new(Step::Sample { arm: 0, count: 1, span }, why).watching(self.every);
        };
        let probing = state.samples.iter().skip(1).any(|s| s.status == SampleStatus::Running);
        match thought.status {
            SampleStatus::Running => {}
            SampleStatus::Done => {
                let stop = Step::Stop { sample: thought.id, reason: StopReason::Single };
                return Decision::new(stop, "the thought came to its own end");
            }
            _ if probing => return wait(state),
            _ => return stop_with_leader(state, StopReason::EngineFailed, "the thought broke off: the probes decide"),
        }
        let agreeing = self.agreeing(state);
        let tokens = thought.usage.completion;
        if let Some(last) = agreeing.first().filter(|_| agreeing.len() >= self.agree as usize) {
            let answer = last.answer.as_ref().map_or("", |a| a.text.as_str());
            let why = format!("the last {} probes say {answer} after {tokens} tokens", agreeing.len());
            let stop = Step::Stop { sample: last.id, reason: StopReason::ProbesAgree };
            return Decision::all(vec![Step::Cancel { samples: vec![thought.id] }, stop], why);
        }
        if !probing && tokens >= self.probed_at + self.every && state.room(0).affordable(Some(self.answer_tokens)) > 0 {
            self.probed_at = tokens;
            let (link, span) = (Link::Words(self.words.clone()), Span::whole(Some(self.answer_tokens)));
            let why = format!("probe at {tokens} tokens; {} in a row agree", agreeing.len());
            let step = Step::Continue { sample: thought.id, link, count: 1, span };
            return Decision::new(step, why).watching(self.every);
        }
        Decision::new(Step::Wait, format!("the thought goes on at {tokens} tokens")).watching(self.every)
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        let thought = state.samples.first().filter(|s| s.is_done()).map(|s| s.id);
        thought.or_else(|| self.agreeing(state).first().map(|s| s.id)).or_else(|| state.best_so_far())
    }
}
