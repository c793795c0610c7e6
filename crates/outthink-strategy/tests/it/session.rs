//! What a session makes of what engines do, without an engine: each test is the host.

use outthink_core::{
    Budget, Capabilities, Cost, Delta, Effort, EngineError, Finish, FinishReason, ModelInfo, Origin, Outcome, Price,
    Prompt, SampleEvent, SampleId, SampleRequest, Sampling, Source, StopReason, Support, Usage,
};
use outthink_strategy::{Action, ArmInfo, DriveError, DriveRequest, Input, Session, Setup, StrategySpec};
use std::sync::Arc;
use std::time::Duration;

const LARGE: &str = "large";

fn price(output: f64) -> Price {
    Price::per_million_usd(1.0, 0.5, output).unwrap()
}

fn model() -> ModelInfo {
    ModelInfo { id: "small".into(), context: None, price: price(2.0) }
}

fn setup() -> Setup {
    Setup { arms: vec![ArmInfo::new(model(), Capabilities::default())], ..Setup::default() }
}

fn asks(text: &str) -> DriveRequest {
    DriveRequest { prompt: Prompt::user(text).into(), ..DriveRequest::default() }
}

fn says(content: &str) -> Vec<SampleEvent> {
    ends(content, FinishReason::Stop)
}

fn ends(content: &str, reason: FinishReason) -> Vec<SampleEvent> {
    let usage = Usage { prompt: 10, completion: 5, ..Usage::default() };
    let delta = Delta { content: content.into(), tokens: 5, ..Delta::default() };
    vec![SampleEvent::Delta(delta), SampleEvent::Finish(Finish::new(reason, usage))]
}

fn thinks_and_says_nothing() -> Vec<SampleEvent> {
    thinks_until(FinishReason::Stop)
}

fn thinks_until(reason: FinishReason) -> Vec<SampleEvent> {
    let usage = Usage { prompt: 10, completion: 5, reasoning: 5, ..Usage::default() };
    let delta = Delta { reasoning: "hm, so it is 391".into(), tokens: 5, ..Delta::default() };
    vec![SampleEvent::Delta(delta), SampleEvent::Finish(Finish::new(reason, usage))]
}

struct Hosted {
    end: Result<Outcome, DriveError>,
    asked: Vec<SampleRequest>,
}

/// Hosts a session: sample number n does what `script` says of it, one after the other.
fn host(request: DriveRequest, spec: &StrategySpec, script: impl Fn(SampleId) -> Vec<SampleEvent>) -> Hosted {
    host_all(request, spec, |id| script(id).into_iter().map(Ok).collect())
}

/// The same, with failures.
fn host_all(
    request: DriveRequest,
    spec: &StrategySpec,
    script: impl Fn(SampleId) -> Vec<Result<SampleEvent, EngineError>>,
) -> Hosted {
    let mut session = Session::new(request, spec.build().unwrap(), setup()).unwrap();
    let (mut asked, mut waiting) = (Vec::new(), std::collections::VecDeque::new());
    loop {
        match session.poll(Duration::ZERO) {
            Some(Action::Start { samples, request, .. }) => {
                asked.push(*request);
                waiting.extend(samples);
            }
            Some(Action::Cancel(id)) => waiting.retain(|w| *w != id),
            Some(Action::Done(end)) => return Hosted { end: *end, asked },
            Some(_) => {}
            None => {
                let id = waiting.pop_front().expect("the session waits for something");
                for event in script(id) {
                    session.handle(Duration::ZERO, Input::Event(id, event));
                }
            }
        }
    }
}

fn effort(effort: Effort) -> StrategySpec {
    StrategySpec::for_effort(effort)
}

fn votes(samples: u32) -> StrategySpec {
    StrategySpec { name: "self-consistency".into(), max_samples: samples, ..effort(Effort::Medium) }
}

const QUESTION: &str = "What is 17 * 23?";

