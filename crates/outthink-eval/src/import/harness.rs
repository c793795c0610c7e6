//! Sample logs of the lm-evaluation-harness: `samples_TASK_DATE.jsonl`, one document a line.

use super::{Gather, Import, Source, chosen, plain, unscored};
use crate::EvalError;
use crate::judgement::Judgement;
use crate::rows::each_value;
use crate::store::{LogprobSummary, Problem, SampleRecord, Setting};
use outthink_core::{Cost, Usage};
use outthink_verify::Grader;
use serde_json::Value;
use std::collections::HashSet;

/// Characters of a token, where a log counts none.
const CHARS_A_TOKEN: usize = 4;

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut gather = Gather::default();
    let (mut samples, mut skipped) = (Vec::new(), 0);
    let mut arguments = Value::Null;
    let mut rows = Vec::new();
    each_value(source.path, |row| {
        rows.push(row);
        Ok(())
    })?;
    // Each document comes once for each filter, with the same replies.
    let mut filters: Vec<&str> = rows.iter().map(|row| row["filter"].as_str().unwrap_or("none")).collect();
    filters.sort_unstable();
    filters.dedup();
    let filter = chosen("filter", "--filter", &filters, source.options.filter.as_deref());
    let filter = filter.map_err(|problem| source.broken(1, problem))?.to_owned();
    let mut seen = HashSet::new();
    for (number, row) in (1..).zip(&rows).filter(|(_, row)| row["filter"].as_str().unwrap_or("none") == filter) {
        if arguments.is_null() {
            arguments = request(row).1;
        }
        let id = plain(&row["doc_id"]).unwrap_or_default();
        if !seen.insert(id.clone()) {
            return Err(source.broken(number, format!("the document `{id}` comes twice")));
        }
        let read = records(row, source.options.metric.as_deref(), &mut gather);
        match read.map_err(|problem| source.broken(number, problem))? {
            Some(read) => samples.extend(read),
            None => skipped += 1,
        }
    }
    // The harness keeps the logs of a model in a folder of its name.
    let folder = source.path.parent().and_then(|p| p.file_name()).and_then(|n| n.to_str()).map(str::to_owned);
    let file = source.path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let task = file.strip_prefix("samples_").and_then(|rest| rest.rsplit_once('_')).map(|(task, _)| task.to_owned());
    let mut spec = source.spec("lm-evaluation-harness", folder, task);
    spec.sampling = if arguments.is_object() { arguments.to_string() } else { "{}".into() };
    let setting = Setting {
        effort: None,
        temperature: arguments["temperature"].as_f64(),
        max_tokens: arguments["max_gen_toks"].as_u64().unwrap_or(0),
    };
    Ok(vec![Import { spec, setting, problems: gather.problems, samples, notes: unscored(skipped) }])
}

/// The prompt of a document and the arguments of its generation, in the old layout and the new.
fn request(row: &Value) -> (Option<String>, Value) {
    let arguments = &row["arguments"];
    let (prompt, generation) = if arguments.is_object() {
        let first = &arguments["gen_args_0"];
        (&first["arg_0"], &first["arg_1"])
    } else {
        (&arguments[0][0], &arguments[0][1])
    };
    (plain(prompt), generation.clone())
}

/// The samples of a document; `None` where nobody judged it.
fn records(row: &Value, asked: Option<&str>, gather: &mut Gather) -> Result<Option<Vec<SampleRecord>>, String> {
    let id = plain(&row["doc_id"]).ok_or("no `doc_id`: not a sample log of lm-evaluation-harness")?;
    let replies = row["resps"][0].as_array().ok_or("no replies in `resps`")?;
    let texts: Option<Vec<&str>> = replies.iter().map(Value::as_str).collect();
    let texts =
        texts.ok_or("the task compares probabilities and generates no text: only generated samples are imported")?;
    let target = plain(&row["target"]);
    let gold = target.as_deref().map(|t| t.rsplit("####").next().unwrap_or(t).trim().to_owned());
    let question = ["question", "problem", "input"].iter().find_map(|k| plain(&row["doc"][*k])).or(request(row).0);
    let problem = Problem { id, question, gold: gold.clone(), prompt_sha256: None, vote_ok: true };
    let grader = Grader::new(gold.as_deref().unwrap_or_default(), problem.question.as_deref());
    let judged = if texts.len() == 1 { metric(row, asked)? } else { None };
    let judged = match judged {
        Some((name, judgement)) => match judgement.parts() {
            Some(parts) => Some((name, parts)),
            None => return Ok(None),
        },
        None => None,
    };
    let record = |text: &str, gather: &mut Gather| {
        let filtered = (texts.len() == 1).then(|| plain(&row["filtered_resps"])).flatten();
        let filtered = filtered.filter(|a| !a.is_empty() && a != "[invalid]");
        let (answer, ours) = if let Some(answer) = filtered {
            let right = grader.is_right(&answer);
            (Some(answer), right)
        } else {
            let graded = grader.grade(text);
            (graded.answer.map(|answer| answer.text), graded.correct)
        };
        SampleRecord {
            cell: gather.next(problem.clone()),
            seed: 0,
            content: text.to_owned(),
            reasoning: String::new(),
            correct: judged.as_ref().map_or(ours, |(_, (right, _))| *right),
            credit: judged.as_ref().and_then(|(_, (_, credit))| *credit),
            judge: judged.as_ref().map(|(name, _)| format!("lm-evaluation-harness:{name}")),
            answer,
            usage: Usage {
                completion: text.chars().count().div_ceil(CHARS_A_TOKEN) as u64,
                estimated: true,
                ..Usage::default()
            },
            logprobs: LogprobSummary::default(),
            score: None,
            finish: None,
            seconds: 0.0,
            cost: Cost::ZERO,
        }
    };
    Ok(Some(texts.iter().map(|text| record(text, gather)).collect()))
}

/// The metric that was asked for, or the only one that says how right this document's reply is. Logs of earlier versions
/// do not name their metrics.
fn metric(row: &Value, asked: Option<&str>) -> Result<Option<(String, Judgement)>, String> {
    let known = ["exact_match", "acc", "math_verify"];
    let named: Vec<&str> = match row["metrics"].as_array() {
        Some(named) => named.iter().filter_map(Value::as_str).collect(),
        None => known.into_iter().filter(|name| row.get(name).is_some()).collect(),
    };
    if named.is_empty() {
        return Ok(None);
    }
    let read: Vec<(&str, Result<Judgement, String>)> =
        named.iter().map(|name| (*name, Judgement::read(&row[*name]))).collect();
    let understood: Vec<&str> = read.iter().filter(|(_, read)| read.is_ok()).map(|(name, _)| *name).collect();
    let name = match (asked, understood.is_empty()) {
        (None, false) => chosen("metric", "--metric", &understood, None)?,
        _ => chosen("metric", "--metric", &named, asked)?,
    };
    let judgement = Judgement::read(&row[name]).map_err(|e| format!("metric `{name}`: {e}"))?;
    Ok(Some((name.to_owned(), judgement)))
}
