//! What a request in the shape of chat completions says, read for those that write it in another one.

use outthink_core::parse_json;
use serde_json::{Map, Value, json};

/// Where the bytes of a picture or a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media<'a> {
    /// Here, in base64.
    Data { mime: &'a str, data: &'a str },
    /// At an address.
    Url(&'a str),
    /// At the server, by this name.
    Id(&'a str),
}

impl<'a> Media<'a> {
    /// From an address, which may hold the data itself.
    pub(crate) fn of(url: &'a str) -> Self {
        let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(','));
        match data.and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data))) {
            Some((mime, data)) => Self::Data { mime: mime.split(';').next().unwrap_or(mime), data },
            None => Self::Url(url),
        }
    }
}

/// A part of a message's content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    Image(Media<'a>),
    File {
        name: Option<&'a str>,
        media: Media<'a>,
    },
    Audio {
        data: &'a str,
        format: &'a str,
    },
    /// One that chat completions do not have; the server may know it.
    Other(&'a Value),
}

/// The parts of a message's content, each with the object that it comes from. Empty texts are none.
pub(crate) fn parts(content: &Value) -> Vec<(Part<'_>, &Value)> {
    match content {
        Value::String(text) if !text.is_empty() => vec![(Part::Text(text), &Value::Null)],
        Value::Array(parts) => parts.iter().filter_map(|value| Some((part(value)?, value))).collect(),
        _ => Vec::new(),
    }
}

fn part(value: &Value) -> Option<Part<'_>> {
    if let Value::String(text) = value {
        return (!text.is_empty()).then_some(Part::Text(text));
    }
    let text = |value: &'static str, of: &'_ Value| of[value].is_string();
    match value["type"].as_str().unwrap_or_default() {
        "text" | "input_text" | "output_text" | "" if text("text", value) => {
            value["text"].as_str().filter(|text| !text.is_empty()).map(Part::Text)
        }
        "refusal" => value["refusal"].as_str().filter(|text| !text.is_empty()).map(Part::Text),
        "image_url" => {
            let url = value["image_url"]["url"].as_str().or_else(|| value["image_url"].as_str());
            Some(url.map_or(Part::Other(value), |url| Part::Image(Media::of(url))))
        }
        "file" => {
            let file = &value["file"];
            let name = file["filename"].as_str();
            let data = file["file_data"].as_str().map(Media::of);
            let media = data.or_else(|| file["file_url"].as_str().map(Media::of));
            let media = media.or_else(|| file["file_id"].as_str().map(Media::Id));
            Some(media.map_or(Part::Other(value), |media| Part::File { name, media }))
        }
        "input_audio" => {
            let audio = &value["input_audio"];
            let data = audio["data"].as_str();
            let format = audio["format"].as_str().unwrap_or("wav");
            Some(data.map_or(Part::Other(value), |data| Part::Audio { data, format }))
        }
        _ => Some(Part::Other(value)),
    }
}

/// A call of a tool in a message of the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    /// An object; what is none is put into one.
    pub(crate) arguments: Value,
    /// All of it.
    pub(crate) whole: &'a Value,
}

/// The calls of a message.
pub(crate) fn calls(message: &Value) -> Vec<Call<'_>> {
    let list = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(call).collect()
}

fn call(whole: &Value) -> Option<Call<'_>> {
    let function = [&whole["function"], &whole["custom"]].into_iter().find(|function| function.is_object())?;
    let given = function["arguments"].as_str().or_else(|| function["input"].as_str()).unwrap_or_default();
    let arguments = match parse_json(given.as_bytes()) {
        Ok(arguments @ Value::Object(_)) => arguments,
        _ if given.trim().is_empty() => json!({}),
        Ok(other) => json!({ "input": other }),
        Err(_) => json!({ "input": given }),
    };
    Some(Call { id: whole["id"].as_str()?, name: function["name"].as_str()?, arguments, whole })
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tool<'a> {
    Function {
        name: &'a str,
        about: Option<&'a str>,
        /// The JSON schema of its arguments.
        schema: Value,
        strict: Option<bool>,
        whole: &'a Value,
    },
    /// One of the server's own, or one that chat completions do not have.
    Other(&'a Value),
}

/// The tools of a request; with `allowed_tools` those that are allowed.
pub(crate) fn tools(extra: &Map<String, Value>) -> Vec<Tool<'_>> {
    let list = extra.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let allowed = extra.get("tool_choice").map(|choice| &choice["allowed_tools"]["tools"]).and_then(Value::as_array);
    let named = |tool: &Value| tool["function"]["name"].as_str().or_else(|| tool["name"].as_str()).map(str::to_owned);
    let is_allowed = |tool: &&Value| allowed.is_none_or(|some| some.iter().any(|a| named(a) == named(tool)));
    list.iter().filter(is_allowed).map(tool).collect()
}

fn tool(whole: &Value) -> Tool<'_> {
    let function = &whole["function"];
    let Some(name) = function["name"].as_str().filter(|_| whole["type"] == "function") else {
        return Tool::Other(whole);
    };
    let schema = function.get("parameters").filter(|parameters| parameters.is_object()).cloned();
    Tool::Function {
        name,
        about: function["description"].as_str().filter(|about| !about.is_empty()),
        schema: schema.unwrap_or_else(|| json!({ "type": "object", "properties": {} })),
        strict: function["strict"].as_bool(),
        whole,
    }
}

