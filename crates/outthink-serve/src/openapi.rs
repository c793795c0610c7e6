//! The document of the interface, `/openapi.json`: paths and bodies as they are written in `openapi.json`; the
//! efforts, the fields of a plan, the settings of strategies and the verifiers from their entries.

use crate::api::beside;
use outthink_core::Effort;
use outthink_strategy::{PLAN_FIELDS, ThinkingPlan};
use outthink_verify::VerifierSpec;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// What is written by hand: everything that no entry describes.
const BY_HAND: &str = include_str!("openapi.json");

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
    TEXT.get_or_init(|| document().map_or_else(|| BY_HAND.to_owned(), |document| document.to_string()))
}

fn document() -> Option<Value> {
    let mut document: Value = serde_json::from_str(BY_HAND).ok()?;
    let schemas = document.pointer_mut("/components/schemas")?.as_object_mut()?;
    schemas.insert("Effort".to_owned(), efforts());
    schemas.insert("Verifier".to_owned(), VerifierSpec::json_schema());
    schemas.insert("Outthink".to_owned(), object());
    Some(document)
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
