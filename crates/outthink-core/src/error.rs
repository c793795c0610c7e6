//! Failures of an engine: whose fault, what the server said, and where a retry may help.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// What was asked cannot be done as asked.
    Caller,
    /// The engine or the way to it.
    Engine,
    /// A fault of ours.
    Internal,
}

/// A failure of an engine.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}{}", hint.as_ref().map(|h| format!(": {h}")).unwrap_or_default())]
pub struct EngineError {
    /// Whose fault it is.
    pub origin: Origin,
    /// What happened; holds neither keys nor prompts.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the same request may succeed later at the same engine.
    pub retryable: bool,
    /// Whether another engine of the same model may succeed with it now. Another question than
    /// `retryable`: a wrong key or a missing model is hopeless here and may be fine elsewhere.
    pub elsewhere: bool,
    /// The HTTP status that the engine gave, if it did.
    pub status: Option<u16>,
    /// The server's own code, such as `context_length_exceeded`, where it gave one.
    pub code: Option<String>,
    /// The server's own type of the error, such as `insufficient_quota`, where it gave one.
    pub kind: Option<String>,
    /// The field of the request that the server objects to, where it named one.
    pub param: Option<String>,
    /// When a retry may be worth it, where the engine said so.
    pub retry_after: Option<Duration>,
}

impl EngineError {
    /// The code of a failure to continue a text, where it is known that the engine cannot.
    pub const CANNOT_CONTINUE: &str = "continuation_unsupported";

    /// A failure of the given origin that no retry helps.
    pub fn new(origin: Origin, message: impl Into<String>) -> Self {
        Self {
            origin,
            message: message.into(),
            hint: None,
            retryable: false,
            elsewhere: false,
            status: None,
            code: None,
            kind: None,
            param: None,
            retry_after: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that a retry may help, at the same engine or at another one.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        (self.retryable, self.elsewhere) = (true, true);
        self
    }

    /// Says that another engine of the same model may succeed.
    #[must_use]
    pub fn elsewhere(mut self) -> Self {
        self.elsewhere = true;
        self
    }

    /// Adds the HTTP status that the engine gave.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds a code for programs.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}
