//! A request as OpenTelemetry spans, by the semantic conventions for generative AI: one span for the
//! request, one for each sample below it, an event for each decision.
//!
//! Nothing that a client or a model wrote is in them. They are made when the request has ended, in the
//! JSON form of OTLP, and handed to whoever sends them.

use super::tree::About;
use outthink_core::{Outcome, SampleStatus, Step};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;

/// Requests whose spans wait to be sent; what comes beyond them is left out.
const WAITING: usize = 1_024;

/// Where the spans of this request hang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) trace: String,
    pub(crate) span: Option<String>,
    sampled: bool,
}

impl Parent {
    /// From a `traceparent` header (W3C Trace Context), else a trace of its own named as the request.
    pub(crate) fn read(header: Option<&str>, request: &str) -> Self {
        let own = || Self { trace: request.to_owned(), span: None, sampled: true };
        let Some(header) = header else { return own() };
        let parts: Vec<&str> = header.trim().split('-').collect();
        let hex = |text: &str, length| {
            text.len() == length
                && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                && text.bytes().any(|b| b != b'0')
        };
        match parts[..] {
            ["00", trace, span, flags] if hex(trace, 32) && hex(span, 16) && flags.len() == 2 => {
                let sampled = u8::from_str_radix(flags, 16).is_ok_and(|f| f & 1 == 1);
                Self { trace: trace.to_owned(), span: Some(span.to_owned()), sampled }
            }
            _ => own(),
        }
    }

    /// Whether this trace is kept, where a share of `rate` is: by the caller's word, else by the name of
    /// the trace, so that all services decide alike.
    fn is_kept(&self, rate: f64) -> bool {
        if self.span.is_some() {
            return self.sampled && rate > 0.0;
        }
        let low = self.trace.get(18..).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
        (low as f64) < rate * (1u64 << 56) as f64
    }
}

/// Takes spans in and hands them on in batches.
#[derive(Debug, Clone)]
pub struct SpanSender {
    sender: mpsc::Sender<Vec<Value>>,
    sample: f64,
}

/// The other end of a [`SpanSender`].
#[derive(Debug)]
pub struct SpanReceiver {
    inbox: mpsc::Receiver<Vec<Value>>,
    service: String,
}

/// Both ends of the way that spans go; a share of `sample` of the requests takes it.
pub fn spans(service: &str, sample: f64) -> (SpanSender, SpanReceiver) {
    let (sender, inbox) = mpsc::channel(WAITING);
    (SpanSender { sender, sample }, SpanReceiver { inbox, service: service.to_owned() })
}

