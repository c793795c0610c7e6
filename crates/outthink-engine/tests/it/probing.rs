//! Abilities that are found out: servers whose chat templates keep, drop, refuse or rewrite the beginning of a
//! reply, with and without a way to render prompts.

use crate::{KEY, Whole, request, whole};
use outthink_core::{Capabilities, Effort, Engine as _, SampleRequest, Support, Thinking};
use outthink_engine::openai::{Ability, Continuation, Dialect, OpenAiEngine, OpenAiOptions, Secret, Verdict};
use outthink_testkit::server::{Reply, Request, Scenario, Server};
use serde_json::{Value, json};

const OPEN: &str = "<think>\nTwo and two";
const CLOSED: &str = "<think>\nTwo and two make four.\n</think>\n\nThe answer is";
const PLAIN: &str = "The answer is";

/// What a chat template makes of a beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Template {
    /// Keeps it.
    Keeps,
    /// As R1's: opens reasoning itself, and drops reasoning that was closed.
    Drops,
    /// Opens reasoning itself, with nothing after the tag, and drops reasoning that was closed.
    Opens,
    /// Fails where the beginning holds closed reasoning, as transformers does where it was dropped.
    Refuses,
    /// As Qwen3's: puts an empty thought before what is not a whole one.
    Empty,
    /// Ends the message and begins another one: `continue_final_message` is passed over.
    Ignores,
}

impl Template {
    /// The prompt; `Err` where it cannot be made.
    fn render(self, body: &Value) -> Result<String, &'static str> {
        let continues = body["continue_final_message"] == true;
        let messages = body["messages"].as_array().unwrap();
        let mut prompt = String::new();
        for message in messages {
            let text = message["content"].as_str().unwrap();
            if message["role"] != "assistant" {
                prompt.extend(["user:", text, "|"]);
                continue;
            }
            let after = || text.rsplit("</think>").next().unwrap();
            let text = match self {
                Self::Drops | Self::Opens => after().to_owned(),
                Self::Refuses if text.contains("</think>") => {
                    return Err("continue_final_message is set but the final message does not appear in the chat");
                }
                Self::Empty if !text.contains("</think>") => format!("<think>\n\n</think>\n\n{text}"),
                Self::Keeps | Self::Ignores | Self::Refuses | Self::Empty => text.to_owned(),
            };
            prompt.extend(["assistant:", text.trim()]);
        }
        if self == Self::Ignores || !continues {
            let ends = messages.last().unwrap()["role"] == "assistant";
            prompt += if ends { "|assistant:" } else { "assistant:" };
            prompt += match self {
                Self::Drops => "<think>\n",
                Self::Opens => "<think>",
                _ => "",
            };
        }
        Ok(prompt)
    }
}

/// Token ids that are characters.
fn tokens(text: &str) -> Value {
    let ids: Vec<u32> = text.chars().map(u32::from).collect();
    let texts: Vec<String> = text.chars().map(|c| if c == '\n' { '\u{10a}'.into() } else { c.to_string() }).collect();
    json!({"count": ids.len(), "max_model_len": 4096, "tokens": ids, "token_strs": texts})
}

fn text_of(prompt: &Value) -> String {
    match prompt {
        Value::Array(ids) => ids.iter().map(|id| char::from_u32(id.as_u64().unwrap() as u32).unwrap()).collect(),
        prompt => prompt.as_str().unwrap().to_owned(),
    }
}

fn bad(message: &str) -> Reply {
    Reply::error(400, message, "BadRequestError", 400)
}

fn stream(field: &str, text: &str) -> Reply {
    let choice = |text: &str| match field {
        "text" => json!({"index": 0, "text": text, "finish_reason": null}),
        _ => json!({"index": 0, "delta": {"content": text}, "finish_reason": null}),
    };
    let mut end = choice("");
    end["finish_reason"] = "stop".into();
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14});
    Reply::events(
        [
            json!({"choices": [choice(text)]}).to_string(),
            json!({"choices": [end]}).to_string(),
            json!({"choices": [], "usage": usage}).to_string(),
            "[DONE]".to_owned(),
        ]
        .map(|data| outthink_testkit::server::Step::raw(format!("data: {data}\n\n"))),
    )
}

