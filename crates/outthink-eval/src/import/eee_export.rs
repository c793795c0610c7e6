//! Runs as results of Every Eval Ever (schema 0.3): a summary, and one line a sample next to it.

use crate::store::{RunSummary, SampleRecord, Store, StoreError, now};
use crate::{EvalError, Recording};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The version of the schema that is written.
const SCHEMA: &str = "0.3.0";

impl Store {
    /// Writes a run into a folder: `RUN.json` and `RUN_samples.jsonl`, each whole or not at all. Returns the summary's
    /// path and how many samples there are.
    ///
    /// # Errors
    /// If there is no such run, it has no samples, or a file cannot be written.
    pub async fn export_every_eval_ever(&self, run: &str, folder: &Path) -> Result<(PathBuf, u64), StoreError> {
        let recording = self.recording(run).await?;
        let summary = self.run(run).await?;
        let caller = |e: EvalError| StoreError::Caller(e.to_string());
        std::fs::create_dir_all(folder).map_err(|source| StoreError::File { path: folder.to_owned(), source })?;
        let stem = super::name_of(run);
        let id = format!("{}/{}/{}", summary.spec.dataset, summary.spec.model, now());
        let lines: String = samples(&recording, &id);
        let file = format!("{stem}_samples.jsonl");
        write(&folder.join(&file), lines.as_bytes()).map_err(caller)?;
        let mut digest = Sha256::new();
        digest.update(lines.as_bytes());
        let checksum = crate::store::hex(&digest.finalize());
        let path = folder.join(format!("{stem}.json"));
        let text = format!("{:#}\n", about(&summary, &id, (&file, &checksum)));
        write(&path, text.as_bytes()).map_err(caller)?;
        Ok((path, summary.samples))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), EvalError> {
    let failed = |source| EvalError::Write { path: path.to_owned(), source };
    let part = path.with_extension("part");
    std::fs::write(&part, bytes).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}

/// The summary: whose results, of which model, and how right it is.
fn about(run: &RunSummary, id: &str, (file, checksum): (&str, &str)) -> Value {
    let spec = &run.spec;
    let details = json!({
        "engine": spec.engine, "seed": spec.seed.to_string(), "dataset_sha256": spec.dataset_sha256
    });
    let score = run.correct as f64 / run.samples.max(1) as f64;
    let mut arguments = Map::new();
    if let [setting] = run.settings.as_slice() {
        if let Some(temperature) = setting.temperature {
            arguments.insert("temperature".into(), temperature.into());
        }
        if setting.max_tokens > 0 {
            arguments.insert("max_tokens".into(), setting.max_tokens.into());
        }
    }
    json!({
        "schema_version": SCHEMA,
        "evaluation_id": id,
        "retrieved_timestamp": now().to_string(),
        "source_metadata": {
            "source_name": "outthink", "source_type": "evaluation_run", "source_organization_name": "unknown",
            "evaluator_relationship": "other"
        },
        "eval_library": { "name": "outthink", "version": spec.version },
        "model_info": { "name": spec.model, "id": spec.model, "additional_details": details },
        "evaluation_results": [{
            "evaluation_name": spec.dataset,
            "source_data": { "dataset_name": spec.dataset, "source_type": "other" },
            "metric_config": {
                "metric_name": "accuracy", "lower_is_better": false, "score_type": "continuous", "min_score": 0.0,
                "max_score": 1.0
            },
            "score_details": { "score": score, "uncertainty": { "num_samples": run.samples } },
            "generation_config": { "generation_args": arguments }
        }],
        "detailed_evaluation_results": {
            "format": "jsonl", "file_path": file, "hash_algorithm": "sha256", "checksum": checksum,
            "total_rows": run.samples
        }
    })
}

/// One line a sample.
fn samples(recording: &Recording, id: &str) -> String {
    let mut lines = String::new();
    let mut drawn = 0;
    let mut last = None;
    for sample in recording.samples() {
        // Samples of a problem are numbered over all its settings.
        drawn = if last == Some(sample.cell.problem) { drawn + 1 } else { 1 };
        last = Some(sample.cell.problem);
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{}", line(recording, sample, (id, drawn)));
    }
    lines
}

fn line(recording: &Recording, sample: &SampleRecord, (id, drawn): (&str, u32)) -> Value {
    let problem = &recording.problems[sample.cell.problem as usize];
    let spec = &recording.spec;
    let answer = sample.answer.clone().unwrap_or_default();
    let score = sample.credit.unwrap_or_else(|| f64::from(u8::from(sample.correct)));
    let setting = recording.settings.get(sample.cell.setting as usize).map(crate::Setting::label).unwrap_or_default();
    let judge = sample.judge.clone().unwrap_or_else(|| "outthink".into());
    let usage = &sample.usage;
    let reasoning = (!sample.reasoning.is_empty()).then(|| json!([sample.reasoning]));
    json!({
        "schema_version": SCHEMA,
        "evaluation_id": id,
        "model_id": spec.model,
        "evaluation_name": spec.dataset,
        "sample_id": problem.id,
        "interaction_type": "single_turn",
        "input": {
            "raw": problem.question.clone().unwrap_or_default(),
            "reference": problem.gold.iter().collect::<Vec<_>>()
        },
        "output": { "raw": [sample.content], "reasoning_trace": reasoning },
        "messages": null,
        "answer_attribution": [{
            "turn_idx": 0, "source": "output.raw", "extracted_value": answer, "extraction_method": judge,
            "is_terminal": true
        }],
        "evaluation": { "score": score, "is_correct": sample.correct },
        "token_usage": {
            "input_tokens": usage.prompt, "output_tokens": usage.completion,
            "total_tokens": usage.prompt + usage.completion, "input_tokens_cache_read": usage.cached,
            "input_tokens_cache_write": usage.cache_write, "reasoning_tokens": usage.reasoning
        },
        "performance": { "latency_ms": sample.seconds * 1_000.0 },
        "metadata": { "epoch": drawn.to_string(), "seed": sample.seed.to_string(), "setting": setting }
    })
}
