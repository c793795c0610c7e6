//! What the servers that speak the chat completions API do differently, as data: a built-in entry for each
//! known server ([`Dialect::all`]), and entries of a configuration file that start from one
//! ([`DialectConfig`]).

use super::builtin;
use outthink_core::{Effort, EngineError, Entry, Origin, unknown};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// In a table's fields, the text that stands for the number of tokens.
pub(super) const TOKENS: &str = "$tokens";

/// How a server goes on from a given beginning of the reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Continuation {
    /// It does not.
    #[default]
    None,
    /// A last assistant message with `continue_final_message: true` and
    /// `add_generation_prompt: false` (vLLM, `SGLang`).
    ContinueFinalMessage,
    /// A last assistant message is continued as it is (llama.cpp).
    TrailingAssistant,
    /// The server renders the messages, by `/tokenize` (vLLM) or `/apply-template` (llama.cpp), and goes on from
    /// that prompt and the beginning by `/v1/completions`: no chat template sees the beginning. Two requests
    /// for each set of samples, and text alone.
    Rendered,
}

impl Continuation {
    /// Its name in a dialect's entry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ContinueFinalMessage => "continue_final_message",
            Self::TrailingAssistant => "trailing_assistant",
            Self::Rendered => "rendered",
        }
    }
}

/// The seed in a server's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedField {
    /// The name of the field.
    pub field: String,
    /// How many low bits of a seed it takes.
    pub bits: u32,
}

/// The length of reasoning in a server's words: which body fields stand for an effort and for a budget.
///
/// An effort that has no entry takes the fields of the nearest one that has, and the receipt says so.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LengthTable {
    /// Body fields for each effort that the server has a word for. `none` turns reasoning off.
    pub efforts: BTreeMap<Effort, Map<String, Value>>,
    /// Body fields that turn reasoning on, where the server has no levels between off and on.
    pub on: Map<String, Value>,
    /// Body fields for a budget; the text `$tokens` stands for its number. Empty where there is none.
    pub budget: Map<String, Value>,
    /// The smallest budget that the server takes; a smaller one is raised to it.
    pub least_budget: u64,
    /// Whether effort and budget exclude each other; the budget is sent then.
    pub exclusive: bool,
}

/// What one kind of server does differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "a record of independent abilities")]
pub struct Dialect {
    /// Its name in options and configuration.
    pub name: String,
    /// Values of `owned_by` in `/v1/models` that identify it.
    pub owned_by: Vec<String>,
    /// Host names that identify it, subdomains included.
    pub hosts: Vec<String>,
    /// Several choices of one request work, streamed and counted.
    pub n: bool,
    /// `logprobs: true` works in streams.
    pub logprobs: bool,
    /// How a given beginning of the reply is continued, as far as the chat template lets it: whether it does is
    /// checked before the first use, and a rendered prompt takes its place where it does not.
    pub continuation: Continuation,
    /// How it takes a seed; `None` if it takes none.
    pub seed: Option<SeedField>,
    /// The name of the limit on generated tokens.
    pub max_tokens_field: String,
    /// Whether usage in streams is asked for by `stream_options`.
    pub stream_usage: bool,
    /// It knows `top_k` and `min_p`.
    pub extended_sampling: bool,
    /// Parallel requests share the work on a common prompt.
    pub shared_prefill: bool,
    /// The kinds of tools that it carries out itself, by the `type` of an entry of `tools`; `*` at the end stands for
    /// any text.
    pub hosted_tools: Vec<String>,
    /// The length of reasoning.
    pub length: LengthTable,
}

impl Dialect {
    /// Whether nothing is known of the server.
    pub(super) fn is_generic(&self) -> bool {
        self.name == super::builtin::GENERIC.name
    }

    /// What each built-in one is, and where its server's API is documented, in the order of
    /// [`Dialect::all`].
    pub const ENTRIES: &'static [Entry] = &builtin::ENTRIES;

    /// The built-in ones, the one for unknown servers last.
    pub fn all() -> Vec<Self> {
        builtin::all()
    }

    /// The built-in dialect of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|d| d.name == name)
    }

    /// The built-in dialect of that name, as a user wrote it.
    ///
    /// # Errors
    /// If there is none, with the name that was probably meant.
    pub fn named(name: &str) -> Result<Self, EngineError> {
        let none = || EngineError::new(Origin::Caller, unknown("dialect", name, Self::ENTRIES));
        Self::by_name(name).ok_or_else(none)
    }

    /// A server of which nothing is known: the common core, and `reasoning_effort` as it is.
    pub fn generic() -> Self {
        builtin::generic()
    }

    /// Guesses from the server's address, then from the `owned_by` of a model in `/v1/models`;
    /// [`Dialect::generic`] if neither matches.
    pub fn guess(owned_by: &str, address: &str) -> Self {
        let url = reqwest::Url::parse(address).ok();
        let host = url.as_ref().and_then(|u| u.host_str()).unwrap_or_default().to_ascii_lowercase();
        let is_at = |known: &String| {
            host.strip_suffix(known.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        let owner = owned_by.to_ascii_lowercase();
        let all = Self::all();
        let by_host = all.iter().find(|d| d.hosts.iter().any(is_at));
        let by_owner = || all.iter().find(|d| d.owned_by.contains(&owner));
        by_host.or_else(by_owner).cloned().unwrap_or_else(Self::generic)
    }

    /// Whether the server has a word for any effort.
    pub(super) fn has_effort(&self) -> bool {
        !self.length.efforts.is_empty() || !self.length.on.is_empty()
    }

    /// Whether the server takes a budget of reasoning tokens.
    pub(super) fn has_budget(&self) -> bool {
        !self.length.budget.is_empty()
    }
}

/// A dialect as a configuration file writes it: a name, the built-in one that it starts from, and what is
/// different.
///
/// ```
/// use outthink_engine::openai::DialectConfig;
///
/// let written = r#"{"name": "house", "base": "vllm", "n": false,
///     "length": {"efforts": {"none": {"think": false}}, "budget": {"think_tokens": "$tokens"}}}"#;
/// let config: DialectConfig = serde_json::from_str(written).unwrap();
/// let dialect = config.build().unwrap();
/// assert!(dialect.logprobs && !dialect.n);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DialectConfig {
    /// Its name.
    pub name: String,
    /// The name of the built-in dialect that it starts from; `generic` unless given.
    #[serde(default = "generic_name")]
    pub base: String,
    /// The fields of [`Dialect`] that are different; what is not named is the base's.
    #[serde(flatten)]
    pub changes: Map<String, Value>,
}

