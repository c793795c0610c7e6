//! An engine whose replies have every shape that a reply may have: the question names it.

use super::{Act, by_request, fails};
use outthink_core::{Delta, FinishReason, LOGPROBS, Origin, SampleRequest};
use serde_json::{Value, json};

/// What the engine does for a question that names one of its shapes; for other questions it does as [`by_request`].
pub(crate) fn by_shape(number: usize, request: &SampleRequest) -> Vec<Act> {
    let asked = request.prompt.last_user_text().unwrap_or_default();
    let end = |reason| Act::End(reason);
    let call = |index: usize, name: &str| {
        let function = json!({"name": name, "arguments": format!("{{\"a\":{index},\"b\":3}}")});
        Act::Extra(json!({"tool_calls": [
            {"index": index, "id": format!("call_{index}"), "type": "function", "function": function},
        ]}))
    };
    match asked.split(':').next().unwrap_or_default() {
        "plain" => vec![Act::Prompt(12, 5), Act::Content("It is "), Act::Content("4."), end(FinishReason::Stop)],
        "nothing" => vec![end(FinishReason::Stop)],
        "cut" => vec![Act::Reasoning("so long"), Act::Content("It is"), end(FinishReason::Length)],
        "cut in thought" => vec![Act::Reasoning("so long"), end(FinishReason::Length)],
        "filtered" => vec![Act::Content("It"), end(FinishReason::ContentFilter)],
        "unknown" => vec![Act::Content("It"), end(FinishReason::Unknown)],
        "stopped" => vec![Act::Content("It is 4"), Act::Stop(true)],
        "refused" => vec![Act::Extra(json!({"refusal": "I will not."})), end(FinishReason::Stop)],
        "cited" => {
            let citation = json!({"start_index": 0, "end_index": 2, "title": "T", "url": "http://t"});
            let annotations = json!([{"type": "url_citation", "url_citation": citation}]);
            vec![Act::Content("It is 4."), Act::Extra(json!({ "annotations": annotations })), end(FinishReason::Stop)]
        }
        "tokens" => {
            let token = json!({"token": "4", "logprob": -0.5, "bytes": [52], "top_logprobs": [
                {"token": "4", "logprob": -0.5, "bytes": [52]}, {"token": "5", "logprob": -1.5, "bytes": null},
            ]});
            let Value::Object(extra) = json!({ LOGPROBS: [token] }) else { return Vec::new() };
            let delta = Delta { content: "4".into(), tokens: 1, extra, ..Delta::default() };
            vec![Act::Delta(delta), end(FinishReason::Stop)]
        }
        "signed" => {
            let block = json!({"type": "thinking", "thinking": "two and two", "signature": "c2ln"});
            let sealed = json!({"type": "redacted_thinking", "data": "c2VhbGVk"});
            let blocks = json!({"thinking_blocks": [block, sealed]});
            vec![Act::Reasoning("two and two"), Act::Extra(blocks), Act::Content("It is 4."), end(FinishReason::Stop)]
        }
        "several" => {
            let words = [Act::Reasoning("both"), Act::Content("I add."), call(0, "add"), call(1, "add")];
            [words.as_slice(), &[end(FinishReason::ToolCalls)]].concat()
        }
        "fails late" => [vec![Act::Content("It is ")], fails(Origin::Engine, Some(500))].concat(),
        "fails" => fails(Origin::Engine, Some(500)),
        _ => by_request(number, request),
    }
}
