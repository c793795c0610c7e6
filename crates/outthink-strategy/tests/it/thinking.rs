//! Length as a strategy sees it: efforts as arms, and one thought between its floor, its cap and its exit.

use outthink_core::{
    Capabilities, Delta, Effort, Finish, FinishReason, ModelInfo, Outcome, Price, Prompt, SampleEvent, SampleId,
    SampleRequest, Support, Thinking, Usage,
};
use outthink_strategy::{Action, ArmInfo, DriveRequest, Input, Session, Setup, StrategySpec};
use std::collections::VecDeque;
use std::time::Duration;

fn info(effort: Option<Effort>) -> ArmInfo {
    let price = Price::per_million_usd(1.0, 0.5, 2.0).unwrap();
    let model = ModelInfo { id: "m".into(), context: None, price };
    let thinking = effort.map(|effort| Thinking { effort: Some(effort), budget: None });
    ArmInfo { thinking, ..ArmInfo::new(model, Capabilities { continuation: Support::Yes, ..Capabilities::default() }) }
}

/// What an engine does with a request: pieces, each with its tokens, and the end.
fn says(text: &str, tokens: u64) -> Vec<SampleEvent> {
    let usage = Usage { prompt: 10, completion: tokens, ..Usage::default() };
    let delta = Delta { content: text.into(), tokens, ..Delta::default() };
    vec![SampleEvent::Delta(delta), SampleEvent::Finish(Finish::new(FinishReason::Stop, usage))]
}

struct Hosted {
    outcome: Outcome,
    asked: Vec<(u32, SampleRequest)>,
}

fn host_arms(spec: &StrategySpec, arms: Vec<ArmInfo>, script: impl Fn(u32, SampleId) -> Vec<SampleEvent>) -> Hosted {
    let request = DriveRequest {
        prompt: Prompt::user("What is 17 * 23?").into(),
        thinking: Thinking { effort: Some(Effort::Low), budget: None },
        ..DriveRequest::default()
    };
    let setup = Setup { arms, ..Setup::default() };
    let mut session = Session::new(request, spec.build().unwrap(), setup).unwrap();
    let (mut asked, mut waiting) = (Vec::new(), VecDeque::new());
    loop {
        match session.poll(Duration::ZERO) {
            Some(Action::Start { arm, samples, request }) => {
                asked.push((arm, *request));
                waiting.extend(samples.into_iter().map(|id| (arm, id)));
            }
            Some(Action::Cancel(id)) => waiting.retain(|w| w.1 != id),
            Some(Action::Done(end)) => return Hosted { outcome: end.unwrap(), asked },
            Some(_) => {}
            None => {
                let (arm, id) = waiting.pop_front().expect("the session waits for something");
                for event in script(arm, id) {
                    session.handle(Duration::ZERO, Input::Event(id, Ok(event)));
                }
            }
        }
    }
}

fn named(name: &str, samples: u32) -> StrategySpec {
    StrategySpec { name: name.into(), max_samples: samples, ..StrategySpec::for_effort(Effort::Medium) }
}

#[test]
fn a_cascade_goes_from_short_to_long_thought_of_one_model() {
    let run = host_arms(&named("cascade", 4), vec![info(None), info(Some(Effort::High))], |arm, id| {
        if arm == 0 { says(&format!("The answer is {id}."), 50) } else { says("The answer is 391.", 200) }
    });
    assert_eq!(run.outcome.answer.unwrap().text, "391");
    let efforts: Vec<_> = run.asked.iter().map(|(arm, request)| (*arm, request.thinking.effort)).collect();
    assert!(
        efforts.iter().all(|(arm, e)| *e == Some(if *arm == 0 { Effort::Low } else { Effort::High })),
        "{efforts:?}"
    );
    let why: Vec<&str> = run.outcome.trace.iter().map(|e| &*e.decision.why).collect();
    assert!(why.iter().any(|why| why.ends_with("escalate to m, 4.0x the price")), "{why:?}");
}

