//! Recordings of others as runs of the store, each format in a file of its own.
//!
//! What others judged is read as what it means or refused, and never taken for "wrong"; what nobody judged is left out
//! and counted.

mod batch;
mod deepconf;
mod drawn;
mod eee;
mod eee_export;
mod harness;
mod inspect;
mod lighteval;
mod monkeys;
mod pool;
mod table;
mod verifiers;

use crate::rows::each_value;
use crate::set::{sha256, stem};
use crate::store::{Cell, Problem, RunSpec, SampleRecord, Setting, Store, StoreError};
use crate::{EvalError, PROMPT_HASH};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Samples that are written in one transaction.
const BATCH: usize = 500;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// One problem with its samples a line, as [`Pool`](crate::Pool) reads it.
    Pool,
    /// A log of `inspect_ai`, `.json` or `.eval`.
    Inspect,
    /// `samples_*.jsonl` of the lm-evaluation-harness.
    Harness,
    /// `details_*.parquet` of `LightEval`.
    LightEval,
    /// Instance-level results of Every Eval Ever.
    EveryEvalEver,
    /// `results.jsonl` of `verifiers`.
    Verifiers,
    /// Outputs of OpenAI's batch API; they need a question set.
    Batch,
    /// Samples of Large Language Monkeys.
    Monkeys,
    /// Traces of `DeepConf`, as JSON.
    DeepConf,
    /// A table with a row a sample, as `data export --parquet` writes it.
    Table,
}

/// How a recording becomes a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The format; the file's content tells it otherwise.
    pub format: Option<ImportFormat>,
    /// The run's name; made of the file's and the model's otherwise.
    pub run: Option<String>,
    /// The model's name, where the file does not say it.
    pub model: Option<String>,
    /// Which judgement counts, where the file has several: a scorer of `inspect_ai` or one of its scores, a metric of
    /// lm-evaluation-harness.
    pub metric: Option<String>,
    /// Which filter of lm-evaluation-harness, where the file has several.
    pub filter: Option<String>,
    /// The questions with their right answers, for recordings that hold none.
    pub set: Option<PathBuf>,
}

/// A recording, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The run that it becomes.
    pub spec: RunSpec,
    /// How it was sampled, as far as known.
    pub setting: Setting,
    /// Its problems.
    pub problems: Vec<Problem>,
    /// Its samples; their cells number the problems as above.
    pub samples: Vec<SampleRecord>,
    /// What of the file is not among them, in words.
    pub notes: Vec<String>,
}

/// Reads a recording; a file that holds several models or settings becomes several runs.
///
/// # Errors
/// If the file cannot be read or is in none of the formats.
pub fn read_import(path: &Path, options: &ImportOptions) -> Result<Vec<Import>, EvalError> {
    let format = match options.format {
        Some(format) => format,
        None => format_of(path)?,
    };
    let source = Source { path, sha256: sha256(path)?, options };
    let imports = match format {
        ImportFormat::Pool => pool::read(&source)?,
        ImportFormat::Inspect => inspect::read(&source)?,
        ImportFormat::Harness => harness::read(&source)?,
        ImportFormat::LightEval => lighteval::read(&source)?,
        ImportFormat::EveryEvalEver => eee::read(&source)?,
        ImportFormat::Verifiers => verifiers::read(&source)?,
        ImportFormat::Batch => batch::read(&source)?,
        ImportFormat::Monkeys => monkeys::read(&source)?,
        ImportFormat::DeepConf => deepconf::read(&source)?,
        ImportFormat::Table => table::read(&source)?,
    };
    if imports.iter().all(|i| i.samples.is_empty()) {
        return Err(EvalError::Empty { path: path.to_owned(), what: "recorded samples" });
    }
    Ok(imports)
}

impl Store {
    /// Stores a recording and says how many samples it added; those that are there already are left
    /// as they are.
    ///
    /// # Errors
    /// If a run of that name is of something else, two problems have the same prompt, or the database
    /// fails.
    pub async fn import(&self, import: &Import) -> Result<u64, StoreError> {
        let run = &import.spec.name;
        let _lock = self.lock(run).await?;
        self.begin(&import.spec, std::slice::from_ref(&import.setting), &import.problems).await?;
        let there: HashSet<Cell> = self.cells(run).await?.into_iter().map(|c| c.0).collect();
        let new: Vec<SampleRecord> = import.samples.iter().filter(|s| !there.contains(&s.cell)).cloned().collect();
        for batch in new.chunks(BATCH) {
            self.commit(run, batch).await?;
        }
        Ok(new.len() as u64)
    }
}

/// The file that is read and what is known of it.
struct Source<'a> {
    path: &'a Path,
    sha256: String,
    options: &'a ImportOptions,
}

impl Source<'_> {
    fn spec(&self, engine: &str, model: Option<String>, dataset: Option<String>) -> RunSpec {
        let file = stem(self.path, "import");
        let model = self.options.model.clone().or(model).unwrap_or_else(|| "unknown".into());
        let name = self.options.run.clone().unwrap_or_else(|| file.clone());
        RunSpec {
            name,
            dataset: dataset.unwrap_or(file),
            dataset_sha256: self.sha256.clone(),
            model,
            engine: engine.to_owned(),
            sampling: "{}".into(),
            seed: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            prompt_hash: PROMPT_HASH.to_owned(),
            source: self.path.file_name().and_then(|n| n.to_str()).unwrap_or("import").to_owned(),
        }
    }

    fn broken(&self, line: usize, problem: impl Into<String>) -> EvalError {
        EvalError::Line { path: self.path.to_owned(), line, problem: problem.into() }
    }
}

