//! "Monkey Business", the samples of Large Language Monkeys (Brown et al. 2024): a problem with all its samples and
//! whether each is right, in one object.

use super::drawn::{Drawn, judged};
use super::{Gather, Import, Source, plain, unscored};
use crate::EvalError;
use crate::rows::each_value;
use crate::store::{Problem, Setting};
use outthink_verify::find_answer;
use serde_json::Value;
use std::collections::HashSet;

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut gather = Gather::default();
    let (mut samples, mut skipped, mut seen) = (Vec::new(), 0, HashSet::new());
    each_value(source.path, |row| {
        let question = plain(&row["question"]).or_else(|| plain(&row["prompt"]));
        let split = plain(&row["orig_dset_split"]);
        let number = plain(&row["orig_dset_idx"]);
        let id = match (split, number) {
            (Some(split), Some(number)) => format!("{split}-{number}"),
            (None, Some(number)) => number,
            _ => plain(&row["name"]).or_else(|| question.clone()).ok_or("a problem without a name or a question")?,
        };
        if !seen.insert(id.clone()) {
            return Err(format!("the problem `{id}` comes twice"));
        }
        let (texts, right) = match (row["samples"].as_array(), row["is_corrects"].as_array()) {
            (Some(texts), Some(right)) if texts.len() == right.len() => (texts, right),
            _ => return Err(format!("problem `{id}`: `samples` and `is_corrects` are not lists of one length")),
        };
        let gold = plain(&row["gt_answer"]).map(|gold| {
            // The answers of GSM8K come with their derivation.
            gold.rsplit("####").next().unwrap_or(&gold).trim().to_owned()
        });
        let problem = Problem { id: id.clone(), question, gold, prompt_sha256: None, vote_ok: true };
        for (number, (text, right)) in (1..).zip(texts.iter().zip(right)) {
            let text = text.as_str().ok_or_else(|| format!("problem `{id}`, sample {number}: not a text"))?;
            let judgement =
                judged("is_corrects", right).map_err(|e| format!("problem `{id}`, sample {number}: {e}"))?;
            let Some(judged) = judgement else {
                skipped += 1;
                continue;
            };
            let drawn = Drawn {
                answer: find_answer(text).map(|a| a.text),
                content: text.to_owned(),
                judged,
                judge: Some("monkey_business".into()),
                ..Drawn::default()
            };
            samples.push(drawn.record(gather.next(problem.clone())));
        }
        Ok(())
    })?;
    // The files are called by task and model, as MATH_Llama-3-8B-Instruct.json.
    let file = source.path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
    let (task, model) = file.split_once('_').map_or((None, None), |(task, model)| (Some(task), Some(model)));
    let spec = source.spec("monkey_business", model.map(str::to_owned), task.map(str::to_owned));
    let setting = Setting { effort: None, temperature: None, max_tokens: 0 };
    Ok(vec![Import { spec, setting, problems: gather.problems, samples, notes: unscored(skipped) }])
}

/// Whether a row is a problem of this format.
pub(super) fn knows(row: &Value) -> bool {
    row["samples"].is_array() && row["is_corrects"].is_array()
}
