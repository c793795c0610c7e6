//! An engine with known success rates, for tests and simulations.

use futures_util::stream;
use outthink_core::{
    Capabilities, Delta, Engine, EngineError, Finish, FinishReason, ModelInfo, Origin, Price, SampleEvent,
    SampleRequest, SampleStream, Usage, derive_seed,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// One thing that the model may say, and how often it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The text of the reply. A token is a word with the white space after it.
    pub text: String,
    /// The thought before it.
    pub reasoning: String,
    /// Its share of the samples, relative to the other outcomes of the script.
    pub weight: f64,
    /// Log-probability of each of its tokens, told where the request asks for them.
    pub logprob: f32,
}

impl Outcome {
    /// A reply without reasoning.
    pub fn new(text: impl Into<String>, weight: f64) -> Self {
        Self { text: text.into(), reasoning: String::new(), weight, logprob: -0.5 }
    }

    /// Adds a thought before the reply.
    #[must_use]
    pub fn with_reasoning(mut self, reasoning: impl Into<String>) -> Self {
        self.reasoning = reasoning.into();
        self
    }
}

/// What the model says to one problem.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// Drawn by weight with the seed of the sample; empty means an empty reply.
    pub outcomes: Vec<Outcome>,
}

impl Script {
    /// A script of these outcomes.
    pub const fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes }
    }

    fn draw(&self, unit: f64) -> Option<&Outcome> {
        let weight = |o: &Outcome| o.weight.max(0.0);
        let mut left = unit * self.outcomes.iter().map(weight).sum::<f64>();
        for outcome in &self.outcomes {
            left -= weight(outcome);
            if left < 0.0 {
                return Some(outcome);
            }
        }
        self.outcomes.iter().rev().find(|o| o.weight > 0.0)
    }
}

/// What goes wrong with a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It fails after this many tokens.
    Fail {
        /// Tokens before the failure.
        after: u64,
        /// The failure.
        error: EngineError,
    },
    /// It says nothing more after this many tokens, and does not end.
    Stall {
        /// Tokens before the silence.
        after: u64,
    },
    /// It ends at this many tokens with [`FinishReason::Length`].
    Length {
        /// Tokens before the end.
        after: u64,
    },
}

#[derive(Debug, Default)]
struct Counters {
    started: AtomicU64,
    finished: AtomicU64,
    cancelled: AtomicU64,
    failed: AtomicU64,
    tokens: AtomicU64,
}

/// What a [`MockEngine`] has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples that were asked for.
    pub started: u64,
    /// Those that came to their end.
    pub finished: u64,
    /// Those that were dropped before it.
    pub cancelled: u64,
    /// Those that failed.
    pub failed: u64,
    /// Tokens that were passed on.
    pub tokens: u64,
}

/// An engine that follows scripts. The same prompt and seed give the same sample.
#[derive(Debug)]
pub struct MockEngine {
    model: ModelInfo,
    default: Script,
    problems: HashMap<String, Script>,
    faults: HashMap<u64, Fault>,
    every: Option<Fault>,
    tokens_per_second: Option<f64>,
    counters: Arc<Counters>,
}

impl MockEngine {
    /// An engine that follows one script for every problem.
    pub fn new(default: Script) -> Self {
        Self {
            model: ModelInfo { id: "mock".into(), context: None, price: Price::default() },
            default,
            problems: HashMap::new(),
            faults: HashMap::new(),
            every: None,
            tokens_per_second: None,
            counters: Arc::default(),
        }
    }

    /// Gives the problem whose last user message is `question` a script of its own.
    #[must_use]
    pub fn with_problem(mut self, question: impl Into<String>, script: Script) -> Self {
        self.problems.insert(question.into(), script);
        self
    }

    /// Lets the sample that is started `nth`, counted from 0, go wrong.
    #[must_use]
    pub fn with_fault(mut self, nth: u64, fault: Fault) -> Self {
        self.faults.insert(nth, fault);
        self
    }

    /// Lets every sample go wrong that has no fault of its own.
    #[must_use]
    pub fn with_fault_everywhere(mut self, fault: Fault) -> Self {
        self.every = Some(fault);
        self
    }

    /// Lets a sample take time; needs a tokio runtime. Without it all tokens are there at once.
    #[must_use]
    pub const fn with_tokens_per_second(mut self, rate: f64) -> Self {
        self.tokens_per_second = Some(rate);
        self
    }

