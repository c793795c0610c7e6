//! Requests that are passed on to an engine's server as they are: `/v1/completions` and
//! `/v1/embeddings`. Only the model's name is put in place, and the usage is read on the way.

use crate::access::Caller;
use crate::error::ApiError;
use crate::fields::describe;
use crate::gateway::{Gateway, refused};
use crate::log::{RequestLog, TraceId};
use crate::observe::Bill;
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use outthink_core::{Relay, Relayed, Usage};
use serde_json::{Value, json};

/// Bytes of the end of a reply in which the usage is looked for.
const TAIL: usize = 8 << 10;

/// Passes a request on to `path` below the version.
pub(crate) async fn pass(
    gateway: &Gateway,
    caller: &Caller,
    trace: TraceId,
    path: &'static str,
    body: &[u8],
) -> Response {
    let mut log = RequestLog::new(trace.clone(), path.trim_start_matches('/'));
    match begin(gateway, caller, &trace, &mut log, path, body).await {
        Ok((relayed, bill)) => respond(relayed, log, bill),
        Err(error) => refused(log, error),
    }
}

async fn begin(
    gateway: &Gateway,
    caller: &Caller,
    trace: &TraceId,
    log: &mut RequestLog,
    path: &'static str,
    body: &[u8],
) -> Result<(Relayed, Bill), ApiError> {
    let length = body.len() as u64;
    let mut body: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid_body(format!("the body is not valid JSON: {error}")))?;
    let Some(fields) = body.as_object_mut() else {
        return Err(ApiError::invalid_body(format!("the body is {}: send a JSON object", describe(&body))));
    };
    let model = match fields.get("model") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(other) => {
            return Err(ApiError::invalid("model", format!("model is {}: give a string", describe(other))));
        }
    };
    let engine = gateway.engine(model.as_deref())?;
    fields.insert("model".into(), engine.model().id.as_str().into());
    if fields.get("stream") == Some(&Value::Bool(true)) {
        // Without it the bill of a stream is not known.
        fields.insert("stream_options".into(), json!({ "include_usage": true }));
    }
    log.of(caller, &engine.model().id);
    let most = if path == "/embeddings" { 0 } else { bounded(fields) };
    let engine = gateway.enter(engine, caller, None)?;
    let hold = caller.claim_relay(gateway.control(), &trace.0, engine.model(), (length, most)).await?;
    let bill = Bill::new(&gateway.options.control, engine.model(), log.route(), hold);
    let relay = Relay { path, body: body.to_string().into_bytes(), tokens: most };
    let Some(reply) = engine.relay(relay) else {
        bill.free();
        let words = format!("the engine of {} has no {path}: ask at /v1/chat/completions", engine.model().id);
        let error = ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", words);
        return Err(ApiError { param: Some("model".into()), ..error.with_code("not_supported") });
    };
    match reply.await {
        Ok(reply) => Ok((reply, bill)),
        Err(error) => {
            bill.free();
            Err(ApiError::of_engine(&error))
        }
    }
}

/// Tells the reply as it comes; the log line is written when it has ended, or when the client left.
fn respond(relayed: Relayed, mut log: RequestLog, mut bill: Bill) -> Response {
    let Relayed { content_type, mut body } = relayed;
    let kind = content_type.unwrap_or_else(|| "application/json".to_owned());
    let pieces = async_stream::stream! {
        let mut tail = Vec::new();
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => {
                    keep_tail(&mut tail, &piece);
                    yield Ok(piece);
                }
                // The status is out; a connection that breaks says that the reply is not whole.
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
        }
        let usage = usage_in(&tail);
        log.spent(&usage);
        log.told(200);
        bill.told(&usage);
    };
    ([(CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response()
}

/// Generated tokens of a completion at most; where the request names no bound, it gets one.
fn bounded(fields: &mut serde_json::Map<String, Value>) -> u64 {
    let count = |fields: &serde_json::Map<String, Value>, key: &str| fields.get(key).and_then(Value::as_u64);
    let each = count(fields, "max_tokens").unwrap_or_else(|| {
        let most = outthink_core::Effort::None.plan().max_tokens_per_sample;
        fields.insert("max_tokens".into(), most.into());
        most
    });
    let prompts = fields.get("prompt").and_then(Value::as_array).map_or(1, Vec::len) as u64;
    let choices = count(fields, "n").unwrap_or(1).max(count(fields, "best_of").unwrap_or(1));
    each.saturating_mul(choices).saturating_mul(prompts.max(1))
}

fn keep_tail(tail: &mut Vec<u8>, piece: &[u8]) {
    tail.extend_from_slice(piece);
    if tail.len() > 2 * TAIL {
        tail.drain(..tail.len() - TAIL);
    }
}

/// The usage that a reply tells at its end, whole or streamed.
fn usage_in(tail: &[u8]) -> Usage {
    let text = String::from_utf8_lossy(tail);
    let object = text.rfind("\"usage\":").and_then(|at| {
        let rest = text[at + "\"usage\":".len()..].trim_start();
        serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()
    });
    let count = |name: &str| object.as_ref().and_then(|usage| usage[name].as_u64()).unwrap_or(0);
    Usage {
        prompt: count("prompt_tokens"),
        completion: count("completion_tokens"),
        estimated: object.is_none_or(|usage| !usage.is_object()),
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_is_found_at_the_end() {
        let stream = "data: {\"choices\":[{\"text\":\"\\\"usage\\\": 1\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":9}}\n\ndata: [DONE]\n\n";
        let usage = usage_in(stream.as_bytes());
        assert_eq!((usage.prompt, usage.completion, usage.estimated), (3, 9, false));
        assert!(usage_in(b"{\"data\":[]}").estimated);
        let mut tail = Vec::new();
        for _ in 0..100 {
            keep_tail(&mut tail, &[b'x'; 1000]);
        }
        assert!((TAIL..=2 * TAIL).contains(&tail.len()));
    }
}
