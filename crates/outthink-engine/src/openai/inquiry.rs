//! Short questions to a server beside its samples: how it renders a prompt, and a few tokens to see what it can
//! do. They wait for no place among the samples.

use super::ask::{LIMITS, other_limit};
use super::dialect::Dialect;
use super::error;
use super::http::{Accept, Place};
use super::learned::Refused;
use super::repair;
use super::wire::{Wire, refusal};
use crate::retry;
use hyper::body::Bytes;
use outthink_core::EngineError;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

const TEMPERATURE: &str = "temperature";
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
    /// The whole text of the reply to a JSON body at this address; asks again where that may help.
    async fn text(&self, at: &str, body: &Value) -> Result<String, EngineError> {
        let (place, body) = (Place::new(at)?, Bytes::from(body.to_string()));
        let mut attempt = 0;
        loop {
            let error = match self.once(&place, body.clone()).await {
                Ok(text) => return Ok(text),
                Err(error) => error,
            };
            attempt += 1;
            let wire = self.wire;
            if !error.retryable || attempt > wire.max_retries || !wire.waits(error.retry_after) {
                return Err(error);
            }
            sleep(retry::delay(0, attempt, error.retry_after)).await;
        }
    }

    async fn once(&self, place: &Place, body: Bytes) -> Result<String, EngineError> {
        let limit = self.wire.timeouts.first_token;
        let late = || error::timeout("no reply came from the engine", limit, false).elsewhere();
        let reply = timeout(limit, self.wire.client.post(place, Accept::Anything, body)).await;
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
        let not_json = |_| error::not_a_stream("something that is not JSON");
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
        let learned = &self.wire.learned;
        let mut body = json!({"model": self.model, "messages": messages, "stream": true});
        if !learned.refuses(TEMPERATURE, None) {
            body[TEMPERATURE] = 0.into();
        }
        body[self.limit()] = tokens.into();
        body
    }

    /// The name of the limit on generated tokens.
    pub(super) fn limit(&self) -> &str {
        let name = self.dialect.max_tokens_field.as_str();
        let is_refused = LIMITS.contains(&name) && self.wire.learned.refuses(name, None);
        if is_refused { other_limit(name) } else { name }
    }

    /// Whether a refusal is about a field of [`Inquiry::body`] that is left out or renamed from now on.
    pub(super) fn is_amended(&self, error: &EngineError) -> bool {
        let learned = &self.wire.learned;
        let names = |field: &str| is_refusal(error) && error.message.contains(field) && !learned.refuses(field, None);
        let limit = self.dialect.max_tokens_field.as_str();
        let Some(field) = [TEMPERATURE, limit].into_iter().find(|field| names(field)) else { return false };
        learned.remember(Refused { field: field.to_owned(), value: None });
        true
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
