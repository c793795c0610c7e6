//! Pools: one problem with its samples a line, as [`Pool`] reads it.

use super::{Gather, Import, Source, plain};
use crate::store::{LogprobSummary, Problem, SampleRecord, Setting};
use crate::{EvalError, Pool, PoolSample};
use outthink_core::{Cost, Usage};
use serde_json::Value;

/// The samples of one model at one setting.
struct Group {
    key: String,
    model: Option<String>,
    config: Value,
    gather: Gather,
    samples: Vec<SampleRecord>,
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let mut groups: Vec<Group> = Vec::new();
    for line in Pool::read(source.path)?.problems {
        let key = format!("{:?}|{:?}|{}", line.model, line.run, line.config);
        let at = groups.iter().position(|g| g.key == key).unwrap_or_else(|| {
            let (model, config) = (line.model.clone(), line.config.clone());
            groups.push(Group { key, model, config, gather: Gather::default(), samples: Vec::new() });
            groups.len() - 1
        });
        let group = &mut groups[at];
        let problem = Problem { id: line.problem_id, question: line.question, gold: line.gold, prompt_sha256: None };
        for sample in line.samples {
            let cell = group.gather.next(problem.clone());
            group.samples.push(record(cell, sample, !line.counts_tokens));
        }
    }
    let several = groups.len() > 1;
    let mut imports = Vec::new();
    for (number, group) in (1..).zip(groups) {
        let mut spec = source.spec("recorded", group.model, None);
        if several {
            let model: String = spec
                .model
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' })
                .collect();
            spec.name = format!("{}-{number}-{model}", spec.name);
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
            notes: Vec::new(),
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
