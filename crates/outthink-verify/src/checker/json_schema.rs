//! Replies that are JSON of a given form.

use super::{Checker, CheckerError, Rule};
use crate::Schema;
use crate::spec::{Argument, Costs, NamedBy, VerifierEntry, VerifierSpec};
use outthink_core::{Entry, Paper};
use serde_json::json;

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
        Ok(VerifierSpec::Rule(Checker::new(
            ENTRY.entry.name,
            Schema::new(&schema).map_err(|e| CheckerError(e.to_string()))?,
        )))
    },
};

impl Rule for Schema {
    fn accepts(&self, reply: &str) -> bool {
        self.accepts_reply(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_must_fit_its_schema() {
        let schema =
            json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}});
        let schema = Schema::new(&schema).unwrap();
        assert!(schema.accepts_reply(r#"{"n": 3}"#));
        assert!(schema.accepts_reply("Here it is:\n```json\n{\"n\": 3}\n```\n"));
        assert!(!schema.accepts_reply(r#"{"n": 0}"#));
        assert!(!schema.accepts_reply("n is 3"));
        assert!(Schema::new(&json!({"type": 7})).is_err());
        assert!(Schema::new(&json!({"$ref": "https://example.invalid/schema.json"})).is_err());
    }
}
