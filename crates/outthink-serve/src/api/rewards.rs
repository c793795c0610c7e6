//! `POST /v1/rewards`: the verifier that votes and scores here, as a reward for training elsewhere.

use super::read::{Fields, describe};
use crate::error::ApiError;
use crate::observe::TraceId;
use crate::run::{Caller, Gateway};
use axum::body::Bytes;
use axum::{Extension, Json};
use outthink_verify::{Grader, find_answer};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Items of one request at most.
const MOST: usize = 4096;
/// After this many items other requests get their turn.
const TURN: usize = 32;

/// One completion to be judged.
struct Item {
    /// The question, whose options count.
    prompt: Option<String>,
    completion: String,
    gold: String,
}

/// Answers the request. It costs nothing, and counts as one of its key.
pub(super) async fn reward_all(
    Extension(gateway): Extension<Arc<Gateway>>,
    Extension(trace): Extension<TraceId>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    gateway.begin_free(&trace, &caller).await?;
    judge(&body).await.map(Json)
}

/// Judges every item of a body.
async fn judge(body: &[u8]) -> Result<Value, ApiError> {
    let items = parse(body)?;
    let mut data = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if index % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        data.push(reward(index, item));
    }
    Ok(json!({ "object": "list", "data": data }))
}

fn reward(index: usize, item: &Item) -> Value {
    let gold = reference(&item.gold);
    let graded = Grader::new(&gold, item.prompt.as_deref()).grade(&item.completion);
    let answer = graded.answer.map(|answer| answer.text);
    let (score, reason) = match &answer {
        None => (0.0, "the completion holds no final answer".to_owned()),
        Some(answer) if graded.correct => (1.0, format!("{answer} equals the reference {gold}")),
        Some(answer) => (0.0, format!("{answer} does not equal the reference {gold}")),
    };
    json!({ "index": index, "score": score, "answer": answer, "reason": reason })
}

/// The reference answer: what follows `####` or stands in a box where the reference is a whole
/// solution, else the reference as it is.
fn reference(gold: &str) -> String {
    let solution = gold.contains("####") || gold.contains("\\boxed");
    solution.then(|| find_answer(gold)).flatten().map_or_else(|| gold.trim().to_owned(), |answer| answer.text)
}

fn parse(body: &[u8]) -> Result<Vec<Item>, ApiError> {
    let map = match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => map,
        Ok(other) => {
            let words = format!("the body is {}: send a JSON object with `items`", describe(&other));
            return Err(ApiError::invalid_body(words));
        }
        Err(error) => return Err(ApiError::invalid_body(format!("the body is not valid JSON: {error}"))),
    };
    let list = match Fields::new(map, "").take("items") {
        Some(Value::Array(list)) => list,
        Some(other) => {
            let words = format!("items is {}: give an array of objects", describe(&other));
            return Err(ApiError::invalid("items", words));
        }
        None => return Err(ApiError::invalid("items", "items is missing: give an array of objects")),
    };
    if list.len() > MOST {
        let words = format!("items holds {} entries: give at most {MOST}", list.len());
        return Err(ApiError::invalid("items", words));
    }
    list.into_iter().enumerate().map(|(index, item)| read(index, item)).collect()
}

fn read(index: usize, item: Value) -> Result<Item, ApiError> {
    let at = |key: &str| format!("items[{index}]{key}");
    let Value::Object(mut item) = item else {
        let words = format!("{} is {}: give an object with `completion` and `gold`", at(""), describe(&item));
        return Err(ApiError::invalid(&at(""), words));
    };
    let completion = match item.remove("completion") {
        Some(Value::String(text)) => text,
        // A conversation, as trainers hand it over: its last message.
        Some(Value::Array(messages)) => last_text(&messages)
            .ok_or_else(|| ApiError::invalid(&at(".completion"), "completion is an array without a message of text"))?,
        other => return Err(wrong(&at(".completion"), other.as_ref(), "a string or an array of messages")),
    };
    let gold = match item.remove("gold") {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        other => return Err(wrong(&at(".gold"), other.as_ref(), "a string or a number")),
    };
    // A question in another form has no options that are read.
    let prompt = match item.remove("prompt") {
        Some(Value::String(text)) => Some(text),
        Some(Value::Array(messages)) => last_text(&messages),
        _ => None,
    };
    Ok(Item { prompt, completion, gold })
}

fn last_text(messages: &[Value]) -> Option<String> {
    let message: &Map<String, Value> = messages.last()?.as_object()?;
    message.get("content")?.as_str().map(str::to_owned)
}

fn wrong(path: &str, given: Option<&Value>, what: &str) -> ApiError {
    let words = match given {
        None => format!("{path} is missing: give {what}"),
        Some(value) => format!("{path} is {}: give {what}", describe(value)),
    };
    ApiError::invalid(path, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(completion: &str, gold: &str) -> Value {
        reward(0, &Item { prompt: None, completion: completion.into(), gold: gold.into() })
    }

    #[test]
    fn equal_answers_are_right_in_any_form() {
        for (completion, gold, right) in [
            ("So \\boxed{\\frac{1}{2}}.", "0.5", 1.0),
            ("The answer is 72.", "Natalia sold 48+24 = 72 clips.\n#### 72", 1.0),
            ("The answer is 71.", "#### 72", 0.0),
            ("I do not know", "72", 0.0),
            ("The answer is (B).", "B", 1.0),
        ] {
            assert_eq!(score(completion, gold)["score"], right, "{completion} {gold}");
        }
        assert_eq!(score("hm", "1")["answer"], Value::Null);
        let prompt = Some("Which?\nA) Mars\nB) Jupiter".to_owned());
        let named = reward(0, &Item { prompt, completion: "It is Jupiter.".into(), gold: "B".into() });
        assert_eq!(named["score"], 1.0);
    }
}
