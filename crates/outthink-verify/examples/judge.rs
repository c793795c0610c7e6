//! Judges replies against references: JSON lines of `{"gold": ..., "reply": ...}` in, JSON lines of
//! `{"right": ..., "found": ...}` out, and the time that the judging took on the error stream.

use outthink_verify::{find_answer, is_correct};
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
            let found = find_answer(reply);
            // A reference is an answer, or a text that holds one.
            let right = found.as_ref().is_some_and(|answer| {
                is_correct(&answer.text, gold)
                    || find_answer(gold).is_some_and(|gold| is_correct(&answer.text, &gold.text))
            });
            json!({"right": right, "found": found.map(|answer| answer.text)})
        })
        .collect();
    writeln!(std::io::stderr(), "{}", json!({"seconds": started.elapsed().as_secs_f64()}))?;
    let mut out = std::io::stdout().lock();
    judged.iter().try_for_each(|value| writeln!(out, "{value}"))
}
