//! How long a prompt is, for estimates.

use outthink_core::SampleRequest;
use serde_json::Value;

/// Characters of text in a request's messages and its given beginning; pictures and sound are not counted.
pub(crate) fn prompt_chars(request: &SampleRequest) -> u64 {
    let prefix = request.prefix.as_deref().unwrap_or_default();
    request.prompt.messages.iter().map(text_chars).sum::<u64>() + prefix.chars().count() as u64
}

fn text_chars(message: &Value) -> u64 {
    let chars = |text: &Value| text.as_str().map_or(0, |t| t.chars().count() as u64);
    match &message["content"] {
        Value::Array(parts) => parts.iter().map(|p| chars(&p["text"])).sum(),
        content => chars(content),
    }
}