/// vLLM with such a template; chat completions say `chat`.
fn vllm(template: Template, chat: &'static str) -> Scenario {
    let refuse = move |request: &Request| template.render(&request.json()).err().map(bad);
    Scenario::by(move |_, request| refuse(request).unwrap_or_else(|| stream("content", chat)))
        .on_by("/tokenize", move |_, request| {
            let body = request.json();
            if let Some(prompt) = body["prompt"].as_str() {
                assert_eq!(body["add_special_tokens"], false);
                return Reply::json(tokens(prompt));
            }
            template.render(&body).map_or_else(bad, |prompt| Reply::json(tokens(&prompt)))
        })
        .on_by(Scenario::COMPLETIONS, |_, request| {
            let prompt = text_of(&request.json()["prompt"]);
            let open = prompt.matches("<think>").count() > prompt.matches("</think>").count();
            stream("text", if open { " make four.\n</think>\n\nThe answer is 4." } else { " 4." })
        })
}

fn engine_in(server: &Server, dialect: &str) -> OpenAiEngine {
    let mut options = OpenAiOptions::new(server.root());
    options.model = Some("m".into());
    options.api_key = Some(Secret::new(KEY));
    options.dialect = Dialect::by_name(dialect);
    options.max_retries = 0;
    OpenAiEngine::new(options).unwrap()
}

fn begun(prefix: &str) -> SampleRequest {
    SampleRequest { prefix: Some(prefix.into()), ..request(&[7]) }
}

async fn continued(engine: &OpenAiEngine, prefix: &str) -> Whole {
    whole(engine.start(begun(prefix)).remove(0)).await
}

fn paths(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|r| r.path).collect()
}

fn count(server: &Server, path: &str) -> usize {
    paths(server).iter().filter(|p| *p == path).count()
}

/// The prompts that text completions got, and the rest of the last one's body.
fn completions(server: &Server) -> (Vec<String>, Value) {
    let all: Vec<Value> =
        server.requests().iter().filter(|r| r.path == Scenario::COMPLETIONS).map(Request::json).collect();
    (all.iter().map(|body| text_of(&body["prompt"])).collect(), all.last().cloned().unwrap_or_default())
}

#[tokio::test]
async fn a_template_that_keeps_the_beginning_is_used_and_checked_once_without_a_token() {
    let server = Server::start(vllm(Template::Keeps, " 4."));
    let engine = engine_in(&server, "vllm");
    for prefix in [OPEN, CLOSED, PLAIN] {
        let all = continued(&engine, prefix).await;
        assert_eq!((all.error, all.notes.len()), (None, 0));
        assert_eq!(all.content + &all.reasoning, " 4.");
    }
    let rendered = count(&server, "/tokenize");
    assert_eq!((count(&server, Scenario::CHAT), count(&server, Scenario::COMPLETIONS)), (3, 0));
    // What one clone found out, the others know.
    assert_eq!(continued(&engine.clone(), OPEN).await.error, None);
    assert_eq!(count(&server, "/tokenize"), rendered);
}

#[tokio::test]
async fn where_a_template_rewrites_or_refuses_reasoning_the_rendered_prompt_goes_on() {
    for (template, prefix) in [
        (Template::Drops, CLOSED),
        (Template::Refuses, CLOSED),
        (Template::Empty, OPEN),
        (Template::Ignores, OPEN),
        (Template::Ignores, CLOSED),
        (Template::Ignores, PLAIN),
    ] {
        let server = Server::start(vllm(template, "from the chat"));
        let engine = engine_in(&server, "vllm");
        let all = continued(&engine, prefix).await;
        assert_eq!(all.error, None, "{template:?}");
        let (reasoning, content) = if prefix == OPEN { (" make four.", "The answer is 4.") } else { ("", " 4.") };
        assert_eq!((all.reasoning.as_str(), all.content.as_str()), (reasoning, content), "{template:?} {prefix}");
        let usage = all.finish.unwrap().usage;
        assert_eq!((usage.prompt, usage.completion, usage.estimated), (9, 5, false));
        let (prompts, body) = completions(&server);
        let expected = format!("user:What is 2+2?|assistant:{prefix}");
        assert_eq!(prompts.last(), Some(&expected), "{template:?}: exactly one beginning, as it is");
        assert_eq!((&body["max_tokens"], &body["seed"], &body["stream"]), (&64.into(), &7.into(), &true.into()));
        assert_eq!(body["stream_options"]["include_usage"], true);
        assert_eq!(count(&server, Scenario::CHAT), 0, "nothing goes the way that corrupts the prompt");
    }
}

