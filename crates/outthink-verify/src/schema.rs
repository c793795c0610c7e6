//! Whether a JSON value holds to a JSON Schema, as far as structured outputs go.

use serde_json::{Map, Value};

/// Deeper values and references are not looked into.
const MAX_DEPTH: usize = 64;
/// Comparisons of a value with a schema at most; what is beyond counts as holding.
const FUEL: usize = 100_000;

/// A JSON Schema of the kind that structured outputs and tools are given.
///
/// Checked: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`,
/// `prefixItems`, `anyOf`, `oneOf`, `allOf`, `not`, `$ref` within the schema, and the bounds on
/// numbers, texts, arrays and objects. Not checked, and so never a reason to refuse: `pattern`,
/// `format` and all other words.
///
/// ```
/// use outthink_verify::Schema;
/// use serde_json::json;
///
/// let schema = Schema::new(json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}));
/// assert!(schema.accepts(&json!({"n": 4})));
/// assert!(!schema.accepts(&json!({"n": "four"})));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Schema(Value);

impl Schema {
    /// Takes a schema as it is; one that is not valid accepts what its valid parts accept.
    pub const fn new(schema: Value) -> Self {
        Self(schema)
    }

    /// Whether a value holds to it.
    pub fn accepts(&self, value: &Value) -> bool {
        Check { root: &self.0, fuel: FUEL }.holds(&self.0, value, 0)
    }
}

struct Check<'a> {
    root: &'a Value,
    fuel: usize,
}

impl Check<'_> {
    fn holds(&mut self, schema: &Value, value: &Value, depth: usize) -> bool {
        if depth >= MAX_DEPTH || self.fuel == 0 {
            return true;
        }
        self.fuel -= 1;
        let schema = match schema {
            Value::Bool(all) => return *all,
            Value::Object(schema) => schema,
            _ => return true,
        };
        is_of_type(schema, value)
            && schema.get("enum").and_then(Value::as_array).is_none_or(|any| any.iter().any(|e| same(e, value)))
            && schema.get("const").is_none_or(|one| same(one, value))
            && bounds(schema, value)
            && self.combined(schema, value, depth)
            && match value {
                Value::Object(object) => self.object(schema, object, depth),
                Value::Array(items) => self.array(schema, items, depth),
                _ => true,
            }
    }

    fn combined(&mut self, schema: &Map<String, Value>, value: &Value, depth: usize) -> bool {
        let list = |name: &str| schema.get(name).and_then(Value::as_array);
        if let Some(Value::String(target)) = schema.get("$ref") {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            if target.is_some_and(|target| !self.holds(target, value, depth + 1)) {
                return false;
            }
        }
        if let Some(any) = list("anyOf")
            && !any.iter().any(|s| self.holds(s, value, depth + 1))
        {
            return false;
        }
        if let Some(one) = list("oneOf")
            && one.iter().filter(|s| self.holds(s, value, depth + 1)).count() != 1
        {
            return false;
        }
        if let Some(all) = list("allOf")
            && !all.iter().all(|s| self.holds(s, value, depth + 1))
        {
            return false;
        }
        schema.get("not").is_none_or(|not| !self.holds(not, value, depth + 1))
    }

    fn object(&mut self, schema: &Map<String, Value>, object: &Map<String, Value>, depth: usize) -> bool {
        let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if !required.iter().filter_map(Value::as_str).all(|name| object.contains_key(name)) {
            return false;
        }
        let known = schema.get("properties").and_then(Value::as_object);
        for (name, value) in object {
            let own = known.and_then(|known| known.get(name));
            // Names that a pattern may allow are not judged.
            let rest = schema.get("additionalProperties").filter(|_| !schema.contains_key("patternProperties"));
            if own.or(rest).is_some_and(|own| !self.holds(own, value, depth + 1)) {
                return false;
            }
        }
        true
    }

    fn array(&mut self, schema: &Map<String, Value>, items: &[Value], depth: usize) -> bool {
        let first = schema.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let rest = schema.get("items");
        let mut all = items.iter().enumerate();
        all.all(|(index, item)| first.get(index).or(rest).is_none_or(|own| self.holds(own, item, depth + 1)))
    }
}

fn is_of_type(schema: &Map<String, Value>, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|f| f.fract() == 0.0),
        _ => true,
    };
    match schema.get("type") {
        Some(Value::String(name)) => is(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

/// Equality by value: 1 and 1.0 are the same.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

fn bounds(schema: &Map<String, Value>, value: &Value) -> bool {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let within = |size: f64, least: &str, most: &str| {
        bound(least).is_none_or(|least| size >= least) && bound(most).is_none_or(|most| size <= most)
    };
    match value {
        Value::Number(number) => {
            let Some(number) = number.as_f64() else { return true };
            within(number, "minimum", "maximum")
                && bound("exclusiveMinimum").is_none_or(|least| number > least)
                && bound("exclusiveMaximum").is_none_or(|most| number < most)
                && bound("multipleOf").filter(|step| *step > 0.0).is_none_or(|step| {
                    let times = number / step;
                    (times - times.round()).abs() <= 1e-9 * times.abs().max(1.0)
                })
        }
        Value::String(text) => within(text.chars().count() as f64, "minLength", "maxLength"),
        Value::Array(items) => within(items.len() as f64, "minItems", "maxItems"),
        Value::Object(object) => within(object.len() as f64, "minProperties", "maxProperties"),
        Value::Null | Value::Bool(_) => true,
    }
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
            (json!("odd"), json!(1), true),
        ] {
            assert_eq!(Schema::new(schema.clone()).accepts(&value), holds, "{schema} {value}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = Schema::new(json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}));
        assert!(schema.accepts(&json!(1)));
    }
}
