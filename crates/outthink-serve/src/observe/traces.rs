//! What was decided for the last requests, kept for a while and without what was said.

use super::store::{Bounds, Document, Store};
use outthink_core::{
    ClassId, Confidence, Cost, FinishReason, Outcome, Sample, SampleId, SampleStatus, StopReason, TraceEvent, Usage,
};
use outthink_ledger::{Ledger, LedgerError};
use serde::Serialize;
use serde_json::{Map, Value};
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

/// The last 512 requests, of 8,192 samples together, for an hour.
const BOUNDS: Bounds = Bounds { kind: "trace", most: 512, weight: 8_192, time: Duration::from_hours(1) };

/// How one request was decided, without what was said in it.
struct Trace {
    id: String,
    strategy: String,
    model: String,
    effort: &'static str,
    stop: StopReason,
    chosen: Option<SampleId>,
    confidence: Confidence,
    usage: Usage,
    cost: Cost,
    seconds: f64,
    decisions: Vec<TraceEvent>,
    samples: Vec<Sample>,
}

/// The traces of the last requests.
pub(crate) struct Traces(Store);

impl Traces {
    /// In this process, or in `ledger` where several gateways share it.
    pub(crate) fn new(ledger: Option<&Ledger>) -> Self {
        Self(Store::new(BOUNDS, ledger))
    }

    /// Remembers how a request ended; what is remembered is taken out of the outcome.
    pub(crate) fn remember(&self, outcome: &mut Outcome, effort: &'static str, owner: Option<String>) {
        let trace = Trace {
            id: take(&mut outcome.trace_id),
            strategy: take(&mut outcome.strategy),
            model: take(&mut outcome.model),
            effort,
            stop: outcome.stop,
            chosen: outcome.chosen,
            confidence: outcome.confidence,
            usage: outcome.usage,
            cost: outcome.cost,
            seconds: outcome.seconds,
            decisions: take(&mut outcome.trace),
            samples: take(&mut outcome.samples).into_iter().map(without_texts).collect(),
        };
        // Nobody waits for it: whoever asks at once asks again.
        drop(self.0.keep(trace.id.clone(), owner, Arc::new(trace)));
    }

    /// The trace of the request with this name, while it is remembered and if `may_see` allows it to be
    /// shown by the key that asked.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn get(
        &self,
        id: &str,
        may_see: impl Fn(Option<&str>) -> bool,
    ) -> Result<Option<Value>, LedgerError> {
        self.0.get(id, may_see).await
    }
}

impl Document for Trace {
    /// Its samples.
    fn weight(&self) -> usize {
        self.samples.len()
    }

    fn json(&self) -> Value {
        serde_json::to_value(self.shown()).unwrap_or_default()
    }

    fn text(&self) -> String {
        serde_json::to_string(&self.shown()).unwrap_or_default()
    }
}

fn without_texts(mut sample: Sample) -> Sample {
    (sample.content, sample.reasoning, sample.turn) = (String::new(), String::new(), None);
    (sample.answer, sample.tool_calls, sample.extra) = (None, None, Map::new());
    sample
}

/// A trace as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    object: &'static str,
    strategy: &'a str,
    model: &'a str,
    effort: &'static str,
    stop_reason: StopReason,
    stop_message: &'static str,
    chosen: Option<SampleId>,
    confidence: Confidence,
    usage: Usage,
    cost_nano_usd: u64,
    seconds: f64,
    decisions: &'a [TraceEvent],
    samples: Vec<ShownSample<'a>>,
}

#[derive(Serialize)]
struct ShownSample<'a> {
    id: SampleId,
    parent: Option<SampleId>,
    seed: u64,
    status: SampleStatus,
    finish_reason: Option<FinishReason>,
    finish_word: Option<&'a str>,
    model: Option<&'a str>,
    member: Option<&'a str>,
    cost_nano_usd: u64,
    class: Option<ClassId>,
    score: Option<f64>,
    mean_logprob: Option<f64>,
    usage: Usage,
    error: Option<&'a str>,
}

impl Trace {
    fn shown(&self) -> Shown<'_> {
        Shown {
            id: &self.id,
            object: "outthink.trace",
            strategy: &self.strategy,
            model: &self.model,
            effort: self.effort,
            stop_reason: self.stop,
            stop_message: self.stop.words(),
            chosen: self.chosen,
            confidence: self.confidence,
            usage: self.usage,
            cost_nano_usd: self.cost.nano(),
            seconds: self.seconds,
            decisions: &self.decisions,
            samples: self.samples.iter().map(shown).collect(),
        }
    }
}

fn shown(sample: &Sample) -> ShownSample<'_> {
    ShownSample {
        id: sample.id,
        parent: sample.parent,
        seed: sample.seed,
        status: sample.status,
        finish_reason: sample.finish,
        finish_word: sample.finish_word.as_deref(),
        model: sample.model.as_deref(),
        member: sample.member.as_deref(),
        cost_nano_usd: sample.cost.nano(),
        class: sample.class,
        score: sample.score,
        mean_logprob: sample.mean_logprob,
        usage: sample.usage,
        error: sample.error.as_deref(),
    }
}
