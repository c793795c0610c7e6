//! How long a value is as JSON, without writing it.

use serde_json::Value;

/// Bytes that each byte of a text takes within the quotes.
const WRITTEN: [u8; 256] = {
    let mut written = [1; 256];
    let mut byte = 0;
    while byte < 0x20 {
        written[byte] = 6;
        byte += 1;
    }
    // Those that have a letter.
    let short = *b"\"\\\n\r\t\x08\x0c";
    let mut at = 0;
    while at < short.len() {
        written[short[at] as usize] = 2;
        at += 1;
    }
    written
};

/// The length in bytes of `value.to_string()`.
///
/// ```
/// use serde_json::json;
///
/// let value = json!({"role": "user", "content": "a \"word\" and more\n", "n": [1, 2.5, null, true]});
/// assert_eq!(outthink_core::json_length(&value), value.to_string().len());
/// ```
pub fn json_length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text_length(text),
        Value::Array(list) => joined(list.iter().map(json_length)),
        Value::Object(map) => joined(map.iter().map(|(key, value)| text_length(key) + 1 + json_length(value))),
    }
}

fn text_length(text: &str) -> usize {
    2 + text.bytes().map(|byte| usize::from(WRITTEN[usize::from(byte)])).sum::<usize>()
}

/// Entries with commas between them, in brackets or braces.
fn joined(entries: impl Iterator<Item = usize>) -> usize {
    let (count, length) = entries.fold((0, 0), |(count, length), entry| (count + 1, length + entry));
    2 + length + usize::max(count, 1) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_length_of_what_is_written(
            texts in prop::collection::vec("(\\PC|[\u{0}-\u{20}\"\\\\\u{7f}]){0,12}", 0..4), number in any::<f64>(), whole in any::<i64>(),
        ) {
            let value = serde_json::json!({"list": texts, "": [number, whole, null, false, {}], "more": {"key\n": []}});
            prop_assert_eq!(json_length(&value), value.to_string().len());
        }
    }
}