#[test]
fn samples_that_did_not_come_to_their_end_have_no_vote() {
    for reason in [FinishReason::Length, FinishReason::ContentFilter, FinishReason::Interrupted, FinishReason::Unknown]
    {
        let end = host(asks(QUESTION), &votes(5), |id| {
            if id < 3 { ends("17*20 is 340 and 17*3 is 51, so", reason) } else { says("The answer is 391.") }
        });
        let outcome = end.end.unwrap();
        assert_eq!(outcome.answer.unwrap().text, "391", "{reason:?}");
        assert_eq!(outcome.confidence.vote_share, Some(1.0), "only what votes counts");
    }
}

#[test]
fn where_all_are_cut_the_reply_is_one_of_them_and_nothing_was_compared() {
    let end = host(asks(QUESTION), &votes(3), |_| ends("17*3 is 51, so", FinishReason::Length));
    let outcome = end.end.unwrap();
    assert_eq!((outcome.stop, outcome.finish), (StopReason::NoneComplete, Some(FinishReason::Length)));
    assert_eq!(outcome.content, "17*3 is 51, so");
    assert_eq!(outcome.answer, None);
    assert_eq!((outcome.confidence.vote_share, outcome.confidence.posterior_leader), (None, None));
}

/// A limit that cuts the reasoning cuts the next one, too: the wave that holds the fourth is the last, and one is bought
/// where nothing says that there is something to compare.
#[test]
fn reasoning_that_the_limit_cuts_is_not_bought_ten_times() {
    for effort_ in [Effort::Auto, Effort::High] {
        for (question, most) in [(QUESTION, 4..=6), ("Tell me of the rivers.", 1..=1)] {
            let end = host(asks(question), &effort(effort_), |_| thinks_until(FinishReason::Length));
            let outcome = end.end.unwrap();
            assert_eq!((outcome.stop, outcome.finish), (StopReason::NoneComplete, Some(FinishReason::Length)));
            assert!(most.contains(&outcome.samples_drawn), "{effort_:?} {question}: {}", outcome.samples_drawn);
        }
    }
}

#[test]
fn empty_replies_do_not_end_a_vote() {
    let end = host(asks(QUESTION), &effort(Effort::High), |id| {
        if id < 3 { thinks_and_says_nothing() } else { says("The answer is 391.") }
    });
    assert_eq!(end.end.unwrap().answer.unwrap().text, "391");
}

#[test]
fn an_empty_reply_is_asked_for_once_more_without_reasoning() {
    let end = host(asks("Say hello."), &effort(Effort::None), |id| {
        if id == 0 { thinks_and_says_nothing() } else { says("Hello.") }
    });
    let outcome = end.end.unwrap();
    assert_eq!(outcome.content, "Hello.");
    assert_eq!(end.asked[1].thinking.effort, Some(Effort::None));
    assert_eq!(outcome.notes.len(), 1, "{:?}", outcome.notes);
    assert_eq!(outcome.usage.completion, 10, "both are on the bill");
    let end = host(asks("Say hello."), &effort(Effort::None), |_| thinks_and_says_nothing());
    assert_eq!(end.end.unwrap().samples_drawn, 2, "once and no more");
}

#[test]
fn a_chat_is_one_sample_at_every_effort() {
    for chosen in Effort::ALL {
        let chat = "Write a birthday greeting for my friend, who turns 30.";
        let outcome = host(asks(chat), &effort(chosen), |_| says("Happy 30th birthday, dear friend!")).end.unwrap();
        assert_eq!(outcome.samples_drawn, 1, "{chosen}");
        assert_eq!(outcome.answer.filter(|_| chosen != Effort::None), None, "a number in an essay is no answer");
        assert_eq!((outcome.confidence.vote_share, outcome.confidence.posterior_leader), (None, None));
    }
}

