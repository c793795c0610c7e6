//! `[[verifiers]]`: what judges samples, by the name that requests use.

use outthink_verify::VerifierSpec;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;

/// The name of the verifier that is the model of the request.
pub const ITSELF: &str = "self";

/// What judges samples.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct Verifier {
    /// Its name here: in `outthink.verifiers` of a request and in traces.
    pub name: String,
    /// What it is, as the flag `--verifier` has it.
    pub verifier: VerifierSpec,
    /// The variable of the environment that holds its server's key.
    pub key_env: Option<String>,
    /// The file that holds its server's key.
    pub key_file: Option<PathBuf>,
    /// Dollars for a million tokens that it reads.
    pub input_usd: f64,
    /// Dollars for a million tokens that it writes.
    pub output_usd: f64,
}

/// A verifier as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Verifier", description = "What judges samples.")]
pub(super) struct Written {
    /// Its name here: in `outthink.verifiers` of a request and in traces.
    name: String,
    /// What it is, as the flag `--verifier` has it: `judge:URL#MODEL`, `reward:pooling:URL#MODEL`, `wasm:FILE`,
    /// `python-tests:FILE`, or a rule such as `pattern:...`; a rule may be an object, too.
    #[schemars(with = "Option<Value>")]
    verifier: Option<Value>,
    /// Another way to write `judge` and `reward`, together with `url` and `model`: what the server is asked.
    kind: Option<ServerKind>,
    /// With `kind`: the server's address, with or without `/v1`.
    url: Option<String>,
    /// With `kind`: the model's name there.
    model: Option<String>,
    /// The variable of the environment that holds its server's key.
    key_env: Option<String>,
    /// The file that holds its server's key.
    key_file: Option<PathBuf>,
    /// Dollars for a million tokens that it reads.
    #[serde(default)]
    input_usd: f64,
    /// Dollars for a million tokens that it writes.
    #[serde(default)]
    output_usd: f64,
}

/// What a server that judges is asked.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ServerKind {
    /// A language model says whether a reply is right.
    Judge,
    /// A reward model by `/pooling`: a score for each step or for the whole.
    Pooling,
    /// A reward model by `/score`.
    Score,
    /// A reward model by `/classify`.
    Classify,
}

impl TryFrom<Written> for Verifier {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { name, verifier, kind, url, model, key_env, key_file, input_usd, output_usd } = written;
        let verifier = match (verifier, kind, url, model) {
            (Some(Value::String(text)), None, None, None) => text.parse(),
            (Some(value), None, None, None) => VerifierSpec::from_request(&value),
            (None, Some(kind), Some(url), Some(model)) => format!("{}:{url}#{model}", kind.words()).parse(),
            (Some(_), ..) => {
                let words = "the verifier is written twice: give `verifier`, or `kind`, `url` and `model`";
                return Err(words.into());
            }
            (None, ..) => {
                let words =
                    "a verifier needs `verifier`, such as verifier = \"reward:pooling:http://127.0.0.1:8002#MODEL\"";
                return Err(words.into());
            }
        };
        let verifier = verifier.map_err(|error| error.to_string())?;
        Ok(Self { name, verifier, key_env, key_file, input_usd, output_usd })
    }
}

impl ServerKind {
    /// The beginning of the verifier's text.
    const fn words(self) -> &'static str {
        match self {
            Self::Judge => "judge",
            Self::Pooling => "reward:pooling",
            Self::Score => "reward:score",
            Self::Classify => "reward:classify",
        }
    }
}

impl Verifier {
    /// The address of the server that is asked, and the model there; none where no server is.
    pub fn server(&self) -> Option<(&str, &str)> {
        match &self.verifier {
            VerifierSpec::Reward { url, model, .. } => Some((url, model)),
            VerifierSpec::Judge { model } => model.split_once('#'),
            _ => None,
        }
    }
}