/// Which tools the model is to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// Nothing is said.
    Unsaid,
    Auto,
    Never,
    Any,
    Named(&'a str),
}

/// The choice of a tool.
pub(crate) fn choice(extra: &Map<String, Value>) -> Choice<'_> {
    let Some(choice) = extra.get("tool_choice") else { return Choice::Unsaid };
    let of_word = |word: &str| match word {
        "auto" => Choice::Auto,
        "none" => Choice::Never,
        "required" | "any" => Choice::Any,
        _ => Choice::Unsaid,
    };
    if let Some(word) = choice.as_str() {
        return of_word(word);
    }
    let named = ["/function/name", "/custom/name", "/name"].iter().find_map(|at| choice.pointer(at)?.as_str());
    match named {
        Some(name) => Choice::Named(name),
        None => {
            of_word(choice["allowed_tools"]["mode"].as_str().or_else(|| choice["type"].as_str()).unwrap_or_default())
        }
    }
}

/// The form that the reply must have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form<'a> {
    Text,
    Json,
    Schema { name: &'a str, schema: &'a Value },
    Other,
}

/// The form that the reply must have.
pub(crate) fn form(extra: &Map<String, Value>) -> Form<'_> {
    let Some(format) = extra.get("response_format").filter(|f| !f.is_null()) else { return Form::Text };
    let inner = &format["json_schema"];
    match format["type"].as_str() {
        Some("text") => Form::Text,
        Some("json_object") => Form::Json,
        Some("json_schema") if inner["schema"].is_object() => {
            Form::Schema { name: inner["name"].as_str().unwrap_or("reply"), schema: &inner["schema"] }
        }
        _ => Form::Other,
    }
}

/// A block of reasoning that comes back with a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reasoning<'a> {
    /// Text with the server's signature.
    Signed { text: &'a str, signature: &'a str },
    /// What only the server can read.
    Sealed(&'a str),
}

/// The reasoning of a message that can be sent back, in either of the two shapes that clients keep it in.
pub(crate) fn reasoning(message: &Value) -> Vec<Reasoning<'_>> {
    let of = |name: &str| -> Vec<Reasoning<'_>> {
        message[name].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(reasoning_block).collect()
    };
    let blocks = of("thinking_blocks");
    if blocks.is_empty() { of("reasoning_details") } else { blocks }
}

fn reasoning_block(block: &Value) -> Option<Reasoning<'_>> {
    if let Some(data) = block["data"].as_str().filter(|data| !data.is_empty()) {
        return Some(Reasoning::Sealed(data));
    }
    let signature = block["signature"].as_str().filter(|signature| !signature.is_empty())?;
    let text = block["thinking"].as_str().or_else(|| block["text"].as_str()).unwrap_or_default();
    Some(Reasoning::Signed { text, signature })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_and_what_is_not_known_is_kept() {
        let content = json!([
            {"type": "text", "text": "look"}, {"type": "text", "text": ""},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"type": "image_url", "image_url": {"url": "https://h/a.png"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
            {"type": "file", "file": {"file_id": "f1"}},
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
            {"type": "odd", "x": 1},
        ]);
        let read: Vec<Part<'_>> = parts(&content).into_iter().map(|(part, _)| part).collect();
        let data = |mime| Media::Data { mime, data: "QUJD" };
        assert_eq!(
            read,
            [
                Part::Text("look"),
                Part::Image(data("image/png")),
                Part::Image(Media::Url("https://h/a.png")),
                Part::File { name: Some("a.pdf"), media: data("application/pdf") },
                Part::File { name: None, media: Media::Id("f1") },
                Part::Audio { data: "QUJD", format: "mp3" },
                Part::Other(&content[7]),
            ]
        );
    }

    #[test]
    fn arguments_are_objects_whatever_the_model_wrote() {
        let message = json!({"tool_calls": [
            {"id": "a", "function": {"name": "f", "arguments": "{\"x\": 1}"}},
            {"id": "b", "function": {"name": "f", "arguments": ""}},
            {"id": "c", "function": {"name": "f", "arguments": "[1]"}},
            {"id": "d", "function": {"name": "f", "arguments": "{\"x\""}},
        ]});
        let read: Vec<Value> = calls(&message).into_iter().map(|call| call.arguments).collect();
        assert_eq!(read, [json!({"x": 1}), json!({}), json!({"input": [1]}), json!({"input": "{\"x\""})]);
    }

    #[test]
    fn choices_have_many_shapes() {
        for (given, read) in [
            (json!("auto"), Choice::Auto),
            (json!("required"), Choice::Any),
            (json!({"type": "function", "function": {"name": "f"}}), Choice::Named("f")),
            (json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}), Choice::Any),
            (json!("odd"), Choice::Unsaid),
        ] {
            assert_eq!(choice(json!({"tool_choice": given}).as_object().unwrap()), read, "{given}");
        }
    }
}
