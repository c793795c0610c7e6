//! Judges replies against references: JSON lines of `{"gold": ..., "reply": ...}` in, with the text of the `question`
//! where its options count, JSON lines of `{"right": ..., "found": ..., "kind": ...}` out, and the time that the judging
//! took on the error stream.

use outthink_verify::{Grader, find_answer};
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let pairs: Vec<Value> = std::io::stdin()
        .lock()
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str(&line).ok())
        .collect();
    let started = Instant::now();
    let judged: Vec<Value> = pairs
        .iter()
        .map(|pair| {
            let (gold, reply) = (pair["gold"].as_str().unwrap_or_default(), pair["reply"].as_str().unwrap_or_default());
            let question = pair["question"].as_str();
            let graded = Grader::new(gold, question).grade(reply);
            // A reference is an answer, or a text that holds one.
            let right = graded.answer.as_ref().is_some_and(|answer| {
                graded.correct
                    || find_answer(gold).is_some_and(|gold| Grader::new(&gold.text, question).is_right(&answer.text))
            });
            json!({
                "right": right,
                "found": graded.answer.as_ref().map(|answer| &answer.text),
                "kind": graded.answer.as_ref().map(|answer| answer.kind),
            })
        })
        .collect();
    writeln!(std::io::stderr(), "{}", json!({"seconds": started.elapsed().as_secs_f64()}))?;
    let mut out = std::io::stdout().lock();
    judged.iter().try_for_each(|value| writeln!(out, "{value}"))
}