#[test]
fn allocate_knows_that_a_long_thought_costs_more() {
    // Equal arms take turns; an arm of the same model at a higher effort is asked where the vote is flat.
    let flat = |arm: u32, id: SampleId| {
        if arm == 0 { says(&format!("The answer is {id}."), 50) } else { says("The answer is 391.", 200) }
    };
    let mut spec = named("allocate", 12);
    spec.settings.set("price", 1e-3);
    let run = host_arms(&spec, vec![info(None), info(Some(Effort::High))], flat);
    assert_eq!(run.outcome.samples.iter().filter(|s| s.arm == 1).count(), 1);
    assert_eq!(run.outcome.answer.unwrap().text, "391");
    let clear = |_: u32, _: SampleId| says("The answer is 391.", 50);
    let run = host_arms(&spec, vec![info(None), info(Some(Effort::High))], clear);
    assert!(run.outcome.samples.iter().all(|s| s.arm == 0), "a clear vote buys nothing dear");
    let run = host_arms(&spec, vec![info(None), info(Some(Effort::Low))], clear);
    assert!(run.outcome.samples.iter().any(|s| s.arm == 1), "arms of one effort take turns");
}

#[test]
fn lengths_that_were_seen_take_the_place_of_the_assumed_ones() {
    let mut long = info(Some(Effort::High));
    long.tokens_seen = Some(2_000.0);
    let spec = named("cascade", 2);
    let run = host_arms(&spec, vec![info(None), long], |arm, id| {
        if arm == 0 { says(&format!("The answer is {id}."), 50) } else { says("The answer is 391.", 200) }
    });
    let why: Vec<&str> = run.outcome.trace.iter().map(|e| &*e.decision.why).collect();
    assert!(why.iter().any(|why| why.ends_with("escalate to m, 40.0x the price")), "{why:?}");
}

/// An engine that reasons: pieces of a thought, answers to probes, and the answer once the thought is closed.
struct Reasoner {
    /// Pieces of the thought, ten tokens each.
    pieces: usize,
    /// What a probe after so many pieces says.
    probe: fn(usize) -> &'static str,
    /// What the model says after its thought was closed.
    answer: &'static str,
    /// Whether what it says next to its reasoning is content.
    apart: bool,
}

const PIECE: u64 = 10;

/// What came of a session with one reasoner, and what its client saw of it.
struct Thinks {
    end: Option<Result<Outcome, outthink_strategy::DriveError>>,
    asked: Vec<SampleRequest>,
    shown: String,
    generated: u64,
}

impl Reasoner {
    fn host(&self, spec: &StrategySpec, prompt: Prompt) -> Thinks {
        let request = DriveRequest { prompt: prompt.into(), ..DriveRequest::default() };
        let mut arm = info(None);
        arm.capabilities.logprobs = true;
        let mut session =
            Session::new(request, spec.build().unwrap(), Setup { arms: vec![arm], ..Setup::default() }).unwrap();
        let mut run = Thinks { end: None, asked: Vec::new(), shown: String::new(), generated: 0 };
        let mut thought: Option<SampleId> = None;
        let (mut limit, mut said, mut others) = (u64::MAX, 0, VecDeque::new());
        loop {
            match session.poll(Duration::ZERO) {
                Some(Action::Start { samples, request, .. }) => {
                    let open = request.prefix.as_ref().is_none_or(|p| !p.contains("</think>")) && self.apart
                        || (request.prefix.is_none() && !self.apart);
                    if open {
                        (thought, limit) = (Some(samples[0]), request.max_tokens.unwrap_or(u64::MAX));
                    } else {
                        others.push_back((samples[0], request.prefix.clone().unwrap_or_default(), said));
                    }
                    run.asked.push(*request);
                }
                Some(Action::Cancel(id)) => {
                    thought = thought.filter(|t| *t != id);
                    others.retain(|(other, ..)| *other != id);
                }
                Some(Action::Tell(outthink_strategy::Update::Delta { leading: true, delta, .. })) => {
                    run.shown += &delta.reasoning;
                    run.shown += &delta.content;
                }
                Some(Action::Done(end)) => return Thinks { end: Some(*end), ..run },
                Some(_) => {}
                None => {
                    // Probes end while the thought goes on.
                    if let Some((id, prefix, at)) = others.pop_front() {
                        let probes = prefix.ends_with("boxed{");
                        let text = if probes { (self.probe)(at) } else { self.answer };
                        run.generated += 5;
                        send(&mut session, id, says(text, 5));
                        continue;
                    }
                    let id = thought.expect("something runs");
                    let ends = said == self.pieces;
                    if ends || (said as u64 + 1) * PIECE > limit {
                        let reason = if ends { FinishReason::Stop } else { FinishReason::Length };
                        let usage = Usage { prompt: 10, completion: said as u64 * PIECE, ..Usage::default() };
                        thought = None;
                        if ends {
                            let delta = Delta { content: "The answer is 391.".into(), ..Delta::default() };
                            send(&mut session, id, vec![SampleEvent::Delta(delta)]);
                        }
                        send(&mut session, id, vec![SampleEvent::Finish(Finish::new(reason, usage))]);
                        continue;
                    }
                    said += 1;
                    run.generated += PIECE;
                    let text = format!("thought {said}, ");
                    let mut delta = Delta { tokens: PIECE, ..Delta::default() };
                    *if self.apart { &mut delta.reasoning } else { &mut delta.content } = text;
                    send(&mut session, id, vec![SampleEvent::Delta(delta)]);
                }
            }
        }
    }
}

