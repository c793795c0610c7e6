//! Failures of the server and of the way to it, in words.

use super::blame::{self, Blame};
use super::http::Broken;
use super::{Secret, repair, secrets};
use crate::retry;
use outthink_core::{EngineError, Origin};
use serde_json::{Map, Value};
use std::time::Duration;

const ADDRESS_HINT: &str = "is this the address of an OpenAI-compatible server? it often ends in /v1";
const KEY_HINT: &str = "check the key of this engine";
/// Characters of a server's message that are passed on.
const MESSAGE_LIMIT: usize = 500;
/// Characters of a server's code, type or field.
const NAME_LIMIT: usize = 120;

/// What the words of a failure begin with where a server sends them in place of JSON.
const PLAIN_WORDS: [&str; 7] =
    ["error", "internal server error", "internal error", "server error", "exception", "traceback", "fatal"];

/// Bounds a server's message and takes keys out, should the server have repeated any.
pub(super) fn clean(text: &str, key: Option<&Secret>) -> String {
    bounded(&secrets::hide(text.trim(), key), MESSAGE_LIMIT)
}

fn bounded(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A reply with a status that is not a success.
#[cfg(test)]
fn of_status(status: u16, body: &str, key: Option<&Secret>) -> EngineError {
    of_refusal(status, None, body, key)
}

/// A reply with a status that is not a success, whose head may name the kind of the error, as AWS does.
pub(super) fn of_refusal(status: u16, named: Option<&str>, body: &str, key: Option<&Secret>) -> EngineError {
    let json = repair::parse(body).map(|(value, _)| value).filter(|value| value.is_object() || value.is_array());
    let mut blame = json.as_ref().map(Blame::read).unwrap_or_default();
    if blame.kind.is_none() {
        // An address may follow the name.
        blame.kind = named.and_then(|name| name.split([':', '#']).next()).map(str::to_owned);
    }
    // Google answers so to a key that it does not know.
    let is_wrong_key = status == 400 && json.as_ref().is_some_and(blame::is_wrong_key);
    let status = if is_wrong_key { 401 } else { status };
    let is_page = is_page(body);
    let plain = if json.is_none() && !is_page { body } else { "" };
    let message = clean(blame.message.as_deref().unwrap_or(plain), key);
    let message = if message.is_empty() {
        format!("the engine answered with status {status}")
    } else {
        format!("the engine answered with status {status}: {message}")
    };
    let error = with(blame, status, message, key);
    match status {
        401 | 403 => error.with_hint(KEY_HINT),
        _ if json.is_none() && (is_page || body.trim().is_empty()) && !retry::is_transient(status) => {
            error.with_hint(ADDRESS_HINT)
        }
        _ => error,
    }
}

/// Whether a text is a page for people.
fn is_page(text: &str) -> bool {
    let begins: String = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
    begins.starts_with("<!doctype")
        || begins.starts_with("<html")
        || begins.starts_with("<?xml")
        || begins.starts_with("<head")
}

/// An error of this status, with all that the server said of it.
fn with(blame: Blame, status: u16, message: String, key: Option<&Secret>) -> EngineError {
    let name = |text: Option<String>| text.map(|t| bounded(&secrets::hide(&t, key), NAME_LIMIT));
    let Blame { code, kind, param, retry_after, .. } = blame;
    let is = |names: &[&str]| [&code, &kind].into_iter().flatten().any(|word| names.contains(&word.as_str()));
    let too_long = is(&blame::TOO_LONG) || (status == 400 && blame::is_too_long(&message));
    // A quota is not there again in seconds.
    let spent = is(&blame::SPENT) || (status == 400 && blame::is_spent(&message));
    let caller = too_long || (matches!(status, 400 | 404 | 413 | 422) && !spent);
    let meant =
        || too_long.then(|| blame::TOO_LONG[0].to_owned()).or_else(|| spent.then(|| blame::SPENT[0].to_owned()));
    let error = EngineError {
        retryable: retry::is_transient(status) && !spent && !too_long,
        elsewhere: too_long || spent || retry::is_elsewhere(status),
        code: name(code).or_else(meant),
        kind: name(kind),
        param: name(param),
        retry_after,
        ..EngineError::new(if caller { Origin::Caller } else { Origin::Engine }, message)
    };
    error.with_status(status)
}

/// Whether the object of an event is an error and nothing else.
pub(super) fn is_error(event: &Map<String, Value>) -> bool {
    let named = event.get("error").is_some_and(is_blame);
    let errors = event.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty());
    let refused = event.get("base_resp").and_then(|b| b["status_code"].as_i64()).is_some_and(|code| code != 0);
    if named || errors || refused {
        return true;
    }
    if event.get("choices").is_some_and(|choices| !choices.is_null()) {
        return false;
    }
    let text = |name: &str| event.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let is_named = |name: &str| text(name).is_some_and(|word| word.to_ascii_lowercase().contains("error"));
    let says = blame::MESSAGES.iter().any(|name| text(name).is_some()) || event.get("detail").is_some_and(is_blame);
    let code = ["code", "status", "status_code", "statusCode"].iter().filter_map(|name| event.get(*name));
    let failed = code.filter_map(blame::status).any(|code| code >= 400)
        || blame::CODES.iter().filter_map(|name| event.get(*name)).any(blame::is_code_of_failure)
        || ["success", "ok"].iter().any(|name| event.get(*name) == Some(&Value::Bool(false)));
    is_named("object") || (says && (is_named("type") || failed)) || (event.len() == 1 && event.contains_key("detail"))
}

