//! What a store keeps.

use outthink_core::{Cost, FinishReason, Prompt, Usage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// How prompts are hashed: SHA-256 over the messages and the further fields as compact JSON, in the
/// order in which they are sent.
pub const PROMPT_HASH: &str = "sha256-json-1";

/// The hash of a prompt by [`PROMPT_HASH`], in hexadecimal digits.
pub fn prompt_sha256(prompt: &Prompt) -> String {
    let mut hasher = Sha256::new();
    // Serialising values of JSON cannot fail.
    hasher.update(serde_json::to_vec(&prompt.messages).unwrap_or_default());
    hasher.update(serde_json::to_vec(&prompt.extra).unwrap_or_default());
    hex(&hasher.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What samples were drawn of, from what and how: all that one needs to draw them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Its name in the store.
    pub name: String,
    /// The question set's name.
    pub dataset: String,
    /// SHA-256 of the question set's file.
    pub dataset_sha256: String,
    /// The model's name.
    pub model: String,
    /// What drew the samples: `llama`, an upstream server's host, or the format of an import.
    pub engine: String,
    /// How tokens were drawn beyond what differs between [`Setting`]s, and the system message, as
    /// JSON.
    pub sampling: String,
    /// The seed from which those of the samples are derived.
    pub seed: u64,
    /// The version of outthink that recorded it.
    pub version: String,
    /// How prompts were hashed.
    pub prompt_hash: String,
    /// Where it came from: `sweep`, or the file that was imported.
    pub source: String,
}

/// One way in which each problem of a run is sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The effort, where one was asked for.
    pub effort: Option<String>,
    /// Softmax temperature; `None` is the engine's own.
    pub temperature: Option<f64>,
    /// Generated tokens of a sample at most; 0 where there was no limit, or none is known.
    pub max_tokens: u64,
}

impl Setting {
    /// Its name within a run, such as `low,t0.7`.
    pub fn label(&self) -> String {
        let effort = match (&self.effort, self.max_tokens) {
            (Some(effort), _) => effort.clone(),
            // No limit, or a recording of others that does not say.
            (None, 0) => "default length".to_owned(),
            (None, most) => format!("{most} tokens"),
        };
        match self.temperature {
            Some(t) => format!("{effort},t{t}"),
            None => effort,
        }
    }
}

/// One question of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its name within the run.
    pub id: String,
    /// What is asked, where known.
    pub question: Option<String>,
    /// The right answer, where known.
    pub gold: Option<String>,
    /// The hash of what was sent, where known.
    pub prompt_sha256: Option<String>,
    /// Whether the answers of its samples can be compared.
    #[serde(default = "yes")]
    pub vote_ok: bool,
}

const fn yes() -> bool {
    true
}

/// Which sample: the problem's number, the setting's and its own among those of the two, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// The problem.
    pub problem: u32,
    /// The setting.
    pub setting: u32,
    /// The sample.
    pub index: u32,
}

/// What the log-probabilities of a sample's tokens come to, natural logarithms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LogprobSummary {
    /// Tokens whose log-probability is known.
    pub tokens: u64,
    /// Their mean.
    pub mean: Option<f64>,
    /// The least of them.
    pub min: Option<f64>,
}

impl LogprobSummary {
    /// Takes one more token in.
    pub fn add(&mut self, logprob: f64) {
        if !logprob.is_finite() {
            return;
        }
        let sum = self.mean.unwrap_or(0.0) * self.tokens as f64 + logprob;
        self.tokens += 1;
        self.mean = Some(sum / self.tokens as f64);
        self.min = Some(self.min.map_or(logprob, |m| m.min(logprob)));
    }
}

/// One recorded sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRecord {
    /// Which one.
    pub cell: Cell,
    /// The seed that it was drawn with.
    pub seed: u64,
    /// The text of the reply.
    pub content: String,
    /// The thought, where the engine tells it apart.
    pub reasoning: String,
    /// The final answer, if one was found.
    pub answer: Option<String>,
    /// Whether it is right.
    pub correct: bool,
    /// The share of right in (0, 1), where it was judged partly right; `correct` is then false.
    pub credit: Option<f64>,
    /// Its tokens by kind.
    pub usage: Usage,
    /// Its log-probabilities.
    pub logprobs: LogprobSummary,
    /// A verifier's score in [0, 1].
    pub score: Option<f64>,
    /// Why it ended.
    pub finish: Option<FinishReason>,
    /// Seconds from its start to its end, waiting in the engine included.
    pub seconds: f64,
    /// What it cost.
    pub cost: Cost,
    /// Who judged it, where that was not `outthink-verify`.
    pub judge: Option<String>,
}

/// What was spent on a sample that never came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Which one.
    pub cell: Cell,
    /// What it cost, or may have cost.
    pub cost: Cost,
    /// Tokens that were generated for it, as far as known.
    pub tokens: u64,
    /// Why there is no sample.
    pub reason: String,
}

/// A run and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// What it is of.
    #[serde(flatten)]
    pub spec: RunSpec,
    /// When it was begun, seconds since 1970.
    pub created: u64,
    /// Its problems.
    pub problems: u32,
    /// Its settings.
    pub settings: Vec<Setting>,
    /// Its samples.
    pub samples: u64,
    /// Those of them that are right.
    pub correct: u64,
    /// Tokens generated for them.
    pub tokens: u64,
    /// What they cost.
    pub cost: Cost,
    /// What was spent on samples that never came to be, those included that run or were cut off.
    pub lost: Cost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_all_that_is_sent() {
        let prompt = Prompt::user("2+2?");
        let mut more = prompt.clone();
        more.extra.insert("reasoning_effort".into(), "low".into());
        let hashes = [&prompt, &prompt.clone().with_system("think"), &more].map(prompt_sha256);
        assert_eq!(hashes[0], prompt_sha256(&Prompt::user("2+2?")));
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
        assert_eq!(hashes[0].len(), 64);
    }

    #[test]
    fn log_probabilities_are_summed_up() {
        let mut summary = LogprobSummary::default();
        for logprob in [-1.0, -3.0, f64::NEG_INFINITY] {
            summary.add(logprob);
        }
        assert_eq!(summary, LogprobSummary { tokens: 2, mean: Some(-2.0), min: Some(-3.0) });
    }
}
