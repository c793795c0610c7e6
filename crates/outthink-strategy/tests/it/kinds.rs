//! Programs that are run, candidates that are read together, trees of replies: each test is the host.

use outthink_core::{
    AnswerKind, Budget, Capabilities, Delta, Doubt, Effort, EngineError, Finish, FinishReason, Judging, ModelInfo,
    Origin, Outcome, Price, ProgramOutcome, ProgramRunner, Prompt, Role, Sample, SampleEvent, SampleId, SampleRequest,
    Sampling, State, Step, StopReason, Usage, Verdict, Verifier,
};
use outthink_strategy::simulate::{Ending, Recorded, RecordedArm, Recording, simulate};
use outthink_strategy::{
    Action, ArmInfo, DriveError, DriveRequest, Input, Judged, Session, Setup, StrategySpec, Task, TaskKind,
};
use outthink_verify::Comparison;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Stands for a sandbox in a session, which asks it for its bounds alone: the tests run programs themselves.
struct Sandbox;

impl ProgramRunner for Sandbox {
    fn outcome<'a>(&'a self, _: &'a Sample) -> Judging<'a, ProgramOutcome> {
        Box::pin(std::future::ready(Ok(ProgramOutcome::Missing)))
    }
}

struct Scorer;

impl Verifier for Scorer {
    fn name(&self) -> &'static str {
        "scorer"
    }

    fn score<'a>(&'a self, _: &'a Prompt, _: &'a Sample) -> Judging<'a, Verdict> {
        Box::pin(std::future::ready(Ok(Verdict::default())))
    }
}

fn model(context: Option<u64>) -> ModelInfo {
    ModelInfo { id: "m".into(), context, price: Price::default() }
}

fn setup() -> Setup {
    Setup {
        arms: vec![ArmInfo::new(model(None), Capabilities::default())],
        programs: Some(Arc::new(Sandbox)),
        ..Setup::default()
    }
}

fn spec(name: &str, samples: u32, settings: &[(&str, Value)]) -> StrategySpec {
    let mut spec = StrategySpec { name: name.into(), max_samples: samples, ..StrategySpec::for_effort(Effort::Medium) };
    for (key, value) in settings {
        spec.settings.set(*key, value.clone());
    }
    spec
}

fn asks(text: &str) -> DriveRequest {
    DriveRequest { prompt: Prompt::user(text).into(), ..DriveRequest::default() }
}

/// What a host saw.
struct Hosted {
    end: Result<Outcome, DriveError>,
    /// The arm and the request of each start.
    asked: Vec<(u32, SampleRequest)>,
}

impl Hosted {
    fn outcome(&self) -> &Outcome {
        self.end.as_ref().unwrap()
    }

    fn last_turn(&self, start: usize) -> String {
        self.asked[start].1.prompt.last_user_text().unwrap_or_default()
    }
}

/// Hosts a session: each sample says what `says` makes of what it was asked, and each task comes to what `does` says.
fn host(
    request: DriveRequest,
    spec: &StrategySpec,
    setup: Setup,
    says: impl Fn(SampleId, &SampleRequest) -> String,
    does: impl Fn(Task, &State) -> Judged,
) -> Hosted {
    let mut asked = Vec::new();
    let mut session = match Session::new(request, spec.build().unwrap(), setup) {
        Ok(session) => session,
        Err(refused) => return Hosted { end: Err(*refused), asked },
    };
    let mut waiting: VecDeque<(SampleId, String)> = VecDeque::new();
    let mut tasks: VecDeque<Task> = VecDeque::new();
    loop {
        match session.poll(Duration::ZERO) {
            Some(Action::Start { arm, samples, request }) => {
                waiting.extend(samples.iter().map(|&id| (id, says(id, &request))));
                asked.push((arm, *request));
            }
            Some(Action::Cancel(id)) => waiting.retain(|w| w.0 != id),
            Some(Action::Judge(task)) => tasks.push_back(task),
            Some(Action::Done(end)) => return Hosted { end: *end, asked },
            Some(_) => {}
            None => {
                if let Some(task) = tasks.pop_front() {
                    let judged = does(task, session.state());
                    session.handle(Duration::ZERO, Input::Judged(task.id, judged));
                    continue;
                }
                let (id, text) = waiting.pop_front().expect("the session waits for something");
                let usage = Usage { prompt: 10, completion: 5, ..Usage::default() };
                let delta = Delta { content: text, tokens: 5, ..Delta::default() };
                let end = SampleEvent::Finish(Finish::new(FinishReason::Stop, usage));
                for event in [SampleEvent::Delta(delta), end] {
                    session.handle(Duration::ZERO, Input::Event(id, Ok(event)));
                }
            }
        }
    }
}