    /// Sets what it charges.
    #[must_use]
    pub const fn with_price(mut self, price: Price) -> Self {
        self.model.price = price;
        self
    }

    /// Sets the model's name.
    #[must_use]
    pub fn with_model(mut self, id: impl Into<String>) -> Self {
        self.model.id = id.into();
        self
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        let c = &self.counters;
        Counts {
            started: c.started.load(Relaxed),
            finished: c.finished.load(Relaxed),
            cancelled: c.cancelled.load(Relaxed),
            failed: c.failed.load(Relaxed),
            tokens: c.tokens.load(Relaxed),
        }
    }

    fn sample(&self, request: &SampleRequest, question: &str, seed: u64) -> Sample {
        let number = self.counters.started.fetch_add(1, Relaxed);
        let script = self.problems.get(question).unwrap_or(&self.default);
        let draw = derive_seed(seed, hash(question));
        let outcome = script.draw((draw >> 11) as f64 / (1u64 << 53) as f64);
        let prefix = request.prefix.as_deref().unwrap_or_default();
        let mut tokens = Vec::new();
        let mut logprob = 0.0;
        if let Some(outcome) = outcome {
            let rest = outcome.text.strip_prefix(prefix).unwrap_or(&outcome.text);
            let piece = |reasoning: bool| move |text: &str| (reasoning, text.to_owned());
            if prefix.is_empty() {
                tokens.extend(words(&outcome.reasoning).map(piece(true)));
            }
            tokens.extend(words(rest).map(piece(false)));
            logprob = outcome.logprob;
        }
        let met_stop = cut_at_stop(&mut tokens, &request.sampling.stop);
        let fault = self.faults.get(&number).or(self.every.as_ref()).cloned();
        let mut reason = FinishReason::Stop;
        let mut limit = request.max_tokens.unwrap_or(u64::MAX);
        if let Some(Fault::Length { after }) = fault {
            limit = limit.min(after);
            reason = FinishReason::Length;
        }
        if tokens.len() as u64 > limit {
            tokens.truncate(limit as usize);
            reason = FinishReason::Length;
        }
        let prompt = words(question).count() + words(prefix).count();
        Sample {
            met_stop: met_stop && reason == FinishReason::Stop,
            tokens: tokens.into_iter(),
            emitted: 0,
            usage: Usage { prompt: prompt as u64, ..Usage::default() },
            logprob: request.logprobs.then_some(logprob),
            reason,
            fault,
            pause: self.tokens_per_second.map(|r| Duration::from_secs_f64(1.0 / r.max(1e-6))),
            phase: Phase::Prompt,
            counters: Arc::clone(&self.counters),
        }
    }
}

impl Engine for MockEngine {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { continuation: true, logprobs: true, ..Capabilities::default() }
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        let question = request.prompt.last_user_text().unwrap_or_default();
        let start = |&seed: &u64| -> SampleStream {
            let sample = self.sample(&request, &question, seed);
            Box::pin(stream::unfold(
                sample,
                |mut sample| async move { sample.next().await.map(|event| (event, sample)) },
            ))
        };
        request.seeds.iter().map(start).collect()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Prompt,
    Text,
    Ended,
}

/// One sample as it runs; dropping it before its end counts as a cancellation.
struct Sample {
    tokens: std::vec::IntoIter<(bool, String)>,
    emitted: u64,
    usage: Usage,
    logprob: Option<f32>,
    met_stop: bool,
    reason: FinishReason,
    fault: Option<Fault>,
    pause: Option<Duration>,
    phase: Phase,
    counters: Arc<Counters>,
}

impl Sample {
    async fn next(&mut self) -> Option<Result<SampleEvent, EngineError>> {
        match self.phase {
            Phase::Ended => return None,
            Phase::Prompt => {
                self.phase = Phase::Text;
                let tokens = self.usage.prompt;
                return Some(Ok(SampleEvent::Prompt { tokens, cached: 0 }));
            }
            Phase::Text => {}
        }
        match &self.fault {
            Some(Fault::Fail { after, error }) if *after <= self.emitted => {
                self.phase = Phase::Ended;
                self.counters.failed.fetch_add(1, Relaxed);
                return Some(Err(error.clone()));
            }
            Some(Fault::Stall { after }) if *after <= self.emitted => std::future::pending().await,
            _ => {}
        }
        let Some((is_reasoning, text)) = self.tokens.next() else {
            self.phase = Phase::Ended;
            self.counters.finished.fetch_add(1, Relaxed);
            return Some(Ok(SampleEvent::Finish(Finish {
                met_stop: Some(self.met_stop),
                ..Finish::new(self.reason, self.usage)
            })));
        };
        if let Some(pause) = self.pause {
            tokio::time::sleep(pause).await;
        }
        self.emitted += 1;
        self.counters.tokens.fetch_add(1, Relaxed);
        self.usage.completion += 1;
        self.usage.reasoning += u64::from(is_reasoning);
        let mut delta = Delta { tokens: 1, logprobs: self.logprob.into_iter().collect(), ..Delta::default() };
        *(if is_reasoning { &mut delta.reasoning } else { &mut delta.content }) = text;
        Some(Ok(SampleEvent::Delta(delta)))
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        if self.phase != Phase::Ended {
            self.counters.cancelled.fetch_add(1, Relaxed);
        }
    }
}