/// Whether the value of an `error` field blames anything: null, an empty text and a code of 0 do not.
pub(super) fn is_blame(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => values.iter().any(is_blame),
        Value::Object(map) => map.values().any(is_blame),
    }
}

/// Whether data that are no JSON say in words that the server failed.
pub(super) fn is_said_plainly(data: &str) -> bool {
    if data.starts_with('{') {
        return false;
    }
    let begins = data.trim_start_matches(['[', '"', '*', ' ']).as_bytes();
    let is_word = |word: &str| begins.get(..word.len()).is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes()));
    PLAIN_WORDS.iter().any(|word| is_word(word))
}

/// An event that is named an error, whatever its data are.
pub(super) fn in_event(data: &str, passed_on: bool, key: Option<&Secret>) -> EngineError {
    match repair::parse(data) {
        Some((value @ (Value::Object(_) | Value::Array(_)), _)) => in_stream(&value, passed_on, key),
        Some((Value::String(text), _)) => of_blame(Blame { message: Some(text), ..Blame::default() }, passed_on, key),
        Some(_) => of_blame(Blame::default(), passed_on, key),
        None => of_blame(Blame { message: Some(data.to_owned()), ..Blame::default() }, passed_on, key),
    }
}

/// An error object inside a stream.
pub(super) fn in_stream(event: &Value, passed_on: bool, key: Option<&Secret>) -> EngineError {
    let mut blame = Blame::read(event);
    if blame.message.is_none() {
        let error = &event["error"];
        blame.message = Some(if error.is_null() { event.to_string() } else { error.to_string() });
    }
    of_blame(blame, passed_on, key)
}

fn of_blame(blame: Blame, passed_on: bool, key: Option<&Secret>) -> EngineError {
    let message = blame.message.as_deref().map(|m| clean(m, key)).filter(|m| !m.is_empty());
    let message = message.map_or_else(String::new, |message| format!(": {message}"));
    let message = format!("the engine failed inside the stream{message}");
    let error = match blame.status() {
        Some(status) => with(blame, status, message, key),
        // Of unknown cause: it may be the server's own.
        None => EngineError { status: None, retryable: false, elsewhere: true, ..with(blame, 500, message, key) },
    };
    after_words(error, passed_on)
}

/// An error after which nothing can be tried again if content was passed on.
pub(super) fn after_words(error: EngineError, passed_on: bool) -> EngineError {
    if passed_on { EngineError { retryable: false, elsewhere: false, ..error } } else { error }
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
    after_words(failure.retryable(), passed_on)
}

/// A phase that took too long.
pub(super) fn timeout(phase: &str, limit: Duration, passed_on: bool) -> EngineError {
    let message = format!("{phase} within {} s", limit.as_secs_f64());
    after_words(EngineError::new(Origin::Engine, message).with_code("engine_timeout").retryable(), passed_on)
}

/// A reply that is no event stream.
pub(super) fn not_a_stream(what: &str) -> EngineError {
    EngineError::new(Origin::Engine, format!("the engine answered with {what}")).with_hint(ADDRESS_HINT).elsewhere()
}

/// Events of which none could be read.
pub(super) fn not_json(data: &str, key: Option<&Secret>) -> EngineError {
    let begins = clean(&data.chars().take(80).collect::<String>(), key);
    EngineError::new(Origin::Engine, format!("the engine sent an event that is not a JSON object: {begins}"))
        .elsewhere()
}

/// A stream that ended without saying why.
pub(super) fn broke_off(passed_on: bool) -> EngineError {
    let error = EngineError::new(Origin::Engine, "the engine ended the stream without a finish reason");
    after_words(error.retryable(), passed_on)
}

/// A sample that the server gave up before it had said anything.
pub(super) fn interrupted(word: &str) -> EngineError {
    let word = bounded(word, NAME_LIMIT);
    EngineError::new(Origin::Engine, format!("the engine ended the sample with the finish reason {word}")).retryable()
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