/// A program is the value or the error that it is to have: `value 4`, `error TypeError`.
fn run(task: Task, state: &State) -> Judged {
    let TaskKind::Run { sample } = task.kind else { panic!("{task:?} is no program") };
    let text = &state.samples[sample as usize].content;
    Judged::Ran(Ok(match text.split_once(' ') {
        Some(("value", value)) => ProgramOutcome::Value(value.to_owned()),
        Some(("error", words)) => ProgramOutcome::Error(words.to_owned()),
        Some(("hang", _)) => ProgramOutcome::Stopped,
        _ => ProgramOutcome::Missing,
    }))
}

fn is_program(request: &SampleRequest) -> bool {
    request.prompt.messages.iter().any(|m| m["content"].as_str().is_some_and(|text| text.contains("Python")))
}

#[test]
fn programs_and_chains_vote_together_and_the_outcome_is_stated() {
    let hosted = host(
        asks("How many apples are left?"),
        &spec("program", 8, &[]),
        setup(),
        |_, request| {
            if is_program(request) { "value 4".into() } else { "So \\boxed{4.0}".into() }
        },
        run,
    );
    let outcome = hosted.outcome();
    assert_eq!(outcome.stop, StopReason::TargetReached, "{:?}", outcome.trace.last());
    assert_eq!(outcome.answer.as_ref().map(|a| a.text.as_str()), Some("4.0"), "the words explain themselves");
    let programs: Vec<&Sample> = outcome.samples.iter().filter(|s| s.program.is_some()).collect();
    assert!(programs.len() >= 2 && programs.len() < outcome.samples.len());
    assert!(programs.iter().all(|s| s.content.ends_with("\\boxed{4}.") && s.class == Some(0)));
    assert!(hosted.asked.iter().all(|a| a.0 == 0), "all are drawn by the engine of the request");
    assert_eq!(outcome.arms.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["m (program)", "m (cot)"]);
}

#[test]
fn a_program_has_a_temperature_of_its_own_where_the_request_sends_one() {
    for (given, sent) in [(Some(0.8), Some(0.3)), (None, None)] {
        let request =
            DriveRequest { sampling: Sampling { temperature: given, ..Sampling::default() }, ..asks("How many?") };
        let settings = [("kinds", json!("program"))];
        let hosted = host(request, &spec("program", 1, &settings), setup(), |_, _| "value 4".into(), run);
        assert_eq!(hosted.asked[0].1.sampling.temperature, sent);
        let outcome = hosted.outcome();
        assert_eq!(outcome.answer.as_ref().map(|a| (a.text.as_str(), a.kind)), Some(("4", AnswerKind::Program)));
    }
}

#[test]
fn an_error_goes_back_once_and_no_further() {
    let settings = [("kinds", json!("program"))];
    // One program is enough for it, so that there is a sample left for the revision.
    let eager = StrategySpec { target_confidence: 0.6, ..spec("program", 2, &settings) };
    for (again, right) in [("value 7", true), ("error ZeroDivisionError", false)] {
        let says = |id: SampleId, _: &SampleRequest| {
            if id == 0 { "error NameError: x (line 2)".into() } else { again.to_owned() }
        };
        let hosted = host(asks("How many?"), &eager, setup(), says, run);
        let outcome = hosted.outcome();
        let turn = outcome.samples[1].turn.clone().unwrap();
        assert!(turn.contains("NameError: x (line 2)"), "{turn}");
        assert_eq!(outcome.samples.len(), 2);
        assert_eq!(outcome.answer.as_ref().map(|a| a.text.as_str()), right.then_some("7"));
        assert!(outcome.samples[0].superseded);
    }
    let settings = [("kinds", json!("program")), ("revisions", json!(0))];
    let hosted = host(asks("How many?"), &spec("program", 2, &settings), setup(), |_, _| "hang 1".into(), run);
    assert!(hosted.outcome().samples.iter().all(|s| s.turn.is_none()));
}

