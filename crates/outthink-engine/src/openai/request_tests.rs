//! Bodies by dialect, and what becomes of them where a server refuses something.

use super::super::learned::Complaint;
use super::*;
use outthink_core::{Effort, Prompt, Thinking};

struct To {
    dialect: Dialect,
    learned: Learned,
}

impl To {
    fn new(dialect: &str) -> Self {
        Self { dialect: Dialect::by_name(dialect).unwrap(), learned: Learned::default() }
    }

    fn try_ask(&self, request: &SampleRequest, seed: u64) -> Result<Ask, EngineError> {
        ask(request, Addressee { model: "m", dialect: &self.dialect, learned: &self.learned }, seed, 1)
    }

    /// The server took it.
    fn learn(&self, ask: &mut Ask) {
        ask.learned().into_iter().for_each(|refused| self.learned.remember(refused));
    }

    fn ask(&self, request: &SampleRequest) -> Ask {
        self.try_ask(request, u64::MAX).unwrap()
    }
}

fn body(ask: &Ask) -> Value {
    serde_json::from_slice(&ask.body).unwrap()
}

fn complaint(words: &str) -> Complaint {
    Complaint::new(&EngineError::new(Origin::Caller, "refused"), words)
}

fn request(extra: Value) -> SampleRequest {
    let mut prompt = Prompt::user("2+2?");
    prompt.extra = serde_json::from_value(extra).unwrap();
    SampleRequest { prompt: prompt.into(), seeds: vec![7], ..SampleRequest::default() }
}

#[test]
fn nothing_is_sent_that_nobody_asked_for() {
    for dialect in Dialect::all() {
        let to = To { dialect, learned: Learned::default() };
        let ask = to.ask(&request(json!({})));
        let mut sent: Vec<String> = body(&ask).as_object().unwrap().keys().cloned().collect();
        sent.retain(|key| key != "stream_options");
        assert_eq!(sent, ["model", "stream", "messages"], "{}", to.dialect.name);
        assert!(ask.notes.is_empty(), "{:?}", ask.notes);
    }
}

#[test]
fn unknown_fields_are_kept_and_ours_are_set() {
    let extra = json!({"tools": [{"x": 1}], "stream": false, "n": 9, "foo": {"b": null}, "top_logprobs": 3, "seed": 1});
    let mut request = request(extra);
    (request.max_tokens, request.seeded) = (Some(5), true);
    let given = body(&To::new("openai").ask(&request));
    assert_eq!(given["tools"], json!([{"x": 1}]));
    assert_eq!(given["foo"], json!({"b": null}));
    assert_eq!(given["stream"], true);
    assert_eq!(given["max_completion_tokens"], 5);
    assert_eq!(given["seed"], (1u64 << 53) - 1);
    assert!(given.get("n").is_none() && given.get("top_logprobs").is_none());

    request.logprobs = true;
    assert_eq!(body(&To::new("vllm").ask(&request))["top_logprobs"], 3);
    std::sync::Arc::make_mut(&mut request.prompt).extra.clear();
    assert_eq!(body(&To::new("vllm").ask(&request))["top_logprobs"], 1);
}

#[test]
fn seeds_limits_and_usage_have_each_servers_names() {
    let mut request = request(json!({}));
    (request.max_tokens, request.seeded) = (Some(5), true);
    for (dialect, seed, limit, usage) in [
        ("vllm", json!({"seed": u64::MAX >> 1}), "max_tokens", true),
        ("generic", json!({"seed": u64::MAX >> 33}), "max_tokens", true),
        ("mistral", json!({"random_seed": u64::MAX >> 33}), "max_tokens", false),
        ("groq", json!({"seed": u64::MAX >> 33}), "max_completion_tokens", true),
        ("deepseek", json!({}), "max_tokens", true),
    ] {
        let ask = To::new(dialect).ask(&request);
        let body = body(&ask);
        for (name, value) in seed.as_object().unwrap() {
            assert_eq!(&body[name], value, "{dialect}");
        }
        assert_eq!(ask.notes.len(), usize::from(seed == json!({})), "{dialect}");
        assert_eq!((&body[limit], body.get("stream_options").is_some()), (&json!(5), usage), "{dialect}");
    }
}

