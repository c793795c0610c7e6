//! Replies that are JSON of a given form.

use super::{Checker, CheckerError, Rule};
use crate::Schema;
use crate::spec::{Argument, Costs, NamedBy, VerifierEntry, VerifierSpec};
use outthink_core::{Entry, Paper};
use serde_json::{Value, json};

/// How it is described and read.
pub(crate) const ENTRY: VerifierEntry = VerifierEntry {
    entry: Entry {
        paper: Some(Paper::new("JSON Schema 2020-12", "https://json-schema.org/draft/2020-12")),
        also: &["schema", "json"],
        ..Entry::new(
            "json-schema",
            "1 if the reply, or its last code block, is JSON that fits; references are not followed",
        )
    },
    argument: "FILE",
    example: "json-schema:answer.schema.json",
    key: "json_schema",
    costs: Costs::Nothing,
    named_by: NamedBy::Anyone,
    file: true,
    schema: || json!({"type": ["object", "boolean"], "description": "a JSON schema that the reply must fit"}),
    read: |argument| {
        let schema = match argument {
            Argument::Json(schema) => schema.clone(),
            Argument::Text(text) => serde_json::from_str(text)
                .map_err(|e| CheckerError(format!("the JSON schema is not JSON ({e}): correct it at that place")))?,
            Argument::Bytes(bytes) => serde_json::from_slice(bytes)
                .map_err(|e| CheckerError(format!("the JSON schema is not JSON ({e}): correct it at that place")))?,
        };
        Ok(VerifierSpec::Rule(Checker::new(ENTRY.entry.name, JsonSchema::new(&schema)?)))
    },
};

/// A JSON schema that a whole reply, or the JSON in its last code fence, must fit.
#[derive(Debug, Clone)]
pub struct JsonSchema(Schema);

impl JsonSchema {
    /// From the schema's JSON. References outside of it are not followed.
    ///
    /// # Errors
    /// If nothing can be checked by it.
    pub fn new(schema: &Value) -> Result<Self, CheckerError> {
        Schema::new(schema).map(Self).map_err(|e| CheckerError(format!("{e}: correct it at that place")))
    }

    /// Whether a reply fits.
    pub fn accepts(&self, reply: &str) -> bool {
        self.0.accepts_reply(reply)
    }
}

impl Rule for JsonSchema {
    fn accepts(&self, reply: &str) -> bool {
        Self::accepts(self, reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_must_fit_its_schema() {
        let schema =
            json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}});
        let schema = JsonSchema::new(&schema).unwrap();
        assert!(schema.accepts(r#"{"n": 3}"#));
        assert!(schema.accepts("Here it is:\n```json\n{\"n\": 3}\n```\n"));
        assert!(!schema.accepts(r#"{"n": 0}"#));
        assert!(!schema.accepts("n is 3"));
        assert!(JsonSchema::new(&json!({"type": 7})).is_err());
        assert!(JsonSchema::new(&json!({"$ref": "https://example.invalid/schema.json"})).is_err());
    }
}
