//! A table with a row a sample: what `data export --parquet` writes, or any table with the columns `problem` and
//! `correct`.

use super::drawn::{Drawn, finite_number, judged, number, seconds, tokens};
use super::{Gather, Import, Source, name_of, plain, unscored};
use crate::EvalError;
use crate::judgement::Judgement;
use crate::rows::each_value;
use crate::store::{Problem, SampleRecord, Setting};
use outthink_core::{Cost, Usage};
use serde_json::Value;
use std::collections::HashSet;

/// The samples of one run at one setting.
struct Arm {
    key: String,
    run: Option<String>,
    model: Option<String>,
    dataset: Option<String>,
    setting: Setting,
    gather: Gather,
    samples: Vec<SampleRecord>,
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut arms: Vec<Arm> = Vec::new();
    let (mut skipped, mut seen) = (0, HashSet::new());
    each_value(source.path, |row| {
        let id = name(&row).ok_or("a sample without a name in `problem` or `problem_id`")?;
        let setting = Setting {
            effort: plain(&row["effort"]),
            temperature: number("temperature", &row["temperature"], 1e3)?,
            max_tokens: tokens("max_tokens", &row["max_tokens"])?,
        };
        let (run, model) = (plain(&row["run"]), plain(&row["model"]));
        let key = format!("{run:?}|{model:?}|{}", setting.label());
        if let Some(index) = plain(&row["sample"])
            && !seen.insert((key.clone(), id.clone(), index.clone()))
        {
            return Err(format!("sample {index} of `{id}` comes twice"));
        }
        let Some(drawn) = sample(&row).map_err(|e| format!("sample of `{id}`: {e}"))? else {
            skipped += 1;
            return Ok(());
        };
        let at = arms.iter().position(|arm| arm.key == key).unwrap_or_else(|| {
            let (gather, samples, dataset) = (Gather::default(), Vec::new(), plain(&row["dataset"]));
            arms.push(Arm { key, run, model, dataset, setting, gather, samples });
            arms.len() - 1
        });
        let (question, gold) = (plain(&row["question"]), plain(&row["gold"]));
        let cell = arms[at].gather.next(Problem { id, question, gold, prompt_sha256: None, vote_ok: true });
        arms[at].samples.push(drawn.record(cell));
        Ok(())
    })?;
    let several = arms.len() > 1;
    let settings: HashSet<String> = arms.iter().map(|a| a.setting.label()).collect();
    let import = |arm: Arm| {
        let mut spec = source.spec("recorded", arm.model, arm.dataset);
        if several {
            let who = arm.run.unwrap_or_else(|| spec.model.clone());
            spec.name = format!("{}-{}", spec.name, name_of(&who));
            if settings.len() > 1 {
                spec.name = format!("{}-{}", spec.name, name_of(&arm.setting.label()));
            }
        }
        let (problems, samples) = (arm.gather.problems, arm.samples);
        Import { spec, setting: arm.setting, problems, samples, notes: unscored(skipped) }
    };
    Ok(arms.into_iter().map(import).collect())
}

fn name(row: &Value) -> Option<String> {
    plain(&row["problem_id"]).or_else(|| plain(&row["problem"]))
}

/// A sample; `None` where nobody judged it.
fn sample(row: &Value) -> Result<Option<Drawn>, String> {
    let Some((correct, credit)) = judged("correct", &row["correct"])? else { return Ok(None) };
    let stated = number("credit", &row["credit"], 1.0)?;
    let generated = if row["completion_tokens"].is_null() { "tokens" } else { "completion_tokens" };
    let counted = !row[generated].is_null();
    let usage = Usage {
        prompt: tokens("prompt_tokens", &row["prompt_tokens"])?,
        cached: tokens("cached_tokens", &row["cached_tokens"])?,
        completion: tokens(generated, &row[generated])?,
        reasoning: tokens("reasoning_tokens", &row["reasoning_tokens"])?,
        estimated: row["estimated"].as_bool().unwrap_or(false),
        ..Usage::default()
    };
    let usd = number("usd", &row["usd"], 1e6)?.and_then(Cost::from_usd);
    let nano = number("cost_nano_usd", &row["cost_nano_usd"], 1e15)?.map(|nano| Cost::from_nano(nano as u64));
    let content = if row["content"].is_null() { &row["text"] } else { &row["content"] };
    let score = if row["score"].is_null() { &row["verifier_score"] } else { &row["score"] };
    Ok(Some(Drawn {
        content: plain(content).unwrap_or_default(),
        reasoning: plain(&row["reasoning"]).unwrap_or_default(),
        answer: plain(&row["answer"]),
        judged: (correct, stated.or(credit).filter(|_| !correct)),
        // Our own tables have the column, empty where the answer was judged by outthink.
        judge: if row.get("judge").is_some() { plain(&row["judge"]) } else { Some("recorded".into()) },
        usage: counted.then_some(usage),
        score: finite_number("score", score)?,
        finish: super::drawn::finish(&row["finish"]),
        seconds: seconds("seconds", &row["seconds"])?,
        cost: nano.or(usd).unwrap_or_default(),
    }))
}

/// Whether a row is a sample of this format.
pub(super) fn knows(row: &Value) -> bool {
    let judged = row.get("correct").is_some_and(|c| !c.is_array() && Judgement::read(c).is_ok());
    // Counts of right samples are a table of laws and not samples.
    let counts = ["samples", "n_samples", "accuracy", "n_correct"].iter().any(|name| row.get(*name).is_some());
    judged && !counts && name(row).is_some()
}
