//! A server that gives scripted answers at a price that tests can count on.

use outthink_testkit::server::{Reply, Request, Scenario, Server, Step};
use serde_json::json;
use std::time::Duration;

/// A running server.
pub(crate) struct Upstream {
    /// Its address.
    pub(crate) url: String,
    server: Server,
}

impl Upstream {
    /// Answers request after request with the next of `answers`, round and round, each after `delay`. Each
    /// reads 40 tokens and has 7.
    pub(crate) fn start(answers: &[&str], delay: Duration) -> Self {
        let server = Server::start(Scenario::round(answers.iter().map(|a| reply(a, delay))).model("scripted"));
        Self { url: server.url(), server }
    }

    /// The bodies of the requests for completions.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.server.requests().iter().map(Request::text).collect()
    }
}

fn reply(answer: &str, delay: Duration) -> Reply {
    let event = |choices, usage| {
        let mut event = json!({"id": "c", "object": "chat.completion.chunk", "model": "scripted", "created": 0});
        (event["choices"], event["usage"]) = (choices, usage);
        Step::from(event)
    };
    let delta = json!([{"index": 0, "delta": {"role": "assistant", "content": answer}, "finish_reason": null}]);
    let end = json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]);
    let usage = json!({"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47});
    let (delta, end, usage) = (event(delta, json!(null)), event(end, json!(null)), event(json!([]), usage));
    Reply::events([Step::Pause(delay), delta, end, usage, Step::from("[DONE]")]).counts(40, 7)
}
