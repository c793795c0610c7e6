//! What to do next, and who decides it.

use crate::{ArmId, KindPlan, Role, SampleId, State, StopReason, VerifierId};
use serde::Serialize;
use std::borrow::Cow;

/// How far one sample goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Generated tokens at most, where somebody asked for a limit; lowered where the budget asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// `None` for a whole reply. Otherwise one step of it: at this text, or at `max_tokens`, the
    /// sample pauses and can be continued. An empty text leaves the tokens alone to decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_at: Option<String>,
}

impl Span {
    /// A whole reply.
    pub const fn whole(max_tokens: Option<u64>) -> Self {
        Self { max_tokens, pause_at: None }
    }

    /// One step of a thought, up to `text` or to `max_tokens`.
    pub fn step(max_tokens: u64, text: impl Into<String>) -> Self {
        Self { max_tokens: Some(max_tokens), pause_at: Some(text.into()) }
    }
}

/// What comes between a sample and its continuation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The reply itself goes on after these words, which may be none. An engine that cannot continue
    /// a text gets the words as a turn of the user.
    Words(String),
    /// A turn of the user, to which the model replies anew.
    Turn(String),
    /// The reasoning is closed by these words, which hold its end marker ([`Link::END`]), and the answer follows.
    /// Where no reasoning was told apart, the text simply goes on; an engine that cannot continue a text is asked
    /// for its answer by a turn of the user.
    Close(String),
    /// The reasoning is opened again and goes on after these words; what was answered after it is dropped.
    Reason(String),
}

impl Link {
    /// The end marker of reasoning. Engines write a model's own one in its place.
    pub const END: &'static str = "</think>";
    /// What closes reasoning as the templates of Qwen3 and R1 spell it.
    pub const CLOSING: &'static str = "\n</think>\n\n";
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Draw `count` more samples of the prompt.
    Sample {
        /// On which arm. Escalation is a sample on a more expensive arm.
        arm: ArmId,
        /// How many.
        count: u32,
        /// How far each goes.
        #[serde(flatten)]
        span: Span,
    },
    /// Go on from a sample in `count` ways: its text so far, then `link`, then new tokens. Each is a
    /// new sample whose parent is `sample`, on the same arm, and pays only for what it adds. A sample
    /// may be continued while it runs (a probe), when it paused (a search) and when it ended (a
    /// revision).
    Continue {
        /// The sample to go on from.
        sample: SampleId,
        /// What comes between.
        link: Link,
        /// How many.
        count: u32,
        /// How far each goes.
        #[serde(flatten)]
        span: Span,
    },
    /// Have a sample that ended or paused judged by a verifier.
    Score {
        /// The sample.
        sample: SampleId,
        /// By which.
        verifier: VerifierId,
    },
    /// Ask whether the answers of two samples mean the same; if so, their classes become one.
    Compare {
        /// One.
        left: SampleId,
        /// The other.
        right: SampleId,
    },
    /// Run the program that a sample holds; its outcome becomes the sample's answer.
    Run {
        /// The sample.
        sample: SampleId,
    },
    /// Have a model read samples and name the best of them, or write the answer from them. What it writes is a new
    /// sample of that role.
    Read {
        /// On which arm.
        arm: ArmId,
        /// What it is asked for: [`Role::Selection`] or [`Role::Synthesis`].
        role: Role,
        /// The samples, in the order in which they are shown.
        samples: Vec<SampleId>,
        /// Bytes of each that are shown at most: its beginning and, above all, its end.
        shown: u64,
        /// How far it goes.
        #[serde(flatten)]
        span: Span,
    },
    /// Stop samples that no longer pay.
    Cancel {
        /// The samples.
        samples: Vec<SampleId>,
    },
    /// Nothing now: decide again when a sample ends.
    Wait,
    /// End with the answer of `sample`.
    Stop {
        /// The sample whose text is the reply.
        sample: SampleId,
        /// Why.
        reason: StopReason,
    },
    /// End without an answer.
    Abstain {
        /// Why.
        reason: StopReason,
    },
}