fn generic_name() -> String {
    "generic".into()
}

impl DialectConfig {
    /// The whole dialect. A server is no longer guessed to speak the base because of its host.
    ///
    /// # Errors
    /// If the base is not known, or a field is not one of a dialect's or has the wrong kind of value.
    pub fn build(self) -> Result<Dialect, EngineError> {
        let mut base = Dialect::named(&self.base)?;
        (base.owned_by, base.hosts) = (Vec::new(), Vec::new());
        let wrong = |e: serde_json::Error| {
            EngineError::new(Origin::Caller, format!("the dialect `{}` is not valid: {e}", self.name))
        };
        let Value::Object(mut fields) = serde_json::to_value(&base).map_err(wrong)? else {
            return Err(EngineError::new(Origin::Internal, "a dialect is an object"));
        };
        fields.insert("name".into(), self.name.clone().into());
        fields.extend(self.changes.clone());
        let dialect: Dialect = serde_json::from_value(fields.into()).map_err(wrong)?;
        match dialect.seed.as_ref().map(|s| s.bits) {
            Some(bits) if !(1..=64).contains(&bits) => {
                let words = format!("the dialect `{}` is not valid: a seed of {bits} bits", dialect.name);
                Err(EngineError::new(Origin::Caller, words).with_hint("give 1 to 64"))
            }
            _ => Ok(dialect),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::HashSet;

    #[test]
    fn every_entry_says_what_it_is_and_has_its_own_name() {
        let all = Dialect::all();
        let names: HashSet<&str> = all.iter().map(|d| d.name.as_str()).collect();
        assert_eq!((names.len(), Dialect::ENTRIES.len()), (all.len(), all.len()));
        for (dialect, entry) in all.iter().zip(Dialect::ENTRIES) {
            assert_eq!(dialect.name, entry.name);
            assert!(!entry.line.is_empty() && entry.paper.is_some_and(|p| p.url.starts_with("https://")));
            assert!(!dialect.length.efforts.contains_key(&Effort::Auto), "auto sends nothing");
            let written = serde_json::to_value(dialect).unwrap();
            assert_eq!(&serde_json::from_value::<Dialect>(written).unwrap(), dialect);
        }
        assert_eq!(all.last().unwrap().name, "generic");
    }

    #[test]
    fn a_server_is_identified_by_its_host_before_its_list() {
        for (owner, address, name) in [
            ("vllm", "http://localhost:8000", "vllm"),
            ("sglang", "http://10.0.0.1:30000/v1", "sglang"),
            ("llamacpp", "http://h", "llama.cpp"),
            ("library", "http://localhost:11434", "ollama"),
            ("openai", "https://api.openai.com/v1", "openai"),
            // Proxies call every model OpenAI's.
            ("openai", "http://localhost:4000", "generic"),
            ("", "https://api.deepseek.com", "deepseek"),
            ("", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen"),
            ("", "https://api.z.ai/api/paas/v4", "glm"),
            ("moonshot", "https://api.moonshot.ai/v1", "kimi"),
            ("", "https://api.mistral.ai", "mistral"),
            ("xai", "https://api.x.ai/v1", "grok"),
            ("google", "https://generativelanguage.googleapis.com/v1beta/openai", "gemini"),
            ("", "https://api.anthropic.com/v1", "anthropic"),
            ("vllm", "https://openrouter.ai/api/v1", "openrouter"),
            ("", "https://api.groq.com/openai/v1", "groq"),
            ("", "https://notapi.groq.com.example", "generic"),
            ("", "no address", "generic"),
        ] {
            assert_eq!(Dialect::guess(owner, address).name, name, "{owner} at {address}");
        }
    }

    #[test]
    fn a_configured_dialect_starts_from_a_built_in_one() {
        let config = |value: Value| serde_json::from_value::<DialectConfig>(value).unwrap().build();
        let dialect = config(json!({"name": "x", "base": "mistral", "logprobs": true})).unwrap();
        assert!(dialect.logprobs && dialect.hosts.is_empty());
        assert_eq!((dialect.name.as_str(), dialect.seed.unwrap().field.as_str()), ("x", "random_seed"));
        assert_eq!(config(json!({"name": "x", "seed": null})).unwrap().seed, None);
        for (wrong, word) in [
            (json!({"name": "x", "base": "vlm"}), "vllm"),
            (json!({"name": "x", "logprob": true}), "logprobs"),
            (json!({"name": "x", "n": 3}), "boolean"),
            (json!({"name": "x", "length": {"efforts": {"huge": {}}}}), "huge"),
            (json!({"name": "x", "seed": {"field": "seed", "bits": 0}}), "bits"),
        ] {
            let error = config(wrong.clone()).unwrap_err();
            assert_eq!(error.origin, Origin::Caller);
            assert!(error.to_string().contains(word), "{wrong}: {error}");
        }
    }
}
