//! How long a reply reasons: early exit in one reply, and what is said where the wishes do not fit together.

use super::{Front, chunk, done, end, usage};
use outthink_engine::openai::Dialect;
use outthink_testkit::server::{Reply, Request, Scenario, Step};
use serde_json::{Value, json};

/// Pieces of reasoning of which nobody wants to hear the end.
const PIECES: usize = 600;

/// The beginning of a reply that a request wants continued; empty where it wants none.
fn beginning(request: &Request) -> String {
    let body = request.json();
    let last = body["messages"].as_array().and_then(|m| m.last().cloned()).unwrap_or_default();
    if last["role"] == "assistant" { last["content"].as_str().unwrap_or_default().to_owned() } else { String::new() }
}

fn says(text: &str, tokens: u64) -> Reply {
    Reply::events([
        chunk(&json!({ "content": text }), &Value::Null),
        end("stop"),
        usage(&json!({"prompt_tokens": 20, "completion_tokens": tokens, "total_tokens": 20 + tokens})),
        done(),
    ])
}

/// A reasoner behind a server that continues replies. `probed` is what a probe says; `answer` what comes once the
/// reasoning is closed.
fn reasoner(probed: &'static str, answer: &'static str, call: bool) -> Scenario {
    Scenario::by(move |_, request| {
        let begun = beginning(request);
        if begun.ends_with("boxed{") {
            return says(probed, 3);
        }
        if begun.ends_with("</think>\n\n") {
            return says(answer, 6);
        }
        // What is asked once to see whether the server continues texts.
        if begun.contains("4817") {
            return says(" 4817", 2);
        }
        if begun.starts_with("1, 2") {
            return says(" 5", 2);
        }
        let mut steps: Vec<Step> = Vec::new();
        for i in 0..PIECES {
            let delta = if call && i > 10 {
                json!({"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]})
            } else {
                json!({"reasoning_content": "hmm "})
            };
            if call && i == 11 {
                let call =
                    json!({"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}});
                steps.push(chunk(&json!({ "tool_calls": [call] }), &Value::Null));
            }
            steps.push(chunk(&delta, &Value::Null));
            steps.push(Step::pause_ms(if call { 1 } else { 4 }));
        }
        steps.push(end(if call { "tool_calls" } else { "stop" }));
        steps.push(usage(&json!({"prompt_tokens": 20, "completion_tokens": PIECES, "total_tokens": PIECES + 20})));
        steps.push(done());
        Reply::events(steps)
    })
}

async fn front(scenario: Scenario) -> Front {
    Front::with(scenario, |options| options.dialect = Dialect::by_name("vllm")).await
}

fn probe() -> Value {
    json!({"outthink": {"strategy": "probe", "settings": {"every": 20}}})
}

#[tokio::test]
async fn a_settled_thought_is_closed_and_the_client_sees_one_reply() {
    let front = front(reasoner("391}", "The answer is 391.", false)).await;
    for reply in front.both(&probe()).await {
        let answer = reply.answer();
        assert_eq!((answer.status, &answer.error), (200, &Value::Null), "{}", reply.body);
        assert_eq!(answer.message["content"], "The answer is 391.", "{}", reply.body);
        let reasoning = answer.message["reasoning_content"].as_str().unwrap();
        assert!(!reasoning.contains("boxed") && !reasoning.contains("391"), "{reasoning}");
        assert_eq!(
            (&answer.finish, &answer.receipt["stop_reason"]),
            (&json!("stop"), &json!("probes_agree")),
            "{}",
            answer.receipt
        );
        // Each token once: the thought as far as it came, probes of three, an answer of six.
        let (drawn, pieces) =
            (answer.receipt["samples_drawn"].as_u64().unwrap(), reasoning.matches("hmm").count() as u64);
        assert!((60..PIECES as u64 / 2).contains(&pieces), "{pieces}");
        let completion = answer.usage["completion_tokens"].as_u64().unwrap();
        let expected = pieces + 3 * (drawn - 2) + 6;
        assert!(
            completion.abs_diff(expected) <= 2,
            "{completion} for {pieces} pieces and {drawn} samples: {}",
            answer.receipt
        );
    }
    let left = || front.server.accounts().total().left;
    for _ in 0..100 {
        if left() >= 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(left(), 2, "the thoughts are cut off, and nothing else");
}

#[tokio::test]
async fn an_empty_answer_is_never_the_reply_and_no_call_is_cut_off() {
    let silent = front(reasoner("391}", "", false)).await;
    for reply in silent.both(&probe()).await {
        let answer = reply.answer();
        assert!(answer.message["content"].as_str().unwrap_or_default().contains("391"), "{}", reply.body);
    }
    let calling = front(reasoner("391}", "The answer is 391.", true)).await;
    for reply in calling.both(&probe()).await {
        let answer = reply.answer();
        assert_eq!(answer.finish, "tool_calls", "{}", reply.body);
        assert_eq!(answer.calls()[0].1.len(), PIECES - 11, "the whole call");
    }
}

#[tokio::test]
async fn a_server_that_cannot_continue_is_refused_before_anything_is_bought() {
    let scenario =
        Scenario::by(
            |_, request| {
                if beginning(request).is_empty() { says("The answer is 391.", 6) } else { says("1, 2, 3", 3) }
            },
        );
    let front = front(scenario).await;
    for reply in front.both(&probe()).await {
        let answer = reply.answer();
        let message = answer.error["message"].as_str().unwrap_or_default();
        // Found out by the first request, known to the second.
        let found = message.contains("cannot continue the beginning of an answer");
        assert!(found || message.contains("needs to continue a text"), "{}", reply.body);
        assert!(message.contains("such as adaptive"), "the fix: {message}");
    }
}

#[tokio::test]
async fn a_native_field_wins_over_an_effort_and_the_receipt_says_so() {
    let front = front(Scenario::chat([says("The answer is 391.", 6)])).await;
    let native = json!({"reasoning_effort": "high", "chat_template_kwargs": {"enable_thinking": false}, "outthink": {"samples": 1, "strategy": "single"}});
    for reply in front.both(&native).await {
        let notes = reply.answer().receipt["notes"].to_string();
        assert!(notes.contains("`chat_template_kwargs") && notes.contains("was not sent"), "{notes}");
    }
    for request in front.server.requests().iter().filter(|r| r.path == Scenario::CHAT) {
        let body = request.json();
        assert_eq!(body["chat_template_kwargs"], json!({"enable_thinking": false}));
        assert_eq!(body.get("reasoning_effort"), None, "{body}");
    }
}

#[tokio::test]
async fn a_floor_above_a_cap_is_refused_with_the_fix() {
    let front = front(Scenario::chat([says("391", 1)])).await;
    for strategy in ["probe", "budget-forcing"] {
        let fields = json!({"outthink": {"strategy": strategy, "thinking_floor": 900, "thinking_cap": 100}});
        for reply in front.both(&fields).await {
            assert_eq!(reply.status, 400, "{}", reply.body);
            assert!(reply.body.contains("lower the floor or raise the cap"), "{}", reply.body);
        }
    }
    assert_eq!(front.server.requests().len(), 0);
}

#[tokio::test]
async fn a_budget_that_does_not_pay_for_the_prompt_says_what_it_costs() {
    let front = front(Scenario::chat([says("391", 1)])).await;
    let long = "all work and no play ".repeat(500);
    let fields = json!({"messages": [{"role": "user", "content": long}], "outthink": {"budget_usd": 0.0001}});
    for reply in front.both(&fields).await {
        assert!(reply.status == 400 || reply.is_stream(), "{}", reply.body);
        assert!(reply.body.contains("the prompt alone may cost"), "{}", reply.body);
        assert!(reply.body.contains("raise the budget"), "{}", reply.body);
    }
    assert_eq!(front.server.requests().len(), 0, "nothing is sent");
}

#[tokio::test]
async fn a_native_field_that_the_engine_refuses_is_left_out_and_named() {
    let scenario = Scenario::by(|_, request| {
        if request.json().get("thinking_token_budget").is_some() {
            return Reply::error(
                400,
                "Unrecognized request argument: thinking_token_budget",
                "invalid_request_error",
                Value::Null,
            );
        }
        says("The answer is 391.", 6)
    });
    let front = front(scenario).await;
    let fields = json!({"outthink": {"strategy": "single", "thinking_budget": 500}});
    for reply in front.both(&fields).await {
        let answer = reply.answer();
        assert_eq!(answer.message["content"], "The answer is 391.", "{}", reply.body);
        let notes = answer.receipt["notes"].to_string();
        assert!(notes.contains("the engine rejects") && notes.contains("budget"), "{notes}");
    }
    let sent = front.server.requests().iter().filter(|r| r.path == Scenario::CHAT).count();
    assert_eq!(sent, 3, "it is refused once and not sent again");
}