#[test]
fn at_auto_a_tool_loop_is_one_sample_a_turn() {
    let tools = serde_json::json!([{"type": "function", "function": {"name": "read", "parameters": {}}}]);
    let mut request = asks("How many lines has main.rs? End with: The answer is <number>.");
    std::sync::Arc::make_mut(&mut request.prompt).extra.insert("tools".into(), tools);
    let call = serde_json::json!([{"index": 0, "id": "c", "type": "function",
        "function": {"name": "read", "arguments": "{}"}}]);
    let calls = |_| {
        let extra = serde_json::Map::from_iter([("tool_calls".to_owned(), call.clone())]);
        let usage = Usage { prompt: 10, completion: 5, ..Usage::default() };
        let delta = SampleEvent::Delta(Delta { extra, tokens: 5, ..Delta::default() });
        vec![delta, SampleEvent::Finish(Finish::new(FinishReason::ToolCalls, usage))]
    };
    let outcome = host(request.clone(), &effort(Effort::Auto), calls).end.unwrap();
    assert_eq!((outcome.samples_drawn, outcome.stop), (1, StopReason::Single));
    assert!(outcome.tool_calls.is_some());
    assert!(host(request, &effort(Effort::High), calls).end.unwrap().samples_drawn > 1, "a vote where it is asked for");
}

#[test]
fn a_quantity_is_compared_though_the_reply_does_not_mark_it() {
    let outcome = host(asks(QUESTION), &effort(Effort::Auto), |_| says("That makes 391.")).end.unwrap();
    assert!(outcome.samples_drawn > 1);
    assert_eq!(outcome.answer.unwrap().text, "391");
}

/// What an engine refuses as it is, it refuses the next time, too; of other failures it has made its own retries.
#[test]
fn a_failure_is_not_bought_again() {
    let refused = |status: u16, retryable: bool| {
        let error = EngineError { status: Some(status), retryable, ..EngineError::new(Origin::Engine, "no") };
        move |_| vec![Err(error.clone())]
    };
    for status in [400, 401, 404, 413, 429] {
        let end = host_all(asks("Tell me of the rivers."), &effort(Effort::Auto), refused(status, false));
        assert_eq!((end.asked.len(), end.end.unwrap_err().to_string().contains("no")), (1, true), "{status}");
    }
    for status in [429, 500, 503] {
        let end = host_all(asks("Tell me of the rivers."), &effort(Effort::Auto), refused(status, true));
        assert_eq!((end.asked.len(), end.end.is_err()), (2, true), "{status}");
    }
}

#[test]
fn what_is_refused_has_no_vote() {
    let refuses = |id: SampleId| {
        let mut events = says(r"The answer is \boxed{51}.");
        let extra = serde_json::json!({"refusal": "I cannot help with that."});
        let delta = Delta { extra: extra.as_object().unwrap().clone(), ..Delta::default() };
        if id < 3 {
            events.insert(1, SampleEvent::Delta(delta));
            events
        } else {
            says(r"The answer is \boxed{391}.")
        }
    };
    let outcome = host(asks(QUESTION), &votes(5), refuses).end.unwrap();
    assert_eq!((outcome.answer.unwrap().text.as_str(), outcome.confidence.vote_share), ("391", Some(1.0)));
}

#[test]
fn what_asks_for_the_best_token_is_greedy() {
    let sampling = |change: &dyn Fn(&mut Sampling)| {
        let mut sampling = Sampling { temperature: Some(1.0), ..Sampling::default() };
        change(&mut sampling);
        DriveRequest { sampling, ..asks(QUESTION) }
    };
    let mut by_name = asks(QUESTION);
    let mut prompt = Prompt::user(QUESTION);
    prompt.extra.insert("do_sample".into(), false.into());
    by_name.prompt = prompt.into();
    for request in [
        sampling(&|s| s.temperature = Some(1e-6)),
        sampling(&|s| s.top_k = Some(1)),
        sampling(&|s| s.top_p = Some(0.0)),
        by_name,
    ] {
        let outcome = host(request, &votes(3), |_| says("The answer is 391.")).end.unwrap();
        assert_eq!(outcome.samples.iter().filter(|s| s.copy).count() as u32, outcome.samples_drawn - 1);
    }
}

