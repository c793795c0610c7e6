//! An engine that reasons in steps of known worth, and a verifier that knows them.

use outthink_core::{
    Bill, Capabilities, Cost, Delta, Finish, FinishReason, Judging, Price, Prompt, Sample, Support, Usage, Verdict,
    Verifier, derive_seed,
};
use outthink_testkit::engine::{Act, Scripted, Turn};
use std::fmt::Write as _;

/// A reply has `STEPS` steps, each right with the same chance; the answer is 42 if all are.
pub(crate) const STEPS: usize = 5;
/// Tokens of a step, its blank line included.
pub(crate) const STEP_TOKENS: u64 = 4;
pub(crate) const PROMPT_TOKENS: u64 = 10;

/// An engine whose steps are right with this chance.
pub(crate) fn world(right: f64) -> Scripted {
    world_that(right, true)
}

/// The same; whether it tells a stop text from its own end.
pub(crate) fn world_that(right: f64, tells_stops: bool) -> Scripted {
    let capabilities =
        Capabilities { continuation: Support::Yes, logprobs: true, shared_prefill: true, ..Capabilities::default() };
    Scripted::by("world", move |turn| play(turn, right, tells_stops))
        .with_price(Price::per_million_usd(1.0, 0.1, 2.0).unwrap())
        .with_capabilities(capabilities)
        .in_turns()
}

/// The reply from its `done`th step on.
fn reply(prefix: &str, seed: u64, right: f64) -> String {
    let unit = |n: u64| (derive_seed(seed, n) >> 11) as f64 / (1u64 << 53) as f64;
    let done = prefix.matches("\n\n").count();
    let mut text = String::new();
    let mut sound = !prefix.contains("bad");
    if prefix.contains("The answer is") {
        return format!(" {}", if sound && done >= STEPS { 42 } else { 1 + derive_seed(seed, 99) % 40 });
    }
    for step in done..STEPS {
        let is_right = unit(step as u64) < right;
        sound &= is_right;
        let word = if is_right { "good" } else { "bad" };
        let _ = write!(text, "step {step} is {word}\n\n");
    }
    let wrong = 1 + derive_seed(seed, 98) % 40;
    text + &format!("The answer is {}", if sound { 42 } else { wrong })
}

fn play(turn: &Turn<'_>, right: f64, tells_stops: bool) -> Vec<Act> {
    let request = turn.request;
    let prefix = request.prefix.clone().unwrap_or_default();
    let mut text = reply(&prefix, turn.seed, right);
    let stop = request.sampling.stop.iter().filter_map(|s| text.find(s.as_str())).min();
    let mut met_stop = false;
    if let Some(stop) = stop {
        text.truncate(stop);
        met_stop = true;
    }
    let mut words: Vec<&str> = text.split_inclusive(' ').collect();
    let mut reason = FinishReason::Stop;
    let limit = request.max_tokens.unwrap_or(u64::MAX);
    if words.len() as u64 > limit {
        words.truncate(limit as usize);
        (reason, met_stop) = (FinishReason::Length, false);
    }
    let inherited = prefix.split_whitespace().count() as u64;
    let usage = Usage {
        prompt: PROMPT_TOKENS + inherited,
        cached: if inherited > 0 { PROMPT_TOKENS + inherited } else { 0 },
        completion: words.len() as u64,
        ..Usage::default()
    };
    // A right step is drawn with more confidence than a wrong one.
    let confidence = if text.contains("bad") { 1.0 } else { 4.0 };
    let mut acts = vec![Act::Prompt(usage.prompt, usage.cached)];
    acts.extend(words.into_iter().map(|word| {
        let (logprobs, confidences) =
            if request.logprobs { (vec![-1.0 / confidence], vec![confidence]) } else { (vec![], vec![]) };
        Act::Delta(Delta { content: word.into(), tokens: 1, logprobs, confidences, ..Delta::default() })
    }));
    acts.push(Act::Finish(Finish { met_stop: tells_stops.then_some(met_stop), ..Finish::new(reason, usage) }));
    acts
}

/// Scores a reply by its worst step: .9 if all are good.
pub(crate) struct StepJudge {
    pub(crate) bill: Bill,
}

impl StepJudge {
    pub(crate) fn new() -> Self {
        Self { bill: Bill { tokens: 2, cost: Cost::from_nano(5_000) } }
    }
}

impl Verifier for StepJudge {
    fn name(&self) -> &'static str {
        "step-judge"
    }

    fn most(&self, _: &Prompt, _: &Sample) -> Bill {
        self.bill
    }

    fn score<'a>(&'a self, _: &'a Prompt, sample: &'a Sample) -> Judging<'a, Verdict> {
        let score = if sample.content.contains("bad") { 0.1 } else { 0.9 };
        Box::pin(std::future::ready(Ok(Verdict { score: Some(score), steps: Vec::new(), bill: self.bill })))
    }
}