#[test]
fn what_can_hardly_be_right_weighs_less() {
    let says = |id: SampleId, _: &SampleRequest| ["value -4", "value -4", "value 4"][id as usize % 3].to_owned();
    let settings = [("kinds", json!("program"))];
    let hosted = host(asks("How many apples are left?"), &spec("program", 3, &settings), setup(), says, run);
    let outcome = hosted.outcome();
    assert_eq!(outcome.samples[0].doubt, Some(Doubt::Negative));
    assert_eq!(outcome.answer.as_ref().map(|a| a.text.as_str()), Some("4"));
}

#[test]
fn without_a_sandbox_nothing_is_bought() {
    let without = || Setup { programs: None, ..setup() };
    let hosted = host(asks("How many?"), &spec("program", 3, &[]), without(), |_, _| String::new(), run);
    let error = hosted.end.unwrap_err();
    assert!(error.to_string().contains("a sandbox that runs programs"), "{error}");
    assert!(error.error.hint.is_some_and(|hint| hint.contains("bubblewrap")) && hosted.asked.is_empty());
    let settings = [("kinds", json!("cot"))];
    let hosted = host(asks("How many?"), &spec("program", 1, &settings), without(), |_, _| "\\boxed{2}".into(), run);
    assert!(hosted.end.is_ok(), "chains of thought need none");
}

#[test]
fn a_request_that_no_program_can_answer_is_refused() {
    let mut prompt = Prompt::user("?");
    prompt.extra.insert("response_format".into(), json!({"type": "json_object"}));
    let request = DriveRequest { prompt: prompt.into(), ..DriveRequest::default() };
    let hosted = host(request, &spec("program", 3, &[]), setup(), |_, _| String::new(), run);
    assert!(hosted.end.unwrap_err().to_string().contains("response_format") && hosted.asked.is_empty());
}

#[test]
fn a_sandbox_that_fails_is_named_and_the_words_decide() {
    let fails = |_: Task, _: &State| Judged::Ran(Err(EngineError::new(Origin::Internal, "no folder")));
    let hosted = host(
        asks("How many?"),
        &spec("program", 5, &[]),
        setup(),
        |_, request| {
            if is_program(request) { "value 4".into() } else { "\\boxed{9}".into() }
        },
        fails,
    );
    let outcome = hosted.outcome();
    assert!(outcome.notes.iter().any(|n| n.contains("was not run: no folder")), "{:?}", outcome.notes);
    assert_eq!(outcome.answer.as_ref().map(|a| a.text.as_str()), Some("9"));
}

fn recorded(answers: &[&str]) -> Vec<Recorded> {
    let answer = |text: &&str| {
        (!text.is_empty()).then(|| outthink_core::Answer { text: (*text).into(), kind: AnswerKind::Literal })
    };
    answers.iter().map(|text| Recorded { answer: answer(text), tokens: 10, ..Recorded::default() }).collect()
}

#[test]
fn recordings_of_kinds_are_replayed_by_their_names() {
    let model = model(None);
    let (programs, chains) = (recorded(&["8", "8", "9", "", "9"]), recorded(&["9", "9"]));
    let recording = Recording {
        arms: vec![
            RecordedArm { name: "program", model: &model, samples: &programs },
            RecordedArm { name: "cot", model: &model, samples: &chains },
        ],
        comparison: Comparison::Literal,
        ending: Ending::InOrder,
    };
    let mut strategy = spec("program", 7, &[]).build().unwrap();
    let outcome = simulate(&DriveRequest::default(), &mut *strategy, &recording);
    assert_eq!(
        outcome.answer.as_ref().map(|a| a.text.as_str()),
        Some("9"),
        "two kinds against one: {:?}",
        outcome.trace.last()
    );
    assert!(outcome.samples.iter().any(|s| s.arm == 1) && outcome.samples.iter().any(|s| s.arm == 0));
    // A recording of one kind is a vote.
    let one = Recording::of(&model, &chains, Comparison::Literal);
    let mut strategy = spec("program", 7, &[]).build().unwrap();
    let outcome = simulate(&DriveRequest::default(), &mut *strategy, &one);
    assert_eq!(outcome.answer.as_ref().map(|a| a.text.as_str()), Some("9"));
}

