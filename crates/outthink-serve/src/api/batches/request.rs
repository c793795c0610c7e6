//! The request of `POST /v1/batches`, and the lines of its file.

use super::object::{Document, Limits};
use super::shares::Share;
use crate::api::read::{Fields, body_object, describe};
use crate::error::ApiError;
use crate::run::{Amount, Gateway};
use outthink_core::{Cost, Room, parse_json, restore_integers};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Paths that requests of a batch may have.
const ENDPOINTS: [&str; 4] = ["/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings"];
/// Names of how long a reply may be.
const LENGTHS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];
/// Requests of a batch at most.
const MOST: u64 = 50_000;
/// Entries of the metadata at most, and letters of their names and values.
const METADATA: (usize, usize, usize) = (16, 64, 512);
/// Seconds that the result of a batch is kept where nothing else is asked for, and the most.
const KEPT: u64 = 30 * 86_400;
/// Problems of an input that are reported.
const PROBLEMS: usize = 100;

/// A request that was understood.
#[derive(Debug)]
pub(super) struct Create {
    pub(super) input: String,
    pub(super) document: Document,
}

impl Create {
    /// Reads a body at `now`.
    pub(super) fn read(body: &[u8], now: u64) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body_object(body, "`input_file_id`, `endpoint` and `completion_window`")?, "");
        let input = required(&mut fields, "input_file_id", "the id of an uploaded file")?;
        let endpoint = required(&mut fields, "endpoint", "/v1/chat/completions for instance")?;
        if !ENDPOINTS.contains(&endpoint.as_str()) {
            let words = format!("endpoint is not possible in a batch: use {}", ENDPOINTS.join(", "));
            return Err(ApiError::invalid("endpoint", words));
        }
        let window = required(&mut fields, "completion_window", "24h for instance")?;
        let seconds = seconds(&window).ok_or_else(|| {
            let words = "completion_window is not a time: give 24h, or another number of m, h or d up to 30d";
            ApiError::invalid("completion_window", words)
        })?;
        let metadata = fields.object("metadata")?;
        check(metadata.as_ref())?;
        let budget = budget(&mut fields)?;
        let kept = kept(&mut fields)?;
        if let Some((name, _)) = fields.rest().into_iter().find(|(_, value)| !value.is_null()) {
            let name: String = name.chars().take(64).collect();
            return Err(ApiError::invalid(&name, format!("{name} is not known: leave it out")));
        }
        let expires = now.saturating_add(seconds);
        Ok(Self {
            input,
            document: Document { endpoint, window, expires, metadata, budget, kept, ..Document::default() },
        })
    }
}

fn required(fields: &mut Fields, name: &str, what: &str) -> Result<String, ApiError> {
    let given = fields.string(name)?.filter(|text| !text.is_empty());
    given.ok_or_else(|| ApiError::invalid(name, format!("{name} is missing: give {what}")))
}

/// Seconds of a window such as `24h`.
fn seconds(window: &str) -> Option<u64> {
    let at = window.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = window.split_at(at);
    let unit = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (60..=KEPT).contains(&seconds).then_some(seconds)
}

fn check(metadata: Option<&Map<String, Value>>) -> Result<(), ApiError> {
    let (entries, name, value) = METADATA;
    let good = |(key, text): (&String, &Value)| {
        key.chars().count() <= name && text.as_str().is_some_and(|text| text.chars().count() <= value)
    };
    if metadata.is_some_and(|map| map.len() > entries || !map.iter().all(good)) {
        let words = format!(
            "metadata holds at most {entries} texts of at most {value} letters under names of at most {name}: shorten it"
        );
        return Err(ApiError::invalid("metadata", words));
    }
    Ok(())
}

