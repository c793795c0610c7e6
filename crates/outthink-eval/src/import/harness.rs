//! Sample logs of the lm-evaluation-harness: `samples_TASK_DATE.jsonl`, one document a line.

use super::{Gather, Import, Source, plain};
use crate::EvalError;
use crate::lines::each_line;
use crate::store::{LogprobSummary, Problem, SampleRecord, Setting};
use outthink_core::{Cost, Usage};
use outthink_verify::{find_answer, is_correct};
use serde_json::Value;

/// Characters of a token, where a log counts none.
const CHARS_A_TOKEN: usize = 4;

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut gather = Gather::default();
    let mut samples = Vec::new();
    let mut filter: Option<Value> = None;
    let mut arguments = Value::Null;
    each_line(source.path, |line| {
        let row: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
        // Each document comes once for each filter, with the same replies.
        if *filter.get_or_insert_with(|| row["filter"].clone()) != row["filter"] {
            return Ok(());
        }
        if arguments.is_null() {
            arguments = request(&row).1;
        }
        samples.extend(records(&row, &mut gather)?);
        Ok(())
    })?;
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
    Ok(vec![Import { spec, setting, problems: gather.problems, samples }])
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

fn records(row: &Value, gather: &mut Gather) -> Result<Vec<SampleRecord>, String> {
    let id = plain(&row["doc_id"]).ok_or("no `doc_id`: not a sample log of lm-evaluation-harness")?;
    let replies = row["resps"][0].as_array().ok_or("no replies in `resps`")?;
    let texts: Option<Vec<&str>> = replies.iter().map(Value::as_str).collect();
    let texts =
        texts.ok_or("the task compares probabilities and generates no text: only generated samples are imported")?;
    let target = plain(&row["target"]);
    let gold = target.as_deref().map(|t| t.rsplit("####").next().unwrap_or(t).trim().to_owned());
    let question = ["question", "problem", "input"].iter().find_map(|k| plain(&row["doc"][*k])).or(request(row).0);
    let problem = Problem { id, question, gold: gold.clone(), prompt_sha256: None };
    let judged = (texts.len() == 1).then(|| metric(row)).flatten();
    let record = |text: &str, gather: &mut Gather| {
        let filtered = (texts.len() == 1).then(|| plain(&row["filtered_resps"])).flatten();
        let answer =
            filtered.filter(|a| !a.is_empty() && a != "[invalid]").or_else(|| find_answer(text).map(|a| a.text));
        let ours = answer.as_deref().zip(gold.as_deref()).is_some_and(|(answer, gold)| is_correct(answer, gold));
        SampleRecord {
            cell: gather.next(problem.clone()),
            seed: 0,
            content: text.to_owned(),
            reasoning: String::new(),
            correct: judged.as_ref().map_or(ours, |(_, right)| *right),
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
    Ok(texts.iter().map(|text| record(text, gather)).collect())
}

/// The first metric that says right or wrong of this document.
fn metric(row: &Value) -> Option<(String, bool)> {
    let named = row["metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known = ["exact_match", "acc", "math_verify"].map(Value::from);
    named.iter().chain(&known).filter_map(Value::as_str).find_map(|name| {
        let share = row.get(name)?.as_f64()?;
        (share == 0.0 || share == 1.0).then(|| (name.to_owned(), share == 1.0))
    })
}
