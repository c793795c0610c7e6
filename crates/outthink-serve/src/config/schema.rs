//! The JSON schema of the file, and an example that holds every section.

use super::Config;
use outthink_core::Effort;
use serde_json::{Value, json};

/// The JSON schema of `outthink.toml`, for editors.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    // The names of efforts are the keys of that table.
    let efforts: Vec<&str> = Effort::ALL.iter().map(|e| e.name()).collect();
    for (place, key, value) in [
        ("/properties/efforts", "propertyNames", json!({ "enum": efforts })),
        ("/$defs/Defaults/properties/effort", "enum", json!(efforts)),
    ] {
        if let Some(schema) = schema.pointer_mut(place).and_then(Value::as_object_mut) {
            schema.insert(key.into(), value);
        }
    }
    schema
}

/// An example with every section and each key's meaning.
pub const fn example() -> &'static str {
    include_str!("example.toml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_strategy::registry;

    #[test]
    fn the_schema_names_all_efforts_and_strategies() {
        let schema = json_schema();
        let of = |place: &str| schema.pointer(place).and_then(Value::as_array).map_or(0, Vec::len);
        assert_eq!(of("/properties/efforts/propertyNames/enum"), Effort::ALL.len());
        assert_eq!(of("/$defs/Defaults/properties/effort/enum"), Effort::ALL.len());
        assert_eq!(of("/$defs/EffortSettings/properties/strategy/enum"), registry::REGISTRY.len());
    }
}