#[tokio::test]
async fn a_thought_goes_on_from_where_the_template_opened_it() {
    let own = |tag: &str, beginning: &str| beginning.replacen("<think>\n", tag, 1);
    for (template, tag) in [(Template::Opens, "<think>"), (Template::Drops, "<think>\n")] {
        for beginning in [OPEN, CLOSED, "<think>\nTwo and two</think>#### "] {
            let server = Server::start(vllm(template, "from the chat"));
            assert_eq!(continued(&engine_in(&server, "vllm"), beginning).await.error, None);
            let (prompts, _) = completions(&server);
            // R1's template keeps open reasoning: then it goes as a message.
            if (template, beginning) == (Template::Drops, OPEN) {
                assert_eq!(prompts.len(), 0);
                continue;
            }
            let expected = format!("user:What is 2+2?|assistant:{}", own(tag, beginning));
            assert_eq!(prompts.last(), Some(&expected), "{template:?} {beginning}");
        }
    }
}

#[tokio::test]
async fn a_model_that_would_end_its_turn_at_the_check_says_nothing_of_its_server() {
    let scenario = vllm(Template::Drops, "from the chat").on_by(Scenario::COMPLETIONS, |_, request| {
        let body = request.json();
        let is_check = !text_of(&body["prompt"]).contains("What is 2+2?");
        stream("text", if is_check && body["ignore_eos"] != true { "" } else { " 4." })
    });
    let server = Server::start(scenario);
    let all = continued(&engine_in(&server, "vllm"), CLOSED).await;
    assert_eq!((all.error, all.content.as_str()), (None, " 4."));
    let (_, body) = completions(&server);
    assert!(body.get("ignore_eos").is_none(), "a sample ends where the model ends it");
}

#[tokio::test]
async fn the_samples_of_one_request_share_one_rendering() {
    let server = Server::start(vllm(Template::Drops, "x"));
    let engine = engine_in(&server, "vllm");
    continued(&engine, CLOSED).await;
    let (before, mut request) = (count(&server, "/tokenize"), begun(CLOSED));
    request.seeds = vec![1, 2, 3];
    request.sampling.stop = vec!["\n\n".into()];
    request.max_tokens = None;
    request.thinking = Thinking { effort: Some(Effort::High), budget: Some(500) };
    std::sync::Arc::make_mut(&mut request.prompt).extra.insert("presence_penalty".into(), 0.5.into());
    std::sync::Arc::make_mut(&mut request.prompt).extra.insert("chat_template_kwargs".into(), json!({"lang": "en"}));
    let all = futures_util::future::join_all(engine.start(request).into_iter().map(whole)).await;
    assert!(all.iter().all(|sample| sample.content == " 4."), "{all:?}");
    assert_eq!(count(&server, "/tokenize") - before, 2, "the prompt and the beginning");
    let (_, body) = completions(&server);
    assert_eq!((&body["stop"], &body["presence_penalty"]), (&json!(["\n\n"]), &0.5.into()));
    assert!(body.get("chat_template_kwargs").is_none() && body.get("messages").is_none(), "{body}");
    let rendered = server.requests().iter().map(Request::json).rfind(|b| b.get("messages").is_some()).unwrap();
    let arguments = &rendered["chat_template_kwargs"];
    assert_eq!((&arguments["reasoning_effort"], &arguments["lang"]), (&"high".into(), &"en".into()), "{rendered}");
    assert!(all[0].notes.iter().any(|note| note.contains("reasoning budget")), "{:?}", all[0].notes);
    assert!(body.get("max_tokens").is_some_and(Value::is_null), "the API's own default would be 16: {body}");
}

#[tokio::test]
async fn a_server_without_a_renderer_is_judged_by_its_replies() {
    // It goes on as only a model that sees the beginning can.
    let server = Server::start(Scenario::by(|_, request| {
        let text = request.text();
        let reply = if text.contains("1, 2, 3, 4,") { " 5, 6" } else { " 4817." };
        stream("content", reply)
    }));
    let engine = engine_in(&server, "vllm");
    for prefix in [PLAIN, OPEN, CLOSED] {
        let all = continued(&engine, prefix).await;
        assert_eq!((all.error, all.notes.len()), (None, 0), "{prefix}");
    }

    // It passes over the request to continue, and begins again.
    let server = Server::start(Scenario::chat([stream("content", "1, 2, 3, 4, 5, 6")]));
    let engine = engine_in(&server, "vllm");
    let error = continued(&engine, PLAIN).await.error.unwrap();
    assert!(error.message.contains("cannot continue the beginning of an answer"), "{error}");
    assert!(error.hint.is_some() && engine.capabilities().continuation == Support::No);

    // It refuses reasoning.
    let server = Server::start(Scenario::by(|_, request| {
        if request.text().contains("think") { bad("the final message does not appear") } else { stream("content", "5") }
    }));
    let engine = engine_in(&server, "vllm");
    let error = continued(&engine, CLOSED).await.error.unwrap();
    assert!(error.message.contains("closed reasoning") && error.message.contains("does not appear"), "{error}");
    assert_eq!(continued(&engine, PLAIN).await.error, None);
}

