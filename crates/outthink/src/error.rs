//! How a command fails: what happened, what to do about it, and the exit code.

use outthink_core::EngineError;

/// The exit code of a wrong use: bad flags, contradictory limits, an unknown model.
pub(crate) const USAGE: u8 = 2;
/// The exit code of all other failures.
pub(crate) const FAILURE: u8 = 1;
/// The exit code after Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// A failure as it is printed.
#[derive(Debug)]
pub(crate) struct CliError {
    /// The process's exit code.
    pub(crate) code: u8,
    /// What happened.
    pub(crate) message: String,
    /// What to do about it, one line each.
    pub(crate) hints: Vec<String>,
}

impl CliError {
    /// A wrong use.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into(), hints: Vec::new() }
    }

    /// Any other failure.
    pub(crate) fn failure(message: impl Into<String>) -> Self {
        Self { code: FAILURE, ..Self::usage(message) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Prints it on stderr.
    pub(crate) fn print(&self) {
        eprintln!("error: {}", self.message);
        for hint in &self.hints {
            eprintln!("hint: {hint}");
        }
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        // `{:#}` joins the chain of causes by colons.
        Self::failure(format!("{error:#}"))
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        let failure = Self::failure(error.message);
        match error.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
