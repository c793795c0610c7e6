//! One request of a batch: asked at its route, and its result as a line.

use super::request::Line;
use super::shares::Share;
use super::work::Host;
use crate::error::ApiError;
use crate::observe::TraceId;
use crate::run::Caller;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::IntoResponse;
use hyper::service::Service as _;
use outthink_core::{parse_json, restore_integers};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a server may ask to be left alone.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// A request that is to be asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Its line in the input, from 0.
    pub(super) number: u64,
    pub(super) text: String,
    /// What it may spend.
    pub(super) share: Share,
}

/// How a request ended.
#[derive(Debug)]
pub(super) enum End {
    /// With a result, and whether that is a good one.
    Result(String, bool),
    /// It came too early and is asked again after this time.
    Again(Duration),
}

/// Asks one request for its owner.
pub(super) async fn ask(host: &Host, endpoint: &str, text: &str, (caller, trace): (Caller, TraceId)) -> End {
    let line = match Line::read(text, endpoint) {
        Ok(line) => line,
        // The input was checked; this is for a file that changed under it.
        Err((_, words)) => return End::Result(failed(None, "invalid_line", &words), false),
    };
    let custom_id = line.custom_id.clone();
    let is_stream = line.body.get("stream") == Some(&Value::Bool(true));
    let response = if is_stream {
        ApiError::invalid("stream", "stream is not possible in a batch: leave it out").into_response()
    } else {
        let mut request = Request::post(endpoint).body(Body::from(line.bytes())).unwrap_or_default();
        request.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"));
        let extensions = request.extensions_mut();
        extensions.insert((host.current)());
        extensions.insert(trace.clone());
        extensions.insert(caller);
        let Ok(response) = host.app.call(request).await;
        response
    };
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await;
    let too_early = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&head.status);
    match bytes {
        Err(_) => End::Result(failed(Some(&custom_id), "engine_error", "the reply broke off"), false),
        Ok(_) if too_early => End::Again(pause(&head.headers)),
        Ok(bytes) => {
            let body = parse_json(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
            let line = json!({
                "id": format!("batch_req_{}", trace.0),
                "custom_id": custom_id,
                "response": { "status_code": head.status.as_u16(), "request_id": trace.0, "body": body },
                "error": null,
            });
            End::Result(restore_integers(line.to_string()) + "\n", head.status.is_success())
        }
    }
}

/// When a server wants to be asked again.
fn pause(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
    seconds.map_or(PAUSE.0, Duration::from_secs).clamp(PAUSE.0, PAUSE.1)
}

/// The result of a request that was not asked, or has no reply.
pub(super) fn failed(custom_id: Option<&str>, code: &str, words: &str) -> String {
    let line = json!({
        "id": format!("batch_req_{}", TraceId::fresh().0),
        "custom_id": custom_id,
        "response": null,
        "error": { "code": code, "message": words },
    });
    line.to_string() + "\n"
}

/// The name of a request, as far as it can be read.
pub(super) fn custom_id(text: &str) -> Option<String> {
    parse_json(text.as_bytes()).ok()?.get("custom_id")?.as_str().map(str::to_owned)
}
