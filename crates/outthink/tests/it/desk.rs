//! The model that is part of the program, and `outthink demo`.
#![cfg(feature = "llama")]

use super::{outthink, report};
use std::fs;

#[test]
fn desk_answers_without_a_download() {
    let home = tempfile::tempdir().unwrap();
    let path = outthink(home.path()).args(["models", "path", "desk"]).output().unwrap();
    let path = String::from_utf8_lossy(&path.stdout).trim().to_owned();
    assert_eq!(fs::read(&path).unwrap()[..4], *b"GGUF");
    let ask = ["ask", "--model", "desk", "--effort", "high", "--threads", "1", "--json", "8*5+7 mod 11"];
    let output = outthink(home.path()).args(ask).output().unwrap();
    assert!(output.status.success(), "{}", report(&output, home.path()));
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // 40 = 7 and 14 = 3 (mod 11).
    assert_eq!(outcome["answer"]["text"], "3", "{outcome:#}");
    assert!(outcome["samples_drawn"].as_u64() > Some(1), "{outcome:#}");
}

#[test]
fn more_thinking_answers_more_of_the_demo() {
    let home = tempfile::tempdir().unwrap();
    let output = outthink(home.path()).args(["demo", "--json", "--threads", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", report(&output, home.path()));
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let efforts = all["efforts"].as_array().unwrap();
    assert_eq!(efforts.len(), 3);
    for two in efforts.windows(2) {
        for what in ["tokens", "accuracy"] {
            assert!(two[1][what].as_f64() > two[0][what].as_f64(), "{what}: {all:#}");
        }
    }
    // Beyond what chance would do: not even the ends of the intervals meet.
    assert!(efforts[2]["interval"]["low"].as_f64() > efforts[0]["interval"]["high"].as_f64(), "{all:#}");
    let shown = outthink(home.path()).args(["demo", "--problems", "10", "--threads", "1"]).output().unwrap();
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("* high") && text.contains("tokens a problem"), "{text}");
}
