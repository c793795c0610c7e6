//! Traces of DeepConf (Fu et al. 2025), one object a question. The tool pickles them; as JSON they are read here.

use super::drawn::{Drawn, finish, judged, tokens};
use super::{Gather, Import, Source, plain, unscored};
use crate::EvalError;
use crate::rows::each_value;
use crate::store::{Problem, Setting};
use outthink_core::Usage;
use serde_json::Value;
use std::collections::HashSet;

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut gather = Gather::default();
    let (mut samples, mut skipped, mut seen) = (Vec::new(), 0, HashSet::new());
    let (mut model, mut config) = (None, Value::Null);
    each_value(source.path, |row| {
        let id = plain(&row["question_id"]).or_else(|| plain(&row["qid"])).ok_or("a question without `question_id`")?;
        if !seen.insert((id.clone(), plain(&row["run_id"]))) {
            return Err(format!("the question `{id}` comes twice in one run"));
        }
        if config.is_null() {
            config = row["config"].clone();
            model = plain(&config["model_path"]).or_else(|| plain(&config["model"]));
        }
        let gold = plain(&row["ground_truth"]);
        let problem =
            Problem { id: id.clone(), question: plain(&row["question"]), gold, prompt_sha256: None, vote_ok: true };
        let traces = row["all_traces"].as_array().ok_or("no traces in `all_traces`")?;
        for (number, trace) in (1..).zip(traces) {
            let at = |e: String| format!("question `{id}`, trace {number}: {e}");
            let Some(judged) = judged("is_correct", &trace["is_correct"]).map_err(at)? else {
                skipped += 1;
                continue;
            };
            let counted = tokens("num_tokens", &trace["num_tokens"]).map_err(at)?;
            let drawn = Drawn {
                content: plain(&trace["text"]).unwrap_or_default(),
                answer: plain(&trace["extracted_answer"]),
                judged,
                judge: Some("deepconf".into()),
                usage: (counted > 0).then(|| Usage { completion: counted, ..Usage::default() }),
                finish: finish(&trace["stop_reason"]),
                ..Drawn::default()
            };
            samples.push(drawn.record(gather.next(problem.clone())));
        }
        Ok(())
    })?;
    let mut spec = source.spec("deepconf", model, None);
    spec.sampling = if config.is_object() { config.to_string() } else { "{}".into() };
    let setting = Setting {
        effort: plain(&config["reasoning_effort"]),
        temperature: config["temperature"].as_f64(),
        max_tokens: 0,
    };
    let mut notes = unscored(skipped);
    notes.push("confidences of traces are not scores of a verifier: they were left out".into());
    Ok(vec![Import { spec, setting, problems: gather.problems, samples, notes }])
}

/// Whether a row is a question of this format.
pub(super) fn knows(row: &Value) -> bool {
    row["all_traces"].is_array()
}