#[test]
fn tools_that_are_none_are_left_out_with_the_choice_among_them() {
    let none = request(json!({"tools": [], "tool_choice": "auto", "parallel_tool_calls": true, "functions": []}));
    let sent = body(&To::new("generic").ask(&none));
    assert!(sent.get("tools").is_none() && sent.get("tool_choice").is_none(), "{sent}");
    assert!(sent.get("parallel_tool_calls").is_none() && sent.get("functions").is_some(), "{sent}");
    let some = request(json!({"tools": [{"type": "function"}], "tool_choice": "none"}));
    assert_eq!(body(&To::new("generic").ask(&some))["tool_choice"], "none");
}

#[test]
fn a_beginning_is_continued_as_the_dialect_has_it() {
    let mut request = request(json!({}));
    request.prefix = Some("So".into());
    let vllm = body(&To::new("vllm").ask(&request));
    assert_eq!((&vllm["continue_final_message"], &vllm["add_generation_prompt"]), (&json!(true), &json!(false)));
    let llama = body(&To::new("llama.cpp").ask(&request));
    assert_eq!(llama["messages"][1], json!({"role": "assistant", "content": "So"}));
    assert!(llama.get("continue_final_message").is_none());
    assert_eq!(To::new("generic").try_ask(&request, 1).unwrap_err().origin, Origin::Caller);
}

#[test]
fn our_template_arguments_go_beside_the_clients() {
    let mut request = request(json!({"chat_template_kwargs": {"tone": "dry"}}));
    request.thinking = Thinking { effort: Some(Effort::None), budget: None };
    let sent = body(&To::new("vllm").ask(&request));
    assert_eq!(sent["chat_template_kwargs"], json!({"tone": "dry", "enable_thinking": false, "thinking": false}));
    assert_eq!(sent["reasoning_effort"], "none");
    std::sync::Arc::make_mut(&mut request.prompt)
        .extra
        .insert("chat_template_kwargs".into(), json!({"enable_thinking": true}));
    let ask = To::new("vllm").ask(&request);
    let sent = body(&ask);
    assert_eq!(sent["chat_template_kwargs"], json!({"enable_thinking": true}));
    assert!(sent.get("reasoning_effort").is_none() && ask.notes.len() == 1, "{sent}");
}

#[test]
fn what_is_refused_is_left_out_and_what_was_asked_for_is_named() {
    let mut request = request(json!({}));
    (request.max_tokens, request.seeded, request.logprobs) = (Some(5), true, true);
    request.thinking = Thinking { effort: Some(Effort::Low), budget: Some(100) };
    for (words, gone, notes) in [
        ("seed: extra inputs are not permitted", "seed", 1),
        ("stream_options is unknown", "stream_options", 0),
        ("logprobs are not supported", "top_logprobs", 1),
        ("unsupported reasoning_effort", "reasoning_effort", 1),
        ("Kwargs ['enable_thinking'] are not supported", "chat_template_kwargs", 1),
        ("thinking_token_budget needs a reasoning_config", "thinking_token_budget", 1),
        ("max_tokens is not supported, use max_completion_tokens", "max_tokens", 0),
    ] {
        let to = To::new("vllm");
        let mut ask = to.ask(&request);
        assert!(body(&ask).get(gone).is_some() && ask.notes.is_empty());
        assert!(ask.amend(&complaint(words)), "{words}");
        assert!(body(&ask).get(gone).is_none(), "{words}: {}", body(&ask));
        assert_eq!(ask.notes.len(), notes, "{words}");
        assert!(!ask.amend(&complaint(words)), "{words}: once");
        // The next one is written without it from the start, and says so.
        to.learn(&mut ask);
        let next = to.ask(&request);
        assert_eq!((body(&next), next.notes), (body(&ask), ask.notes), "{words}");
    }
}

