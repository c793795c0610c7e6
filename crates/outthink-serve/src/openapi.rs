//! The document of the interface, `/openapi.json`. Each protocol describes its paths and bodies in the `openapi.json` of
//! its folder, and names of the errors only their statuses; what all share is in the one next to this file. The efforts,
//! the fields of a plan, the settings of strategies and the verifiers come from their entries.

use crate::api::{self, beside};
use outthink_core::Effort;
use outthink_strategy::{PLAN_FIELDS, ThinkingPlan};
use outthink_verify::VerifierSpec;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// What belongs to no protocol.
const SHARED: &str = include_str!("openapi.json");

/// What a status of an error means, wherever it comes.
const STATUSES: [(u16, &str); 15] = [
    (400, "What was asked cannot be done; `param` names the field"),
    (401, "A key is missing or wrong"),
    (402, "The session's budget is spent; it is not renewed"),
    (403, "The key does not allow this"),
    (404, "Nothing of this name is here"),
    (408, "The body did not come in time"),
    (409, "Not possible as things stand"),
    (413, "The body is too large"),
    (422, "The engine refused the request"),
    (429, "Too much runs or waits, or a limit is reached; see Retry-After"),
    (500, "A fault of the gateway"),
    (501, "The gateway has no ledger to keep it in"),
    (502, "The engine failed"),
    (503, "No engine is ready"),
    (504, "The engine did not answer in time"),
];

/// Fields of a plan that the API has outside of the `outthink` object, by the names that clients know.
pub(crate) const OUTSIDE: [&str; 1] = ["max_tokens"];

/// The keys of the `outthink` object.
pub(crate) fn keys() -> impl Iterator<Item = &'static str> {
    let plan = PLAN_FIELDS.settings.iter().map(|s| s.name).filter(|name| !OUTSIDE.contains(name));
    plan.chain(["settings"]).chain(beside::FIELDS.iter().map(|field| field.name))
}

/// The document.
pub(crate) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| document().unwrap_or_default().to_string())
}

fn document() -> serde_json::Result<Value> {
    let mut document = part(SHARED)?;
    for text in api::DOCUMENTS {
        merge(&mut document, part(text)?);
    }
    let schemas = &mut document["components"]["schemas"];
    schemas["Effort"] = efforts();
    schemas["Verifier"] = VerifierSpec::json_schema();
    schemas["Outthink"] = object();
    Ok(document)
}

/// A part of the document, with what `errors` of its operations stand for.
fn part(text: &str) -> serde_json::Result<Value> {
    let mut part: Map<String, Value> = serde_json::from_str(text)?;
    let schema = part.shift_remove("error").unwrap_or_else(|| "Error".into());
    let reference = format!("#/components/schemas/{}", schema.as_str().unwrap_or_default());
    let paths = part.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    for operation in paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let Some(Value::Array(errors)) = operation.as_object_mut().and_then(|o| o.shift_remove("errors")) else {
            continue;
        };
        for status in errors.iter().filter_map(Value::as_u64) {
            let Some((_, means)) = STATUSES.iter().find(|(known, _)| u64::from(*known) == status) else { continue };
            operation["responses"][status.to_string()] = json!({
                "description": means,
                "content": {"application/json": {"schema": {"$ref": reference}}},
            });
        }
    }
    Ok(part.into())
}

/// Adds the fields of one object to another, objects within them by the same rule.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn efforts() -> Value {
    let names: Vec<&str> = Effort::ALL.iter().map(|e| e.name()).collect();
    let lines: Vec<String> = Effort::ALL.iter().map(|e| format!("{}: {}", e.name(), e.entry().line)).collect();
    json!({"type": "string", "enum": names, "description": lines.join("; ")})
}

/// The `outthink` object.
fn object() -> Value {
    let mut schema = ThinkingPlan::json_schema();
    if let Some(properties) = schema["properties"].as_object_mut() {
        for name in OUTSIDE {
            properties.shift_remove(name);
        }
        properties.insert("effort".to_owned(), json!({"$ref": "#/components/schemas/Effort"}));
        properties.extend(beside::FIELDS.iter().map(|field| (field.name.to_owned(), (field.schema)())));
        let fields: Map<String, Value> = std::mem::take(properties);
        // Fields that are null count as absent.
        *properties =
            fields.into_iter().map(|(name, field)| (name, json!({"anyOf": [field, {"type": "null"}]}))).collect();
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places of a document that its references name.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|v| references(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document: Value = serde_json::from_str(text()).unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_part_is_read_and_every_status_is_known() {
        for text in api::DOCUMENTS.iter().chain([&SHARED]) {
            let read = part(text).unwrap();
            assert!(read["paths"].as_object().is_some_and(|paths| !paths.is_empty()), "{text}");
            let written: Value = serde_json::from_str(text).unwrap();
            for operation in
                written["paths"].as_object().unwrap().values().flat_map(|p| p.as_object().unwrap().values())
            {
                for status in operation["errors"].as_array().into_iter().flatten() {
                    assert!(STATUSES.iter().any(|(known, _)| status == known), "{status} in {operation}");
                }
            }
        }
        assert!(!text().contains("\"errors\":["));
    }

    #[test]
    fn it_names_every_effort_strategy_setting_and_verifier() {
        let document: Value = serde_json::from_str(text()).unwrap();
        let of = |pointer: &str| document.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        assert_eq!(of("/components/schemas/Effort/enum").as_array().unwrap().len(), Effort::ALL.len());
        let fields = of("/components/schemas/Outthink/properties").as_object().unwrap();
        assert_eq!(fields.keys().map(String::as_str).collect::<Vec<_>>().len(), keys().count());
        assert!(keys().all(|key| fields.contains_key(key)));
        let strategies = of("/components/schemas/Outthink/properties/strategy/anyOf/0/enum");
        assert!(outthink_strategy::registry::names().all(|n| strategies.as_array().unwrap().contains(&n.into())));
    }
}
