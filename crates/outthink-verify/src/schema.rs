//! Whether a JSON value holds to a JSON Schema: structured outputs, the arguments of tools, and the verifier
//! `json_schema`. The rules are those of the `jsonschema` crate, `pattern` and `format` included.

use serde_json::Value;
use std::sync::Arc;

/// Steps back that one match of a `pattern` may take; beyond them the value does not hold.
const BACKTRACKING: usize = 100_000;

/// A JSON Schema, compiled.
///
/// ```
/// use outthink_verify::Schema;
/// use serde_json::json;
///
/// let schema = Schema::new(&json!({"type": "object", "properties": {"n": {"type": "string", "pattern": "^[0-9]+$"}}}))?;
/// assert!(schema.accepts(&json!({"n": "4"})));
/// assert!(!schema.accepts(&json!({"n": "four"})));
/// # Ok::<(), outthink_verify::SchemaError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Schema(Arc<jsonschema::Validator>);

/// A schema that nothing can be checked by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the JSON schema cannot be used: {0}")]
pub struct SchemaError(String);

impl Schema {
    /// From the schema's JSON. References outside of it are not followed.
    ///
    /// # Errors
    /// If it is no valid schema, refers to what is not in it, or refers to itself without end.
    pub fn new(schema: &Value) -> Result<Self, SchemaError> {
        if let Some(place) = endless(schema) {
            return Err(SchemaError(format!("{place} refers to itself without end")));
        }
        let patterns = jsonschema::PatternOptions::fancy_regex().backtrack_limit(BACKTRACKING);
        let options = jsonschema::options().should_validate_formats(true).with_pattern_options(patterns);
        let validator = options.build(schema).map_err(|error| {
            let text: String = error.to_string().chars().take(300).collect();
            SchemaError(text)
        })?;
        Ok(Self(Arc::new(validator)))
    }

    /// Whether a value holds to it.
    pub fn accepts(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }

    /// Whether a whole reply, or the JSON in its last code fence, holds to it.
    pub fn accepts_reply(&self, reply: &str) -> bool {
        crate::json::last_json(reply).is_some_and(|value| self.accepts(&value))
    }
}

/// The place of a reference that leads back to itself without going deeper into the value.
fn endless(root: &Value) -> Option<String> {
    fn leads_back(root: &Value, schema: &Value, seen: &mut Vec<String>) -> Option<String> {
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).filter(|t| t.starts_with('#')) {
            if seen.iter().any(|s| s == target) {
                return Some(target.to_owned());
            }
            if let Some(next) = root.pointer(&target[1..]) {
                seen.push(target.to_owned());
                let found = leads_back(root, next, seen);
                seen.pop();
                if found.is_some() {
                    return found;
                }
            }
        }
        let lists = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
        let single = ["not", "if", "then", "else"].into_iter().filter_map(|key| schema.get(key));
        lists.chain(single).find_map(|next| leads_back(root, next, seen))
    }
    /// Every schema within a value, whatever it stands under.
    fn walk(root: &Value, value: &Value, depth: usize) -> Option<String> {
        if depth > 128 {
            return None;
        }
        if value.is_object()
            && let Some(found) = leads_back(root, value, &mut Vec::new())
        {
            return Some(found);
        }
        match value {
            Value::Object(map) => map.values().find_map(|v| walk(root, v, depth + 1)),
            Value::Array(list) => list.iter().find_map(|v| walk(root, v, depth + 1)),
            _ => None,
        }
    }
    walk(root, root, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_hold_or_do_not() {
        let tree = json!({
            "$defs": {"node": {"type": "object", "required": ["v"], "additionalProperties": false,
                "properties": {"v": {"type": "integer", "minimum": 0}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}},
            "$ref": "#/$defs/node",
        });
        for (schema, value, holds) in [
            (tree.clone(), json!({"v": 1, "next": {"v": 2, "next": null}}), true),
            (tree.clone(), json!({"v": 1, "next": {"v": -2}}), false),
            (tree.clone(), json!({"v": 1, "more": 1}), false),
            (tree, json!({"next": null}), false),
            (json!({"enum": ["a", 1]}), json!(1.0), true),
            (json!({"enum": ["a", 1]}), json!("b"), false),
            (json!({"type": ["string", "null"], "maxLength": 2}), json!("éé"), true),
            (json!({"type": ["string", "null"], "maxLength": 2}), json!("abc"), false),
            (json!({"type": "integer"}), json!(2.0), true),
            (json!({"type": "number", "multipleOf": 0.1, "exclusiveMaximum": 1}), json!(0.3), true),
            (json!({"type": "number", "multipleOf": 0.1, "exclusiveMaximum": 1}), json!(1), false),
            (json!({"type": "array", "items": {"type": "string"}, "minItems": 1}), json!(["a", 2]), false),
            (json!({"type": "array", "prefixItems": [{"const": 1}], "items": false}), json!([1]), true),
            (json!({"type": "array", "prefixItems": [{"const": 1}], "items": false}), json!([1, 2]), false),
            (json!({"oneOf": [{"type": "integer"}, {"minimum": 3}]}), json!(4), false),
            (json!({"allOf": [{"minimum": 1}, {"not": {"const": 2}}]}), json!(2), false),
            (json!(false), json!(1), false),
            (json!({"type": "string", "pattern": "^[A-Z]{3}$"}), json!("abc"), false),
            (json!({"type": "string", "pattern": "^(?!no)"}), json!("yes"), true),
            (json!({"type": "string", "format": "date"}), json!("2026-13-40"), false),
            (json!({"type": "string", "format": "email"}), json!("a@example.org"), true),
            (json!({"type": "object", "propertyNames": {"maxLength": 1}}), json!({"ab": 1}), false),
        ] {
            assert_eq!(Schema::new(&schema).unwrap().accepts(&value), holds, "{schema} {value}");
        }
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        for schema in [
            json!("odd"),
            json!({"type": 7}),
            json!({"type": "string", "pattern": "("}),
            json!({"$ref": "#/$defs/none"}),
            json!({"$ref": "https://example.invalid/schema.json"}),
            json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}),
        ] {
            assert!(Schema::new(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn a_pattern_that_steps_back_for_ever_does_not_hold_up_the_run() {
        let schema = Schema::new(&json!({"pattern": "^(a+)+$(?!b)"})).unwrap();
        assert!(!schema.accepts(&json!(format!("{}!", "a".repeat(5_000)))));
    }
}
