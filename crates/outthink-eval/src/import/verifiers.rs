//! `results.jsonl` of Prime Intellect's `verifiers`: one rollout a line; the model is in `metadata.json` next to it.

use super::drawn::{Drawn, judged, last_of, seconds, tokens};
use super::{Gather, Import, Source, plain};
use crate::EvalError;
use crate::lines::finite;
use crate::rows::each_value;
use crate::store::{Problem, Setting};
use outthink_core::{FinishReason, Usage};
use outthink_verify::find_answer;
use serde_json::Value;

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut gather = Gather::default();
    let (mut samples, mut unscored, mut failed) = (Vec::new(), 0_u64, 0_u64);
    each_value(source.path, |row| {
        let id = plain(&row["example_id"]).ok_or("a rollout without `example_id`")?;
        if !row["error"].is_null() {
            // Its reward is 0 whatever the model would have said.
            failed += 1;
            return Ok(());
        }
        let name = source.options.metric.as_deref().unwrap_or("reward");
        let value = match &row["metrics"][name] {
            Value::Null => &row[name],
            value => value,
        };
        let named: Vec<&str> =
            row["metrics"].as_object().into_iter().flat_map(|m| m.keys()).map(String::as_str).collect();
        if value.is_null() && row.get(name).is_none() {
            return Err(format!("no metric `{name}` (there is reward, {})", named.join(", ")));
        }
        // A reward that sums several functions may be anything.
        let judgement = judged(name, value).map_err(|e| {
            format!(
                "rollout of `{id}`: {e}; name the metric that says whether it is right with --metric ({})",
                named.join(", ")
            )
        })?;
        let Some(judged) = judgement else {
            unscored += 1;
            return Ok(());
        };
        let problem = Problem {
            id: id.clone(),
            question: last_of("user", &row["prompt"]),
            gold: plain(&row["answer"]),
            prompt_sha256: None,
            vote_ok: true,
        };
        let content = last_of("assistant", &row["completion"]).unwrap_or_default();
        let usage = &row["token_usage"];
        let counted = usage.is_object().then(|| -> Result<Usage, String> {
            Ok(Usage {
                prompt: tokens("token_usage.input_tokens", &usage["input_tokens"])?,
                completion: tokens("token_usage.output_tokens", &usage["output_tokens"])?,
                ..Usage::default()
            })
        });
        let timing = &row["timing"];
        let millis = if timing["generation_ms"].is_null() { &row["generation_ms"] } else { &timing["generation_ms"] };
        let cut = row["is_truncated"].as_bool().unwrap_or(false);
        let drawn = Drawn {
            answer: if cut { None } else { find_answer(&content).map(|a| a.text) },
            content,
            judged,
            judge: Some(format!("verifiers:{name}")),
            usage: counted.transpose()?,
            finish: Some(if cut { FinishReason::Length } else { FinishReason::Stop }),
            seconds: seconds("generation_ms", millis)? / 1_000.0,
            ..Drawn::default()
        };
        samples.push(drawn.record(gather.next(problem)));
        Ok(())
    })?;
    let about = source.path.parent().map(|p| p.join("metadata.json")).and_then(|p| std::fs::read_to_string(p).ok());
    let about: Value = about.and_then(|text| serde_json::from_str(&finite(&text)).ok()).unwrap_or_default();
    let mut spec =
        source.spec("verifiers", plain(&about["model"]), plain(&about["env_id"]).or_else(|| plain(&about["env"])));
    let drawn = &about["sampling_args"];
    spec.sampling = if drawn.is_object() { drawn.to_string() } else { "{}".into() };
    let setting = Setting {
        effort: plain(&drawn["reasoning_effort"]),
        temperature: drawn["temperature"].as_f64(),
        max_tokens: drawn["max_tokens"].as_u64().unwrap_or(0),
    };
    let mut notes = super::unscored(unscored);
    if failed > 0 {
        notes.push(format!("{failed} rollouts ended in an error: they were left out"));
    }
    Ok(vec![Import { spec, setting, problems: gather.problems, samples, notes }])
}

/// Whether a row is a rollout of this format.
pub(super) fn knows(row: &Value) -> bool {
    row.get("example_id").is_some() && row.get("reward").is_some()
}