#[test]
fn greedy_samples_are_one_vote() {
    let sampling = Sampling { temperature: Some(0.0), ..Sampling::default() };
    let request = DriveRequest { sampling, ..asks(QUESTION) };
    let outcome = host(request, &effort(Effort::High), |_| says("The answer is 390.")).end.unwrap();
    assert_eq!((outcome.samples_drawn, outcome.stop), (1, StopReason::Greedy));
    assert_eq!(outcome.confidence.posterior_leader, None, "one vote says nothing");
}

#[test]
fn a_server_that_is_seen_to_be_greedy_sells_no_more_copies() {
    let text = format!("{} The answer is 390.", "Let me see. ".repeat(20));
    let outcome = host(asks(QUESTION), &effort(Effort::High), |_| says(&text)).end.unwrap();
    // The first alone, and the shortest wave after which the target could be reached.
    assert!(outcome.samples_drawn <= 5, "{}", outcome.samples_drawn);
    assert_eq!(outcome.samples.iter().filter(|s| s.copy).count() as u32, outcome.samples_drawn - 1);
    assert_eq!(outcome.confidence.posterior_leader, None);
    assert!(outcome.notes[0].contains("same reply"), "{:?}", outcome.notes);
}

#[test]
fn short_answers_that_agree_are_no_copies() {
    let outcome = host(asks(QUESTION), &votes(4), |_| says("391")).end.unwrap();
    assert!(outcome.samples.iter().all(|s| !s.copy));
}

fn taken_over_by_large() -> SampleEvent {
    SampleEvent::Started(Arc::new(Source { model: LARGE.into(), member: Some("b".into()), price: price(30.0) }))
}

#[test]
fn the_model_that_worked_is_named_and_paid() {
    let script = |_| {
        let mut events = vec![taken_over_by_large()];
        events.extend(says("Hello."));
        events
    };
    let outcome = host(asks("Say hello."), &effort(Effort::None), script).end.unwrap();
    assert_eq!(outcome.model, LARGE);
    // 10 tokens of the prompt at $1 and 5 at $30 for a million.
    assert_eq!(outcome.cost.nano(), 10_000 + 150_000);
    let bill = outcome.arms.iter().find(|b| b.model == LARGE).unwrap();
    assert_eq!((bill.samples, bill.cost), (1, outcome.cost));
}

#[test]
fn attempts_that_failed_are_on_the_bill_at_their_own_price() {
    let script = |_| {
        let mut events = vec![
            SampleEvent::Started(Arc::new(Source { model: "small".into(), member: None, price: price(2.0) })),
            SampleEvent::Lost(Usage { prompt: 70_000, estimated: true, ..Usage::default() }),
            taken_over_by_large(),
        ];
        events.extend(says("Hello."));
        events
    };
    let outcome = host(asks("Say hello."), &effort(Effort::None), script).end.unwrap();
    assert_eq!((outcome.usage.prompt, outcome.usage.completion), (70_010, 5));
    assert!(outcome.usage.estimated);
    assert_eq!(outcome.cost.nano(), 70_000_000 + 10_000 + 150_000);
}

#[test]
fn the_last_report_is_billed_where_the_sample_fails_or_is_left() {
    let used = |completion| SampleEvent::Used(Usage { prompt: 1_000, completion, ..Usage::default() });
    let word = || SampleEvent::Delta(Delta { content: "w".into(), tokens: 1, ..Delta::default() });
    let outcome = left(vec![taken_over_by_large(), word(), used(300), word(), used(9_000)]);
    assert_eq!((outcome.usage.prompt, outcome.usage.completion), (1_000, 9_000));
    assert_eq!(outcome.cost.nano(), 1_000 * 1_000 + 9_000 * 30_000);

    let mut session = Session::new(asks("Hello"), effort(Effort::None).build().unwrap(), setup()).unwrap();
    while session.poll(Duration::ZERO).is_some() {}
    for event in [taken_over_by_large(), word(), used(9_000)] {
        session.handle(Duration::ZERO, Input::Event(0, Ok(event)));
    }
    session.handle(Duration::ZERO, Input::Event(0, Err(EngineError::new(Origin::Engine, "boom"))));
    let end = loop {
        if let Some(Action::Done(end)) = session.poll(Duration::ZERO) {
            break end;
        }
    };
    let outcome = end.unwrap_or_else(|failure| *failure.outcome);
    let (usage, cost) = (outcome.usage, outcome.cost);
    assert_eq!((usage.prompt, usage.completion, cost.nano()), (1_000, 9_000, 1_000 * 1_000 + 9_000 * 30_000));
}

