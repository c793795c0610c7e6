//! Failures of the server and of the way to it, in words.

use super::Secret;
use super::http::Broken;
use crate::retry;
use outthink_core::{EngineError, Origin};
use serde_json::Value;
use std::time::Duration;

const ADDRESS_HINT: &str = "is this the address of an OpenAI-compatible server? it often ends in /v1";
/// Characters of a server's message that are passed on.
const MESSAGE_LIMIT: usize = 500;

/// Bounds a server's message and takes the key out, should the server have repeated it.
pub(super) fn clean(text: &str, key: Option<&Secret>) -> String {
    let text = text.trim();
    let text = match key.map(Secret::expose) {
        Some(key) if !key.is_empty() => text.replace(key, "***"),
        _ => text.to_owned(),
    };
    match text.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The message of an error object in any of its usual shapes.
fn message_of(body: &Value) -> Option<&str> {
    [&body["error"]["message"], &body["error"], &body["message"], &body["detail"]].into_iter().find_map(Value::as_str)
}

/// A reply with a status that is not a success.
pub(super) fn of_status(status: u16, body: &str, key: Option<&Secret>) -> EngineError {
    let json: Option<Value> = serde_json::from_str(body).ok();
    let message = json.as_ref().and_then(message_of).map_or_else(
        || {
            if json.is_none() { String::new() } else { clean(body, key) }
        },
        |m| clean(m, key),
    );
    let message = if message.is_empty() {
        format!("the engine answered with status {status}")
    } else {
        format!("the engine answered with status {status}: {message}")
    };
    let origin = if matches!(status, 400 | 404 | 413 | 422) { Origin::Caller } else { Origin::Engine };
    let error = EngineError::new(origin, message).with_status(status);
    let error = match status {
        401 | 403 => error.with_hint("check the key of this engine"),
        _ if json.is_none() && !retry::is_transient(status) => error.with_hint(ADDRESS_HINT),
        _ => error,
    };
    if retry::is_transient(status) { error.retryable() } else { error }
}

/// An error object inside a stream.
pub(super) fn in_stream(event: &Value, passed_on: bool, key: Option<&Secret>) -> EngineError {
    let message = message_of(event).map(|m| clean(m, key));
    let message = message.unwrap_or_else(|| clean(&event["error"].to_string(), key));
    let error = EngineError::new(Origin::Engine, format!("the engine failed inside the stream: {message}"));
    let code = &event["error"]["code"];
    let code = code.as_u64().and_then(|c| u16::try_from(c).ok());
    match code {
        Some(code @ (400 | 404 | 422)) => EngineError { origin: Origin::Caller, ..error.with_status(code) },
        Some(code) if retry::is_transient(code) && !passed_on => error.with_status(code).retryable(),
        Some(code) => error.with_status(code),
        None => error,
    }
}

/// A request that got no reply, or a reply that broke off.
pub(super) fn of_transport(broken: Broken, passed_on: bool) -> EngineError {
    let Broken { connect, timeout, cause } = broken;
    let failure = if connect && timeout {
        EngineError::new(Origin::Engine, "no connection to the engine in time")
    } else if connect {
        EngineError::new(Origin::Engine, format!("no connection to the engine: {cause}"))
    } else {
        EngineError::new(Origin::Engine, format!("the connection to the engine broke: {cause}"))
    };
    let failure = if connect { failure.with_hint("is it running, and is its address right?") } else { failure };
    if passed_on { failure } else { failure.retryable() }
}

/// A phase that took too long.
pub(super) fn timeout(phase: &str, limit: Duration, passed_on: bool) -> EngineError {
    let message = format!("{phase} within {} s", limit.as_secs_f64());
    let error = EngineError::new(Origin::Engine, message);
    if passed_on { error } else { error.retryable() }
}

/// A reply that is no event stream.
pub(super) fn not_a_stream(what: &str) -> EngineError {
    EngineError::new(Origin::Engine, format!("the engine answered with {what}")).with_hint(ADDRESS_HINT)
}

/// A stream that ended without saying why.
pub(super) fn broke_off(passed_on: bool) -> EngineError {
    let error = EngineError::new(Origin::Engine, "the engine ended the stream without a finish reason");
    if passed_on { error } else { error.retryable() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_tell_whose_fault_it_is() {
        let body = r#"{"error":{"message":"no such field"}}"#;
        for (status, origin, retryable) in [
            (400, Origin::Caller, false),
            (404, Origin::Caller, false),
            (422, Origin::Caller, false),
            (401, Origin::Engine, false),
            (429, Origin::Engine, true),
            (501, Origin::Engine, false),
            (503, Origin::Engine, true),
        ] {
            let error = of_status(status, body, None);
            assert_eq!((error.origin, error.retryable), (origin, retryable), "{status}");
            assert!(error.message.ends_with("no such field"), "{error}");
        }
        assert!(of_status(401, body, None).to_string().contains("key"));
        assert!(of_status(404, "<html>", None).to_string().contains("/v1"));
    }

    #[test]
    fn messages_are_bounded_and_hold_no_key() {
        let key = Secret::new("sk-é1");
        let text = clean(&format!("bad key sk-é1 {}", "é".repeat(9_000)), Some(&key));
        assert!(text.starts_with("bad key *** ") && text.chars().count() == MESSAGE_LIMIT + 1);
    }
}