fn send(session: &mut Session<'_>, id: SampleId, events: Vec<SampleEvent>) {
    for event in events {
        session.handle(Duration::ZERO, Input::Event(id, Ok(event)));
    }
}

fn probe(settings: &[(&str, f64)]) -> StrategySpec {
    let mut spec = named("probe", 1);
    spec.settings.set("every", 20);
    for &(key, value) in settings {
        if value.fract() == 0.0 { spec.settings.set(key, value as u64) } else { spec.settings.set(key, value) }
    }
    spec
}

/// Settles after six pieces.
fn settles(at: usize) -> &'static str {
    if at < 6 { ["12}", "340}", "51}"][at / 2 % 3] } else { "391}" }
}

const QUESTION: &str = "What is 17 * 23?";

#[test]
fn a_thought_that_has_settled_is_closed_and_the_model_answers() {
    let engine = Reasoner { pieces: 1_000, probe: settles, answer: "It is 391, of course.", apart: true };
    let run = engine.host(&probe(&[]), Prompt::user(QUESTION));
    let outcome = run.end.unwrap().unwrap();
    assert_eq!(
        (outcome.content.as_str(), outcome.stop),
        ("It is 391, of course.", outthink_core::StopReason::ProbesAgree)
    );
    assert!(outcome.reasoning.starts_with("thought 1, ") && outcome.reasoning.contains("thought 6, "));
    let last = run.asked.last().unwrap();
    let closed = format!("<think>\n{}\n</think>\n\n", outcome.reasoning);
    assert_eq!(
        (last.prefix.as_deref(), last.max_tokens),
        (Some(closed.as_str()), None),
        "no limit that nobody asked for"
    );
    assert_eq!(outcome.usage.completion, run.generated, "each token is on the bill once");
    assert_eq!(outcome.usage.discarded, 5 * run.asked.iter().filter(|r| r.max_tokens == Some(20)).count() as u64);
    assert_eq!(run.shown, outcome.reasoning, "the client sees the thought, and none of the probes");
    assert!(outcome.usage.completion < 200, "{}", outcome.usage.completion);
}