fn left(events: Vec<SampleEvent>) -> Outcome {
    let mut session =
        Session::new(asks(&"word ".repeat(1_000)), effort(Effort::None).build().unwrap(), setup()).unwrap();
    while let Some(action) = session.poll(Duration::ZERO) {
        assert!(!matches!(action, Action::Done(_)));
    }
    for event in events {
        session.handle(Duration::ZERO, Input::Event(0, Ok(event)));
    }
    session.handle(Duration::ZERO, Input::Left);
    loop {
        if let Some(Action::Done(end)) = session.poll(Duration::ZERO) {
            return end.unwrap();
        }
    }
}

#[test]
fn a_prompt_that_was_read_is_paid_by_a_caller_who_left() {
    let outcome = left(vec![taken_over_by_large()]);
    assert_eq!(outcome.stop, StopReason::Cancelled);
    assert!(outcome.usage.prompt > 1_000 && outcome.usage.estimated, "{:?}", outcome.usage);
    assert!(outcome.cost > Cost::ZERO);
    assert_eq!(left(Vec::new()).usage, Usage::default(), "no engine had begun");
}

#[test]
fn no_limit_is_sent_that_nobody_asked_for() {
    for chosen in Effort::ALL {
        let asked = host(asks(QUESTION), &effort(chosen), |_| says("The answer is 391.")).asked;
        assert!(asked.iter().all(|r| r.max_tokens.is_none() && !r.seeded), "{chosen}");
    }
}

#[test]
fn a_budget_is_shared_among_the_samples_of_a_wave() {
    let budget = Budget { max_tokens: Some(5_000), ..Budget::default() };
    let hosted = host(DriveRequest { budget, ..asks(QUESTION) }, &votes(4), |_| says("The answer is 391."));
    let first = &hosted.asked[0];
    assert_eq!((first.seeds.len(), first.max_tokens), (4, Some(1_250)));
}

#[test]
fn a_run_whose_budget_ends_gives_what_there_is() {
    let mut session = Session::new(asks("Tell me a story."), effort(Effort::None).build().unwrap(), setup()).unwrap();
    while session.poll(Duration::ZERO).is_some() {}
    let delta = Delta { content: "Once upon".into(), tokens: 2, ..Delta::default() };
    session.handle(Duration::ZERO, Input::Event(0, Ok(SampleEvent::Delta(delta))));
    session.handle(Duration::ZERO, Input::BudgetEnded { tokens: 0 });
    let end = std::iter::from_fn(|| session.poll(Duration::ZERO)).find_map(|action| match action {
        Action::Done(end) => Some(*end),
        _ => None,
    });
    let outcome = end.unwrap().unwrap();
    assert_eq!((outcome.content.as_str(), outcome.stop), ("Once upon", StopReason::BudgetSpent));
}

