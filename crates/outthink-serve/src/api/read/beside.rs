//! What a request brings along or names next to its model: verifiers and arms.

use super::fields::{Fields, describe};
use crate::config::ITSELF;
use crate::error::ApiError;
use crate::openapi::{MOST_ARMS, MOST_VERIFIERS};
use crate::run::{ArmAsked, Judge, wrong};
use outthink_core::Effort;
use outthink_verify::VerifierSpec;
use serde_json::Value;

/// The verifiers of an `outthink` object; `None` where it names none.
pub(super) fn judges(own: &mut Fields) -> Result<Option<Vec<Judge>>, ApiError> {
    let Some(list) = list(own, "verifiers", MOST_VERIFIERS)? else { return Ok(None) };
    list.iter().enumerate().map(|(i, value)| judge(value, i)).collect::<Result<_, _>>().map(Some)
}

fn judge(value: &Value, i: usize) -> Result<Judge, ApiError> {
    match VerifierSpec::from_request(value) {
        Ok(VerifierSpec::Rule(rule)) => Ok(Judge::Exact(rule)),
        Ok(VerifierSpec::PythonTests(tests)) => Ok(Judge::Python(tests)),
        Ok(VerifierSpec::Itself) => Ok(Judge::Named(ITSELF.to_owned())),
        Ok(VerifierSpec::Named(name)) => Ok(Judge::Named(name)),
        Ok(_) => Err(wrong("verifiers", i, "is set up by the operator: ask for it by the name that it got")),
        Err(error) => Err(wrong("verifiers", i, &format!("cannot be used: {error}"))),
    }
}

/// The arms of an `outthink` object; `None` where it names none.
pub(super) fn arms(own: &mut Fields) -> Result<Option<Vec<ArmAsked>>, ApiError> {
    let Some(list) = list(own, "arms", MOST_ARMS)? else { return Ok(None) };
    let one = |(i, value): (usize, Value)| match value {
        Value::String(model) => Ok(ArmAsked { model: Some(model), ..ArmAsked::default() }),
        Value::Object(mut map) => {
            let mut text = |key: &str| match map.shift_remove(key) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
                Some(_) => Err(wrong("arms", i, &format!("has no text as its {key}"))),
            };
            let (model, system) = (text("model")?, text("system")?);
            let effort = text("effort")?.map(|word| word.parse::<Effort>()).transpose();
            let effort = effort.map_err(|error| wrong("arms", i, &format!("has an {error}")))?;
            let arm = ArmAsked { model, effort, system };
            if !map.is_empty() || arm == ArmAsked::default() {
                return Err(wrong("arms", i, "names nothing or something unknown: give model, effort, system or more"));
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
