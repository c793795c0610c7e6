//! Recorded samples, many for each problem.

use crate::EvalError;
use crate::alike::{find_in_texts, in_one_wording};
use crate::judgement::Judgement;
use crate::rows::each_value;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

/// Tokens of one sample at most; more is a mistake.
const MOST_TOKENS: f64 = 1e9;

/// One recorded sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PoolSample {
    /// Its final answer; `None` where the recording holds none that could be read.
    pub answer: Option<String>,
    /// Whether it is right.
    pub correct: bool,
    /// The share of right in (0, 1) where it was judged partly right.
    pub credit: Option<f64>,
    /// Generated tokens.
    pub tokens: f64,
    /// Those of them that were reasoning.
    pub reasoning_tokens: f64,
    /// Prompt tokens, where recorded.
    pub prompt_tokens: f64,
    /// What it cost in dollars, where recorded.
    pub usd: f64,
    /// Seconds that it took, where recorded.
    pub seconds: f64,
    /// Its text, where recorded.
    pub text: Option<String>,
    /// A verifier's score.
    pub verifier_score: Option<f64>,
    /// The kind of prompt that it answers, where several were used.
    pub src: Option<String>,
}

/// One problem with the samples that one arm drew.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolProblem {
    /// Its name within the pool.
    pub problem_id: String,
    /// Its text, where recorded.
    pub question: Option<String>,
    /// The right answer, where recorded.
    pub gold: Option<String>,
    /// The run that it belongs to, where the recording holds several.
    pub run: Option<String>,
    /// The model that was asked, where recorded.
    pub model: Option<String>,
    /// How its samples were drawn, where recorded.
    pub config: Value,
    /// Whether the counts of tokens are the engine's own.
    pub counts_tokens: bool,
    /// Whether the answers of its samples can be compared.
    pub vote_ok: bool,
    /// The samples in the order of the recording.
    pub samples: Vec<PoolSample>,
}

impl Default for PoolProblem {
    fn default() -> Self {
        Self {
            problem_id: String::new(),
            question: None,
            gold: None,
            run: None,
            model: None,
            config: Value::Null,
            counts_tokens: false,
            vote_ok: true,
            samples: Vec::new(),
        }
    }
}

/// A line as it is written.
#[derive(Deserialize)]
struct Line {
    problem_id: Value,
    #[serde(default)]
    question: Option<String>,
    #[serde(default)]
    gold: Value,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    tokens_kind: Option<String>,
    #[serde(default = "yes")]
    vote_ok: bool,
    samples: Vec<Written>,
}

/// A sample as it is written.
#[derive(Deserialize)]
struct Written {
    /// `None` where the field is not there; null says that there is no answer.
    #[serde(default, deserialize_with = "there")]
    answer: Option<Value>,
    correct: Value,
    #[serde(default)]
    tokens: Option<f64>,
    #[serde(default)]
    reasoning_tokens: Option<f64>,
    #[serde(default)]
    prompt_tokens: Option<f64>,
    #[serde(default)]
    usd: Option<f64>,
    #[serde(default)]
    secs: Option<f64>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    verifier_score: Option<f64>,
    #[serde(default)]
    src: Option<String>,
}

impl Written {
    fn read(self) -> Result<PoolSample, String> {
        let Some((correct, credit)) =
            Judgement::read(&self.correct).map_err(|e| format!("`correct` holds {e}"))?.parts()
        else {
            return Err("`correct` is null: leave out samples that nobody judged".to_owned());
        };
        let bounded = |name: &str, given: Option<f64>, most: f64| match given.unwrap_or(0.0) {
            number if (0.0..=most).contains(&number) => Ok(number),
            number => Err(format!("`{name}` is {number:?}: give a number from 0 to {most:e}")),
        };
        Ok(PoolSample {
            // A text of nothing is no answer.
            answer: self.answer.and_then(plain).filter(|answer| !answer.trim().is_empty()),
            correct,
            credit,
            tokens: bounded("tokens", self.tokens, MOST_TOKENS)?,
            reasoning_tokens: bounded("reasoning_tokens", self.reasoning_tokens, MOST_TOKENS)?,
            prompt_tokens: bounded("prompt_tokens", self.prompt_tokens, MOST_TOKENS)?,
            usd: bounded("usd", self.usd, 1e6)?,
            seconds: bounded("secs", self.secs, 1e9)?,
            text: self.text,
            verifier_score: self.verifier_score.filter(|score| score.is_finite()),
            src: self.src,
        })
    }
}

impl PoolProblem {
    /// The arm that drew its samples: the model, the run and the setting.
    pub(crate) fn arm(&self) -> (Option<&str>, Option<&str>, String) {
        (self.model.as_deref(), self.run.as_deref(), self.config.to_string())
    }

    fn read(row: Value) -> Result<Self, String> {
        let line: Line = serde_json::from_value(row).map_err(|e| format!("not a recorded problem: {e}"))?;
        let problem_id = plain(line.problem_id).ok_or("a problem without a name in `problem_id`")?;
        if line.samples.is_empty() {
            return Err(format!("problem `{problem_id}` has no samples"));
        }
        let unread: Vec<bool> = line.samples.iter().map(|s| s.answer.is_none()).collect();
        let samples = (1..).zip(line.samples).map(|(number, sample)| {
            sample.read().map_err(|problem| format!("problem `{problem_id}`, sample {number}: {problem}"))
        });
        let mut samples = samples.collect::<Result<Vec<PoolSample>, _>>()?;
        if line.vote_ok {
            find_in_texts(&mut samples, &unread);
        }
        Ok(Self {
            samples,
            problem_id,
            question: line.question,
            gold: plain(line.gold),
            run: line.run,
            model: line.model,
            config: line.config,
            counts_tokens: line.tokens_kind.as_deref() == Some("exact"),
            vote_ok: line.vote_ok,
        })
    }
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
    /// Reads a pool: JSON lines, or one array of the same objects. A sample that holds a text and no field `answer`
    /// gets the answer in it, and answers that mean the same get one wording, as in a live vote.
    ///
    /// # Errors
    /// If the file is missing or empty, a line is not a problem with samples, a number cannot be, or a problem comes
    /// twice in one run.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let mut pool = Self::read_as_written(path)?;
        for problem in pool.problems.iter_mut().filter(|p| p.vote_ok) {
            in_one_wording(&mut problem.samples);
        }
        Ok(pool)
    }

    /// As [`Pool::read`], with answers in the words in which they were recorded.
    pub(crate) fn read_as_written(path: &Path) -> Result<Self, EvalError> {
        let mut problems = Vec::new();
        let mut seen = HashSet::new();
        each_value(path, |row| {
            let problem = PoolProblem::read(row)?;
            let key =
                (problem.problem_id.clone(), problem.run.clone(), problem.model.clone(), problem.config.to_string());
            if !seen.insert(key) {
                return Err(format!(
                    "the problem `{}` comes twice: put its samples into one line, or name the runs in `run`",
                    problem.problem_id
                ));
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

    /// How many problems there are, each counted once however many arms drew samples of it.
    pub fn distinct_problems(&self) -> usize {
        self.problems.iter().map(|p| p.problem_id.as_str()).collect::<HashSet<_>>().len()
    }

    /// How many arms drew samples: runs of models at settings.
    pub fn arms(&self) -> usize {
        self.problems.iter().map(PoolProblem::arm).collect::<HashSet<_>>().len()
    }
}

fn there<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
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
