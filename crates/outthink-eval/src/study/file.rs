//! A study as a file: JSON that keeps each problem's counts, and with them the covariance of every curve.

use super::{ArmStudy, Study, StudyProblem, VoteCurve};
use crate::EvalError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

/// The version of the file's layout.
pub const STUDY_SCHEMA: u32 = 1;

/// What the file says it is.
const KIND: &str = "outthink.study";

#[derive(Serialize)]
struct WrittenArm<'a> {
    name: &'a str,
    model: Option<&'a str>,
    run: Option<&'a str>,
    config: &'a Value,
    exact_tokens: bool,
    vote_ok: bool,
    /// For readers that do not compute it; a study that is loaded computes it from `problems` again.
    curve: &'a VoteCurve,
    problems: &'a [StudyProblem],
}

#[derive(Deserialize)]
struct Read {
    name: String,
    arms: Vec<ReadArm>,
}

#[derive(Deserialize)]
struct ReadArm {
    name: String,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    exact_tokens: bool,
    vote_ok: bool,
    problems: Vec<StudyProblem>,
}

impl Study {
    /// The study as JSON: `schema`, and for each arm its problems' counts, the curve of its votes and the curve's
    /// covariance.
    pub fn to_json(&self) -> Value {
        let arm = |arm: &ArmStudy| -> Value {
            serde_json::to_value(WrittenArm {
                name: &arm.name,
                model: arm.model.as_deref(),
                run: arm.run.as_deref(),
                config: &arm.config,
                exact_tokens: arm.exact_tokens,
                vote_ok: arm.vote_ok,
                curve: &arm.curve,
                problems: &arm.problems,
            })
            // Numbers, texts and lists of them cannot fail.
            .unwrap_or_default()
        };
        let arms: Vec<Value> = self.arms.iter().map(arm).collect();
        serde_json::json!({ "schema": STUDY_SCHEMA, "kind": KIND, "name": self.name, "arms": arms })
    }

    /// Writes the study to a file, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), EvalError> {
        let failed = |source| EvalError::Write { path: path.to_owned(), source };
        let part = path.with_extension("part");
        std::fs::write(&part, format!("{:#}\n", self.to_json())).map_err(failed)?;
        std::fs::rename(&part, path).map_err(failed)
    }

    /// Reads a study.
    ///
    /// # Errors
    /// If the file is no study, of a later version, or its counts cannot be.
    pub fn load(path: &Path) -> Result<Self, EvalError> {
        let text = std::fs::read_to_string(path).map_err(|source| EvalError::Read { path: path.to_owned(), source })?;
        Self::from_json(&text).map_err(|e| match e {
            EvalError::Study { problem, .. } => EvalError::Study { path: path.to_owned(), problem },
            other => other,
        })
    }

    /// Reads a study from a text.
    ///
    /// # Errors
    /// As [`Study::load`].
    pub fn from_json(text: &str) -> Result<Self, EvalError> {
        let refused = |problem: String| EvalError::Study { path: "study".into(), problem };
        let value: Value = serde_json::from_str(text).map_err(|e| refused(format!("not JSON: {e}")))?;
        if value["kind"] != KIND {
            return Err(refused(format!("its `kind` is not \"{KIND}\": write one with `outthink report --study`")));
        }
        match value["schema"].as_u64() {
            Some(schema) if schema == u64::from(STUDY_SCHEMA) => {}
            Some(schema) if schema > u64::from(STUDY_SCHEMA) => {
                return Err(refused(format!(
                    "its schema is {schema} and this version reads {STUDY_SCHEMA}: use a newer outthink"
                )));
            }
            _ => return Err(refused("its `schema` is not a version".into())),
        }
        let read: Read = serde_json::from_value(value).map_err(|e| refused(e.to_string()))?;
        let mut arms = Vec::with_capacity(read.arms.len());
        for arm in read.arms {
            let mut ids = HashSet::new();
            for problem in &arm.problems {
                let named = |what: &str| refused(format!("problem `{}` of `{}`: {what}", problem.id, arm.name));
                if let Some(fault) = problem.fault() {
                    return Err(named(&fault));
                }
                if !ids.insert(problem.id.as_str()) {
                    return Err(named("it comes twice"));
                }
            }
            if arm.problems.is_empty() {
                return Err(refused(format!("`{}` has no problems", arm.name)));
            }
            let name = (arm.name, arm.model, arm.run);
            arms.push(ArmStudy::new(name, arm.config, (arm.exact_tokens, arm.vote_ok), arm.problems)?);
        }
        if arms.is_empty() {
            return Err(refused("it has no arms".into()));
        }
        Ok(Self { name: read.name, arms })
    }

    /// Whether a file begins as a study does, so that other readers can leave it.
    pub fn is_study(path: &Path) -> bool {
        use std::io::Read as _;
        let mut head = Vec::new();
        let read = std::fs::File::open(path).map(|file| file.take(400).read_to_end(&mut head));
        read.is_ok() && String::from_utf8_lossy(&head).contains(KIND)
    }
}
