//! Imports of what the real tools write, compared with the tools' own counts.
//!
//! Opt-in: `OUTTHINK_TOOLS` names a Python with `inspect_ai` (`pip install inspect_ai`).

use outthink_eval::{Import, ImportOptions, read_import};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What a script printed, a JSON object a line; `None` with a reason where the tool is not at hand.
fn made(module: &str, script: &str, folder: &Path) -> Option<Vec<Value>> {
    let Ok(python) = std::env::var("OUTTHINK_TOOLS") else {
        println!("skipped: OUTTHINK_TOOLS names no Python with {module}");
        return None;
    };
    let there = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no {module}");
        return None;
    }
    let path = folder.join("make.py");
    std::fs::write(&path, script).unwrap();
    let output = Command::new(&python).arg(&path).arg(folder).env("HF_HUB_OFFLINE", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

fn counts(import: &Import) -> (u64, u64) {
    (import.samples.len() as u64, import.samples.iter().filter(|s| s.correct).count() as u64)
}

const INSPECT: &str = r#"
import json, sys
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match

answers = ["The answer is 4", "ANSWER: 5", "4", "It is 4", "I think 6", "4"]

def output(text):
    made = ModelOutput.from_content("mockllm/model", text)
    made.usage = ModelUsage(input_tokens=20, output_tokens=len(text), total_tokens=20 + len(text))
    return made

samples = [Sample(id="a", input="2+2?", target="4"), Sample(id="b", input="3+1?", target="4")]
for form in ["eval", "json"]:
    task = Task(dataset=MemoryDataset(samples, name="sums"), scorer=match())
    model = get_model("mockllm/model", custom_outputs=[output(a) for a in answers], memoize=False)
    [log] = eval(task, model=model, epochs=3, log_dir=sys.argv[1], log_format=form, display="none")
    print(json.dumps({
        "path": log.location,
        "samples": len(log.samples),
        "right": sum(s.scores["match"].value == "C" for s in log.samples),
        "tokens": sum(u.output_tokens for s in log.samples for u in s.model_usage.values()),
        "accuracy": log.results.scores[0].metrics["accuracy"].value,
    }))
"#;

#[test]
fn logs_of_inspect_ai_have_its_own_counts() {
    let folder = tempfile::tempdir().unwrap();
    let Some(logs) = made("inspect_ai", INSPECT, folder.path()) else { return };
    assert_eq!(logs.len(), 2);
    for log in logs {
        let path = log["path"].as_str().unwrap().trim_start_matches("file://");
        let import = &read_import(path.as_ref(), &ImportOptions::default()).unwrap()[0];
        assert_eq!(Some(counts(import)), log["samples"].as_u64().zip(log["right"].as_u64()), "{log}");
        let tokens: u64 = import.samples.iter().map(|s| s.usage.completion).sum();
        assert_eq!(Some(tokens), log["tokens"].as_u64());
        let (all, right) = counts(import);
        assert!((right as f64 / all as f64 - log["accuracy"].as_f64().unwrap()).abs() < 1e-9, "{log}");
    }
}
