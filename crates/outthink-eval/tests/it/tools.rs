//! Imports of what the real tools write, compared with the tools' own counts.
//!
//! Opt-in: `OUTTHINK_TOOLS` names a Python with them (`pip install inspect_ai lm_eval`).

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

const LM_EVAL: &str = r#"
import json, pathlib, sys
import lm_eval
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

folder = pathlib.Path(sys.argv[1])
replies = ["The answer is 4", "So 5. The answer is 6", "I think it is 4.", "The answer is 9"]
docs = [{"question": f"{n}+1?", "answer": str(gold)} for n, gold in [(3, 4), (4, 5), (2, 4), (8, 9)]]
(folder / "docs.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs))
task = {
    "task": "sums", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(folder / "docs.jsonl")}},
    "test_split": "test", "output_type": "generate_until", "doc_to_text": "{{question}}", "doc_to_target": "{{answer}}",
    "generation_kwargs": {"until": ["Q:"]}, "metadata": {"version": 1},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    "filter_list": [
        {"name": "strict", "filter": [{"function": "regex", "regex_pattern": r"The answer is (\d+)"}, {"function": "take_first"}]},
        {"name": "flexible", "filter": [{"function": "regex", "regex_pattern": r"(\d+)"}, {"function": "take_first"}]},
    ],
}

class Scripted(LM):
    def generate_until(self, requests):
        return [replies[int(request.doc_id)] for request in requests]
    loglikelihood = loglikelihood_rolling = None

Scripted.__abstractmethods__ = frozenset()
tracker = EvaluationTracker(output_path=str(folder / "out"))
found = lm_eval.simple_evaluate(model=Scripted(), tasks=[task], log_samples=True, task_manager=TaskManager(include_defaults=False))
samples = found.pop("samples")
tracker.save_results_aggregated(results=found, samples=samples)
tracker.save_results_samples("sums", samples["sums"])
[path] = (folder / "out").rglob("samples_sums_*.jsonl")
for name in ["strict", "flexible"]:
    print(json.dumps({"path": str(path), "filter": name, "samples": len(docs), "accuracy": found["results"]["sums"][f"exact_match,{name}"]}))
"#;

#[test]
fn samples_of_lm_eval_have_its_own_counts() {
    let folder = tempfile::tempdir().unwrap();
    let Some(logs) = made("lm_eval", LM_EVAL, folder.path()) else { return };
    assert_eq!(logs.len(), 2);
    for log in logs {
        let path = Path::new(log["path"].as_str().unwrap());
        // Two filters are two judgements: which one is not guessed.
        let error = read_import(path, &ImportOptions::default()).unwrap_err().to_string();
        assert!(error.contains("strict") && error.contains("flexible") && error.contains("--filter"), "{error}");
        let filter = log["filter"].as_str().map(str::to_owned);
        let import = &read_import(path, &ImportOptions { filter, ..ImportOptions::default() }).unwrap()[0];
        let (all, right) = counts(import);
        assert_eq!(Some(all), log["samples"].as_u64());
        assert!((right as f64 / all as f64 - log["accuracy"].as_f64().unwrap()).abs() < 1e-9, "{log}");
        assert!(import.samples.iter().all(|s| !s.content.is_empty()) && import.problems.len() == 4);
    }
}