#[test]
fn a_thought_is_closed_and_probed_in_the_models_own_spelling() {
    let closing = "\nI have to answer now.</think>#### ";
    let engine = Reasoner { pieces: 1_000, probe: settles, answer: "391", apart: true };
    let mut spec = StrategySpec { thinking_cap: Some(50), ..named("budget-forcing", 1) };
    spec.settings.set("closing", closing);
    let run = engine.host(&spec, Prompt::user(QUESTION));
    let outcome = run.end.unwrap().unwrap();
    assert_eq!((outcome.content.as_str(), outcome.stop), ("#### 391", outthink_core::StopReason::ThinkingCap));
    assert_eq!(outcome.answer.unwrap().text, "391");
    let prefix = run.asked.last().unwrap().prefix.clone().unwrap();
    assert_eq!(prefix, format!("<think>\n{}{closing}", outcome.reasoning));

    let mut spec = probe(&[]);
    spec.settings.set("closing", "</think>#### ");
    spec.settings.set("words", "</think>\\boxed{");
    let run = engine.host(&spec, Prompt::user(QUESTION));
    assert_eq!(run.end.unwrap().unwrap().content, "#### 391");
    let prefixes: Vec<&str> = run.asked.iter().filter_map(|r| r.prefix.as_deref()).collect();
    assert!(prefixes.iter().all(|p| p.matches("</think>").count() == 1), "closed once: {prefixes:?}");

    let mut spec = named("budget-forcing", 1);
    spec.settings.set("closing", "The answer is");
    let error = spec.build().err().unwrap().to_string();
    assert!(error.contains("closing") && error.contains("end marker"), "{error}");
}

#[test]
fn nothing_is_cut_off_before_the_floor_and_the_cap_closes_what_never_settles() {
    let engine = Reasoner { pieces: 1_000, probe: settles, answer: "391", apart: true };
    let spec = StrategySpec { thinking_floor: Some(300), ..probe(&[]) };
    let outcome = engine.host(&spec, Prompt::user(QUESTION)).end.unwrap().unwrap();
    assert!(outcome.reasoning.contains("thought 30, "), "{}", outcome.reasoning);
    let never = |at: usize| ["1}", "2}", "3}", "4}"][at / 2 % 4];
    let engine = Reasoner { pieces: 1_000, probe: never, answer: "391", apart: true };
    let spec = StrategySpec { thinking_cap: Some(200), ..probe(&[]) };
    let run = engine.host(&spec, Prompt::user(QUESTION));
    let outcome = run.end.unwrap().unwrap();
    assert_eq!((outcome.content.as_str(), outcome.stop), ("391", outthink_core::StopReason::ThinkingCap));
    assert_eq!(outcome.usage.completion, run.generated);
    let spec = StrategySpec { thinking_cap: Some(10), thinking_floor: Some(20), ..probe(&[]) };
    let error = spec.build().err().unwrap().to_string();
    assert!(error.contains("lower the floor or raise the cap"), "{error}");
}

#[test]
fn a_probe_that_doubts_itself_does_not_count_and_a_sure_one_is_enough() {
    let engine = Reasoner { pieces: 40, probe: |_| "391} wait, no", answer: "391", apart: true };
    let outcome = engine.host(&probe(&[]), Prompt::user(QUESTION)).end.unwrap().unwrap();
    assert_eq!((outcome.content.as_str(), outcome.stop), ("The answer is 391.", outthink_core::StopReason::Single));
    let engine = Reasoner { pieces: 1_000, probe: |_| "391}", answer: "391", apart: true };
    // This engine gives no probabilities, so nothing is ever sure: three probes decide.
    let run = engine.host(&probe(&[("sure", 0.9)]), Prompt::user(QUESTION));
    assert!(run.asked[0].logprobs && run.end.unwrap().unwrap().stop == outthink_core::StopReason::ProbesAgree);
}

#[test]
fn an_empty_answer_after_a_closed_thought_is_the_last_probes() {
    let engine = Reasoner { pieces: 1_000, probe: settles, answer: "", apart: true };
    let outcome = engine.host(&probe(&[]), Prompt::user(QUESTION)).end.unwrap().unwrap();
    assert_eq!(outcome.answer.unwrap().text, "391");
    assert!(!outcome.content.trim().is_empty());
}

