//! Items as they are remembered: those of a request's input, and pages of them.

use crate::error::ApiError;
use serde_json::{Value, json};

/// Items on a page unless the client says how many, and at most.
const USUAL_PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;

/// The items of an input with an id each, in which `name` stands. Nothing else of an item is changed, known or not, but
/// that a message has a list of parts.
pub(super) fn with_ids(input: Option<&Value>, name: &str) -> Vec<Value> {
    let items = match input {
        Some(Value::String(text)) => vec![json!({ "role": "user", "content": text })],
        Some(Value::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    items.into_iter().enumerate().map(|(number, item)| with_id(item, name, number)).collect()
}

fn with_id(mut item: Value, name: &str, number: usize) -> Value {
    let Some(fields) = item.as_object_mut() else { return item };
    let kind = fields.entry("type").or_insert_with(|| "message".into()).as_str().unwrap_or_default().to_owned();
    if fields.get("id").is_none_or(|id| !id.is_string()) {
        fields.insert("id".into(), format!("{}_{name}_in{number}", prefix(&kind)).into());
    }
    if kind == "message" {
        fields.entry("status").or_insert_with(|| "completed".into());
        if let Some(Value::String(text)) = fields.get("content") {
            let part = match fields.get("role").and_then(Value::as_str) {
                Some("assistant") => json!({ "type": "output_text", "text": text, "annotations": [] }),
                _ => json!({ "type": "input_text", "text": text }),
            };
            fields.insert("content".into(), json!([part]));
        }
    }
    item
}

/// What the id of an item of this kind begins with.
fn prefix(kind: &str) -> &'static str {
    match kind {
        "message" => "msg",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "custom_tool_call" => "ctc",
        "custom_tool_call_output" => "ctco",
        "reasoning" => "rs",
        _ => "item",
    }
}

/// A page of items by the query of a request: `order`, `limit`, `after`.
///
/// # Errors
/// If one of them makes no sense.
pub(super) fn page(mut items: Vec<Value>, query: Option<&str>) -> Result<Value, ApiError> {
    let (mut limit, mut after, mut ascending) = (USUAL_PAGE, None, false);
    for (key, value) in query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
        match key {
            "limit" => {
                let words = || format!("limit is not a whole number from 1 to {LARGEST_PAGE}");
                let number = value.parse().ok().filter(|n| (1..=LARGEST_PAGE).contains(n));
                limit = number.ok_or_else(|| ApiError::invalid("limit", words()))?;
            }
            "order" => match value {
                "asc" => ascending = true,
                "desc" => ascending = false,
                _ => return Err(ApiError::invalid("order", "order is not known: use asc or desc")),
            },
            "after" => after = Some(value),
            _ => {}
        }
    }
    if !ascending {
        items.reverse();
    }
    if let Some(after) = after {
        let at = items.iter().position(|item| item["id"] == after);
        let at =
            at.ok_or_else(|| ApiError::invalid("after", "after names no item of this list: give the id of one"))?;
        items.drain(..=at);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let id = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    Ok(json!({
        "object": "list",
        "first_id": id(items.first()),
        "last_id": id(items.last()),
        "has_more": more,
        "data": items,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_has_an_id_and_keeps_what_it_had() {
        let items = json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b", "phase": "commentary"},
            {"type": "novel", "plot": 1},
            {"type": "reasoning", "id": "rs_7", "summary": []},
        ]);
        let kept = with_ids(Some(&items), "t");
        let ids: Vec<&Value> = kept.iter().map(|item| &item["id"]).collect();
        assert_eq!(ids, ["msg_t_in0", "msg_t_in1", "item_t_in2", "rs_7"]);
        assert_eq!(kept[0]["content"], json!([{"type": "input_text", "text": "a"}]));
        assert_eq!((&kept[1]["content"][0]["type"], &kept[1]["phase"]), (&json!("output_text"), &json!("commentary")));
        assert_eq!(kept[2]["plot"], 1);
        assert_eq!(with_ids(Some(&json!("x")), "t")[0]["content"][0]["text"], "x");
        assert!(with_ids(None, "t").is_empty());
    }

    #[test]
    fn pages_follow_one_another() {
        let items: Vec<Value> = (0..5).map(|n| json!({ "id": n.to_string() })).collect();
        let ids = |query: &str| -> (Vec<String>, bool) {
            let page = page(items.clone(), Some(query)).unwrap();
            let ids = page["data"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned());
            (ids.collect(), page["has_more"] == true)
        };
        let list = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
        assert_eq!(ids("limit=2"), (list(&["4", "3"]), true));
        assert_eq!(ids("limit=2&after=3"), (list(&["2", "1"]), true));
        assert_eq!(ids("order=asc&after=2&include[]=x"), (list(&["3", "4"]), false));
        for (query, param) in [("limit=0", "limit"), ("limit=x", "limit"), ("order=up", "order"), ("after=9", "after")]
        {
            assert_eq!(page(items.clone(), Some(query)).unwrap_err().param.as_deref(), Some(param), "{query}");
        }
    }
}
