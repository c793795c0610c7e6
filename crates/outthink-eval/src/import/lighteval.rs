//! Details of `LightEval` (0.10 and later): `details_TASK_DATE.parquet`, one document a row.

use super::drawn::Drawn;
use super::{Gather, Import, Source, chosen, plain, unscored};
use crate::EvalError;
use crate::judgement::Judgement;
use crate::rows::each_value;
use crate::store::{Problem, Setting};
use outthink_core::Usage;
use outthink_verify::Grader;
use serde_json::Value;
use std::collections::HashSet;

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut gather = Gather::default();
    let (mut samples, mut skipped, mut repeated, mut seen) = (Vec::new(), 0, false, HashSet::new());
    let (mut most, mut task) = (0, None);
    let mut number = 0;
    each_value(source.path, |row| {
        number += 1;
        let (doc, response) = (&row["doc"], &row["model_response"]);
        let id = plain(&doc["id"]).filter(|id| !id.is_empty()).unwrap_or_else(|| number.to_string());
        if !seen.insert(id.clone()) {
            return Err(format!("the document `{id}` comes twice"));
        }
        let at = |e: String| format!("document `{id}`: {e}");
        most = doc["generation_size"].as_u64().unwrap_or(most);
        task = task.take().or_else(|| plain(&doc["task_name"]));
        let texts: Vec<&str> = response["text"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if texts.is_empty() {
            return Err(at(
                "the task compares probabilities and generates no text: only generated samples are imported".into(),
            ));
        }
        let gold = gold_of(doc);
        let question = plain(&doc["original_query"]).or_else(|| plain(&doc["query"]));
        let problem = Problem { id: id.clone(), question, gold: gold.clone(), prompt_sha256: None, vote_ok: true };
        let judgement = metric(&row["metric"], source.options.metric.as_deref()).map_err(at)?;
        // A metric of several replies judges them together.
        repeated |= texts.len() > 1;
        let judged = match (judgement.1.parts(), texts.len()) {
            (None, 1) => {
                skipped += 1;
                return Ok(());
            }
            (Some(parts), 1) => Some(parts),
            _ => None,
        };
        let prompt = response["input_tokens"].as_array().map_or(0, Vec::len) as u64;
        let grader = Grader::new(gold.as_deref().unwrap_or_default(), problem.question.as_deref());
        for (at, text) in texts.iter().enumerate() {
            let graded = grader.grade(text);
            let generated = response["output_tokens"][at].as_array().map_or(0, Vec::len) as u64;
            let drawn = Drawn {
                content: (*text).to_owned(),
                reasoning: plain(&response["reasonings"][at]).unwrap_or_default(),
                answer: graded.answer.map(|answer| answer.text),
                judged: judged.unwrap_or((graded.correct, None)),
                judge: judged.map(|_| format!("lighteval:{}", judgement.0)),
                usage: (generated > 0).then(|| Usage { prompt, completion: generated, ..Usage::default() }),
                ..Drawn::default()
            };
            samples.push(drawn.record(gather.next(problem.clone())));
        }
        Ok(())
    })?;
    // The details of a model lie in a folder of its name, in one of the date.
    let mut above = source.path.ancestors().skip(1).filter_map(|p| p.file_name()?.to_str());
    let dated = |name: &str| name.starts_with(|c: char| c.is_ascii_digit()) && name.contains('T');
    let model = above.find(|name| !dated(name)).map(str::to_owned);
    let spec = source.spec("lighteval", model, task);
    let mut notes = unscored(skipped);
    if repeated {
        notes.push("documents with several replies have one judgement for all: each reply was judged here".into());
    }
    let setting = Setting { effort: None, temperature: None, max_tokens: most };
    Ok(vec![Import { spec, setting, problems: gather.problems, samples, notes }])
}

/// The right choice, or the first of several.
fn gold_of(doc: &Value) -> Option<String> {
    let index = match &doc["gold_index"] {
        Value::Array(all) => all.first()?.as_u64()?,
        one => one.as_u64()?,
    };
    let gold = plain(&doc["choices"][usize::try_from(index).ok()?])?;
    Some(gold.rsplit("####").next().unwrap_or(&gold).trim().to_owned())
}

/// The metric that was asked for, or the only one that says how right a reply is.
fn metric(metrics: &Value, asked: Option<&str>) -> Result<(String, Judgement), String> {
    let named: Vec<&str> = metrics.as_object().into_iter().flat_map(|m| m.keys()).map(String::as_str).collect();
    // A data set of several tasks has the columns of all, empty where they are another's.
    let understood: Vec<&str> = (named.iter().copied())
        .filter(|name| !metrics[*name].is_null() && Judgement::read(&metrics[*name]).is_ok())
        .collect();
    let name = match (asked, understood.is_empty()) {
        (None, false) => chosen("metric", "--metric", &understood, None)?,
        _ => chosen("metric", "--metric", &named, asked)?,
    };
    let judgement = Judgement::read(&metrics[name]).map_err(|e| format!("metric `{name}`: {e}"))?;
    Ok((name.to_owned(), judgement))
}

/// Whether a row is a document of this format.
pub(super) fn knows(row: &Value) -> bool {
    row["doc"].is_object() && row["model_response"].is_object() && row["metric"].is_object()
}
