//! Logs of `inspect_ai`: one JSON object, or the same in parts in a zip file that ends in `.eval`.

use super::drawn::{self, text_of};
use super::{Gather, Import, Source, chosen, plain, unscored};
use crate::EvalError;
use crate::judgement::Judgement;
use crate::lines::{finite, parse};
use crate::store::{LogprobSummary, Problem, SampleRecord, Setting};
use outthink_core::{Cost, FinishReason, Usage};
use outthink_verify::find_answer;
use serde_json::Value;
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;

/// Bytes of one sample at most: a few of them compressed may stand for any number.
const LARGEST: u64 = 1 << 30;

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let unreadable = |e| EvalError::Read { path: source.path.to_owned(), source: e };
    let mut magic = [0; 4];
    let mut file = File::open(source.path).map_err(unreadable)?;
    let zipped = file.read(&mut magic).map_err(unreadable)? == 4 && magic == *b"PK\x03\x04";
    let (header, samples) = if zipped { parts(source)? } else { whole(source)? };
    let eval = &header["eval"];
    if !eval.is_object() {
        return Err(source.broken(1, "no `eval` in it: not a log of inspect_ai"));
    }
    let config = &header["plan"]["config"];
    let dataset = plain(&eval["task"]).or_else(|| plain(&eval["dataset"]["name"]));
    let mut spec = source.spec("inspect_ai", plain(&eval["model"]), dataset);
    spec.seed = config["seed"].as_u64().unwrap_or(0);
    spec.sampling = if config.is_object() { config.to_string() } else { "{}".into() };
    let setting = Setting {
        effort: plain(&config["reasoning_effort"]),
        temperature: config["temperature"].as_f64(),
        max_tokens: config["max_tokens"].as_u64().unwrap_or(0),
    };
    let mut gather = Gather::default();
    let mut ordered: Vec<&Value> = samples.iter().collect();
    // The files of a zip come in any order; the samples of a problem are numbered by their epoch.
    ordered.sort_by_key(|s| s["epoch"].as_u64().unwrap_or(0));
    let model = eval["model"].as_str();
    let (mut records, mut skipped, mut seen) = (Vec::new(), 0, HashSet::new());
    for (number, sample) in (1..).zip(ordered) {
        let key = (plain(&sample["id"]), sample["epoch"].as_u64());
        if !seen.insert(key.clone()) {
            let (id, epoch) = (key.0.unwrap_or_default(), key.1.unwrap_or(1));
            return Err(source.broken(number, format!("the sample `{id}` of epoch {epoch} comes twice")));
        }
        match record(sample, (model, source), &mut gather).map_err(|problem| source.broken(number, problem))? {
            Some(record) => records.push(record),
            None => skipped += 1,
        }
    }
    Ok(vec![Import { spec, setting, problems: gather.problems, samples: records, notes: unscored(skipped) }])
}

fn whole(source: &Source<'_>) -> Result<(Value, Vec<Value>), EvalError> {
    let text = std::fs::read_to_string(source.path)
        .map_err(|e| EvalError::Read { path: source.path.to_owned(), source: e })?;
    let mut log: Value = serde_json::from_str(&finite(text.trim_start_matches('\u{feff}')))
        .map_err(|e| source.broken(e.line(), format!("not a log of inspect_ai: {e}")))?;
    let samples = match log["samples"].take() {
        Value::Array(samples) => samples,
        _ => Vec::new(),
    };
    Ok((log, samples))
}

/// `header.json`, and one file a sample under `samples/`.
fn parts(source: &Source<'_>) -> Result<(Value, Vec<Value>), EvalError> {
    let unreadable = |e| EvalError::Read { path: source.path.to_owned(), source: e };
    let broken = |name: &str, e: String| {
        source.broken(0, format!("{name}: {e} (`inspect log convert --to json` makes a plain log of it)"))
    };
    let file = File::open(source.path).map_err(unreadable)?;
    let mut archive = zip::ZipArchive::new(file).map_err(|e| broken("the archive", e.to_string()))?;
    let names: Result<Vec<String>, _> =
        archive.file_names().map(|name| name.map(std::borrow::Cow::into_owned)).collect();
    let names = names.map_err(|e| broken("the archive", e.to_string()))?;
    let mut header = Value::Null;
    let mut samples = Vec::new();
    for name in names {
        let is_header = name == "header.json";
        let is_sample = name.strip_prefix("samples/").is_some_and(|rest| rest.rsplit('.').next() == Some("json"));
        if !is_header && !is_sample {
            continue;
        }
        let text = part_of(&mut archive, &name).map_err(|e| broken(&name, e))?;
        let text = String::from_utf8(text).map_err(|e| broken(&name, e.to_string()))?;
        let value = parse(&text).map_err(|e| broken(&name, e))?;
        if is_header {
            header = value;
        } else {
            samples.push(value);
        }
    }
    Ok((header, samples))
}

