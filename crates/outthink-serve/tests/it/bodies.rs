//! No body makes the reading of requests panic: the seeded little brother of `fuzz/`.

use outthink_serve::{Api, check_request};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Any JSON, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        "[a-z\u{0}é\"\\\\]{0,6}".prop_map(Value::from),
        prop_oneof![Just("user"), Just("function"), Just("json_schema"), Just("low"), Just("auto")]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![
            Just("role"),
            Just("content"),
            Just("type"),
            Just("effort"),
            Just("name"),
            Just("format"),
            Just("samples"),
            Just("budget_usd"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

const FIELDS: [&str; 26] = [
    "messages",
    "input",
    "model",
    "stream",
    "stream_options",
    "n",
    "seed",
    "stop",
    "temperature",
    "top_k",
    "max_tokens",
    "max_output_tokens",
    "reasoning_effort",
    "reasoning",
    "outthink",
    "tools",
    "tool_choice",
    "text",
    "previous_response_id",
    "logprobs",
    "system",
    "thinking",
    "output_config",
    "metadata",
    "stop_sequences",
    "service_tier",
];

proptest! {
    #[test]
    fn fields_of_any_kind(values in prop::collection::vec((0..FIELDS.len(), any_json()), 0..8)) {
        let mut body: Map<String, Value> =
            values.into_iter().map(|(field, value)| (FIELDS[field].to_owned(), value)).collect();
        let words = |body: &Map<String, Value>| -> Vec<String> {
            let body = Value::Object(body.clone()).to_string();
            Api::ALL.iter().filter_map(|api| check_request(body.as_bytes(), *api).err()).collect()
        };
        prop_assert!(words(&body).iter().all(|w| !w.is_empty()));
        body.entry("messages").or_insert(json!([{"role": "user", "content": "2+2?"}]));
        prop_assert!(words(&body).iter().all(|w| !w.is_empty()));
        body.shift_remove("messages");
        body.entry("input").or_insert("2+2?".into());
        prop_assert!(words(&body).iter().all(|w| !w.is_empty()));
    }

    #[test]
    fn bytes_of_any_kind(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Api::ALL.iter().all(|api| check_request(&bytes, *api).is_err()));
    }
}
