//! From messages to the text that the model reads, and from response formats to grammars.

use llama_cpp_2::model::{LlamaChatMessage, LlamaChatTemplate, LlamaModel};
use outthink_core::{EngineError, Origin, Prompt};
use serde_json::Value;

/// The chat template of the small models that outthink trains: llama.cpp has no name for it, and runs no
/// Jinja here.
const LAST_MESSAGE: &str = "{{ messages[-1]['content'] | trim }}\n<think>";

fn caller(message: impl Into<String>) -> EngineError {
    EngineError::new(Origin::Caller, message)
}

/// The prompt as text, up to where the reply begins, by the model's own chat template; `ChatML`
/// where it has none that llama.cpp knows.
pub(crate) fn render(model: &LlamaModel, prompt: &Prompt) -> Result<String, EngineError> {
    if prompt.has_tools() {
        return Err(caller("the embedded engine does not support tools yet")
            .with_hint("leave out `tools`, or use a server's engine"));
    }
    if prompt.messages.is_empty() {
        return Err(caller("the prompt has no message").with_hint("give at least one message of the user"));
    }
    let mut turns = Vec::with_capacity(prompt.messages.len());
    for (index, message) in prompt.messages.iter().enumerate() {
        let role = message["role"].as_str().ok_or_else(|| caller(format!("message {index} has no `role`")))?;
        turns.push((role.to_owned(), content_text(index, &message["content"])?));
    }
    if let Ok(template) = model.chat_template(None) {
        if template.to_str() == Ok(LAST_MESSAGE) {
            return Ok(last_message(&turns));
        }
        let chat: Result<Vec<_>, _> =
            turns.iter().map(|(role, text)| LlamaChatMessage::new(role.clone(), text.clone())).collect();
        let chat = chat.map_err(|_| {
            caller("a message holds a zero byte").with_hint("take the character U+0000 out of the messages")
        })?;
        if let Some(text) = apply(model, &template, &chat) {
            return Ok(text);
        }
        tracing::debug!("the model's chat template is not known to llama.cpp; ChatML is used instead");
    }
    Ok(chatml(&turns))
}

fn apply(model: &LlamaModel, template: &LlamaChatTemplate, chat: &[LlamaChatMessage]) -> Option<String> {
    model.apply_chat_template(template, chat, true).ok().filter(|text| !text.is_empty())
}

/// The last message as a question, whose thought is opened; such a model knows no system and no turns.
fn last_message(turns: &[(String, String)]) -> String {
    let question = turns.last().map_or("", |(_, text)| text.trim());
    format!("{question}\n<think>")
}

fn chatml(turns: &[(String, String)]) -> String {
    let mut text = String::new();
    for (role, content) in turns {
        text.extend(["<|im_start|>", role, "\n", content, "<|im_end|>\n"]);
    }
    text + "<|im_start|>assistant\n"
}

fn content_text(index: usize, content: &Value) -> Result<String, EngineError> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        Value::Array(parts) => {
            let mut texts = Vec::with_capacity(parts.len());
            for (part, value) in parts.iter().enumerate() {
                texts.push(value["text"].as_str().ok_or_else(|| {
                    let kind = value["type"].as_str().unwrap_or("without a type");
                    caller(format!("part {part} of message {index} is no text but `{kind}`"))
                        .with_hint("the embedded engine reads text only")
                })?);
            }
            Ok(texts.join("\n"))
        }
        _ => Err(caller(format!("the content of message {index} is neither a text nor a list of parts"))),
    }
}

/// The grammar that `response_format` asks for.
pub(crate) fn grammar(prompt: &Prompt) -> Result<Option<String>, EngineError> {
    let Some(format) = prompt.extra.get("response_format").filter(|f| !f.is_null()) else { return Ok(None) };
    let schema = match format["type"].as_str() {
        Some("text") => return Ok(None),
        Some("json_object") => r#"{"type":"object"}"#.to_owned(),
        Some("json_schema") => format["json_schema"]
            .get("schema")
            .ok_or_else(|| caller("`response_format.json_schema` has no `schema`"))?
            .to_string(),
        _ => {
            return Err(caller("unknown `response_format`").with_hint("use text, json_object or json_schema"));
        }
    };
    llama_cpp_2::json_schema_to_grammar(&schema).map(Some).map_err(|_| {
        caller("the JSON schema cannot be made into a grammar").with_hint("use the constructs that llama.cpp knows")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_are_joined_and_others_named() -> Result<(), EngineError> {
        let text = content_text(0, &json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]))?;
        assert_eq!(text, "a\nb");
        let error = content_text(2, &json!([{"type": "image_url"}])).unwrap_err();
        assert!(error.to_string().contains("part 0 of message 2 is no text but `image_url`"), "{error}");
        Ok(())
    }

    #[test]
    fn a_model_of_questions_is_told_the_last_message_alone() {
        let turns = [("system", "Think."), ("user", " 1+2 mod 5\n")];
        let turns = turns.map(|(role, text)| (role.to_owned(), text.to_owned()));
        assert_eq!(last_message(&turns), "1+2 mod 5\n<think>");
    }

    #[test]
    fn chatml_opens_the_reply() {
        let text = chatml(&[("user".to_owned(), "hi".to_owned())]);
        assert_eq!(text, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
    }
}