#[test]
fn reasoning_whose_budget_ends_is_closed_and_answered() {
    let can = Capabilities { continuation: Support::Yes, ..Capabilities::default() };
    let setup = Setup { arms: vec![ArmInfo::new(model(), can)], ..Setup::default() };
    let mut session = Session::new(asks(QUESTION), effort(Effort::None).build().unwrap(), setup).unwrap();
    while session.poll(Duration::ZERO).is_some() {}
    let delta = Delta { reasoning: "17 * 20 is 340, ".into(), tokens: 6, ..Delta::default() };
    session.handle(Duration::ZERO, Input::Event(0, Ok(SampleEvent::Delta(delta))));
    session.handle(Duration::ZERO, Input::BudgetEnded { tokens: 40 });
    let mut closed = None;
    let outcome = loop {
        match session.poll(Duration::ZERO) {
            Some(Action::Start { samples, request, .. }) => closed = Some((samples[0], request)),
            Some(Action::Cancel(id)) => assert_eq!(id, 0),
            Some(Action::Done(end)) => break end.unwrap(),
            Some(_) => {}
            None => {
                let (id, request) = closed.take().unwrap();
                assert_eq!(request.max_tokens, Some(40));
                assert!(request.prefix.unwrap().ends_with("</think>\n\nThe answer is"));
                for event in ends(" 391.", FinishReason::Length) {
                    session.handle(Duration::ZERO, Input::Event(id, Ok(event)));
                }
            }
        }
    };
    assert_eq!((outcome.content.as_str(), outcome.stop), ("The answer is 391.", StopReason::BudgetSpent));
    assert_eq!(outcome.answer.unwrap().text, "391");
    assert_eq!(outcome.usage.completion, 6 + 5, "both parts are on the bill");
}

#[test]
fn a_step_that_failed_is_no_empty_success() {
    let can = Capabilities { continuation: Support::Yes, ..Capabilities::default() };
    let setup = Setup { arms: vec![ArmInfo::new(model(), can)], ..Setup::default() };
    let spec = StrategySpec { name: "budget-forcing".into(), thinking_cap: Some(8), ..effort(Effort::Low) };
    let mut session = Session::new(asks(QUESTION), spec.build().unwrap(), setup).unwrap();
    let mut started = Vec::new();
    let end = loop {
        match session.poll(Duration::ZERO) {
            Some(Action::Start { samples, .. }) => started.extend(samples),
            Some(Action::Done(end)) => break *end,
            Some(_) => {}
            None => {
                let id = started.pop().unwrap();
                if id > 0 {
                    let error = EngineError::new(Origin::Caller, "the template rewrites the beginning");
                    session.handle(Duration::ZERO, Input::Event(id, Err(error)));
                    continue;
                }
                let delta = Delta { reasoning: "17 * 20 is".into(), tokens: 8, ..Delta::default() };
                let usage = Usage { prompt: 10, completion: 8, reasoning: 8, ..Usage::default() };
                session.handle(Duration::ZERO, Input::Event(id, Ok(SampleEvent::Delta(delta))));
                let finish = Finish::new(FinishReason::Length, usage);
                session.handle(Duration::ZERO, Input::Event(id, Ok(SampleEvent::Finish(finish))));
            }
        }
    };
    let failed = end.unwrap_err();
    assert_eq!(failed.error.message, "the template rewrites the beginning");
    assert_eq!(failed.outcome.usage.completion, 8, "the bill is there");
}

#[test]
fn failures_are_counted_and_named() {
    let mut session = Session::new(asks(QUESTION), votes(3).build().unwrap(), setup()).unwrap();
    let end = loop {
        match session.poll(Duration::ZERO) {
            Some(Action::Start { samples, .. }) => {
                for id in samples {
                    if id == 1 {
                        for event in says("The answer is 391.") {
                            session.handle(Duration::ZERO, Input::Event(id, Ok(event)));
                        }
                    } else {
                        let error = EngineError::new(Origin::Engine, "out of memory");
                        session.handle(Duration::ZERO, Input::Event(id, Err(error)));
                    }
                }
            }
            Some(Action::Done(end)) => break *end,
            Some(_) => {}
            None => panic!("it waits for nothing"),
        }
    };
    let outcome = end.unwrap();
    assert_eq!((outcome.samples_drawn, outcome.samples_failed), (3, 2));
    assert!(outcome.notes[0].contains("2 of 3 samples failed: out of memory"), "{:?}", outcome.notes);
    assert_eq!(outcome.confidence.vote_share, None, "one vote was not compared with another");
}