/// One file of a zip. The newer logs are compressed by zstd, which the archive's reader passes on as it
/// is.
fn part_of(archive: &mut zip::ZipArchive<File>, name: &str) -> Result<Vec<u8>, String> {
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let mut bytes = Vec::new();
    let plain = archive
        .by_name(name)
        .map_err(|e| e.to_string())
        .and_then(|mut part| part.read_to_end(&mut bytes).map_err(|e| e.to_string()));
    let Err(unread) = plain else { return Ok(bytes) };
    bytes.clear();
    let index = archive.index_for_name(name).ok_or("it is not in the archive")?;
    archive.by_index_raw(index).map_err(|e| e.to_string())?.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if !bytes.starts_with(&ZSTD) {
        return Err(unread);
    }
    let mut text = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let frame = ruzstd::decoding::StreamingDecoder::new(&mut rest).map_err(|e| e.to_string())?;
        frame.take(LARGEST).read_to_end(&mut text).map_err(|e| e.to_string())?;
        if text.len() as u64 >= LARGEST {
            return Err(format!("it holds more than {} MB", LARGEST >> 20));
        }
    }
    Ok(text)
}

/// The record of a sample; `None` where nobody judged it, or it ended in an error and there is nothing to judge.
fn record(
    sample: &Value,
    (model, source): (Option<&str>, &Source<'_>),
    gather: &mut Gather,
) -> Result<Option<SampleRecord>, String> {
    let id = plain(&sample["id"]).ok_or("a sample without an `id`")?;
    let Some((scorer, score, value)) = score(sample, source.options.metric.as_deref())? else { return Ok(None) };
    let judged = Judgement::read(value).map_err(|e| format!("sample `{id}`, score `{scorer}`: {e}"))?;
    let Some((correct, credit)) = judged.parts() else { return Ok(None) };
    let output = &sample["output"];
    let choice = &output["choices"][0];
    let content = text_of(&choice["message"]["content"]);
    // The bill of all turns; that of the last one stands with the output.
    let of_all = model.map(|model| &sample["model_usage"][model]).filter(|usage| usage.is_object());
    let usage = of_all.unwrap_or(&output["usage"]);
    let tokens = |key: &str| drawn::tokens(key, &usage[key]).map_err(|e| format!("sample `{id}`: {e}"));
    let (prompt, read) = (tokens("input_tokens")?, tokens("input_tokens_cache_read")?);
    let (written, completion) = (tokens("input_tokens_cache_write")?, tokens("output_tokens")?);
    let reasoning = tokens("reasoning_tokens")?;
    let time = if output["time"].is_null() { &sample["total_time"] } else { &output["time"] };
    let seconds = drawn::seconds("time", time).map_err(|e| format!("sample `{id}`: {e}"))?;
    let problem = Problem {
        id,
        question: question(&sample["input"]),
        gold: plain(&sample["target"]),
        prompt_sha256: None,
        vote_ok: true,
    };
    let answer = plain(&score["answer"]).or_else(|| find_answer(&content).map(|a| a.text));
    Ok(Some(SampleRecord {
        cell: gather.next(problem),
        seed: 0,
        reasoning: reasoning_of(&choice["message"]["content"]),
        content,
        answer,
        correct,
        credit,
        usage: Usage {
            prompt: prompt + read + written,
            cached: read,
            cache_write: written,
            completion,
            reasoning,
            estimated: !usage.is_object(),
            ..Usage::default()
        },
        logprobs: logprobs(&choice["logprobs"]),
        score: None,
        finish: match choice["stop_reason"].as_str() {
            Some("stop") => Some(FinishReason::Stop),
            Some("max_tokens" | "model_length") => Some(FinishReason::Length),
            Some("tool_calls") => Some(FinishReason::ToolCalls),
            Some("content_filter") => Some(FinishReason::ContentFilter),
            _ => None,
        },
        seconds,
        cost: Cost::ZERO,
        judge: Some(format!("inspect_ai:{scorer}")),
    }))
}

/// What a scorer said of a sample: its name, what it gave, and the value that counts.
type Score<'a> = (String, &'a Value, &'a Value);

/// The score that was asked for: by the name of a scorer, of one of its values, or `scorer.value`; the only one where
/// there is one.
fn score<'a>(sample: &'a Value, asked: Option<&str>) -> Result<Option<Score<'a>>, String> {
    let Some(scores) = sample["scores"].as_object().filter(|scores| !scores.is_empty()) else { return Ok(None) };
    let mut all: Vec<Score<'a>> = Vec::new();
    for (scorer, score) in scores {
        match score["value"].as_object() {
            Some(values) => all.extend(values.iter().map(|(name, value)| (format!("{scorer}.{name}"), score, value))),
            None => all.push((scorer.clone(), score, &score["value"])),
        }
    }
    let short = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let by_short: Vec<usize> = (0..all.len()).filter(|i| Some(short(&all[*i].0).as_str()) == asked).collect();
    if let [only] = by_short[..] {
        return Ok(Some(all.swap_remove(only)));
    }
    let names: Vec<&str> = all.iter().map(|(name, ..)| name.as_str()).collect();
    let name = chosen("score", "--metric", &names, asked)?.to_owned();
    Ok(all.into_iter().find(|(own, ..)| *own == name))
}

fn question(input: &Value) -> Option<String> {
    match input {
        Value::String(text) => Some(text.clone()),
        Value::Array(messages) => messages.iter().rev().find(|m| m["role"] == "user").map(|m| text_of(&m["content"])),
        _ => None,
    }
}

fn reasoning_of(content: &Value) -> String {
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    parts.iter().filter_map(|p| p["reasoning"].as_str()).collect::<Vec<_>>().join("\n")
}

fn logprobs(value: &Value) -> LogprobSummary {
    let mut summary = LogprobSummary::default();
    for token in value["content"].as_array().map(Vec::as_slice).unwrap_or_default() {
        if let Some(logprob) = token["logprob"].as_f64() {
            summary.add(logprob);
        }
    }
    summary
}
