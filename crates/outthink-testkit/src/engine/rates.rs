//! A script of known success rates, with failures to order.

use super::act::words;
use super::{Act, Turn};
use outthink_core::{Delta, EngineError, FinishReason, derive_seed};
use std::collections::HashMap;

/// One thing that the model may say, and how often it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Saying {
    /// The text of the reply. A token is a word with the white space after it.
    pub text: String,
    /// The reasoning before it.
    pub reasoning: String,
    /// Its share of the samples, relative to the other sayings.
    pub weight: f64,
    /// Log-probability of each of its tokens, given where the request asks for them.
    pub logprob: f32,
}

impl Saying {
    /// A reply without reasoning.
    pub fn new(text: impl Into<String>, weight: f64) -> Self {
        Self { text: text.into(), reasoning: String::new(), weight, logprob: -0.5 }
    }

    /// Adds reasoning before the reply.
    #[must_use]
    pub fn with_reasoning(mut self, reasoning: impl Into<String>) -> Self {
        self.reasoning = reasoning.into();
        self
    }
}

/// What goes wrong with a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleFault {
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

/// Sayings with known success rates. The same prompt and seed give the same sample.
///
/// ```
/// use outthink_testkit::engine::{Rates, Saying, Scripted};
///
/// let engine = Scripted::by_rates(Rates::new([Saying::new("4", 0.3), Saying::new("5", 0.7)]));
/// assert_eq!(engine.counts().started, 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Rates {
    default: Vec<Saying>,
    problems: HashMap<String, Vec<Saying>>,
    faults: HashMap<u64, SampleFault>,
    every: Option<SampleFault>,
}

impl Rates {
    /// The same sayings for every problem; none is an empty reply.
    pub fn new(sayings: impl IntoIterator<Item = Saying>) -> Self {
        Self { default: sayings.into_iter().collect(), ..Self::default() }
    }

    /// One saying for every problem.
    pub fn always(text: impl Into<String>) -> Self {
        Self::new([Saying::new(text, 1.0)])
    }

    /// Gives the problem whose last user message is `question` sayings of its own.
    #[must_use]
    pub fn with_problem(mut self, question: &str, sayings: impl IntoIterator<Item = Saying>) -> Self {
        self.problems.insert(question.into(), sayings.into_iter().collect());
        self
    }

    /// Lets the sample that is started `nth`, counted from 0, go wrong.
    #[must_use]
    pub fn with_fault(mut self, nth: u64, fault: SampleFault) -> Self {
        self.faults.insert(nth, fault);
        self
    }

    /// Lets every sample go wrong that has no fault of its own.
    #[must_use]
    pub fn with_fault_everywhere(mut self, fault: SampleFault) -> Self {
        self.every = Some(fault);
        self
    }

    /// What a sample does.
    pub(super) fn acts(&self, turn: &Turn<'_>) -> Vec<Act> {
        let request = turn.request;
        let question = request.prompt.last_user_text().unwrap_or_default();
        let sayings = self.problems.get(&question).unwrap_or(&self.default);
        let drawn = derive_seed(turn.seed, hash(&question));
        let saying = draw(sayings, (drawn >> 11) as f64 / (1u64 << 53) as f64);
        let prefix = request.prefix.as_deref().unwrap_or_default();
        let mut tokens = Vec::new();
        let mut logprobs = Vec::new();
        if let Some(saying) = saying {
            let rest = saying.text.strip_prefix(prefix).unwrap_or(&saying.text);
            if prefix.is_empty() {
                tokens.extend(words(&saying.reasoning).map(|text| (true, text.to_owned())));
            }
            tokens.extend(words(rest).map(|text| (false, text.to_owned())));
            logprobs.extend(request.logprobs.then_some(saying.logprob));
        }
        let met_stop = cut_at_stop(&mut tokens, &request.sampling.stop);
        let mut end = Act::Stop(met_stop);
        if let Some(limit) = request.max_tokens.filter(|&limit| tokens.len() as u64 > limit) {
            (tokens, end) = (first(tokens, limit), Act::End(FinishReason::Length));
        }
        match self.faults.get(&turn.index).or(self.every.as_ref()).cloned() {
            None => {}
            Some(SampleFault::Fail { after, error }) => (tokens, end) = (first(tokens, after), Act::Fail(error)),
            Some(SampleFault::Stall { after }) => (tokens, end) = (first(tokens, after), Act::Hang),
            Some(SampleFault::Length { after }) => {
                (tokens, end) = (first(tokens, after), Act::End(FinishReason::Length));
            }
        }
        let prompt = words(&question).count() + words(prefix).count();
        let mut acts = vec![Act::Prompt(prompt as u64, 0)];
        acts.extend(tokens.into_iter().map(|(is_reasoning, text)| {
            let mut delta = Delta { tokens: 1, logprobs: logprobs.clone(), ..Delta::default() };
            *(if is_reasoning { &mut delta.reasoning } else { &mut delta.content }) = text;
            Act::Delta(delta)
        }));
        acts.push(end);
        acts
    }
}

fn first(mut tokens: Vec<(bool, String)>, count: u64) -> Vec<(bool, String)> {
    tokens.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    tokens
}

fn draw(sayings: &[Saying], unit: f64) -> Option<&Saying> {
    let weight = |saying: &Saying| saying.weight.max(0.0);
    let mut left = unit * sayings.iter().map(weight).sum::<f64>();
    for saying in sayings {
        left -= weight(saying);
        if left < 0.0 {
            return Some(saying);
        }
    }
    sayings.iter().rev().find(|saying| saying.weight > 0.0)
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

/// FNV-1a, so that a problem draws the same on every platform.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}
