//! Pools: one problem with its samples a line.

use super::{Gather, Import, Source, plain};
use crate::EvalError;
use crate::lines::each_line;
use crate::store::{LogprobSummary, Problem, SampleRecord, Setting};
use outthink_core::{Cost, Usage};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Line {
    problem_id: Value,
    #[serde(default)]
    question: Option<String>,
    #[serde(default)]
    gold: Value,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    tokens_kind: Option<String>,
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    answer: Value,
    correct: bool,
    #[serde(default)]
    tokens: f64,
    #[serde(default)]
    reasoning_tokens: f64,
    #[serde(default)]
    verifier_score: Option<f64>,
    #[serde(default)]
    secs: Option<f64>,
    #[serde(default)]
    text: Option<String>,
}

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
    each_line(source.path, |line| {
        let line: Line = serde_json::from_str(line).map_err(|e| format!("not a recorded problem: {e}"))?;
        let key = format!("{:?}|{:?}|{}", line.model, line.run, line.config);
        let at = groups.iter().position(|g| g.key == key).unwrap_or_else(|| {
            let (model, config) = (line.model.clone(), line.config.clone());
            groups.push(Group { key, model, config, gather: Gather::default(), samples: Vec::new() });
            groups.len() - 1
        });
        let group = &mut groups[at];
        let problem = Problem {
            id: plain(&line.problem_id).ok_or("a problem without a name in `problem_id`")?,
            question: line.question,
            gold: plain(&line.gold),
            prompt_sha256: None,
        };
        let estimated = line.tokens_kind.as_deref() != Some("exact");
        for sample in line.samples {
            let cell = group.gather.next(problem.clone());
            group.samples.push(record(cell, sample, estimated));
        }
        Ok(())
    })?;
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
        imports.push(Import { spec, setting, problems: group.gather.problems, samples: group.samples });
    }
    Ok(imports)
}

fn record(cell: crate::store::Cell, sample: Sample, estimated: bool) -> SampleRecord {
    let usage = Usage {
        completion: sample.tokens.max(0.0).round() as u64,
        reasoning: sample.reasoning_tokens.max(0.0).round() as u64,
        estimated,
        ..Usage::default()
    };
    SampleRecord {
        cell,
        seed: 0,
        content: sample.text.unwrap_or_default(),
        reasoning: String::new(),
        answer: plain(&sample.answer),
        correct: sample.correct,
        usage,
        logprobs: LogprobSummary::default(),
        score: sample.verifier_score.filter(|s| s.is_finite()),
        finish: None,
        seconds: sample.secs.filter(|s| s.is_finite()).unwrap_or(0.0),
        cost: Cost::ZERO,
        judge: Some("recorded".into()),
    }
}
