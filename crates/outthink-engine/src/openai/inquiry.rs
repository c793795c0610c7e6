//! Short questions to a server beside its samples: how it renders a prompt, and a few tokens to see what it can
//! do. They wait for no place among the samples and are not tried again.

use super::dialect::Dialect;
use super::error;
use super::http::{Accept, Place};
use super::repair;
use super::wire::{Wire, refusal};
use hyper::body::Bytes;
use outthink_core::EngineError;
use serde_json::{Value, json};
use tokio::time::timeout;

/// Bytes of a reply at most.
const LIMIT: usize = 32 << 20;

/// One model at one server.
#[derive(Clone, Copy)]
pub(super) struct Inquiry<'a> {
    pub(super) wire: &'a Wire,
    pub(super) model: &'a str,
    pub(super) dialect: &'a Dialect,
}

/// What a short sample said.
#[derive(Debug, Default)]
pub(super) struct Short {
    /// Reasoning and reply in the order in which they came.
    pub(super) text: String,
    pub(super) events: Vec<Value>,
}

impl Short {
    /// The choices of all events.
    pub(super) fn choices(&self) -> impl Iterator<Item = &Value> {
        self.events.iter().filter_map(|event| event["choices"].as_array()).flatten()
    }
}

/// Whether an error says that the server does not take the request as it is. Any other error says nothing of
/// the server's abilities.
pub(super) fn is_refusal(error: &EngineError) -> bool {
    matches!(error.status, Some(400 | 404 | 405 | 415 | 422 | 501))
}

impl Inquiry<'_> {
    /// The whole text of the reply to a JSON body at a path below `/v1`, or below the root.
    pub(super) async fn text(&self, at: &str, body: &Value) -> Result<String, EngineError> {
        let place = Place::new(at)?;
        let limit = self.wire.timeouts.first_token;
        let late = || error::timeout("no reply came from the engine", limit, false).elsewhere();
        let body = Bytes::from(body.to_string());
        let reply = timeout(limit, self.wire.client.post(&place, Accept::Anything, body)).await;
        let mut reply = reply.map_err(|_| late())?.map_err(|broken| error::of_transport(broken, false))?;
        if !reply.status().is_success() {
            return Err(refusal(reply, self.wire).await.0);
        }
        let text = timeout(limit, reply.text(LIMIT)).await.map_err(|_| late())?;
        text.map_err(|broken| error::of_transport(broken, false))
    }

    /// The reply as JSON.
    pub(super) async fn json(&self, at: &str, body: &Value) -> Result<Value, EngineError> {
        let text = self.text(at, body).await?;
        let not_json = |_| error::not_a_stream("something that is no JSON");
        serde_json::from_str(&text).map_err(not_json)
    }

    /// An address of the server outside of its API: `/v1` and what follows is not part of it.
    pub(super) fn outside(&self, path: &str) -> String {
        let endpoint = self.wire.endpoint.as_str();
        let root = endpoint.strip_suffix("/v1").unwrap_or(endpoint);
        format!("{root}{path}")
    }

    /// The fields that every short sample has.
    pub(super) fn body(&self, messages: &Value, tokens: u64) -> Value {
        let mut body = json!({"model": self.model, "messages": messages, "stream": true, "temperature": 0});
        body[&self.dialect.max_tokens_field] = tokens.into();
        body
    }

    /// A short sample by chat completions.
    pub(super) async fn chat(&self, body: &Value) -> Result<Short, EngineError> {
        self.short("/chat/completions", body).await
    }

    /// A short sample by text completions.
    pub(super) async fn completion(&self, body: &Value) -> Result<Short, EngineError> {
        self.short("/completions", body).await
    }

    async fn short(&self, path: &str, body: &Value) -> Result<Short, EngineError> {
        let text = self.text(&format!("{}{path}", self.wire.endpoint), body).await?;
        let mut short = Short::default();
        let whole = text.trim_start().starts_with('{').then_some(text.as_str());
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        for event in whole.into_iter().chain(data).filter_map(repair::parse).map(|(event, _)| event) {
            if event.as_object().is_some_and(error::is_error) {
                return Err(error::in_stream(&event, false, self.wire.key.as_ref()));
            }
            short.events.push(event);
        }
        for choice in short.events.iter().filter_map(|e| e["choices"].as_array()).flatten() {
            let delta = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
            for text in [&delta["reasoning_content"], &delta["reasoning"], &delta["content"], &choice["text"]] {
                short.text.push_str(text.as_str().unwrap_or_default());
            }
        }
        if short.events.is_empty() {
            return Err(error::not_a_stream("nothing"));
        }
        Ok(short)
    }
}
