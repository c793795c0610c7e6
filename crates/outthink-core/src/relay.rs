//! Requests that are passed on to an engine's server as they are.

use crate::EngineError;
use futures_core::Stream;
use std::pin::Pin;

/// A request that is passed on as it is, with the engine's own address and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// The path below the version, such as `/embeddings`.
    pub path: &'static str,
    /// The body: JSON.
    pub body: Vec<u8>,
}

/// The pieces of a relayed reply's body. Dropping it ends the engine's work.
pub type RelayBody = Pin<Box<dyn Stream<Item = Result<Vec<u8>, EngineError>> + Send>>;

/// A successful reply as it came.
pub struct Relayed {
    /// The kind of the body, where it was told.
    pub content_type: Option<String>,
    /// The body.
    pub body: RelayBody,
}

impl std::fmt::Debug for Relayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relayed").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

/// A relayed request on its way; a failing status of the server is an error.
pub type RelayFuture = Pin<Box<dyn Future<Output = Result<Relayed, EngineError>> + Send>>;
