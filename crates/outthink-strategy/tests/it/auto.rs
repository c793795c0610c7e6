//! What is bought at `auto`: one sample where there is nothing to compare, and what `high` would buy where there is.

use outthink_core::{
    Capabilities, Delta, Effort, Finish, FinishReason, ModelInfo, Outcome, Price, Prompt, SampleEvent, SampleId, Usage,
};
use outthink_strategy::{Action, ArmInfo, DriveRequest, Input, Session, Setup, StrategySpec};
use std::collections::VecDeque;
use std::time::Duration;

/// Language and request.
const CHATS: &str = include_str!("../data/chats.tsv");
/// Language, request, right answer, wrong answer, reply.
const COMPARABLE: &str = include_str!("../data/comparable.tsv");
/// Language and reply, to be had for any chat of the language.
const REPLIES: &str = include_str!("../data/replies.tsv");

fn lines(text: &'static str) -> Vec<Vec<&'static str>> {
    text.lines().map(|line| line.split('\t').collect()).collect()
}

/// A number that looks drawn and is the same in every run.
fn hash(text: &str, salt: u64) -> u64 {
    outthink_core::derive_seed(text.bytes().fold(salt, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b))), salt)
}

/// Sample number n of a request says what `script` says, at once.
fn ask(request: &str, effort: Effort, script: impl Fn(SampleId) -> String) -> Outcome {
    let price = Price::per_million_usd(1.0, 0.5, 2.0).unwrap();
    let model = ModelInfo { id: "m".into(), context: None, price };
    let setup = Setup { arms: vec![ArmInfo::new(model, Capabilities::default())], ..Setup::default() };
    let drive = DriveRequest { prompt: Prompt::user(request).into(), ..DriveRequest::default() };
    let mut session = Session::new(drive, StrategySpec::for_effort(effort).build().unwrap(), setup).unwrap();
    let mut waiting = VecDeque::new();
    loop {
        match session.poll(Duration::ZERO) {
            Some(Action::Start { samples, .. }) => waiting.extend(samples),
            Some(Action::Cancel(id)) => waiting.retain(|w| *w != id),
            Some(Action::Done(end)) => return end.unwrap(),
            Some(_) => {}
            None => {
                let id = waiting.pop_front().unwrap();
                let usage = Usage { prompt: 10, completion: 50, ..Usage::default() };
                let delta = Delta { content: script(id), tokens: 50, ..Delta::default() };
                session.handle(Duration::ZERO, Input::Event(id, Ok(SampleEvent::Delta(delta))));
                let finish = Finish::new(FinishReason::Stop, usage);
                session.handle(Duration::ZERO, Input::Event(id, Ok(SampleEvent::Finish(finish))));
            }
        }
    }
}

#[test]
fn two_hundred_chats_are_two_hundred_samples() {
    let (chats, replies) = (lines(CHATS), lines(REPLIES));
    let (mut drawn, mut missed) = (0, Vec::new());
    for chat in &chats {
        // Every reply of the language, so that no chat is lucky.
        for reply in replies.iter().filter(|r| r[0] == chat[0]) {
            let samples = ask(chat[1], Effort::Auto, |_| reply[1].replace("\\n", "\n")).samples_drawn;
            if samples != 1 {
                missed.push(format!("{samples} {} <- {}", chat[1], reply[1]));
            }
        }
        drawn += ask(chat[1], Effort::Auto, |_| "Gern!".into()).samples_drawn;
    }
    assert!(missed.is_empty(), "{} of {}:\n{}", missed.len(), chats.len(), missed.join("\n"));
    assert_eq!((chats.len(), drawn), (200, 200));
}

#[test]
fn a_hundred_comparable_requests_are_compared_as_at_high() {
    let rows = lines(COMPARABLE);
    let (mut missed, mut right) = (Vec::new(), [0, 0]);
    for row in &rows {
        let [_, request, answer, wrong, reply] = row[..] else { panic!("{row:?}") };
        // Seven of ten samples are right.
        let says = |id: SampleId| {
            let stated = if hash(request, u64::from(id)) % 10 < 7 { answer } else { wrong };
            reply.replace("{}", stated)
        };
        for (i, effort) in [Effort::Auto, Effort::High].into_iter().enumerate() {
            let outcome = ask(request, effort, says);
            right[i] +=
                u32::from(outcome.answer.as_ref().is_some_and(|a| outthink_verify::is_correct(&a.text, answer)));
            if outcome.samples_drawn < 3 {
                missed.push(format!("{effort} {request}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}:\n{}", missed.len(), missed.join("\n"));
    assert_eq!(rows.len(), 100);
    assert!(right[0] + 2 >= right[1], "right at auto and at high: {right:?}");
}