/// What a strategy decided, and why in words for the trace.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Decision {
    /// To be carried out in order. After `Stop` or `Abstain` nothing follows.
    pub steps: Vec<Step>,
    /// Belief, options and the reason of the choice, in one line.
    pub why: Cow<'static, str>,
    /// Probability that the leading answer stays ahead however many samples are drawn, where the
    /// strategy has one.
    pub posterior: Option<f64>,
    /// Decide again, too, whenever a running sample has so many more tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<u64>,
}

impl Decision {
    /// One step with its reason.
    pub fn new(step: Step, why: impl Into<Cow<'static, str>>) -> Self {
        Self::all(vec![step], why)
    }

    /// Several steps with their reason.
    pub fn all(steps: Vec<Step>, why: impl Into<Cow<'static, str>>) -> Self {
        Self { steps, why: why.into(), posterior: None, watch: None }
    }

    /// Adds the posterior probability that it rests on.
    #[must_use]
    pub fn with_posterior(mut self, posterior: f64) -> Self {
        self.posterior = Some(posterior);
        self
    }

    /// Asks to be asked again whenever a running sample has `tokens` more.
    #[must_use]
    pub fn watching(mut self, tokens: u64) -> Self {
        self.watch = Some(tokens.max(1));
        self
    }
}

/// What a strategy cannot work without; checked before anything is spent.
#[expect(clippy::struct_excessive_bools, reason = "a record of independent needs")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Log-probabilities of the tokens.
    pub logprobs: bool,
    /// Something that tells the worth of a step: a verifier, or else log-probabilities.
    pub values: bool,
    /// Going on from a given beginning of the reply.
    pub continuation: bool,
    /// Steps of a reply: the request may then have no `stop` texts of its own.
    pub steps: bool,
    /// A verifier.
    pub verifier: bool,
    /// Somebody who says whether two texts mean the same.
    pub comparer: bool,
    /// Something that runs programs.
    pub programs: bool,
    /// So many arms; 0 is as good as 1.
    pub arms: u32,
    /// Confidence in the tokens, in groups of so many.
    pub confidence: Option<u32>,
}

/// Decides what to buy next, and nothing else: no I/O, no clock, no hidden randomness.
///
/// It is asked once at the start, then after each sample that ends or pauses, each verdict, and as
/// often as its last decision watches. The same object runs live and over recordings. A machine that
/// has said `Stop` or `Abstain` is not asked again.
pub trait Strategy: Send {
    /// Its name on the command line and in the API.
    fn name(&self) -> &str;

    /// What it cannot work without.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Whether it decides by what the samples answer. Where it does not, nobody finds out what the words of the request ask
    /// for: [`State::asks_for_answer`] and [`State::asks_for_number`] are false, and no answer is in doubt.
    fn compares(&self) -> bool {
        true
    }

    /// The kinds of samples that it buys: each becomes an arm on the engine of the first arm, in this order. Where
    /// there are none, the arms are those of the request.
    fn kinds(&self) -> Vec<KindPlan> {
        Vec::new()
    }

    /// What to do next. When nothing runs and nothing is being judged, the answer must not be `Wait`.
    fn step(&mut self, state: &State) -> Decision;

    /// The best answer at hand, for whoever stops it early.
    fn best(&self, state: &State) -> Option<SampleId> {
        state.best_so_far()
    }
}

impl<S: Strategy + ?Sized> Strategy for &mut S {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn needs(&self) -> Needs {
        (**self).needs()
    }

    fn compares(&self) -> bool {
        (**self).compares()
    }

    fn kinds(&self) -> Vec<KindPlan> {
        (**self).kinds()
    }

    fn step(&mut self, state: &State) -> Decision {
        (**self).step(state)
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        (**self).best(state)
    }
}