/// What the batch as a whole may spend.
fn budget(fields: &mut Fields) -> Result<Limits, ApiError> {
    let Some(own) = fields.object("outthink")? else { return Ok(Limits::default()) };
    let mut own = Fields::new(own, "outthink.");
    let usd = own.number("budget_usd", 0.0, f64::MAX)?;
    let tokens = own.count("budget_tokens", 1)?;
    let cost = match usd {
        None => None,
        Some(usd) => {
            let cost = Cost::from_usd(usd).filter(|cost| !cost.is_zero());
            let words = "outthink.budget_usd pays for nothing: give an amount above 0";
            Some(cost.ok_or_else(|| ApiError::invalid("outthink.budget_usd", words))?.nano())
        }
    };
    if let Some((name, _)) = own.rest().into_iter().find(|(_, value)| !value.is_null()) {
        let path = format!("outthink.{}", name.chars().take(64).collect::<String>());
        let words =
            format!("{path} is not of a batch: give budget_usd or budget_tokens here, and all else in its requests");
        return Err(ApiError::invalid(&path, words));
    }
    Ok(Limits { cost, tokens })
}

/// How long its files are kept.
fn kept(fields: &mut Fields) -> Result<u64, ApiError> {
    let Some(own) = fields.object("output_expires_after")? else { return Ok(KEPT) };
    let mut own = Fields::new(own, "output_expires_after.");
    own.string("anchor")?;
    let seconds = own.count("seconds", 3_600)?.unwrap_or(KEPT);
    if seconds > KEPT {
        let words = format!("output_expires_after.seconds is {seconds}: give at most {KEPT}");
        return Err(ApiError::invalid("output_expires_after.seconds", words));
    }
    Ok(seconds)
}

/// A request of a batch.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) custom_id: String,
    pub(super) body: Map<String, Value>,
}

impl Line {
    /// Reads a line; the field at fault and why, where it is none.
    pub(super) fn read(text: &str, endpoint: &str) -> Result<Self, (Option<&'static str>, String)> {
        let mut map = match parse_json(text.as_bytes()) {
            Ok(Value::Object(map)) => map,
            Ok(other) => return Err((None, format!("the line is {}: give a JSON object", describe(&other)))),
            Err(error) => return Err((None, format!("the line is not valid JSON: {error}"))),
        };
        let Some(custom_id) =
            map.get("custom_id").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned)
        else {
            return Err((Some("custom_id"), "custom_id is missing: give each request a name of its own".to_owned()));
        };
        if map.get("method").is_some_and(|method| method != "POST") {
            return Err((Some("method"), "method is not possible in a batch: use POST".to_owned()));
        }
        if map.get("url").is_some_and(|url| url != endpoint) {
            return Err((Some("url"), format!("url is not the batch's endpoint: use {endpoint}")));
        }
        match map.shift_remove("body") {
            Some(Value::Object(body)) => Ok(Self { custom_id, body }),
            _ => Err((Some("body"), "body is missing: give the request as an object".to_owned())),
        }
    }

    /// What the first sample of a request may cost: its line has no more tokens than bytes, and its reply is as long as the
    /// client allows, or a stretch.
    pub(super) fn need(text: &str, gateway: &Gateway) -> Share {
        let body = parse_json(text.as_bytes()).map(|mut line| line["body"].take()).unwrap_or_default();
        let Ok(engine) = gateway.engine(body["model"].as_str()) else { return Share::default() };
        let named = LENGTHS.iter().find_map(|name| body[*name].as_u64());
        let tokens = named.unwrap_or(Room::STRETCH).min(Room::STRETCH);
        let most = Amount::most(engine.price_bound(), text.len() as u64, tokens);
        Share { cost: Some(most.cost.nano()), tokens: Some(most.tokens), ..Share::default() }
    }

    /// The request's body as it is sent.
    pub(super) fn bytes(self) -> Vec<u8> {
        restore_integers(Value::Object(self.body).to_string()).into_bytes()
    }
}

/// The check of a whole input, line by line.
#[derive(Debug, Default)]
pub(super) struct Check {
    seen: HashSet<String>,
    pub(super) total: u64,
    pub(super) wrong: Vec<Value>,
    #[expect(clippy::option_option, reason = "nothing read yet, several or none, or one of all lines")]
    model: Option<Option<String>>,
}