#[tokio::test]
async fn a_continuation_that_says_nothing_is_a_failure_where_it_could_not_be_checked() {
    let silent = Reply::events(
        [r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#, "[DONE]"]
            .map(|data| outthink_testkit::server::Step::raw(format!("data: {data}\n\n"))),
    );
    let server =
        Server::start(Scenario::by(
            move |number, _| {
                if number == 0 { stream("content", "Let me see") } else { silent.clone() }
            },
        ));
    let all = continued(&engine_in(&server, "vllm"), CLOSED).await;
    let error = all.error.unwrap();
    assert!(all.finish.is_none() && error.elsewhere, "never an empty success");
    assert_eq!(all.notes.len(), 1, "{:?}", all.notes);
}

#[tokio::test]
async fn nothing_is_bought_for_a_strategy_that_could_not_go_on() {
    let server = Server::start(Scenario::chat([bad("continue_final_message is not supported")]));
    let engine = engine_in(&server, "vllm");
    assert_eq!(engine.capabilities().continuation, Support::Unknown, "until it was asked");
    let request = SampleRequest { may_continue: true, ..request(&[1, 2]) };
    for sample in engine.start(request) {
        let all = whole(sample).await;
        assert!(all.started.is_empty() && all.error.unwrap().message.contains("cannot continue"));
    }
    assert_eq!(engine.capabilities().continuation, Support::No);
    let asked = server.requests().len();
    let all = whole(engine.start(SampleRequest { may_continue: true, ..crate::request(&[3]) }).remove(0)).await;
    assert!(all.error.is_some() && server.requests().len() == asked, "known by now");
    let is_sample = |r: &Request| r.path == Scenario::CHAT && r.text().contains("2+2");
    assert!(!server.requests().iter().any(is_sample), "{:?}", paths(&server));
}

#[tokio::test]
async fn who_needs_no_continuation_pays_for_no_question() {
    let server = Server::start(vllm(Template::Drops, "4"));
    let engine = engine_in(&server, "vllm");
    assert_eq!(whole(engine.start(request(&[7])).remove(0)).await.content, "4");
    assert_eq!(paths(&server), [Scenario::CHAT]);
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let server = Server::start(vllm(Template::Keeps, "4").on_by("/tokenize", |number, request| match number {
        0 => Reply::error(429, "busy", "rate_limit_error", 429).header("retry-after", "0"),
        _ => Reply::json(tokens(&Template::Keeps.render(&request.json()).unwrap())),
    }));
    let mut options = OpenAiOptions::new(server.root());
    (options.model, options.dialect) = (Some("m".into()), Dialect::by_name("vllm"));
    assert_eq!(continued(&OpenAiEngine::new(options).unwrap(), PLAIN).await.error, None);
}

#[tokio::test]
async fn a_failure_to_find_out_is_no_finding() {
    let server = Server::start(vllm(Template::Keeps, "4").on_by("/tokenize", |number, request| {
        if number == 0 {
            return Reply::error(503, "loading", "unavailable", 503);
        }
        let body = request.json();
        Reply::json(tokens(&Template::Keeps.render(&body).unwrap()))
    }));
    let engine = engine_in(&server, "vllm");
    assert_eq!(continued(&engine, PLAIN).await.error.unwrap().status, Some(503));
    assert_eq!(continued(&engine, PLAIN).await.error, None);
}

#[tokio::test]
async fn llama_cpp_renders_to_text() {
    let refuses = |request: &Request| {
        let body = request.json();
        body["messages"].as_array().unwrap().last().unwrap()["role"] == "assistant"
    };
    let words = "Assistant response prefill is incompatible with enable_thinking.";
    let server = Server::start(
        Scenario::by(move |_, request| if refuses(request) { bad(words) } else { stream("content", "x") })
            .on_by("/apply-template", move |_, request| {
                let body = request.json();
                if refuses(request) {
                    bad(words)
                } else {
                    Reply::json(json!({"prompt": Template::Drops.render(&body).unwrap()}))
                }
            })
            // Of messages, its /tokenize knows nothing.
            .on("/tokenize", [Reply::json(json!({"tokens": []}))])
            .on(Scenario::COMPLETIONS, [stream("text", " 4.")]),
    );
    let engine = engine_in(&server, "llama.cpp");
    assert_eq!(continued(&engine, CLOSED).await.content, " 4.");
    let (prompts, body) = completions(&server);
    assert_eq!(prompts.last().unwrap(), &format!("user:What is 2+2?|assistant:{CLOSED}"));
    assert!(body["prompt"].is_string());
}

#[tokio::test]
async fn a_dialect_may_say_that_prompts_are_rendered() {
    let server = Server::start(vllm(Template::Keeps, "from the chat"));
    let config = json!({"name": "house", "base": "vllm", "continuation": "rendered"});
    let mut options = OpenAiOptions::new(server.root());
    options.model = Some("m".into());
    options.dialect =
        Some(serde_json::from_value::<outthink_engine::openai::DialectConfig>(config).unwrap().build().unwrap());
    let engine = OpenAiEngine::new(options).unwrap();
    assert_eq!(continued(&engine, PLAIN).await.content, " 4.");
    let picture = json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]});
    let mut request = begun(PLAIN);
    std::sync::Arc::make_mut(&mut request.prompt).messages.push(picture);
    let error = whole(engine.start(request).remove(0)).await.error.unwrap();
    assert!(error.message.contains("pictures"), "{error}");
}

