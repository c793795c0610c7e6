//! The protocols: their names, addresses, headers, and which code writes and reads them.

use crate::openai::channel::{Access, Written};
use crate::reader::NewReader;
use crate::{anthropic, bedrock, gemini};
use outthink_core::{Effort, EngineError, Entry, Origin, Paper, SampleRequest, unknown};
use serde_json::Value;
use std::fmt::{self, Write as _};

/// A protocol of a server, next to the chat completions API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Anthropic's Messages API.
    Anthropic,
    /// The Gemini API: `generateContent`.
    Gemini,
    /// Amazon Bedrock's Converse API.
    Bedrock,
}

/// What requests to AWS are signed with. Neither key is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsKeys {
    /// The access key's id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The session's token, where the keys are of a session.
    pub session: Option<String>,
    /// The region, where the address does not name it.
    pub region: Option<String>,
}

impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsKeys(***)")
    }
}

/// What has to be known of a model before it is asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    /// Tokens of prompt and reply at most.
    pub(crate) context: Option<u64>,
    /// Tokens of a reply at most.
    pub(crate) longest: Option<u64>,
    /// Efforts that it has words for.
    pub(crate) efforts: Vec<Effort>,
    /// Whether it takes a budget of reasoning tokens.
    pub(crate) budget: bool,
    /// Whether it decides itself how long it reasons, where reasoning is turned on.
    pub(crate) adaptive: bool,
    /// Whether it reasons.
    pub(crate) reasons: bool,
}

impl Facts {
    /// Whether an effort changes anything.
    pub(crate) fn takes_effort(&self) -> bool {
        !self.efforts.is_empty() || self.budget
    }
}

/// A request that is to be written.
pub(crate) struct Question<'a> {
    pub(crate) request: &'a SampleRequest,
    pub(crate) model: &'a str,
    pub(crate) facts: Facts,
    /// The seed, where one was asked for.
    pub(crate) seed: Option<u64>,
    /// What the server refused before.
    pub(crate) learned: &'a (dyn Fn(&str, Option<&Value>) -> bool + Sync),
}

impl Protocol {
    /// All of them, in the order of their entries.
    pub const ALL: [Self; 3] = [Self::Anthropic, Self::Gemini, Self::Bedrock];

    /// What each is, and where it is documented.
    pub const ENTRIES: [Entry; 3] = [Self::Anthropic.entry(), Self::Gemini.entry(), Self::Bedrock.entry()];

