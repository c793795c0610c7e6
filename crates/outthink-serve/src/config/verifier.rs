//! `[[verifiers]]`: servers that judge samples.

use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// The name of the verifier that is the model of the request.
pub const ITSELF: &str = "self";

/// A server that judges samples.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verifier {
    /// Its name here: in `outthink.verifiers` of a request and in traces.
    pub name: String,
    /// What it is asked.
    pub kind: VerifierKind,
    /// Its address, with or without `/v1`.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// The variable of the environment that holds its key.
    #[serde(default)]
    pub key_env: Option<String>,
    /// The file that holds its key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Dollars for a million tokens that it reads.
    #[serde(default)]
    pub input_usd: f64,
    /// Dollars for a million tokens that it writes.
    #[serde(default)]
    pub output_usd: f64,
}

/// What a server that judges is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifierKind {
    /// A language model says whether a reply is right.
    Judge,
    /// A reward model by `/pooling`: a score for each step or for the whole.
    Pooling,
    /// A reward model by `/score`.
    Score,
    /// A reward model by `/classify`.
    Classify,
}
