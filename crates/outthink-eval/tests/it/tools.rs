//! Imports of what the real tools write, compared with the tools' own counts.
//!
//! Opt-in: `OUTTHINK_TOOLS` names a Python with inspect_ai and lm-eval (`pip install inspect_ai lm-eval`).

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

const HARNESS: &str = r#####"
import json, os, sys
from lm_eval.api.model import LM
from lm_eval.evaluator import simple_evaluate
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

folder = sys.argv[1]
with open(os.path.join(folder, "sums.json"), "w") as f:
    for i in range(4):
        f.write(json.dumps({"question": f"{i} - {i} + 4?", "answer": f"so 4\n#### 4"}) + "\n")

class Canned(LM):
    replies = ["So it is 4.\n#### 4", "It is 5.\n#### 5", "The answer is 4.", "#### 4"]
    def __init__(self):
        super().__init__()
        self.next = 0
    def generate_until(self, requests, disable_tqdm=False):
        out = []
        for _ in requests:
            out.append(self.replies[self.next % 4])
            self.next += 1
        return out
    def loglikelihood(self, requests, disable_tqdm=False):
        raise NotImplementedError
    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        raise NotImplementedError

task = {
    "task": "sums", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": os.path.join(folder, "sums.json")}},
    "test_split": "test", "output_type": "generate_until", "doc_to_text": "{{question}}", "doc_to_target": "{{answer.split('####')[1].strip()}}",
    "generation_kwargs": {"until": ["Q:"], "do_sample": False, "temperature": 0.0},
    "filter_list": [
        {"name": "strict", "filter": [{"function": "regex", "regex_pattern": "#### (\\-?[0-9]+)"}, {"function": "take_first"}]},
        {"name": "flexible", "filter": [{"function": "regex", "group_select": -1, "regex_pattern": "(-?[0-9]+)"}, {"function": "take_first"}]},
    ],
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
results = simple_evaluate(model=Canned(), tasks=[task], log_samples=True, bootstrap_iters=0)
tracker = EvaluationTracker(output_path=folder)
samples = results.pop("samples")
tracker.save_results_aggregated(results=results, samples=samples)
for name, rows in samples.items():
    tracker.save_results_samples(task_name=name, samples=rows)
found = [os.path.join(d, f) for d, _, fs in os.walk(folder) for f in fs if f.startswith("samples_")]
for filter in ["strict", "flexible"]:
    print(json.dumps({"path": found[0], "filter": filter, "samples": 4, "accuracy": results["results"]["sums"][f"exact_match,{filter}"]}))
"#####;

#[test]
fn logs_of_the_harness_have_its_own_counts() {
    let folder = tempfile::tempdir().unwrap();
    let Some(logs) = made("lm_eval", HARNESS, folder.path()) else { return };
    assert_eq!(logs.len(), 2);
    let path = logs[0]["path"].as_str().unwrap();
    let error = read_import(path.as_ref(), &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("several filters (flexible, strict): name one of them with --filter"), "{error}");
    for log in logs {
        let options = ImportOptions { filter: log["filter"].as_str().map(str::to_owned), ..ImportOptions::default() };
        let import = &read_import(path.as_ref(), &options).unwrap()[0];
        let (all, right) = counts(import);
        assert_eq!(Some(all), log["samples"].as_u64());
        assert!((right as f64 / all as f64 - log["accuracy"].as_f64().unwrap()).abs() < 1e-9, "{log}: {right}");
    }
}