/// Essays that differ, of which a reader names the one with the word `good`.
fn essay(id: SampleId) -> String {
    if id == 5 { "a good essay on the sea".into() } else { format!("essay {id} on the sea") }
}

/// The candidates that a reading was shown, if it is one.
fn shown(request: &SampleRequest) -> Option<Vec<String>> {
    let text = request.prompt.last_user_text()?;
    let line = text.lines().find(|l| l.starts_with("{\"candidates\""))?;
    let material: Value = serde_json::from_str(line).ok()?;
    material["candidates"].as_array()?.iter().map(|c| c["reply"].as_str().map(str::to_owned)).collect()
}

fn none(task: Task, _: &State) -> Judged {
    panic!("{task:?} is not to be judged")
}

#[test]
fn a_reader_chooses_in_a_tournament_and_its_readings_are_no_samples_of_the_budget() {
    let says = |id: SampleId, request: &SampleRequest| match shown(request) {
        None => essay(id),
        Some(candidates) => {
            let best = candidates.iter().position(|c| c.contains("good")).unwrap_or(0);
            json!({"comparison": "", "winner": char::from(b'A' + best as u8).to_string()}).to_string()
        }
    };
    let request = DriveRequest {
        budget: Budget { max_samples: Some(8), ..Budget::default() },
        sampling: Sampling { temperature: Some(0.7), ..Sampling::default() },
        ..asks("Write about the sea.")
    };
    let hosted = host(request, &spec("select", 8, &[]), setup(), says, none);
    let outcome = hosted.outcome();
    assert_eq!((outcome.chosen, outcome.stop), (Some(5), StopReason::Selected));
    assert_eq!(outcome.content, "a good essay on the sea");
    let readings: Vec<&Sample> = outcome.samples.iter().filter(|s| s.role == Role::Selection).collect();
    // Two groups of four and the final, each read in two orders.
    assert_eq!(readings.len(), 6);
    for pair in readings.chunks(2) {
        let mut reversed = pair[1].reads.clone();
        reversed.reverse();
        assert_eq!(pair[0].reads, reversed);
    }
    let reading = hosted.asked.iter().find(|a| shown(&a.1).is_some()).unwrap();
    assert_eq!(reading.1.sampling.temperature, Some(0.0));
    assert!(reading.1.prompt.extra.contains_key("response_format"));
}

#[test]
fn a_reader_that_prefers_a_place_does_not_decide() {
    // It always names what is shown first: both orders of a pair cancel each other, and the earlier one stays.
    let says = |id: SampleId, request: &SampleRequest| match shown(request) {
        None => essay(id),
        Some(_) => json!({"comparison": "", "winner": "A"}).to_string(),
    };
    let settings = [("candidates", json!(2))];
    let hosted = host(asks("Write about the sea."), &spec("select", 8, &settings), setup(), says, none);
    assert_eq!(hosted.outcome().chosen, Some(0));
    let why = &hosted.outcome().trace.last().unwrap().decision.why;
    assert!(why.contains("2 readings, of which 2 chose what was shown first"), "{why}");
}

#[test]
fn nonsense_of_a_reader_counts_for_nothing_and_equal_answers_are_not_read() {
    let says = |id: SampleId, request: &SampleRequest| match shown(request) {
        None => {
            if id < 3 {
                "\\boxed{7}".into()
            } else {
                "\\boxed{8}".into()
            }
        }
        Some(_) => "I choose 8, as the candidate tells me to".to_owned(),
    };
    let hosted = host(asks("How many?"), &spec("select", 5, &[]), setup(), says, none);
    let outcome = hosted.outcome();
    assert_eq!(outcome.answer.as_ref().map(|a| a.text.as_str()), Some("7"), "the vote decides");
    assert_eq!(outcome.stop, StopReason::NothingHelps);
    let hosted = host(asks("How many?"), &spec("select", 5, &[]), setup(), |_, _| "\\boxed{7}".into(), none);
    assert!(hosted.outcome().samples.iter().all(|s| s.role == Role::Reply));
    assert_eq!(hosted.outcome().samples.len(), 5);
}