impl Check {
    /// Takes in a line by its number from 0. Empty ones are no requests.
    pub(super) fn line(&mut self, number: u64, text: &str, endpoint: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.total += 1;
        match Line::read(text, endpoint) {
            Ok(line) => {
                let model = line.body.get("model").and_then(Value::as_str).map(str::to_owned);
                match &self.model {
                    None => self.model = Some(model),
                    Some(known) if *known != model => self.model = Some(None),
                    Some(_) => {}
                }
                if !self.seen.insert(line.custom_id) {
                    let words = "custom_id is that of a line before: give each request a name of its own";
                    self.add("duplicate_custom_id", Some(number), Some("custom_id"), words);
                }
            }
            Err((param, words)) => self.add("invalid_line", Some(number), param, &words),
        }
        if self.total == MOST + 1 {
            let words = format!("the file holds more than {MOST} requests: split it");
            self.add("too_many_requests", None, None, &words);
        }
    }

    /// The model of all requests, where it is one and the same.
    pub(super) fn model(&self) -> Option<String> {
        self.model.clone().flatten()
    }

    fn add(&mut self, code: &str, number: Option<u64>, param: Option<&str>, words: &str) {
        if self.wrong.len() < PROBLEMS {
            let line = number.map(|n| n + 1);
            self.wrong.push(json!({ "code": code, "line": line, "message": words, "param": param }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = "/v1/chat/completions";

    #[test]
    fn a_batch_is_read_with_its_budget_and_its_window() {
        let body = json!({
            "input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h",
            "metadata": {"a": "b"}, "outthink": {"budget_usd": 0.5, "budget_tokens": 9},
            "output_expires_after": {"anchor": "created_at", "seconds": 3600},
        });
        let Create { input, document } = Create::read(body.to_string().as_bytes(), 1_000).unwrap();
        assert_eq!((input.as_str(), document.expires, document.kept), ("file-1", 1_000 + 86_400, 3_600));
        assert_eq!(document.budget, Limits { cost: Some(500_000_000), tokens: Some(9) });
        for (field, value, param) in [
            ("endpoint", json!("/v1/models"), "endpoint"),
            ("completion_window", json!("soon"), "completion_window"),
            ("completion_window", json!("31d"), "completion_window"),
            ("metadata", json!({"a": 1}), "metadata"),
            ("outthink", json!({"budget_usd": 0}), "outthink.budget_usd"),
            ("outthink", json!({"effort": "low"}), "outthink.effort"),
            ("output_expires_after", json!({"seconds": 9_999_999}), "output_expires_after.seconds"),
            ("priority", json!(1), "priority"),
            ("input_file_id", json!(null), "input_file_id"),
        ] {
            let mut body = body.clone();
            body[field] = value;
            let error = Create::read(body.to_string().as_bytes(), 0).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param));
        }
    }

    #[test]
    fn an_input_is_checked_line_by_line() {
        let mut check = Check::default();
        let line =
            |id: &str, model: &str| json!({"custom_id": id, "method": "POST", "url": CHAT, "body": {"model": model}});
        for (number, text) in [
            line("a", "m").to_string(),
            "\n".to_owned(),
            line("a", "m").to_string(),
            json!({"custom_id": "b", "method": "GET", "url": CHAT, "body": {}}).to_string(),
            json!({"custom_id": "c", "url": "/v1/responses", "body": {}}).to_string(),
            json!({"custom_id": "d"}).to_string(),
            "[1]".to_owned(),
            "{".to_owned(),
            "{}".to_owned(),
        ]
        .iter()
        .enumerate()
        {
            check.line(number as u64, text, CHAT);
        }
        let at: Vec<(u64, Option<&str>)> =
            check.wrong.iter().map(|w| (w["line"].as_u64().unwrap(), w["param"].as_str())).collect();
        let wanted = [
            (3, Some("custom_id")),
            (4, Some("method")),
            (5, Some("url")),
            (6, Some("body")),
            (7, None),
            (8, None),
            (9, Some("custom_id")),
        ];
        assert_eq!(at, wanted);
        assert_eq!((check.total, check.model().as_deref()), (8, Some("m")));
    }

    #[test]
    fn large_integers_of_a_request_survive() {
        let text = r#"{"custom_id":"a","body":{"seed":12345678901234567890123}}"#;
        let line = Line::read(text, CHAT).unwrap();
        assert_eq!(line.bytes(), br#"{"seed":12345678901234567890123}"#);
    }
}