#[tokio::test]
async fn the_table_says_what_was_found_and_the_engine_goes_by_it() {
    let scenario = vllm(Template::Drops, "unused").owned_by("somebody").on_by(Scenario::CHAT, |_, request| {
        let body = request.json();
        if body.get("temperature") == Some(&0.into()) {
            return bad("Unsupported value: 'temperature' does not support 0 with this model.");
        }
        if body.get("max_tokens").is_some() {
            return bad("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.");
        }
        if body.get("tools").is_some() {
            return bad("\"auto\" tool choice requires --enable-auto-tool-choice");
        }
        if body.get("seed").is_some() {
            return bad("seed: extra inputs are not permitted");
        }
        let mut choice = json!({"index": 0, "delta": {"content": "1"}, "finish_reason": "stop"});
        if body["logprobs"] == true {
            choice["logprobs"] = json!({"content": [{"token": "1", "logprob": -0.1, "top_logprobs": []}]});
        }
        if body.get("stop").is_some() {
            choice["stop_reason"] = "3".into();
        }
        let mut choices = vec![choice.clone()];
        if body["n"] == 2 {
            choice["index"] = 1.into();
            choices.push(choice);
        }
        let mut event = json!({ "choices": choices });
        if body.get("stream_options").is_some() {
            event["usage"] = json!({"prompt_tokens": 3, "completion_tokens": 1});
        }
        Reply::events([outthink_testkit::server::Step::raw(format!("data: {event}\n\ndata: [DONE]\n\n"))])
    });
    let server = Server::start(scenario);
    let mut options = OpenAiOptions::new(server.root());
    (options.model, options.probe) = (Some("m".into()), true);
    let engine = OpenAiEngine::connect(options).await.unwrap();
    let abilities = engine.abilities().await.unwrap();
    for (ability, verdict) in [
        (Ability::Continuation, Verdict::Yes),
        (Ability::OpenReasoning, Verdict::Yes),
        (Ability::ForcedEnd, Verdict::Yes),
        (Ability::Logprobs, Verdict::Yes),
        (Ability::N, Verdict::Yes),
        (Ability::Tools, Verdict::No),
        (Ability::Effort, Verdict::Yes),
        (Ability::Budget, Verdict::No),
        (Ability::Seed, Verdict::No),
        (Ability::StreamUsage, Verdict::Yes),
        (Ability::MetStop, Verdict::Yes),
    ] {
        assert_eq!(abilities.verdict(ability), verdict, "{ability:?} in {abilities:?}");
    }
    let way = |ability| abilities.findings.iter().find(|f| f.ability == ability).unwrap().way;
    assert_eq!(way(Ability::Continuation), Some(Continuation::ContinueFinalMessage));
    assert_eq!(way(Ability::ForcedEnd), Some(Continuation::Rendered));
    assert_eq!(engine.dialect().name, "generic", "of which nothing was known");
    let Capabilities { continuation, logprobs, .. } = engine.capabilities();
    assert!(continuation == Support::Yes && logprobs);
    let before = server.requests().len();
    let all = continued(&engine, CLOSED).await;
    assert_eq!((all.content.as_str(), all.error), (" 4.", None));
    assert!(server.requests()[before..].iter().all(|r| r.path != Scenario::CHAT), "{:?}", paths(&server));
    engine.abilities().await.unwrap();
    assert_eq!(completions(&server).1.get("seed"), None, "what was refused is not sent again");
}