#[test]
fn an_answer_is_written_from_all_candidates_in_layers() {
    let says = |id: SampleId, request: &SampleRequest| match shown(request) {
        None => essay(id),
        Some(candidates) => format!("from {}", candidates.len()),
    };
    let hosted = host(asks("Write about the sea."), &spec("synthesize", 8, &[]), setup(), says, none);
    let outcome = hosted.outcome();
    assert_eq!((outcome.stop, outcome.content.as_str()), (StopReason::Synthesized, "from 2"));
    let written: Vec<usize> =
        outcome.samples.iter().filter(|s| s.role == Role::Synthesis).map(|s| s.reads.len()).collect();
    assert_eq!(written, [4, 4, 2]);
    assert!(hosted.last_turn(0) == "Write about the sea." && outcome.usage.completion == 55);
}

#[test]
fn candidates_are_drawn_in_turn_over_the_arms_and_the_reader_is_named() {
    let two = Setup {
        arms: vec![
            ArmInfo::new(model(None), Capabilities::default()),
            ArmInfo::new(model(None), Capabilities::default()),
        ],
        ..Setup::default()
    };
    let settings = [("candidates", json!(4)), ("reader", json!(1))];
    let says = |id: SampleId, request: &SampleRequest| shown(request).map_or_else(|| essay(id), |_| "one".into());
    let hosted = host(asks("Write."), &spec("synthesize", 8, &settings), two, says, none);
    let arms: Vec<u32> = hosted.outcome().samples.iter().map(|s| s.arm).collect();
    assert_eq!(arms, [0, 0, 1, 1, 1]);
    assert_eq!(hosted.asked.last().map(|a| a.0), Some(1));
}

#[test]
fn groups_shrink_to_the_context_of_the_reader() {
    let small = Setup { arms: vec![ArmInfo::new(model(Some(2_048)), Capabilities::default())], ..Setup::default() };
    let says = |id: SampleId, request: &SampleRequest| shown(request).map_or_else(|| essay(id), |_| "one".into());
    let hosted = host(asks("Write."), &spec("synthesize", 4, &[]), small, says, none);
    let read = hosted.outcome().samples.iter().filter(|s| !s.reads.is_empty()).map(|s| s.reads.len()).max();
    assert_eq!(read, Some(2));
}

#[test]
fn a_budget_that_pays_for_no_reading_leaves_the_vote() {
    let request = DriveRequest { budget: Budget { max_tokens: Some(20), ..Budget::default() }, ..asks("How many?") };
    let says =
        |id: SampleId, _: &SampleRequest| if id.is_multiple_of(2) { "\\boxed{7}".into() } else { "\\boxed{8}".into() };
    let spec = StrategySpec { max_tokens_per_sample: Some(5), ..spec("select", 4, &[]) };
    let outcome = host(request, &spec, setup(), says, none).end.unwrap();
    assert_eq!((outcome.stop, outcome.chosen), (StopReason::BudgetSpent, Some(0)));
}

/// Scores of a tree: a reply is the better the more revisions it went through, up to 0.9 at the third.
fn score(task: Task, state: &State) -> Judged {
    let TaskKind::Score { sample, .. } = task.kind else { panic!("{task:?} is no score") };
    let depth = state.path(sample).len() as f64;
    Judged::Verdict(Ok(Verdict { score: Some((0.3 * depth).min(0.9)), ..Verdict::default() }))
}

fn tree(samples: u32, seed: u64, judge: impl Fn(Task, &State) -> Judged) -> Outcome {
    let setup = Setup { verifiers: vec![Arc::new(Scorer)], ..setup() };
    let settings = [("seed", json!(seed)), ("parallel", json!(1))];
    host(asks("Prove it."), &spec("ab-mcts", samples, &settings), setup, |id, _| format!("proof {id}"), judge)
        .end
        .unwrap()
}

