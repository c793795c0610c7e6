//! The JSON schema of the file, and an example that holds every section.

use super::Config;
use outthink_core::Effort;
use outthink_strategy::registry;
use serde_json::{Value, json};

/// The JSON schema of `outthink.toml`, for editors.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    // What entries describe: the names of efforts, which are the keys of that table, and of strategies.
    let efforts: Vec<&str> = Effort::ALL.iter().map(|e| e.name()).collect();
    let strategies: Vec<&str> = registry::names().collect();
    for (place, key, value) in [
        ("/properties/efforts", "propertyNames", json!({ "enum": efforts })),
        ("/$defs/Defaults/properties/effort", "enum", json!(efforts)),
        ("/$defs/EffortSettings/properties/strategy", "enum", with_null(&strategies)),
    ] {
        if let Some(schema) = schema.pointer_mut(place).and_then(Value::as_object_mut) {
            schema.insert(key.into(), value);
        }
    }
    schema
}

/// Names that may be left out.
fn with_null(names: &[&str]) -> Value {
    names.iter().map(|name| json!(name)).chain([Value::Null]).collect()
}

/// An example with every section and each key's meaning.
pub const fn example() -> &'static str {
    include_str!("example.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_all_efforts_and_strategies() {
        let schema = json_schema();
        let of = |place: &str| schema.pointer(place).and_then(Value::as_array).map_or(0, Vec::len);
        assert_eq!(of("/properties/efforts/propertyNames/enum"), Effort::ALL.len());
        assert_eq!(of("/$defs/Defaults/properties/effort/enum"), Effort::ALL.len());
        assert_eq!(of("/$defs/EffortSettings/properties/strategy/enum"), registry::REGISTRY.len() + 1);
    }
}
