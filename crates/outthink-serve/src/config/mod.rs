//! The gateway's configuration file, `outthink.toml`: text in, checked settings out.
//!
//! Nothing here reads a file or a variable of the environment: the text and the variables are handed
//! in, so that a check says the same everywhere. Unknown keys are refused; every error names its line
//! and its mend.
//!
//! ```
//! use outthink_serve::config::{Config, Source};
//!
//! let text = "[server]\nport = 9000\n\n[[upstreams]]\nname = \"a\"\nurl = \"http://10.0.0.5:8000\"\n";
//! let config = Config::parse(&Source::new("outthink.toml", text)).unwrap();
//! assert_eq!(config.server.port, 9000);
//!
//! let wrong = Config::parse(&Source::new("outthink.toml", "[server]\nprot = 9000\n")).unwrap_err();
//! assert!(wrong.to_string().starts_with("outthink.toml:2:1: unknown key `prot`: did you mean `port`?"));
//! ```

mod check;
mod effort;
mod error;
mod keys;
mod observe;
mod overrides;
mod place;
mod prices;
mod schema;
mod server;
mod upstream;
mod verifier;

pub use effort::{Defaults, EffortSettings, ReasoningField};
pub use error::{ConfigError, Problem};
pub use keys::{KeyMode, Keys, Privacy, Store};
pub use observe::{LogForm, LogLevel, Observability, Otlp};
pub use prices::{Listed, PriceList, PriceListError, Prices};
pub use schema::{example, json_schema};
pub(crate) use server::MAX_BODY_BYTES;
pub use server::{Limits, Server, Tls};
pub use upstream::{Balance, Model, Upstream};
pub use verifier::{ITSELF, Verifier};

use outthink_core::Effort;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The whole file. Every key has a default, so that an empty file is valid.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "outthink.toml", description = "The configuration of the outthink gateway.")]
pub struct Config {
    /// Where it listens, and how much of what it takes.
    pub server: Server,
    /// What a request gets that does not say otherwise.
    pub defaults: Defaults,
    /// What the named efforts buy, where it differs from the built-in plan.
    #[schemars(with = "BTreeMap<String, EffortSettings>")]
    pub efforts: BTreeMap<Effort, EffortSettings>,
    /// The servers with the OpenAI API that samples come from.
    pub upstreams: Vec<Upstream>,
    /// How requests are spread over several upstreams.
    pub balance: Balance,
    /// The models that clients may name; the first one is the default. Without any, each upstream
    /// serves the first model that it lists.
    pub models: Vec<Model>,
    /// Where prices come from that models do not give themselves.
    pub prices: Prices,
    /// What judges samples, in addition to the rules that requests bring along.
    #[schemars(with = "Vec<verifier::Written>")]
    pub verifiers: Vec<Verifier>,
    /// Who may ask, and how much.
    pub keys: Keys,
    /// What is kept of prompts and completions.
    pub privacy: Privacy,
    /// What the gateway reports of itself.
    pub observability: Observability,
}

/// A configuration's text, its name for errors, and the environment that overrides it.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The file's name as errors give it.
    pub name: String,
    /// The file's text.
    pub text: String,
    /// Variables of the environment; those of the form `OUTTHINK_SECTION__KEY` override the file.
    pub variables: Vec<(String, String)>,
}

impl Source {
    /// A text without overrides.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), variables: Vec::new() }
    }

    /// Adds variables of the environment; those that override nothing are left out of account.
    #[must_use]
    pub fn with_variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables = variables.into_iter().collect();
        self
    }
}

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// If the text is no TOML, holds an unknown key or a value of the wrong type, or if its parts
    /// contradict each other. All contradictions are told at once.
    pub fn parse(source: &Source) -> Result<Self, ConfigError> {
        let of_file = |problem| ConfigError::new(&source.name, vec![problem]);
        let mut config: Self = toml::from_str(&source.text).map_err(|e| of_file(place::of_parser(&source.text, &e)))?;
        if let Some(merged) = overrides::merge(&source.text, &source.variables).map_err(of_file)? {
            config = merged;
        }
        let problems = check::problems(&config);
        if problems.is_empty() {
            return Ok(config);
        }
        let problems = problems.into_iter().map(|p| place::located(&source.text, p)).collect();
        Err(ConfigError::new(&source.name, problems))
    }

    /// Whether requests need a key: as set, or by default off loopback.
    pub fn needs_keys(&self) -> bool {
        match self.keys.mode {
            KeyMode::Required => true,
            KeyMode::Off => false,
            KeyMode::Auto => !self.server.host.is_loopback(),
        }
    }
}
