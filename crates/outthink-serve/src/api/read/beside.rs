//! What a request brings along or names next to its model: verifiers and arms.

use super::fields::{Fields, describe};
use crate::error::ApiError;
use crate::run::{ArmAsked, Judge, wrong};
use outthink_verify::{Checker, Countdown, Numeric, Pattern, Schema};
use serde_json::{Map, Value};

/// Verifiers of one request at most.
const MOST_VERIFIERS: usize = 8;

/// Arms of one request at most, next to its model.
const MOST_ARMS: usize = 7;

const RULES: &str = "a verifier's name, or an object with one of the keys numeric, pattern, json_schema, countdown \
                     and python_tests";

/// The verifiers of an `outthink` object; `None` where it names none.
pub(super) fn judges(own: &mut Fields) -> Result<Option<Vec<Judge>>, ApiError> {
    let Some(list) = list(own, "verifiers", MOST_VERIFIERS)? else { return Ok(None) };
    let one = |(i, value): (usize, Value)| match value {
        Value::String(name) => Ok(Judge::Named(name)),
        Value::Object(map) => rule(map, i),
        other => Err(wrong("verifiers", i, &format!("is {}: give {RULES}", describe(&other)))),
    };
    list.into_iter().enumerate().map(one).collect::<Result<_, _>>().map(Some)
}

fn rule(map: Map<String, Value>, i: usize) -> Result<Judge, ApiError> {
    let mut entries = map.into_iter();
    let (Some((key, value)), None) = (entries.next(), entries.next()) else {
        return Err(wrong("verifiers", i, &format!("has not exactly one key: give {RULES}")));
    };
    let bad = |e: &outthink_verify::CheckerError| wrong("verifiers", i, &format!("cannot be used: {e}"));
    let text = || value.as_str().ok_or_else(|| wrong("verifiers", i, &format!("has no text as its {key}")));
    Ok(match key.as_str() {
        "numeric" => {
            let answer = match &value {
                Value::Number(number) => number.to_string(),
                _ => text()?.to_owned(),
            };
            Judge::Exact(Checker::Numeric(Numeric::new(&answer).map_err(|e| bad(&e))?))
        }
        "pattern" => Judge::Exact(Checker::Pattern(Pattern::new(text()?).map_err(|e| bad(&e))?)),
        "json_schema" => Judge::Exact(Checker::JsonSchema(Schema::new(&value).map_err(|e| wrong("verifiers", i, &format!("cannot be used: {e}")))?)),
        "countdown" => {
            let numbers: Option<Vec<u64>> =
                value["numbers"].as_array().and_then(|list| list.iter().map(Value::as_u64).collect());
            let (Some(numbers), Some(target)) = (numbers, value["target"].as_i64()) else {
                let words = r#"is no game: give {"countdown": {"target": 24, "numbers": [4, 9, 10, 13]}}"#;
                return Err(wrong("verifiers", i, words));
            };
            Judge::Exact(Checker::Countdown(Countdown::new(&numbers, target).map_err(|e| bad(&e))?))
        }
        "python_tests" => Judge::Python(text()?.to_owned()),
        _ => return Err(wrong("verifiers", i, &format!("is of no known kind: give {RULES}"))),
    })
}

/// The arms of an `outthink` object; `None` where it names none.
pub(super) fn arms(own: &mut Fields) -> Result<Option<Vec<ArmAsked>>, ApiError> {
    let Some(list) = list(own, "arms", MOST_ARMS)? else { return Ok(None) };
    let one = |(i, value): (usize, Value)| match value {
        Value::String(model) => Ok(ArmAsked { model: Some(model), system: None }),
        Value::Object(mut map) => {
            let mut text = |key: &str| match map.shift_remove(key) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
                Some(_) => Err(wrong("arms", i, &format!("has no text as its {key}"))),
            };
            let arm = ArmAsked { model: text("model")?, system: text("system")? };
            if !map.is_empty() || arm == (ArmAsked { model: None, system: None }) {
                return Err(wrong("arms", i, "names nothing or something unknown: give model, system or both"));
            }
            Ok(arm)
        }
        other => Err(wrong("arms", i, &format!("is {}: give a model's name or an object", describe(&other)))),
    };
    list.into_iter().enumerate().map(one).collect::<Result<_, _>>().map(Some)
}

/// A list of at most `most` entries.
fn list(own: &mut Fields, key: &str, most: usize) -> Result<Option<Vec<Value>>, ApiError> {
    let (path, taken) = (own.path(key), own.take(key));
    match taken {
        None => Ok(None),
        Some(Value::Array(list)) if list.len() <= most => Ok(Some(list)),
        Some(Value::Array(list)) => {
            Err(ApiError::invalid(&path, format!("{path} holds {} entries: give at most {most}", list.len())))
        }
        Some(other) => Err(ApiError::invalid(&path, format!("{path} is {}: give an array", describe(&other)))),
    }
}