/// Ends the reply before the first stop text in it; whether there was one.
fn cut_at_stop(tokens: &mut Vec<(bool, String)>, stops: &[String]) -> bool {
    let whole: String = tokens.iter().filter(|t| !t.0).map(|t| t.1.as_str()).collect();
    let Some(mut left) = stops.iter().filter(|s| !s.is_empty()).filter_map(|s| whole.find(s.as_str())).min() else {
        return false;
    };
    tokens.retain_mut(|(is_reasoning, text)| {
        if *is_reasoning {
            return true;
        }
        let kept = left > 0;
        text.truncate(left.min(text.len()));
        left -= text.len();
        kept
    });
    true
}

/// A failure for a [`Fault`], as of a server that is overloaded.
pub fn overloaded() -> EngineError {
    EngineError::new(Origin::Engine, "the mock engine fails as it was told").retryable()
}

/// Words, each with the white space after it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}

/// FNV-1a, so that a problem draws the same on every platform.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt as _, StreamExt as _};
    use outthink_core::Prompt;

    fn request(seeds: std::ops::Range<u64>) -> SampleRequest {
        SampleRequest {
            prompt: Prompt::user("2 + 2?"),
            seeds: seeds.collect(),
            max_tokens: Some(9),
            ..SampleRequest::default()
        }
    }

    async fn text(stream: SampleStream) -> Result<(String, Option<Finish>), EngineError> {
        let mut text = String::new();
        let mut finish = None;
        for event in stream.collect::<Vec<_>>().await {
            match event? {
                SampleEvent::Delta(d) => text += &d.content,
                SampleEvent::Finish(f) => finish = Some(f),
                _ => {}
            }
        }
        Ok((text, finish))
    }

    #[tokio::test]
    async fn success_rates_are_those_of_the_script() {
        let script = Script::new(vec![Outcome::new("4", 0.3), Outcome::new("five or so", 0.7)]);
        let engine = MockEngine::new(Script::default()).with_problem("2 + 2?", script);
        let mut right = 0;
        for stream in engine.start(request(0..10_000)) {
            right += u32::from(text(stream).await.unwrap().0 == "4");
        }
        // 5 standard errors of 0.0046.
        assert!((2_770..3_230).contains(&right), "{right}");
        let again: Vec<_> = futures_util::future::join_all(engine.start(request(5..6)).into_iter().map(text)).await;
        let once_more = futures_util::future::join_all(engine.start(request(5..6)).into_iter().map(text)).await;
        assert_eq!(again, once_more);
    }

    #[tokio::test]
    async fn faults_come_as_told_and_all_is_counted() {
        let engine = MockEngine::new(Script::new(vec![Outcome::new("a b c d", 1.0)]))
            .with_fault(0, Fault::Fail { after: 2, error: overloaded() })
            .with_fault(1, Fault::Length { after: 1 })
            .with_fault(2, Fault::Stall { after: 1 });
        let mut streams = engine.start(request(0..4)).into_iter();
        assert_eq!(text(streams.next().unwrap()).await, Err(overloaded()));
        let (cut, finish) = text(streams.next().unwrap()).await.unwrap();
        assert_eq!((cut.as_str(), finish.unwrap().reason), ("a ", FinishReason::Length));
        let mut stalled = streams.next().unwrap();
        stalled.next().await;
        stalled.next().await;
        assert!(stalled.next().now_or_never().is_none());
        drop(stalled);
        text(streams.next().unwrap()).await.unwrap();
        let counts = Counts { started: 4, finished: 2, cancelled: 1, failed: 1, tokens: 8 };
        assert_eq!(engine.counts(), counts);
    }
}
