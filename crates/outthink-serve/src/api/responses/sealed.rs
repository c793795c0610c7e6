//! Reasoning as `encrypted_content`: one text that a client without `store` sends back, so that a tool loop goes on from
//! the model's reasoning.
//!
//! It is encoded and not encrypted. Chat engines give reasoning in the clear, and whoever may read the response may read
//! its reasoning.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value, json};

/// What our texts begin with; texts of others are passed on as they are.
const MARK: &str = "outthink.1.";
/// The engine's field for reasoning in parts, signed or encrypted ones among them.
pub(super) const DETAILS: &str = "reasoning_details";
/// The field for reasoning as text.
pub(super) const TEXT: &str = "reasoning_content";

/// The text for this reasoning; `None` where there is none.
pub(super) fn seal(text: &str, details: &[Value]) -> Option<String> {
    if text.is_empty() && details.is_empty() {
        return None;
    }
    let content = json!({ TEXT: text, DETAILS: details }).to_string();
    Some(format!("{MARK}{}", STANDARD_NO_PAD.encode(content)))
}

/// The fields of a message that a text of [`seal`] stands for; `None` if it is not one.
pub(super) fn open(sealed: &str) -> Option<Map<String, Value>> {
    let bytes = STANDARD_NO_PAD.decode(sealed.strip_prefix(MARK)?).ok()?;
    let Ok(Value::Object(mut content)) = outthink_core::parse_json(&bytes) else { return None };
    let mut fields = Map::new();
    if let Some(text) = content.shift_remove(TEXT).filter(|text| text.as_str().is_some_and(|t| !t.is_empty())) {
        fields.insert(TEXT.into(), text);
    }
    if let Some(details) = content.shift_remove(DETAILS).filter(|d| d.as_array().is_some_and(|d| !d.is_empty())) {
        fields.insert(DETAILS.into(), details);
    }
    Some(fields)
}

/// The reasoning details of a whole reply.
pub(super) fn details(extra: &Map<String, Value>) -> &[Value] {
    extra.get(DETAILS).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Takes in the details of a piece of a stream: entries with the same `index` are one, and their texts are joined.
pub(super) fn gather(all: &mut Vec<Value>, extra: &Map<String, Value>) {
    for piece in details(extra) {
        let same = |have: &&mut Value| piece["index"].is_number() && have["index"] == piece["index"];
        let (Some(Value::Object(have)), Some(piece)) = (all.iter_mut().find(same), piece.as_object()) else {
            all.push(piece.clone());
            continue;
        };
        for (key, value) in piece.iter().filter(|(_, value)| !value.is_null()) {
            match (have.get_mut(key), value) {
                (Some(Value::String(text)), Value::String(more)) if is_text(key) => text.push_str(more),
                _ => _ = have.insert(key.clone(), value.clone()),
            }
        }
    }
}

/// Whether a field of a detail comes in pieces.
fn is_text(key: &str) -> bool {
    matches!(key, "text" | "summary" | "data" | "signature")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        let details = [json!({"type": "reasoning.encrypted", "data": "x"})];
        let sealed = seal("so\u{1f600}", &details).unwrap();
        let opened = open(&sealed).unwrap();
        assert_eq!((&opened[TEXT], &opened[DETAILS]), (&json!("so\u{1f600}"), &json!(details)));
        assert_eq!(open(&seal("a", &[]).unwrap()).unwrap().keys().collect::<Vec<_>>(), [TEXT]);
        assert_eq!(seal("", &[]), None);
        for foreign in ["", "gAAAAAB", "outthink.1.", "outthink.1.???", "outthink.1.e30x", "outthink.1.W10"] {
            assert_eq!(open(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn details_in_pieces_are_joined() {
        let mut all = Vec::new();
        for piece in [
            json!([{"index": 0, "type": "reasoning.text", "text": "so ", "signature": null}]),
            json!([{"index": 0, "type": "reasoning.text", "text": "it is"}]),
            json!([{"index": 0, "signature": "s"}, {"type": "reasoning.encrypted", "data": "x"}]),
        ] {
            let mut extra = Map::new();
            extra.insert(DETAILS.into(), piece);
            gather(&mut all, &extra);
        }
        assert_eq!(
            all,
            [
                json!({"index": 0, "type": "reasoning.text", "text": "so it is", "signature": "s"}),
                json!({"type": "reasoning.encrypted", "data": "x"}),
            ]
        );
    }
}
