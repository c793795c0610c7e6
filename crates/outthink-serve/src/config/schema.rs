//! The JSON schema of the file, and an example that holds every section.

use super::Config;
use serde_json::Value;

/// The JSON schema of `outthink.toml`, for editors.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    // The names of efforts are the only keys of that table.
    if let Some(efforts) = schema.pointer_mut("/properties/efforts").and_then(Value::as_object_mut) {
        let names: Vec<&str> = outthink_core::Effort::ALL.iter().map(|e| e.name()).collect();
        efforts.insert("propertyNames".into(), serde_json::json!({ "enum": names }));
    }
    schema
}

/// An example with every section and each key's meaning.
pub const fn example() -> &'static str {
    include_str!("example.toml")
}
