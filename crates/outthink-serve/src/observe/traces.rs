//! What was decided for the last requests, kept for a while and without what was said.

use outthink_core::{Confidence, Cost, Outcome, Sample, SampleId, StopReason, TraceEvent, Usage};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Requests that are remembered at most.
const MOST: usize = 512;
/// Samples of them at most.
const MOST_SAMPLES: usize = 8_192;
/// How long they are remembered.
const KEPT: Duration = Duration::from_hours(1);

/// How one request was decided, without what was said in it.
struct Trace {
    at: Instant,
    id: String,
    /// The key that asked, by its identifier.
    owner: Option<String>,
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

#[derive(Default)]
struct Ring {
    traces: VecDeque<Arc<Trace>>,
    samples: usize,
}

/// The traces of the last requests, the newest last.
#[derive(Default)]
pub(crate) struct Traces(Mutex<Ring>);

impl Traces {
    /// Remembers how a request ended.
    pub(crate) fn remember(&self, outcome: &Outcome, effort: &'static str, owner: Option<String>) {
        let trace = Trace {
            at: Instant::now(),
            id: outcome.trace_id.clone(),
            owner,
            strategy: outcome.strategy.clone(),
            model: outcome.model.clone(),
            effort,
            stop: outcome.stop,
            chosen: outcome.chosen,
            confidence: outcome.confidence,
            usage: outcome.usage,
            cost: outcome.cost,
            seconds: outcome.seconds,
            decisions: outcome.trace.clone(),
            samples: outcome.samples.iter().map(without_texts).collect(),
        };
        let mut ring = self.lock();
        ring.samples += trace.samples.len();
        ring.traces.push_back(Arc::new(trace));
        while ring.traces.len() > MOST || ring.samples > MOST_SAMPLES {
            let Some(oldest) = ring.traces.pop_front() else { break };
            ring.samples -= oldest.samples.len();
        }
    }

    /// The trace of the request with this name, while it is remembered and if `may_see` allows it to be
    /// shown by the key that asked.
    pub(crate) fn get(&self, id: &str, may_see: impl Fn(Option<&str>) -> bool) -> Option<Value> {
        let trace = self.lock().traces.iter().rev().find(|trace| trace.id == id).cloned()?;
        (trace.at.elapsed() < KEPT && may_see(trace.owner.as_deref())).then(|| render(&trace))
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn without_texts(sample: &Sample) -> Sample {
    Sample {
        id: sample.id,
        parent: sample.parent,
        seed: sample.seed,
        class: sample.class,
        usage: sample.usage,
        mean_logprob: sample.mean_logprob,
        score: sample.score,
        model: sample.model.clone(),
        member: sample.member.clone(),
        cost: sample.cost,
        status: sample.status,
        finish_word: sample.finish_word.clone(),
        finish: sample.finish,
        error: sample.error.clone(),
        ..Sample::default()
    }
}

fn render(trace: &Trace) -> Value {
    json!({
        "id": trace.id,
        "object": "outthink.trace",
        "strategy": trace.strategy,
        "model": trace.model,
        "effort": trace.effort,
        "stop_reason": trace.stop,
        "stop_message": trace.stop.words(),
        "chosen": trace.chosen,
        "confidence": trace.confidence,
        "usage": trace.usage,
        "cost_nano_usd": trace.cost.nano(),
        "seconds": trace.seconds,
        "decisions": trace.decisions,
        "samples": trace.samples.iter().map(sample).collect::<Value>(),
    })
}

fn sample(sample: &Sample) -> Value {
    json!({
        "id": sample.id,
        "parent": sample.parent,
        "seed": sample.seed,
        "status": sample.status,
        "finish_reason": sample.finish,
        "finish_word": sample.finish_word,
        "model": sample.model,
        "member": sample.member,
        "cost_nano_usd": sample.cost.nano(),
        "class": sample.class,
        "score": sample.score,
        "mean_logprob": sample.mean_logprob,
        "usage": sample.usage,
        "error": sample.error,
    })
}