#[test]
fn nothing_is_probed_where_tools_are_offered() {
    let mut prompt = Prompt::user(QUESTION);
    prompt.extra.insert("tools".into(), serde_json::json!([{"type": "function", "function": {"name": "f"}}]));
    let engine = Reasoner { pieces: 40, probe: settles, answer: "391", apart: true };
    let run = engine.host(&probe(&[]), prompt);
    assert_eq!((run.asked.len(), run.end.unwrap().unwrap().stop), (1, outthink_core::StopReason::Single));
}

#[test]
fn a_thought_without_a_marker_is_answered_by_its_probe() {
    let engine = Reasoner { pieces: 1_000, probe: settles, answer: "", apart: false };
    let outcome = engine.host(&probe(&[]), Prompt::user(QUESTION)).end.unwrap().unwrap();
    assert_eq!((outcome.answer.unwrap().text.as_str(), outcome.stop), ("391", outthink_core::StopReason::ProbesAgree));
    assert!(outcome.content.starts_with("thought 1, "));
}

#[test]
fn probes_that_fail_are_given_up_and_the_thought_goes_on() {
    let mut session = {
        let request = DriveRequest { prompt: Prompt::user(QUESTION).into(), ..DriveRequest::default() };
        Session::new(request, probe(&[]).build().unwrap(), Setup { arms: vec![info(None)], ..Setup::default() })
            .unwrap()
    };
    let (mut said, mut probes, mut waiting) = (0, 0, Vec::new());
    let outcome = loop {
        match session.poll(Duration::ZERO) {
            Some(Action::Start { samples, .. }) => waiting.extend(samples.into_iter().filter(|id| *id > 0)),
            Some(Action::Done(end)) => break end.unwrap(),
            Some(_) => {}
            None => {
                if let Some(id) = waiting.pop() {
                    probes += 1;
                    let error = outthink_core::EngineError::new(
                        outthink_core::Origin::Engine,
                        "cannot continue closed reasoning",
                    );
                    session.handle(Duration::ZERO, Input::Event(id, Err(error)));
                } else if said < 40 {
                    said += 1;
                    let delta = Delta { reasoning: "hm ".into(), tokens: 10, ..Delta::default() };
                    session.handle(Duration::ZERO, Input::Event(0, Ok(SampleEvent::Delta(delta))));
                } else {
                    send(&mut session, 0, says("The answer is 391.", 405));
                }
            }
        }
    };
    assert_eq!((probes, outcome.content.as_str()), (2, "The answer is 391."));
    assert!(outcome.notes.iter().any(|n| n.contains("2 of 3 samples failed: cannot continue")), "{:?}", outcome.notes);
}

#[test]
fn a_floor_opens_the_reasoning_again() {
    let run = |words: &[&str]| {
        let request = DriveRequest { prompt: Prompt::user(QUESTION).into(), ..DriveRequest::default() };
        let spec = StrategySpec { thinking_floor: Some(30), ..named("budget-forcing", 1) };
        let setup = Setup { arms: vec![info(None)], ..Setup::default() };
        let mut session = Session::new(request, spec.build().unwrap(), setup).unwrap();
        let (mut asked, mut waiting) = (Vec::new(), None);
        loop {
            match session.poll(Duration::ZERO) {
                Some(Action::Start { samples, request, .. }) => {
                    asked.push(request.prefix.clone());
                    waiting = Some(samples[0]);
                }
                Some(Action::Done(end)) => return (end.unwrap(), asked),
                Some(_) => {}
                None => {
                    let delta = Delta { reasoning: "17 * 20 is 340. ".into(), tokens: 10, ..Delta::default() };
                    let id = waiting.take().unwrap();
                    send(&mut session, id, vec![SampleEvent::Delta(delta)]);
                    send(&mut session, id, says(words[id as usize % words.len()], 20));
                }
            }
        }
    };
    let (outcome, asked) = run(&["It is 390.", "It is 391."]);
    assert_eq!(outcome.content, "It is 391.");
    let again = "<think>\n17 * 20 is 340. \n\nWait, let me check this again step by step.";
    assert_eq!(asked[1].as_deref(), Some(again), "the marker is not in the way, and the first answer is gone");
    assert_eq!(outcome.samples_drawn, 2);
}
