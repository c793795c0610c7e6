//! Every Eval Ever: instance-level results of its published schema (0.2 and 0.3), one sample a line.

use super::drawn::{Drawn, number, tokens};
use super::{Gather, Import, Source, chosen, name_of, plain, unscored};
use crate::EvalError;
use crate::judgement::Judgement;
use crate::rows::each_value;
use crate::store::{Problem, SampleRecord, Setting};
use outthink_core::Usage;
use outthink_verify::find_answer;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

/// The samples of one model.
struct Arm {
    model: String,
    gather: Gather,
    samples: Vec<SampleRecord>,
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut rows = Vec::new();
    each_value(source.path, |row| {
        rows.push(row);
        Ok(())
    })?;
    let asked = evaluation(&rows, source.options.metric.as_deref()).map_err(|problem| source.broken(1, problem))?;
    let mut arms: Vec<Arm> = Vec::new();
    let (mut skipped, mut failed, mut seen) = (0, 0_u64, HashSet::new());
    for (line, row) in (1..).zip(&rows) {
        let name = plain(&row["evaluation_name"]).unwrap_or_default();
        if asked.as_ref().is_some_and(|asked| *asked != name) {
            continue;
        }
        let id = plain(&row["sample_id"]).ok_or_else(|| source.broken(line, "no `sample_id`"))?;
        let model = plain(&row["model_id"]).ok_or_else(|| source.broken(line, "no `model_id`"))?;
        let key = (model.clone(), name.clone(), id.clone(), plain(&row["metadata"]["epoch"]));
        if !seen.insert(key) {
            return Err(source.broken(line, format!("the sample `{id}` comes twice")));
        }
        let error = plain(&row["error"]).filter(|e| !e.is_empty());
        let drawn = sample(row, &name).map_err(|e| source.broken(line, format!("sample `{id}`: {e}")))?;
        let Some(drawn) = drawn else {
            if error.is_some() {
                failed += 1;
            } else {
                skipped += 1;
            }
            continue;
        };
        let at = arms.iter().position(|arm| arm.model == model).unwrap_or_else(|| {
            arms.push(Arm { model, gather: Gather::default(), samples: Vec::new() });
            arms.len() - 1
        });
        let (question, gold) = (plain(&row["input"]["raw"]), plain(&row["input"]["reference"]));
        let problem = Problem { id, question, gold, prompt_sha256: None, vote_ok: true };
        let cell = arms[at].gather.next(problem);
        arms[at].samples.push(drawn.record(cell));
    }
    let mut notes = unscored(skipped);
    if failed > 0 {
        notes.push(format!("{failed} samples ended in an error: they were left out"));
    }
    let several = arms.len() > 1;
    let import = |arm: Arm| {
        let dataset = rows.first().and_then(|row| plain(&row["evaluation_name"]));
        let mut spec = source.spec("every_eval_ever", Some(arm.model), asked.clone().or(dataset));
        if several {
            spec.name = format!("{}-{}", spec.name, name_of(&spec.model));
        }
        let setting = Setting { effort: None, temperature: None, max_tokens: 0 };
        Import { spec, setting, problems: arm.gather.problems, samples: arm.samples, notes: notes.clone() }
    };
    Ok(arms.into_iter().map(import).collect())
}

/// The evaluation that counts, where several judge the same samples; `None` where each sample has one.
fn evaluation(rows: &[Value], asked: Option<&str>) -> Result<Option<String>, String> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut of: HashMap<(&str, &str), &str> = HashMap::new();
    let mut twice = false;
    for row in rows {
        let name = row["evaluation_name"].as_str().unwrap_or_default();
        names.insert(name);
        let key = (row["model_id"].as_str().unwrap_or_default(), row["sample_id"].as_str().unwrap_or_default());
        twice |= *of.entry(key).or_insert(name) != name;
    }
    if asked.is_none() && !twice {
        return Ok(None);
    }
    let names: Vec<&str> = names.into_iter().collect();
    chosen("evaluation", "--metric", &names, asked).map(|name| Some(name.to_owned()))
}

/// A sample; `None` where nobody judged it.
fn sample(row: &Value, name: &str) -> Result<Option<Drawn>, String> {
    if plain(&row["error"]).is_some_and(|e| !e.is_empty()) && row["output"].is_null() && row["messages"].is_null() {
        return Ok(None);
    }
    let evaluation = &row["evaluation"];
    let correct = match &evaluation["is_correct"] {
        Value::Bool(correct) => *correct,
        Value::Null => return Ok(None),
        other => return Err(format!("`evaluation.is_correct` is {other} and not true or false")),
    };
    // Scores may have any scale; only a share that is not right yet is credit.
    let credit = match Judgement::read(&evaluation["score"]).map(Judgement::parts) {
        Ok(Some((_, credit))) if !correct => credit,
        _ => None,
    };
    let (content, reasoning) = if row["output"].is_object() {
        let replies: Vec<String> = row["output"]["raw"].as_array().into_iter().flatten().filter_map(plain).collect();
        if replies.len() > 1 {
            return Err(format!("{} replies with one judgement: give each reply a line of its own", replies.len()));
        }
        (replies.into_iter().next().unwrap_or_default(), plain(&row["output"]["reasoning_trace"]))
    } else {
        let turns = row["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let last = turns.iter().rev().find(|turn| turn["role"] == "assistant");
        let of = |field: &str| last.and_then(|turn| plain(&turn[field]));
        (of("content").unwrap_or_default(), of("reasoning_trace"))
    };
    let attributed = row["answer_attribution"].as_array().map(Vec::as_slice).unwrap_or_default();
    let terminal = attributed.iter().rev().find(|a| a["is_terminal"] == true).or(attributed.last());
    let stated = terminal.and_then(|a| plain(&a["extracted_value"]));
    let usage = &row["token_usage"];
    let counted = usage.is_object().then(|| -> Result<Usage, String> {
        let of = |field: &str| tokens(&format!("token_usage.{field}"), &usage[field]);
        let (read, written) = (of("input_tokens_cache_read")?, of("input_tokens_cache_write")?);
        Ok(Usage {
            // Total input tokens, those of the cache included.
            prompt: of("input_tokens")?,
            cached: read,
            cache_write: written,
            completion: of("output_tokens")?,
            reasoning: of("reasoning_tokens")?,
            ..Usage::default()
        })
    });
    let performance = &row["performance"];
    let millis = number("latency_ms", &performance["latency_ms"], 1e12)?;
    Ok(Some(Drawn {
        // An attribution that is the whole reply names no answer.
        answer: stated.filter(|a| *a != content).or_else(|| find_answer(&content).map(|a| a.text)),
        content,
        reasoning: reasoning.unwrap_or_default(),
        judged: (correct, credit),
        judge: Some(format!("every_eval_ever:{name}")),
        usage: counted.transpose()?,
        seconds: millis.unwrap_or(0.0) / 1_000.0,
        ..Drawn::default()
    }))
}

/// Whether a row is a sample of this format.
pub(super) fn knows(row: &Value) -> bool {
    row["evaluation"].is_object() && row.get("sample_id").is_some() && row.get("model_id").is_some()
}
