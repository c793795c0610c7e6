//! Requests that are passed on to an engine's server as they are: `/v1/completions` and
//! `/v1/embeddings`. Only the model's name is put in place, and the usage is read on the way.

use crate::error::ApiError;
use crate::fields::describe;
use crate::gateway::{Gateway, refused};
use crate::log::RequestLog;
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
    log: RequestLog,
    path: &'static str,
    body: &[u8],
) -> Result<Response, ApiError> {
    match begin(gateway, path, body).await {
        Ok(relayed) => Ok(respond(relayed, log)),
        Err(error) => Ok(refused(log, error)),
    }
}

async fn begin(gateway: &Gateway, path: &'static str, body: &[u8]) -> Result<Relayed, ApiError> {
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
    let relay = Relay { path, body: body.to_string().into_bytes() };
    match engine.relay(relay) {
        Some(reply) => reply.await.map_err(|error| ApiError::of_engine(&error)),
        None => {
            let words = format!("the engine of {} has no {path}: ask at /v1/chat/completions", engine.model().id);
            let error = ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", words);
            Err(ApiError { param: Some("model".into()), ..error.with_code("not_supported") })
        }
    }
}

/// Tells the reply as it comes; the log line is written when it has ended, or when the client left.
fn respond(relayed: Relayed, mut log: RequestLog) -> Response {
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
        log.spent(&usage_in(&tail));
        log.told(200);
    };
    ([(CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response()
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
