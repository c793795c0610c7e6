//! Runs a file of judged cases that lies outside the project: `OUTTHINK_SHARED=DIR cargo test -p outthink-verify
//! --test shared_cases -- --nocapture` reads `DIR/cases/answers/cases.jsonl` and prints the score by kind of
//! check and severity, and each case that fails. Without the variable it says so and is skipped.

use outthink_verify::{Comparison, Grouper, Schema, VerifierSpec, equivalent, find_answer, is_correct};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Whether a reply is graded right.
fn graded(gold: &str, reply: &str) -> bool {
    find_answer(reply).is_some_and(|answer| is_correct(&answer.text, gold))
}

/// The classes of several answers in the order given.
fn classes(answers: &[String]) -> Vec<u32> {
    let mut grouper = Grouper::new(Comparison::Math);
    let boxed = |text: &str| outthink_core::Answer { text: text.to_owned(), kind: outthink_core::AnswerKind::Boxed };
    answers.iter().map(|text| grouper.class_of(&boxed(text))).collect()
}

fn texts(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Whether a case holds; nothing where it is not about this crate.
fn holds(case: &Value) -> Option<bool> {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let (gold, reply, op) = (text("gold"), text("pred"), text("op"));
    let wanted = case["want"].as_i64() == Some(1);
    let found = match op {
        "grade" => graded(gold, reply),
        "equal" => equivalent(gold, reply),
        "either" => {
            let of_gold = find_answer(gold).map(|answer| answer.text).unwrap_or_default();
            graded(gold, reply) || graded(&of_gold, reply) || equivalent(gold, reply)
        }
        "jsonschema" => Schema::new(&serde_json::from_str(gold).ok()?).is_ok_and(|s| s.accepts_reply(reply)),
        "Schema::accepts" => {
            let value = serde_json::from_str(reply).ok()?;
            Schema::new(&serde_json::from_str(gold).ok()?).is_ok_and(|s| s.accepts(&value))
        }
        "classes of" => {
            let classes = classes(&texts(gold));
            let wanted: Option<Vec<u32>> = serde_json::from_value(case["want"].clone()).ok();
            return Some(wanted.map_or_else(|| classes[1] != classes[2], |wanted| classes == wanted));
        }
        _ if op.starts_with("self-consistency") => {
            let answers: Vec<_> = texts(reply).iter().filter_map(|text| find_answer(text)).map(|a| a.text).collect();
            let classes = classes(&answers);
            return Some(!answers.is_empty() && (gold != "QF" || classes.iter().max() > Some(&0)));
        }
        _ if op.starts_with("countdown") => {
            matches!(op.parse::<VerifierSpec>(), Ok(VerifierSpec::Rule(rule)) if rule.accepts(reply))
        }
        _ => return None,
    };
    Some(found == wanted)
}

#[test]
fn judged_cases() {
    let Ok(folder) = std::env::var("OUTTHINK_SHARED") else {
        println!("skipped: OUTTHINK_SHARED does not name the folder of the judged cases");
        return;
    };
    let path = Path::new(&folder).join("cases/answers/cases.jsonl");
    let text = std::fs::read_to_string(&path).expect("the cases can be read");
    let mut scores: BTreeMap<(String, String), (u32, u32)> = BTreeMap::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        let Some(held) = holds(&case) else { continue };
        let op = case["op"].as_str().unwrap_or_default().split([':', ' ']).next().unwrap_or_default().to_owned();
        let score = scores.entry((case["severity"].to_string(), op)).or_default();
        score.0 += u32::from(held);
        score.1 += 1;
        if !held {
            let found = find_answer(case["pred"].as_str().unwrap_or_default());
            println!(
                "FAILS {} {} {} | {} | want {} | found {found:?}",
                case["severity"], case["op"], case["gold"], case["pred"], case["want"]
            );
        }
    }
    let (mut right, mut all) = (0, 0);
    for ((severity, op), (held, n)) in &scores {
        println!("{severity} {op}: {held} of {n}");
        right += held;
        all += n;
    }
    println!("all: {right} of {all}");
}