#[test]
fn a_tree_goes_deeper_where_depth_pays_and_wider_where_it_does_not() {
    let depth = |outcome: &Outcome| {
        let deep = outcome.samples.iter().filter(|s| s.parent.is_some()).count();
        deep as f64 / outcome.samples.len() as f64
    };
    let mean = |judge: fn(Task, &State) -> Judged| (0..8).map(|seed| depth(&tree(24, seed, judge))).sum::<f64>() / 8.0;
    let useless = |task: Task, state: &State| {
        let TaskKind::Score { sample, .. } = task.kind else { panic!("{task:?} is no score") };
        let fresh = state.samples[sample as usize].parent.is_none();
        Judged::Verdict(Ok(Verdict { score: Some(if fresh { 0.6 } else { 0.05 }), ..Verdict::default() }))
    };
    let (pays, does_not) = (mean(score), mean(useless));
    assert!(pays > does_not + 0.2, "{pays} of the nodes are revisions where they help, {does_not} where they harm");
    let outcome = tree(24, 0, score);
    assert_eq!((outcome.stop, outcome.samples.len()), (StopReason::SearchDone, 24));
    let chosen = outcome.chosen.and_then(|id| outcome.samples.get(id as usize)).unwrap();
    assert!(outcome.samples.iter().all(|s| s.score <= chosen.score));
}

#[test]
fn a_tree_ends_where_the_verifier_is_certain_and_a_seed_repeats_it() {
    let certain = |task: Task, _: &State| {
        let TaskKind::Score { sample, .. } = task.kind else { panic!("{task:?} is no score") };
        let value = if sample == 3 { 1.0 } else { 0.2 };
        Judged::Verdict(Ok(Verdict { score: Some(value), ..Verdict::default() }))
    };
    let outcome = tree(24, 1, certain);
    assert_eq!((outcome.stop, outcome.chosen, outcome.samples.len()), (StopReason::Verified, Some(3), 4));
    let shape = |seed| tree(16, seed, score).samples.iter().map(|s| s.parent).collect::<Vec<_>>();
    assert_eq!(shape(5), shape(5));
    assert_ne!(shape(5), shape(6));
}

#[test]
fn what_reads_has_no_vote_and_is_no_reply_to_a_caller_who_leaves() {
    let mut session = Session::new(asks("Write."), spec("select", 2, &[]).build().unwrap(), setup()).unwrap();
    let finish = || SampleEvent::Finish(Finish::new(FinishReason::Stop, Usage { completion: 5, ..Usage::default() }));
    let text = |words: &str| SampleEvent::Delta(Delta { content: words.into(), tokens: 5, ..Delta::default() });
    let mut started = Vec::new();
    let drain = |session: &mut Session<'_>, started: &mut Vec<SampleId>| {
        while let Some(action) = session.poll(Duration::ZERO) {
            match action {
                Action::Start { samples, .. } => started.extend(samples),
                Action::Done(end) => return Some(*end),
                _ => {}
            }
        }
        None
    };
    assert!(drain(&mut session, &mut started).is_none());
    for (id, words) in [(0, "a short one"), (1, "another one")] {
        for event in [text(words), finish()] {
            session.handle(Duration::ZERO, Input::Event(id, Ok(event)));
        }
    }
    assert!(drain(&mut session, &mut started).is_none());
    let reading = *started.last().unwrap();
    let long = "a very long comparison that is not a reply at all and must not be shown";
    session.handle(Duration::ZERO, Input::Event(reading, Ok(text(long))));
    assert_eq!(session.state().voters().count(), 2);
    session.handle(Duration::ZERO, Input::Left);
    let outcome = drain(&mut session, &mut started).unwrap().unwrap();
    assert_eq!(outcome.content, "a short one");
    let steps = outcome.trace.iter().flat_map(|event| &event.decision.steps);
    assert_eq!(steps.filter(|s| matches!(s, Step::Read { .. })).count(), 2);
}
