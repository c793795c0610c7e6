//! `[keys]` and `[privacy]`: who may ask, and what is kept of what was said.

use schemars::JsonSchema;
use serde::Deserialize;

/// Who may ask, and where their budgets are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// Whether requests need a key.
    pub mode: KeyMode,
    /// Where keys, budgets and charges are kept: `sqlite:FILE`, or `postgres://HOST/DATABASE` to
    /// share them between gateways.
    pub ledger: Option<String>,
    /// The variable of the environment that holds the ledger's address, where it has a password.
    pub ledger_env: Option<String>,
    /// The variable of the environment that holds an administrator's key, for the first start.
    pub admin_key_env: Option<String>,
    /// Seconds after which the reservation of a gateway that has died is charged in full.
    pub lease_seconds: u64,
    /// Claim ahead for keys that are busy: their claims are decided in memory and their charges written in groups. A
    /// gateway that dies then charges what it had claimed ahead, too, at most a sixteenth of what was free.
    pub claim_ahead: bool,
}

/// Whether requests need a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyMode {
    /// Needed unless the gateway listens on loopback alone.
    #[default]
    Auto,
    /// Needed.
    Required,
    /// Not needed; refused on any address but loopback.
    Off,
}

/// What is kept of prompts and completions.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// What is kept.
    pub store: Store,
    /// Hours after which it is deleted.
    pub retention_hours: f64,
    /// Keep the responses that `previous_response_id` may name in the ledger where that is PostgreSQL, for an hour, so
    /// that every gateway on it knows them. Otherwise they are in the memory of the gateway that made them.
    pub share_responses: bool,
}

/// What is kept of prompts and completions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// Nothing.
    #[default]
    None,
    /// A keyed hash of each, to find repetitions by.
    Hash,
    /// The texts.
    Full,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            mode: KeyMode::Auto,
            ledger: None,
            ledger_env: None,
            admin_key_env: None,
            lease_seconds: 60,
            claim_ahead: false,
        }
    }
}

impl Default for Privacy {
    fn default() -> Self {
        Self { store: Store::None, retention_hours: 24.0, share_responses: true }
    }
}