/// Gathers the samples of problems that come in any order.
#[derive(Default)]
struct Gather {
    numbers: HashMap<String, u32>,
    problems: Vec<Problem>,
    drawn: Vec<u32>,
}

impl Gather {
    /// The cell of the next sample of a problem.
    fn next(&mut self, problem: Problem) -> Cell {
        let number = *self.numbers.entry(problem.id.clone()).or_insert_with(|| {
            self.problems.push(problem);
            self.drawn.push(0);
            self.problems.len() as u32 - 1
        });
        let index = self.drawn[number as usize];
        self.drawn[number as usize] += 1;
        Cell { problem: number, setting: 0, index }
    }
}

/// Says of a row whether it is of a format.
type Knows = fn(&Value) -> bool;

/// How a format is recognized by a row, the plainest first.
const KNOWN: [(Knows, ImportFormat); 10] = [
    (|row| row["resps"].is_array(), ImportFormat::Harness),
    (|row| row["eval"].is_object(), ImportFormat::Inspect),
    (monkeys::knows, ImportFormat::Monkeys),
    (pool::knows, ImportFormat::Pool),
    (deepconf::knows, ImportFormat::DeepConf),
    (lighteval::knows, ImportFormat::LightEval),
    (eee::knows, ImportFormat::EveryEvalEver),
    (batch::knows, ImportFormat::Batch),
    (verifiers::knows, ImportFormat::Verifiers),
    (table::knows, ImportFormat::Table),
];

/// What the results of `vllm bench serve` and SGLang's `bench_serving` are.
const OF_A_SERVER: &str =
    "a benchmark of a server: it says neither which question a reply is to nor whether it is right";

/// What to give in place of files that go with recordings and are none, by a field of theirs.
const HINTS: [(&str, &str); 6] = [
    (
        "evaluation_results",
        "a summary of Every Eval Ever: give the file of samples that it names in `detailed_evaluation_results`",
    ),
    ("itls", OF_A_SERVER),
    ("mean_ttft_ms", OF_A_SERVER),
    ("request_throughput", OF_A_SERVER),
    ("output_throughput", OF_A_SERVER),
    ("config_general", "a summary of LightEval: give details_*.parquet, which `--save-details` writes"),
];

const UNKNOWN: &str = "in none of the formats of recordings (`samples`, `eval`, `resps`, `doc` and `metric`, `evaluation`, \
                       `reward`, `custom_id`, `all_traces`, or columns `problem` and `correct`): name the format with --format";

/// Whether a file holds recorded samples in a format that [`read_import`] knows.
pub fn is_recording(path: &Path) -> bool {
    format_of(path).is_ok()
}

pub(crate) fn format_of(path: &Path) -> Result<ImportFormat, EvalError> {
    let unreadable = |source| EvalError::Read { path: path.to_owned(), source };
    let mut head = [0; 4];
    let read = File::open(path).map_err(unreadable)?.read(&mut head).map_err(unreadable)?;
    if read == 4 && head == *b"PK\x03\x04" {
        return Ok(ImportFormat::Inspect);
    }
    let mut hint = None;
    let mut format = None;
    // The first object alone says enough of the others.
    let read = each_value(path, |row| {
        format = KNOWN.iter().find(|(knows, _)| knows(&row)).map(|(_, format)| *format);
        hint = HINTS.iter().find(|(field, _)| row.get(*field).is_some()).map(|(_, hint)| *hint);
        Err("enough".into())
    });
    let unknown = || EvalError::Line { path: path.to_owned(), line: 1, problem: hint.unwrap_or(UNKNOWN).to_owned() };
    match (format, read) {
        (Some(format), _) => Ok(format),
        (None, Err(EvalError::Line { problem, line, path })) if problem != "enough" => {
            Err(EvalError::Line { problem, line, path })
        }
        (None, Err(EvalError::Read { path, source })) => Err(EvalError::Read { path, source }),
        _ => Err(unknown()),
    }
}

/// A text as part of a run's name.
fn name_of(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' }).collect()
}

/// Counts samples that nobody judged, to be named once.
fn unscored(count: u64) -> Vec<String> {
    if count == 0 { Vec::new() } else { vec![format!("{count} samples were not scored: they were left out")] }
}

/// The one of several names that was asked for, or the only one.
fn chosen<'a>(what: &str, flag: &str, names: &[&'a str], asked: Option<&str>) -> Result<&'a str, String> {
    match (names, asked) {
        (_, Some(asked)) => names.iter().find(|name| **name == asked).copied().ok_or_else(|| {
            format!("no {what} `{asked}` (there is {}): name one of them with {flag}", names.join(", "))
        }),
        ([only], None) => Ok(only),
        (_, None) => Err(format!("several {what}s ({}): name one of them with {flag}", names.join(", "))),
    }
}

/// A JSON value as a text, `None` for null.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.iter().find_map(plain),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod formats;
#[cfg(test)]
mod tests;
