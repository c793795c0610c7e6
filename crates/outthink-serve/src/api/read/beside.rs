//! What a request brings along or names next to its model: verifiers and arms.

use super::fields::{Fields, describe};
use crate::config::ITSELF;
use crate::error::ApiError;
use crate::run::{ArmAsked, Judge, RunRequest, wrong};
use outthink_core::Effort;
use outthink_verify::VerifierSpec;
use serde_json::{Value, json};

/// Verifiers of one request at most.
const MOST_VERIFIERS: usize = 8;

/// Arms of one request at most, beside its model.
const MOST_ARMS: usize = 7;

/// A field of the `outthink` object next to its plan: how it is described and how it is read. A new one is an entry
/// here, a field of [`RunRequest`] and the place that uses it.
pub(crate) struct OwnField {
    pub(crate) name: &'static str,
    /// Its JSON schema.
    pub(crate) schema: fn() -> Value,
    /// Takes it out of the object into the request.
    pub(super) read: fn(&mut Fields, &mut RunRequest) -> Result<(), ApiError>,
}

/// All of them.
pub(crate) const FIELDS: &[OwnField] = &[
    OwnField { name: "verifiers", schema: verifiers_schema, read: verifiers },
    OwnField { name: "arms", schema: arms_schema, read: arms },
    OwnField { name: "session", schema: session_schema, read: session },
];

/// Letters of a session's name at most.
const LONGEST_SESSION: usize = 512;

/// The session whose budget pays for the request, too.
fn session(own: &mut Fields, request: &mut RunRequest) -> Result<(), ApiError> {
    request.session = own.string("session")?;
    match &request.session {
        Some(name) if name.is_empty() || name.chars().count() > LONGEST_SESSION => {
            let words = format!("outthink.session names a session by 1 to {LONGEST_SESSION} letters: give such a name");
            Err(ApiError::invalid("outthink.session", words))
        }
        _ => Ok(()),
    }
}

fn session_schema() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_SESSION,
        "description": "the session (a conversation, the run of an agent) that the request is a part of, where sessions \
                        have a budget; by other names or the first messages where left out",
    })
}

/// What judges samples; an empty list takes away what the effort comes with.
fn verifiers(own: &mut Fields, request: &mut RunRequest) -> Result<(), ApiError> {
    if let Some(list) = list(own, "verifiers", MOST_VERIFIERS)? {
        request.verifiers = list.iter().enumerate().map(|(i, value)| judge(value, i)).collect::<Result<_, _>>()?;
    }
    Ok(())
}

fn verifiers_schema() -> Value {
    json!({
        "type": "array",
        "maxItems": MOST_VERIFIERS,
        "description": "what judges samples",
        "items": {"$ref": "#/components/schemas/Verifier"},
    })
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

/// Models or system messages beside the request's own.
fn arms(own: &mut Fields, request: &mut RunRequest) -> Result<(), ApiError> {
    let Some(list) = list(own, "arms", MOST_ARMS)? else { return Ok(()) };
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
    request.arms = list.into_iter().enumerate().map(one).collect::<Result<_, _>>()?;
    Ok(())
}

fn arms_schema() -> Value {
    let takers = outthink_strategy::registry::that_take(outthink_strategy::registry::Takes::Arms);
    json!({
        "type": "array",
        "maxItems": MOST_ARMS,
        "description": format!("models or system messages beside the request's own, for {takers}"),
        "items": {"anyOf": [
            {"type": "string", "description": "a model, perhaps with an effort: MODEL@EFFORT, or @EFFORT alone"},
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": false,
                "properties": {
                    "model": {"type": "string", "description": "a model; that of the request where left out"},
                    "effort": {"$ref": "#/components/schemas/Effort"},
                    "system": {"type": "string", "description": "the system message instead of the request's"},
                },
            },
        ]},
    })
}

/// A list of at most `most` entries.
fn list(own: &mut Fields, key: &str, most: usize) -> Result<Option<Vec<Value>>, ApiError> {
    let Some(taken) = own.take(key) else { return Ok(None) };
    let path = own.path(key);
    match taken {
        Value::Array(list) if list.len() <= most => Ok(Some(list)),
        Value::Array(list) => {
            Err(ApiError::invalid(&path, format!("{path} holds {} entries: give at most {most}", list.len())))
        }
        other => Err(ApiError::invalid(&path, format!("{path} is {}: give an array", describe(&other)))),
    }
}
