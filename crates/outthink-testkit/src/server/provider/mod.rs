//! Providers with protocols of their own: what a model says, in the shape of each, with the provider's own counts.
//!
//! The shapes are written here once more, from the providers' documentation, so that a test compares two readings of it.

mod anthropic;
mod bedrock;
mod gemini;

use super::{Reply, Request, Scenario};
use serde_json::{Value, json};
use std::time::Duration;

/// A provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Anthropic's Messages API.
    Anthropic,
    /// The Gemini API.
    Gemini,
    /// Bedrock's Converse API.
    Bedrock,
}

/// What a provider charges for, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Tokens of the prompt that no cache had or got.
    pub fresh: u64,
    /// Tokens of the prompt from a cache.
    pub cached: u64,
    /// Tokens of the prompt that were written to a cache.
    pub written: u64,
    /// Generated tokens, reasoning included.
    pub generated: u64,
    /// Those of them that were reasoning.
    pub reasoning: u64,
}

impl Counts {
    /// A prompt without a cache and a reply without reasoning.
    pub const fn plain(fresh: u64, generated: u64) -> Self {
        Self { fresh, cached: 0, written: 0, generated, reasoning: 0 }
    }

    /// All tokens of the prompt.
    pub const fn prompt(&self) -> u64 {
        self.fresh + self.cached + self.written
    }
}

/// What a model says in one turn, and what its provider counts for it.
#[derive(Debug, Clone)]
pub struct Turn {
    thinking: Option<(String, String)>,
    sealed: Option<String>,
    text: String,
    calls: Vec<(String, String, Value)>,
    counts: Counts,
    stop: Option<String>,
    stop_text: Option<String>,
    pace: Duration,
}

impl Turn {
    /// A text, counted as this.
    pub fn new(text: &str, counts: Counts) -> Self {
        Self {
            thinking: None,
            sealed: None,
            text: text.to_owned(),
            calls: Vec::new(),
            counts,
            stop: None,
            stop_text: None,
            pace: Duration::ZERO,
        }
    }

    /// Reasoning before the text, and what the provider signs it with.
    #[must_use]
    pub fn thinking(mut self, text: &str, signature: &str) -> Self {
        self.thinking = Some((text.to_owned(), signature.to_owned()));
        self
    }

    /// Reasoning that only the provider can read.
    #[must_use]
    pub fn sealed(mut self, data: &str) -> Self {
        self.sealed = Some(data.to_owned());
        self
    }

    /// A call of a tool after the text.
    #[must_use]
    pub fn call(mut self, id: &str, name: &str, arguments: Value) -> Self {
        self.calls.push((id.to_owned(), name.to_owned(), arguments));
        self
    }

    /// Why it ends, in the provider's words, in place of what follows from it.
    #[must_use]
    pub fn stop(mut self, word: &str) -> Self {
        self.stop = Some(word.to_owned());
        self
    }

    /// The stop text that ends it.
    #[must_use]
    pub fn met(mut self, text: &str) -> Self {
        self.stop_text = Some(text.to_owned());
        self
    }

    /// Time before each piece of text.
    #[must_use]
    pub const fn pace(mut self, pause: Duration) -> Self {
        self.pace = pause;
        self
    }

    /// The text in pieces.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split_inclusive(' ')
    }
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Anthropic, Self::Gemini, Self::Bedrock];

    /// Where the samples of a model come from.
    pub fn path(self, model: &str) -> String {
        match self {
            Self::Anthropic => "/v1/messages".to_owned(),
            Self::Gemini => format!("/v1beta/models/{model}:streamGenerateContent"),
            Self::Bedrock => format!("/model/{}/converse-stream", model.replace(':', "%3A")),
        }
    }

    /// A provider whose model answers with these one after another, the last one again and again. It lists the model.
    pub fn answers(self, model: &str, replies: impl IntoIterator<Item = Reply>) -> Scenario {
        self.listing(model, Scenario::default().on(&self.path(model), replies))
    }

    /// A provider whose model answers by the request and its number, from 0. It lists the model.
    pub fn answers_by(self, model: &str, answer: impl Fn(u64, &Request) -> Reply + Send + Sync + 'static) -> Scenario {
        self.listing(model, Scenario::default().on_by(&self.path(model), answer))
    }

    fn listing(self, model: &str, scenario: Scenario) -> Scenario {
        match self {
            Self::Anthropic => {
                let about = anthropic::model(model);
                let list = json!({ "data": [about], "has_more": false });
                scenario.on(&format!("/v1/models/{model}"), [Reply::json(about)]).on("/v1/models", [Reply::json(list)])
            }
            Self::Gemini => {
                let about = gemini::model(model);
                let other = json!({ "name": "models/embedder", "supportedGenerationMethods": ["embedContent"] });
                let list = json!({ "models": [other, about] });
                let path = format!("/v1beta/models/{model}");
                scenario.on(&path, [Reply::json(about)]).on("/v1beta/models", [Reply::json(list)])
            }
            // Its list is at another address.
            Self::Bedrock => scenario,
        }
    }

    /// A turn as the provider streams it.
    pub fn streams(self, turn: &Turn) -> Reply {
        match self {
            Self::Anthropic => Reply::events(anthropic::events(turn)),
            Self::Gemini => Reply::events(gemini::chunks(turn)),
            Self::Bedrock => bedrock::stream(bedrock::events(turn)),
        }
        .charges(&turn.counts)
    }

    /// A turn as one body, as gateways in between send it.
    pub fn whole(self, turn: &Turn) -> Reply {
        match self {
            Self::Anthropic => Reply::json(anthropic::message(turn)),
            Self::Gemini => Reply::json(gemini::list(turn)),
            Self::Bedrock => Reply::json(bedrock::message(turn)),
        }
        .charges(&turn.counts)
    }

    /// Bedrock's stream of these events, each a name and its data; a name that ends with `Exception` is a failure.
    pub fn messages<'a>(events: impl IntoIterator<Item = (&'a str, Value)>) -> Reply {
        bedrock::stream(events.into_iter().map(|(name, data)| bedrock::message_of(name, &data)).collect())
    }

    /// An error in the provider's shape.
    pub fn error(self, status: u16, kind: &str, message: &str) -> Reply {
        match self {
            Self::Anthropic => Reply::json(anthropic::error(kind, message)).status(status),
            Self::Gemini => Reply::json(gemini::error(status, kind, message)).status(status),
            Self::Bedrock => {
                let named = format!("{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/");
                Reply::json(json!({ "message": message })).status(status).header("x-amzn-errortype", &named)
            }
        }
    }
}