    /// What it is, and where it is documented.
    pub const fn entry(self) -> Entry {
        const fn entry(name: &'static str, line: &'static str, docs: Paper, also: &'static [&'static str]) -> Entry {
            Entry { paper: Some(docs), also, ..Entry::new(name, line) }
        }
        match self {
            Self::Anthropic => entry(
                "anthropic",
                "Anthropic's Messages API",
                Paper::new("Messages", "https://platform.claude.com/docs/en/api/messages"),
                &["claude", "messages"],
            ),
            Self::Gemini => entry(
                "gemini",
                "the Gemini API",
                Paper::new("generateContent", "https://ai.google.dev/api/generate-content"),
                &["google"],
            ),
            Self::Bedrock => entry(
                "bedrock",
                "Amazon Bedrock's Converse API",
                Paper::new(
                    "ConverseStream",
                    "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html",
                ),
                &["aws", "converse"],
            ),
        }
    }

    /// Its name in options and configuration.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The protocol of that name, as a user wrote it.
    ///
    /// # Errors
    /// If there is none, with the name that was probably meant.
    pub fn named(name: &str) -> Result<Self, EngineError> {
        let none = || EngineError::new(Origin::Caller, unknown("protocol", name, &Self::ENTRIES));
        Self::ALL.into_iter().find(|protocol| protocol.name() == name).ok_or_else(none)
    }

    /// Guesses from a server's address: that of the provider itself, unless its path is that of an OpenAI endpoint.
    ///
    /// ```
    /// use outthink_engine::native::Protocol;
    ///
    /// assert_eq!(Protocol::guess("https://api.anthropic.com"), Some(Protocol::Anthropic));
    /// assert_eq!(Protocol::guess("http://localhost:8000/v1"), None);
    /// ```
    pub fn guess(address: &str) -> Option<Self> {
        let url = reqwest::Url::parse(address).ok()?;
        let host = url.host_str()?.to_ascii_lowercase();
        if url.path().contains("openai") || url.path().ends_with("/chat/completions") {
            return None;
        }
        match host.as_str() {
            "api.anthropic.com" => Some(Self::Anthropic),
            "generativelanguage.googleapis.com" => Some(Self::Gemini),
            host if host.starts_with("bedrock-runtime") && host.contains(".amazonaws.com") => Some(Self::Bedrock),
            _ => None,
        }
    }

    /// The server's address without a last `/`, and the path of a model's samples below it.
    pub(crate) fn address(self, given: &str, model: &str) -> Result<(String, String), EngineError> {
        match self {
            Self::Anthropic => Ok((endpoint(given, "/v1", "/messages")?, "/messages".to_owned())),
            Self::Gemini => {
                let path = format!("/models/{}:streamGenerateContent?alt=sse", escaped(gemini::bare(model)));
                Ok((endpoint(given, "/v1beta", "/models")?, path))
            }
            Self::Bedrock => Ok((endpoint(given, "", "/model")?, format!("/model/{}/converse-stream", escaped(model)))),
        }
    }

    /// What requests are authenticated by.
    pub(crate) fn access(self, endpoint: &str, key: Option<&str>, aws: Option<AwsKeys>) -> Result<Access, EngineError> {
        match self {
            Self::Anthropic => anthropic::access(key),
            Self::Gemini => gemini::access(key),
            Self::Bedrock => bedrock::access(endpoint, key, aws),
        }
    }

    /// The path of the list of models, where there is one.
    pub(crate) const fn list(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("/models?limit=1000"),
            Self::Gemini => Some("/models?pageSize=1000"),
            // It is at another address, and asks for other rights.
            Self::Bedrock => None,
        }
    }

    /// The names of the models in such a list.
    pub(crate) fn models(self, list: &Value) -> Vec<String> {
        match self {
            Self::Anthropic => {
                let models = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
                models.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect()
            }
            Self::Gemini => {
                let models = list["models"].as_array().map(Vec::as_slice).unwrap_or_default();
                let generates = |model: &&Value| {
                    let methods = model["supportedGenerationMethods"].as_array();
                    methods.is_none_or(|methods| methods.iter().any(|method| method == "generateContent"))
                };
                let names = models.iter().filter(generates).filter_map(|model| model["name"].as_str());
                names.map(|name| gemini::bare(name).to_owned()).collect()
            }
            Self::Bedrock => Vec::new(),
        }
    }

    /// The path of what the server says of a model, where it says anything.
    pub(crate) fn about(self, model: &str) -> Option<String> {
        match self {
            Self::Anthropic => Some(format!("/models/{}", escaped(model))),
            Self::Gemini => Some(format!("/models/{}", escaped(gemini::bare(model)))),
            Self::Bedrock => None,
        }
    }

    /// What is known of a model, with what the server says of it.
    pub(crate) fn facts(self, model: &str, said: Option<&Value>) -> Option<Facts> {
        match self {
            Self::Anthropic => anthropic::facts(model, said),
            Self::Gemini => Some(gemini::facts(model, said)),
            Self::Bedrock => Some(bedrock::facts(model)),
        }
    }

    /// Writes a request.
    pub(crate) fn write(self, question: &Question<'_>) -> Result<Written, EngineError> {
        match self {
            Self::Anthropic => anthropic::write(question),
            Self::Gemini => Ok(gemini::write(question)),
            Self::Bedrock => bedrock::write(question),
        }
    }

    /// What reads a reply.
    pub(crate) fn reader(self) -> NewReader {
        match self {
            Self::Anthropic => anthropic::reader,
            Self::Gemini => gemini::reader,
            Self::Bedrock => bedrock::reader,
        }
    }

    /// The kinds of tools that the server carries out itself.
    pub(crate) const fn hosted_tools(self) -> &'static [&'static str] {
        match self {
            Self::Anthropic => anthropic::HOSTED,
            Self::Gemini => gemini::HOSTED,
            Self::Bedrock => &[],
        }
    }
}

/// The address under which everything lies: with a version in its path, `version` unless given, and without `ending`.
fn endpoint(given: &str, version: &str, ending: &str) -> Result<String, EngineError> {
    let url = given.trim().trim_end_matches('/');
    let url = url.strip_suffix(ending).unwrap_or(url).trim_end_matches('/');
    let parsed = reqwest::Url::parse(url).ok();
    let parsed = parsed.filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host() && u.query().is_none());
    let Some(parsed) = parsed else {
        return Err(EngineError::new(Origin::Caller, "the address of the engine is not a valid http address")
            .with_hint("give one such as https://api.anthropic.com"));
    };
    let is_version = |s: &str| s.strip_prefix('v').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()));
    let has_one = version.is_empty() || parsed.path().split('/').any(is_version);
    Ok(if has_one { url.to_owned() } else { format!("{url}{version}") })
}

/// A name as one part of a path.
pub(crate) fn escaped(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            _ => {
                let _ = write!(path, "%{byte:02X}");
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_provider_with_and_without_a_version() {
        for (protocol, given, endpoint, path) in [
            (Protocol::Anthropic, "https://api.anthropic.com", "https://api.anthropic.com/v1", "/messages"),
            (Protocol::Anthropic, "https://h/v1/messages", "https://h/v1", "/messages"),
            (Protocol::Anthropic, "http://h:1/claude/v1/", "http://h:1/claude/v1", "/messages"),
            (
                Protocol::Gemini,
                "https://generativelanguage.googleapis.com",
                "https://generativelanguage.googleapis.com/v1beta",
                "/models/m:streamGenerateContent?alt=sse",
            ),
            (Protocol::Bedrock, "https://h/", "https://h", "/model/m/converse-stream"),
        ] {
            let (at, of) = protocol.address(given, "m").unwrap();
            assert_eq!((at.as_str(), of.as_str()), (endpoint, path), "{given}");
        }
        assert!(Protocol::Anthropic.address("api.anthropic.com", "m").is_err());
    }

    #[test]
    fn names_are_parts_of_paths_and_entries_are_in_order() {
        assert_eq!(escaped("a/b:0 é"), "a%2Fb%3A0%20%C3%A9");
        assert_eq!(Protocol::ENTRIES.map(|entry| entry.name), Protocol::ALL.map(Protocol::name));
        assert!(Protocol::named("antropic").unwrap_err().to_string().contains("anthropic"));
    }
}