impl SpanReceiver {
    /// The next batch as the body of a request to a collector's `/v1/traces`; `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        let mut spans = self.inbox.recv().await?;
        // What comes within a moment goes along.
        tokio::time::sleep(Duration::from_millis(200)).await;
        while spans.len() < 4_096
            && let Ok(more) = self.inbox.try_recv()
        {
            spans.extend(more);
        }
        Some(json!({ "resourceSpans": [{
            "resource": { "attributes": [text("service.name", &self.service), text("service.version", env!("CARGO_PKG_VERSION"))] },
            "scopeSpans": [{ "scope": { "name": "outthink", "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
        }] }))
    }
}

impl SpanSender {
    /// Hands on the spans of a request that has ended, if it is one of those that are kept.
    pub(crate) fn send(&self, parent: &Parent, about: &About, outcome: &Outcome, status: u16) {
        if parent.is_kept(self.sample) {
            // A collector that does not keep up loses spans; requests never wait for it.
            let _ = self.sender.try_send(of_request(parent, about, outcome, status));
        }
    }
}

fn of_request(parent: &Parent, about: &About, outcome: &Outcome, status: u16) -> Vec<Value> {
    let began = u128::from(about.began) * 1_000_000;
    let at = |seconds: f64| (began + (seconds.max(0.0) * 1e9) as u128).to_string();
    let own = span_id(&about.id, 0);
    let reason = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let stop = reason(&serde_json::to_value(outcome.stop).unwrap_or_default());
    let mut attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "outthink"),
        text("gen_ai.request.model", &about.model),
        text("gen_ai.response.model", &outcome.model),
        text("gen_ai.response.id", &about.id),
        count("gen_ai.usage.input_tokens", outcome.usage.prompt),
        count("gen_ai.usage.output_tokens", outcome.usage.generated()),
        count("gen_ai.usage.cache_read.input_tokens", outcome.usage.cached),
        count("http.response.status_code", u64::from(status)),
        text("outthink.effort", about.effort),
        text("outthink.strategy", &outcome.strategy),
        text("outthink.stop_reason", &stop),
        count("outthink.samples", u64::from(outcome.samples_drawn)),
        count("outthink.tokens.discarded", outcome.usage.discarded),
        count("outthink.tokens.cancelled", outcome.usage.cancelled),
        count("outthink.cost_nano_usd", outcome.cost.nano()),
    ];
    if let Some(finish) = outcome.finish {
        let finish = reason(&serde_json::to_value(finish).unwrap_or_default());
        attributes.push(json!({ "key": "gen_ai.response.finish_reasons", "value": { "arrayValue": { "values": [{ "stringValue": finish }] } } }));
    }
    if let Some(key) = &about.key {
        attributes.push(text("outthink.key", key));
    }
    let failed = status >= 500;
    if failed {
        attributes.push(text("error.type", &status.to_string()));
    }
    let events: Vec<Value> = outcome
        .trace
        .iter()
        .map(|event| {
            let mut attributes =
                vec![text("outthink.why", &event.decision.why), count("outthink.finished", u64::from(event.finished))];
            if let Some(posterior) = event.decision.posterior {
                attributes.push(json!({ "key": "outthink.posterior", "value": { "doubleValue": posterior } }));
            }
            json!({ "timeUnixNano": at(event.seconds), "name": "decision", "attributes": attributes })
        })
        .collect();
    let mut root = json!({
        "traceId": parent.trace, "spanId": own, "name": format!("chat {}", about.model), "kind": 2,
        "startTimeUnixNano": at(0.0), "endTimeUnixNano": at(outcome.seconds),
        "attributes": attributes, "events": events, "status": if failed { json!({ "code": 2 }) } else { json!({}) },
    });
    if let Some(span) = &parent.span {
        root["parentSpanId"] = span.as_str().into();
    }
    let mut spans = vec![root];
    let drawn = drawn_at(outcome);
    for sample in &outcome.samples {
        let began = drawn.get(sample.id as usize).copied().unwrap_or(0.0);
        let status = match sample.status {
            SampleStatus::Failed => json!({ "code": 2 }),
            _ => json!({}),
        };
        let state = reason(&serde_json::to_value(sample.status).unwrap_or_default());
        spans.push(json!({
            "traceId": parent.trace, "spanId": span_id(&about.id, u64::from(sample.id) + 1), "parentSpanId": own,
            "name": format!("chat {}", outcome.model), "kind": 3,
            "startTimeUnixNano": at(began), "endTimeUnixNano": at(outcome.seconds),
            "attributes": [
                text("gen_ai.operation.name", "chat"),
                text("gen_ai.request.model", &outcome.model),
                count("gen_ai.usage.input_tokens", sample.usage.prompt),
                count("gen_ai.usage.output_tokens", sample.usage.completion),
                count("outthink.sample", u64::from(sample.id)),
                text("outthink.sample.status", &state),
            ],
            "status": status,
        }));
    }
    spans
}

/// When each sample was drawn: those of a decision are numbered in its order.
fn drawn_at(outcome: &Outcome) -> Vec<f64> {
    let mut drawn = Vec::new();
    for event in &outcome.trace {
        for step in &event.decision.steps {
            let count = match step {
                Step::Sample { count, .. } => *count,
                Step::Continue { .. } | Step::Read { .. } => 1,
                _ => 0,
            };
            drawn.extend((0..count).map(|_| event.seconds));
        }
    }
    drawn
}

/// The name of a span: 8 bytes from those of the request and its number.
fn span_id(request: &str, number: u64) -> String {
    let seed = request.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(1);
    format!("{:016x}", outthink_core::derive_seed(seed, number).max(1))
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// Integers are texts in the JSON form of OTLP.
fn count(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_goes_on_and_a_broken_one_does_not() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = Parent::read(Some(header), "own");
        assert_eq!(parent.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.span.as_deref(), Some("00f067aa0ba902b7"));
        assert!(parent.is_kept(0.5) && !parent.is_kept(0.0));
        for broken in ["", "00-xyz", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "ff-4bf9-00f0-01"] {
            assert_eq!(Parent::read(Some(broken), "own").trace, "own");
        }
    }

    #[test]
    fn a_share_of_the_traces_is_kept() {
        let kept = (0..2_000u64)
            .filter(|&i| {
                let name =
                    format!("{:016x}{:016x}", outthink_core::derive_seed(1, i), outthink_core::derive_seed(2, i));
                Parent::read(None, &name).is_kept(0.25)
            })
            .count();
        // 5 standard errors of 19.4.
        assert!((403..=597).contains(&kept), "{kept}");
    }
}
