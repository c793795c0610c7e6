//! An engine that reasons in steps of known worth, and a verifier that knows them.

use futures_util::StreamExt;
use outthink_core::{
    Bill, Capabilities, Cost, Delta, Engine, EngineError, Finish, FinishReason, Judging, ModelInfo, Price, Prompt,
    Sample, SampleEvent, SampleRequest, SampleStream, Usage, Verdict, Verifier, derive_seed,
};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A reply has `STEPS` steps, each right with the same chance; the answer is 42 if all are.
pub(crate) const STEPS: usize = 5;
/// Tokens of a step, its blank line included.
pub(crate) const STEP_TOKENS: u64 = 4;
pub(crate) const PROMPT_TOKENS: u64 = 10;

pub(crate) struct World {
    pub(crate) model: ModelInfo,
    /// Chance of a right step.
    pub(crate) right: f64,
    pub(crate) capabilities: Capabilities,
    /// Whether it tells a stop text from its own end.
    pub(crate) tells_stops: bool,
    /// Tokens that it drew.
    pub(crate) drawn: Arc<AtomicU64>,
}

impl World {
    pub(crate) fn new(right: f64) -> Self {
        let model =
            ModelInfo { id: "world".into(), context: None, price: Price::per_million_usd(1.0, 0.1, 2.0).unwrap() };
        let capabilities = Capabilities { continuation: true, logprobs: true, shared_prefill: true, ..Capabilities::default() };
        Self { model, right, capabilities, tells_stops: true, drawn: Arc::default() }
    }

    /// The reply from its `done`th step on.
    fn reply(&self, prefix: &str, seed: u64) -> String {
        let unit = |n: u64| (derive_seed(seed, n) >> 11) as f64 / (1u64 << 53) as f64;
        let done = prefix.matches("\n\n").count();
        let mut text = String::new();
        let mut sound = !prefix.contains("bad");
        if prefix.contains("The answer is") {
            return format!(" {}", if sound && done >= STEPS { 42 } else { 1 + derive_seed(seed, 99) % 40 });
        }
        for step in done..STEPS {
            let right = unit(step as u64) < self.right;
            sound &= right;
            let word = if right { "good" } else { "bad" };
            let _ = write!(text, "step {step} is {word}\n\n");
        }
        let wrong = 1 + derive_seed(seed, 98) % 40;
        text + &format!("The answer is {}", if sound { 42 } else { wrong })
    }
}

impl Engine for World {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        request.seeds.iter().map(|&seed| self.one(&request, seed)).collect()
    }
}

impl World {
    fn one(&self, request: &SampleRequest, seed: u64) -> SampleStream {
        let prefix = request.prefix.clone().unwrap_or_default();
        let mut text = self.reply(&prefix, seed);
        let stop = request.sampling.stop.iter().filter_map(|s| text.find(s.as_str())).min();
        let mut met_stop = false;
        if let Some(stop) = stop {
            text.truncate(stop);
            met_stop = true;
        }
        let mut words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
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
        let sound = !text.contains("bad");
        let logprobs = request.logprobs;
        let met_stop = self.tells_stops.then_some(met_stop);
        let drawn = self.drawn.clone();
        let deltas = words.into_iter().map(move |content| {
            drawn.fetch_add(1, Ordering::SeqCst);
            // A right step is drawn with more confidence than a wrong one.
            let confidence = if sound { 4.0 } else { 1.0 };
            let (logprobs, confidences) =
                if logprobs { (vec![-1.0 / confidence], vec![confidence]) } else { (vec![], vec![]) };
            SampleEvent::Delta(Delta { content, tokens: 1, logprobs, confidences, ..Delta::default() })
        });
        let first = SampleEvent::Prompt { tokens: usage.prompt, cached: usage.cached };
        let events: Vec<SampleEvent> = std::iter::once(first)
            .chain(deltas)
            .chain([SampleEvent::Finish(Finish { met_stop, ..Finish::new(reason, usage) })])
            .collect();
        // A step a token, so that all samples run side by side.
        Box::pin(futures_util::stream::iter(events).then(|event| async move {
            tokio::task::yield_now().await;
            Ok::<_, EngineError>(event)
        }))
    }
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
