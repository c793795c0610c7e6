//! The options of an engine.

use super::Dialect;
use outthink_core::{EngineError, Origin, Price};
use std::fmt;
use std::time::Duration;

/// A key that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a key; white space around it is taken off.
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(key.as_ref().trim().to_owned())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How long each phase of a sample may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From sending the request to the first text or tool call. While the server sends pieces of other replies, it
    /// counts from the last of them: this request waits in the server's queue.
    pub first_token: Duration,
    /// Between two events.
    pub idle: Duration,
    /// The whole sample, waits before retries included, waiting for a free place excluded.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 10 s, 2 min, 1 min and 1 h.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_token: Duration::from_mins(2),
            idle: Duration::from_mins(1),
            total: Duration::from_hours(1),
        }
    }
}

/// Where the server is and how to talk to it.
#[derive(Debug, Clone)]
pub struct OpenAiOptions {
    /// Its address, with or without `/v1`: `http://localhost:8000`.
    pub base_url: String,
    /// The model's name; `None` takes the first that the server lists.
    pub model: Option<String>,
    /// Sent as a bearer token.
    pub api_key: Option<Secret>,
    /// `None` guesses from the server's address and its list of models.
    pub dialect: Option<Dialect>,
    /// What it charges.
    pub price: Price,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// Retries of one request at most; none is made after content was passed on.
    pub max_retries: u32,
    /// How long a server may ask to wait before a retry; where it asks for longer, its error is passed on.
    pub max_retry_wait: Duration,
    /// Requests at one time at most; others wait for their turn. At least 1.
    ///
    /// A stream holds its place until its end is read or it is dropped, so read all streams at
    /// once, or none will end.
    pub max_in_flight: usize,
    /// Draw all samples of a request by one HTTP request with `n`, where the dialect has it.
    ///
    /// Cheaper where the server bills or reads the prompt once a request. The server then makes
    /// its own seeds from the first one, and a dropped sample runs on until all are dropped.
    pub multiplex: bool,
    /// Find out all that the server can do by some short requests when the engine is connected, whatever its
    /// dialect says. Otherwise continuation alone is checked, before the first sample that needs it.
    pub probe: bool,
}

impl OpenAiOptions {
    /// The defaults: the first model, no key, a guessed dialect, 3 retries after at most 5 s each, 64 requests
    /// at a time.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: None,
            api_key: None,
            dialect: None,
            price: Price::default(),
            timeouts: Timeouts::default(),
            max_retries: 3,
            max_retry_wait: Duration::from_secs(5),
            max_in_flight: 64,
            multiplex: false,
            probe: false,
        }
    }
}

/// The address under which `/models` and `/chat/completions` lie.
///
/// A path with a version in it (`/v1`, `/api/v3`, `/v1beta/openai`) is kept, another gets `/v1`.
pub(super) fn endpoint(base_url: &str) -> Result<String, EngineError> {
    let url = base_url.trim().trim_end_matches('/');
    let url = url.strip_suffix("/chat/completions").unwrap_or(url);
    let parsed = reqwest::Url::parse(url)
        .ok()
        .filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host() && u.query().is_none());
    let Some(parsed) = parsed else {
        return Err(EngineError::new(Origin::Caller, "the address of the engine is not a valid http address")
            .with_hint("give one such as http://localhost:8000"));
    };
    let is_version = |s: &str| s.strip_prefix('v').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()));
    if parsed.path().split('/').any(is_version) { Ok(url.to_owned()) } else { Ok(format!("{url}/v1")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_version() {
        for (given, wanted) in [
            ("http://h:8000", "http://h:8000/v1"),
            ("http://h:8000/v1/", "http://h:8000/v1"),
            ("https://h/api", "https://h/api/v1"),
            ("https://h/v1beta/openai", "https://h/v1beta/openai"),
            ("https://h/v1/chat/completions", "https://h/v1"),
            ("https://h/vendor", "https://h/vendor/v1"),
        ] {
            assert_eq!(endpoint(given).unwrap(), wanted);
        }
        for bad in ["", "localhost:8000", "ftp://h", "http://", "http://h/?key=1"] {
            assert_eq!(endpoint(bad).unwrap_err().origin, Origin::Caller, "{bad}");
        }
    }

    #[test]
    fn keys_are_not_printed() {
        let mut options = OpenAiOptions::new("http://h");
        options.api_key = Some(Secret::new(" sk-hidden\n"));
        let text = format!("{options:?}");
        assert!(text.contains("***") && !text.contains("sk-hidden"));
    }
}
