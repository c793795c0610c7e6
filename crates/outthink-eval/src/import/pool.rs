//! Pools: one problem with its samples a line, as [`Pool`] reads it.

use super::{Gather, Import, Source, name_of, plain};
use crate::store::{LogprobSummary, Problem, SampleRecord, Setting};
use crate::{EvalError, Pool, PoolSample};
use outthink_core::{Cost, Usage};
use serde_json::Value;
use std::collections::HashMap;

/// The samples of one arm: a run of a model at a setting.
struct Group {
    key: String,
    model: Option<String>,
    run: Option<String>,
    config: Value,
    gather: Gather,
    samples: Vec<SampleRecord>,
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut kinds = false;
    for line in Pool::read_as_written(source.path)?.problems {
        let key = format!("{:?}", line.arm());
        let at = groups.iter().position(|g| g.key == key).unwrap_or_else(|| {
            let (model, run, config) = (line.model.clone(), line.run.clone(), line.config.clone());
            groups.push(Group { key, model, run, config, gather: Gather::default(), samples: Vec::new() });
            groups.len() - 1
        });
        let group = &mut groups[at];
        let problem = Problem {
            id: line.problem_id,
            question: line.question,
            gold: line.gold,
            prompt_sha256: None,
            vote_ok: line.vote_ok,
        };
        kinds |= line.samples.iter().any(|s| s.src.is_some());
        for sample in line.samples {
            let cell = group.gather.next(problem.clone());
            group.samples.push(record(cell, sample, !line.counts_tokens));
        }
    }
    let several = groups.len() > 1;
    let mut imports = Vec::new();
    let mut names: HashMap<String, u32> = HashMap::new();
    let mut notes = Vec::new();
    if kinds {
        notes.push("the kinds of prompt (`src`) are not kept by the store".to_owned());
    }
    for group in groups {
        let mut spec = source.spec("recorded", group.model, None);
        if several {
            // An arm's own name, so that it is the same run whatever stands around it in the file.
            let own = format!("{}-{}", spec.name, name_of(group.run.as_deref().unwrap_or(&spec.model)));
            let times = names.entry(own.clone()).or_default();
            *times += 1;
            spec.name = if *times == 1 { own } else { format!("{own}-{times}") };
        }
        let setting = Setting {
            effort: plain(&group.config["reasoning_effort"]).or_else(|| plain(&group.config["effort"])),
            temperature: group.config["temperature"].as_f64(),
            max_tokens: group.config["max_tokens"].as_u64().unwrap_or(0),
        };
        spec.sampling = if group.config.is_null() { "{}".into() } else { group.config.to_string() };
        imports.push(Import {
            spec,
            setting,
            problems: group.gather.problems,
            samples: group.samples,
            notes: notes.clone(),
        });
    }
    Ok(imports)
}

fn record(cell: crate::store::Cell, sample: PoolSample, estimated: bool) -> SampleRecord {
    let usage = Usage {
        prompt: sample.prompt_tokens.round() as u64,
        completion: sample.tokens.round() as u64,
        reasoning: sample.reasoning_tokens.round() as u64,
        estimated,
        ..Usage::default()
    };
    SampleRecord {
        cell,
        seed: 0,
        content: sample.text.unwrap_or_default(),
        reasoning: String::new(),
        answer: sample.answer,
        correct: sample.correct,
        credit: sample.credit,
        usage,
        logprobs: LogprobSummary::default(),
        score: sample.verifier_score,
        finish: None,
        seconds: sample.seconds,
        cost: Cost::from_usd(sample.usd).unwrap_or_default(),
        judge: Some("recorded".into()),
    }
}

/// Whether a row is a problem of this format, and no table of columns that has one called `samples`.
pub(super) fn knows(row: &Value) -> bool {
    row["samples"].is_array() && (row.get("problem_id").is_some() || row["samples"][0].is_object())
}
