//! Requests that are passed on to an engine's server as they are.

use crate::{EngineError, Source};
use futures_core::Stream;
use serde_json::{Map, Value};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A request that is passed on as it is, with the engine's own address and key, and its own name of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Relay {
    /// The path below the version, such as `/embeddings`.
    pub path: &'static str,
    /// The fields of the body as the client sent them; the model's name is the engine's to set.
    pub fields: Map<String, Value>,
    /// Generated tokens at most: what it weighs where others wait.
    pub tokens: u64,
}

/// The pieces of a relayed reply's body. Dropping it ends the engine's work.
pub type RelayBody = Pin<Box<dyn Stream<Item = Result<Vec<u8>, EngineError>> + Send>>;

/// A successful reply as it came.
pub struct Relayed {
    /// The kind of the body, where the server named one.
    pub content_type: Option<String>,
    /// Who answers and what it charges, where that is not the engine that was asked.
    pub source: Option<Arc<Source>>,
    /// The body.
    pub body: RelayBody,
}

impl Relayed {
    /// Keeps `guard` until the body is dropped, such as the place that the request holds in a queue.
    #[must_use]
    pub fn holding<G: Send + Unpin + 'static>(self, guard: G) -> Self {
        Self { body: Box::pin(Held { body: self.body, _guard: guard }), ..self }
    }
}

/// A body and what is held for it.
struct Held<G> {
    body: RelayBody,
    _guard: G,
}

impl<G: Unpin> Stream for Held<G> {
    type Item = Result<Vec<u8>, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.body.as_mut().poll_next(cx)
    }
}

impl std::fmt::Debug for Relayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relayed").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

/// A relayed request on its way; a failing status of the server is an error.
pub type RelayFuture = Pin<Box<dyn Future<Output = Result<Relayed, EngineError>> + Send>>;