#[test]
fn the_limit_changes_its_name_both_ways_and_never_disappears() {
    let mut request = request(json!({}));
    request.max_tokens = Some(5);
    for (dialect, from, to) in
        [("openai", "max_completion_tokens", "max_tokens"), ("generic", "max_tokens", "max_completion_tokens")]
    {
        let mut ask = To::new(dialect).ask(&request);
        assert!(!ask.amend(&complaint(&format!("{from} is too large"))), "a wrong value is the caller's");
        assert!(ask.amend(&complaint(&format!("unknown field {from}"))));
        assert_eq!((body(&ask).get(from), &body(&ask)[to]), (None, &json!(5)));
    }
}

#[test]
fn what_a_client_asked_for_is_not_dropped() {
    let mut request =
        request(json!({"logprobs": true, "thinking": {"type": "enabled"}, "top_p": 1, "response_format": {}}));
    request.logprobs = true;
    let mut ask = To::new("generic").ask(&request);
    for words in ["logprobs are not supported", "unknown field thinking", "response_format?", "no temperature"] {
        assert!(!ask.amend(&complaint(words)), "{words}");
    }
    // Its effort is a hint.
    std::sync::Arc::make_mut(&mut request.prompt).extra.insert("reasoning_effort".into(), "high".into());
    let to = To::new("generic");
    let mut ask = to.ask(&request);
    assert!(ask.amend(&complaint("unknown reasoning_effort")));
    to.learn(&mut ask);
    assert!(body(&ask).get("reasoning_effort").is_none() && ask.notes.len() == 1);
    let next = to.ask(&request);
    assert!(body(&next).get("reasoning_effort").is_none() && next.notes.len() == 1, "{}", body(&next));
}

#[test]
fn a_wrong_value_says_nothing_of_the_field() {
    let to = To::new("anthropic");
    let mut request = request(json!({}));
    request.thinking.budget = Some(2_000);
    let mut ask = to.ask(&request);
    assert!(ask.amend(&complaint("max_tokens must be greater than thinking.budget_tokens")));
    to.learn(&mut ask);
    assert!(body(&to.ask(&request)).get("thinking").is_none(), "this budget is not sent again");
    request.thinking.budget = Some(1_500);
    let mut ask = to.ask(&request);
    assert_eq!(body(&ask)["thinking"]["budget_tokens"], 1_500);
    assert!(ask.amend(&complaint("unknown field thinking")));
    to.learn(&mut ask);
    request.thinking.budget = Some(1_600);
    assert!(body(&to.ask(&request)).get("thinking").is_none(), "no budget is sent again");

    let to = To::new("vllm");
    request.seeded = true;
    let mut ask = to.ask(&request);
    assert!(ask.amend(&complaint("seed is too large")));
    to.learn(&mut ask);
    assert!(body(&ask).get("seed").is_none() && body(&to.ask(&request)).get("seed").is_some());
}

#[test]
fn a_limit_by_another_name_does_not_go_past_ours() {
    let given = json!({"n_predict": -1, "max_new_tokens": 5_000, "max_output_tokens": 7, "num_predict": null});
    let mut request = request(given.clone());
    request.max_tokens = Some(50);
    let ask = To::new("llama.cpp").ask(&request);
    let sent = body(&ask);
    assert_eq!(
        (&sent["n_predict"], &sent["max_new_tokens"], &sent["max_output_tokens"]),
        (&json!(50), &json!(50), &json!(7))
    );
    assert_eq!((ask.notes.len(), &sent["num_predict"]), (2, &Value::Null));
    request.max_tokens = None;
    let ask = To::new("llama.cpp").ask(&request);
    assert_eq!((body(&ask)["n_predict"].clone(), ask.notes.len()), (given["n_predict"].clone(), 0));
}
