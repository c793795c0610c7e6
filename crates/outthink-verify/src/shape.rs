//! What a reply must look like so that it may be an answer: the schema of a structured output, and
//! the tools that may be called.

use crate::{Schema, SchemaError, find_json_answer, find_tool_call_answer};
use outthink_core::Answer;
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// What the replies to one request must look like. Schemas are compiled when they are first needed.
#[derive(Debug, Clone, Default)]
pub struct ReplyShape {
    json: bool,
    schema: Option<Form>,
    /// The tools by name, each with the schema of its arguments where it has one.
    tools: Vec<(String, Option<Form>)>,
}

/// A schema as it was given, and what became of it.
#[derive(Debug, Clone)]
struct Form {
    given: Value,
    compiled: OnceLock<Result<Schema, SchemaError>>,
}

impl Form {
    fn new(given: &Value) -> Self {
        Self { given: given.clone(), compiled: OnceLock::new() }
    }

    fn compiled(&self) -> &Result<Schema, SchemaError> {
        self.compiled.get_or_init(|| Schema::new(&self.given))
    }

    /// Whether a value holds to it; what cannot be checked does not.
    fn accepts(&self, value: &Value) -> bool {
        self.compiled().as_ref().is_ok_and(|schema| schema.accepts(value))
    }
}

impl ReplyShape {
    /// Reads `response_format` and `tools` from the fields of a request.
    pub fn of_request(fields: &Map<String, Value>) -> Self {
        let format = fields.get("response_format");
        let kind = format.and_then(|f| f["type"].as_str()).unwrap_or_default();
        let schema = format.and_then(|f| f.pointer("/json_schema/schema")).filter(|_| kind == "json_schema");
        let tools = fields.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let tool = |tool: &Value| {
            let function = tool.get("function").or_else(|| tool.get("custom"))?;
            let schema = function.get("parameters").filter(|p| p.is_object()).map(Form::new);
            Some((function["name"].as_str()?.to_owned(), schema))
        };
        Self {
            json: kind.starts_with("json"),
            schema: schema.map(Form::new),
            tools: tools.iter().filter_map(tool).collect(),
        }
    }

    /// Which of the request's schemas nothing can be checked by, if one is: its field and why. A vote over such
    /// replies would take what breaks the schema for an answer, so the request is to be refused.
    pub fn problem(&self) -> Option<(String, SchemaError)> {
        let of = |form: &Form| form.compiled().as_ref().err().cloned();
        let format = self.schema.as_ref().and_then(of).map(|e| ("response_format.json_schema.schema".to_owned(), e));
        let tool = |(name, form): &(String, Option<Form>)| Some((format!("tools: {name}"), of(form.as_ref()?)?));
        format.or_else(|| self.tools.iter().find_map(tool))
    }

    /// Whether replies are JSON.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// The answer of a reply of JSON, unless it breaks the schema.
    pub fn json_answer(&self, content: &str) -> Option<Answer> {
        let answer = find_json_answer(content)?;
        // The canonical text is the value itself.
        let holds = |form: &Form| serde_json::from_str(&answer.text).is_ok_and(|value| form.accepts(&value));
        self.schema.as_ref().is_none_or(holds).then_some(answer)
    }

    /// The answer of tool calls, unless one calls what is not there or with the wrong arguments.
    pub fn call_answer(&self, calls: &Value) -> Option<Answer> {
        let answer = find_tool_call_answer(calls)?;
        calls.as_array()?.iter().all(|call| self.may_call(call)).then_some(answer)
    }

    fn may_call(&self, call: &Value) -> bool {
        if self.tools.is_empty() {
            return true;
        }
        let Some(function) = call.get("function") else { return true };
        let known = self.tools.iter().find(|(name, _)| function["name"] == **name);
        match known {
            None => false,
            Some((_, None)) => true,
            Some((_, Some(form))) => {
                let text = function["arguments"].as_str().unwrap_or_default();
                let text = if text.trim().is_empty() { "{}" } else { text };
                serde_json::from_str(text).is_ok_and(|value| form.accepts(&value))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_breaks_its_schema_is_no_answer() {
        let fields = json!({
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {
                "type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}},
            "tools": [{"type": "function", "function": {"name": "add", "parameters": {
                "type": "object", "required": ["a"], "properties": {"a": {"type": "number"}}}}}],
        });
        let shape = ReplyShape::of_request(fields.as_object().unwrap());
        assert!(shape.is_json());
        assert_eq!(shape.json_answer("```json\n{\"n\": 4}\n```").unwrap().text, "{\"n\":4}");
        assert_eq!(shape.json_answer("{\"n\": \"four\"}"), None);
        assert_eq!(shape.json_answer("four"), None);
        let call = |name: &str, arguments: &str| json!([{"function": {"name": name, "arguments": arguments}}]);
        assert!(shape.call_answer(&call("add", "{\"a\": 1}")).is_some());
        for wrong in [call("add", "{}"), call("add", "{\"a\": "), call("sub", "{\"a\": 1}")] {
            assert_eq!(shape.call_answer(&wrong), None, "{wrong}");
        }
    }
}
