//! What the accounting of a request begins with, and what is entered in it.

use crate::{DriveRequest, kinds};
use outthink_core::{
    Answer, ArmId, Bill, Capabilities, FinishReason, ModelInfo, Needs, Price, Prompt, Role, SampleId, SampleKind,
    Sampling, Span, StopReason, Thinking, TokenConfidence, Usage,
};
use outthink_verify::Comparison;
use std::sync::Arc;

/// What the decisions come to at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct End {
    /// The sample whose text is the reply.
    pub chosen: Option<SampleId>,
    /// Why.
    pub reason: StopReason,
}

/// A way to draw samples, as the session knows it.
#[derive(Debug, Clone)]
pub struct ArmInfo {
    /// Its name in traces.
    pub name: String,
    /// Its model.
    pub model: ModelInfo,
    /// What its engine can do.
    pub capabilities: Capabilities,
    /// A system message in place of the request's.
    pub system: Option<String>,
    /// How tokens are drawn, in place of what the request says.
    pub sampling: Option<Sampling>,
    /// How long the reasoning should be, in place of what the request says.
    pub thinking: Option<Thinking>,
    /// The most that any model behind the engine charges: what is reserved before it is known who works.
    pub price_bound: Price,
    /// Samples that it can give at most, where that is known: a recording ends.
    pub most_samples: Option<u32>,
    /// Generated tokens of its samples on average before this request, where some were seen.
    pub tokens_seen: Option<f64>,
    /// What its samples are asked to be.
    pub kind: SampleKind,
    /// The arm of the host whose engine draws it; a session sets it.
    pub host: ArmId,
}

impl ArmInfo {
    /// An arm with the name of its model and nothing of its own.
    pub fn new(model: ModelInfo, capabilities: Capabilities) -> Self {
        Self {
            name: model.id.clone(),
            price_bound: model.price,
            model,
            capabilities,
            system: None,
            sampling: None,
            thinking: None,
            most_samples: None,
            tokens_seen: None,
            kind: SampleKind::Text,
            host: 0,
        }
    }

    /// What it is asked, given what the request asks.
    pub fn prompt(&self, prompt: &Arc<Prompt>) -> Arc<Prompt> {
        let under = match &self.system {
            Some(system) => Arc::new(Prompt::clone(prompt).with_system_instead(system)),
            None => Arc::clone(prompt),
        };
        if self.kind == SampleKind::Text { under } else { Arc::new(kinds::prompt_for(self.kind, &under)) }
    }
}

/// What the accounting begins with.
#[derive(Debug, Clone)]
pub(crate) struct Opening<'a> {
    /// The request.
    pub request: &'a DriveRequest,
    /// The arms; at least one.
    pub arms: Vec<ArmInfo>,
    /// How answers are compared.
    pub comparison: Comparison,
    /// Verifiers at hand.
    pub verifiers: u32,
    /// Whether somebody can compare texts.
    pub has_comparer: bool,
    /// What the strategy needs.
    pub needs: Needs,
    /// Whether it decides by what the samples answer.
    pub compares: bool,
}

/// The end of a recorded sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordedEnd {
    /// Its final answer, if the recording holds one.
    pub answer: Option<Answer>,
    /// Its tokens.
    pub usage: Usage,
    /// Mean log-probability of its tokens, where known.
    pub mean_logprob: Option<f64>,
    /// How sure the model was of its tokens, where known.
    pub confidence: Option<TokenConfidence>,
    /// Why it ended; `None` where the recording does not say, which counts as complete.
    pub finish: Option<FinishReason>,
}

/// A sample that is about to start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    /// The arm.
    pub arm: ArmId,
    /// The sample that it goes on from.
    pub parent: Option<SampleId>,
    /// The user's turn in between, if it is a reply of its own.
    pub turn: Option<String>,
    /// How far it goes; its tokens are reserved.
    pub span: Span,
    /// Prompt tokens at most beyond those of the arm's prompt.
    pub extra_prompt: u64,
    /// Whether an answer is asked for within the span, so that being cut at its end is no fault.
    pub forced: bool,
    /// What it is for.
    pub role: Role,
    /// The samples that it reads.
    pub reads: Vec<SampleId>,
}

/// What a judgement was to cost at most, and what it cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// What was reserved.
    pub most: Bill,
    /// What was spent.
    pub bill: Bill,
}
