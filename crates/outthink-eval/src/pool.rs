//! Recorded samples, many for each problem.

use crate::EvalError;
use crate::lines::each_line;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// One recorded sample.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PoolSample {
    /// Its final answer; `None` where the recording holds none that could be read.
    #[serde(default, deserialize_with = "text_of_any")]
    pub answer: Option<String>,
    /// Whether it is right.
    pub correct: bool,
    /// Generated tokens.
    #[serde(default)]
    pub tokens: f64,
    /// A verifier's score.
    #[serde(default)]
    pub verifier_score: Option<f64>,
    /// The kind of prompt that it answers, where several were used.
    #[serde(default)]
    pub src: Option<String>,
}

/// One problem with its samples.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PoolProblem {
    /// Its name within the pool.
    #[serde(deserialize_with = "name_of_any")]
    pub problem_id: String,
    /// Its text, where recorded.
    #[serde(default)]
    pub question: Option<String>,
    /// The run that it belongs to, where the recording holds several.
    #[serde(default)]
    pub run: Option<String>,
    /// The model that was asked, where recorded.
    #[serde(default)]
    pub model: Option<String>,
    /// Whether the answers of its samples can be compared.
    #[serde(default = "yes")]
    pub vote_ok: bool,
    /// The samples in the order of the recording.
    pub samples: Vec<PoolSample>,
}

/// A recording: one JSON object a line, gzipped or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The file's name without its endings.
    pub name: String,
    /// The problems.
    pub problems: Vec<PoolProblem>,
}

impl Pool {
    /// Reads a pool.
    ///
    /// # Errors
    /// If the file is missing or empty, or a line is not a problem with samples.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let mut problems = Vec::new();
        each_line(path, |line| {
            let problem: PoolProblem =
                serde_json::from_str(line).map_err(|e| format!("not a recorded problem: {e}"))?;
            if problem.samples.is_empty() {
                return Err(format!("problem `{}` has no samples", problem.problem_id));
            }
            problems.push(problem);
            Ok(())
        })?;
        if problems.is_empty() {
            return Err(EvalError::Empty { path: path.to_owned(), what: "recorded problems" });
        }
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("pool");
        Ok(Self { name: name.split('.').next().unwrap_or(name).to_owned(), problems })
    }
}

const fn yes() -> bool {
    true
}

fn plain(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn text_of_any<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(plain(Value::deserialize(deserializer)?))
}

fn name_of_any<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(plain(Value::deserialize(deserializer)?).unwrap_or_default())
}
