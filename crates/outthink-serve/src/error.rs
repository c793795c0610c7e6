//! Errors in the shape that the OpenAI API gives them.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use outthink_core::{EngineError, Origin};
use outthink_ledger::LedgerError;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;

/// An error as the client sees it: an HTTP status and the API's error object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) param: Option<String>,
    pub(crate) code: Option<Cow<'static, str>>,
    /// What was spent all the same.
    pub(crate) bill: Option<Box<Value>>,
    /// When a retry may be worth it.
    pub(crate) retry_after: Option<Duration>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let (kind, message) = (kind.into(), message.into());
        Self { status, message, kind, param: None, code: None, bill: None, retry_after: None }
    }

    /// What was asked cannot be done; `param` names the field at fault.
    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message);
        Self { param: Some(param.to_owned()), ..error }
    }

    /// The body as a whole is at fault.
    pub(crate) fn invalid_body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// Nothing of that name is here.
    pub(crate) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message).with_code(code)
    }

    /// There is no database for what has to be kept.
    pub(crate) fn no_ledger() -> Self {
        let words = "files and batches are kept in the ledger's database, and this gateway has none: ask its operator to \
                     set keys.ledger, to sqlite:ledger.db for instance";
        Self::new(StatusCode::NOT_IMPLEMENTED, "invalid_request_error", words).with_code("no_ledger")
    }

    pub(crate) fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds what was spent all the same.
    pub(crate) fn with_bill(mut self, bill: Value) -> Self {
        self.bill = Some(Box::new(bill));
        self
    }

    /// A failure of an engine. What the server said of the client's request is passed on: its code, its type and
    /// the field that it objects to. What it said of the operator's own account is not.
    pub(crate) fn of_engine(error: &EngineError) -> Self {
        let given = |own: &'static str, theirs: &Option<String>| theirs.clone().map_or(own.into(), Cow::from);
        let (status, kind, code) = match (error.origin, error.status) {
            (Origin::Engine, Some(429)) => {
                let kind = given("rate_limit_error", &error.kind);
                (StatusCode::TOO_MANY_REQUESTS, kind, given("rate_limit_exceeded", &error.code))
            }
            (Origin::Caller, status) => {
                let theirs = status.and_then(|s| StatusCode::from_u16(s).ok()).filter(StatusCode::is_client_error);
                let kind = given("invalid_request_error", &error.kind);
                (theirs.unwrap_or(StatusCode::BAD_REQUEST), kind, given("engine_refused", &error.code))
            }
            (Origin::Engine, _) if timed_out(error) => {
                (StatusCode::GATEWAY_TIMEOUT, "api_error".into(), "engine_timeout".into())
            }
            (Origin::Engine, _) => (StatusCode::BAD_GATEWAY, "api_error".into(), "engine_error".into()),
            (Origin::Internal, _) => (StatusCode::INTERNAL_SERVER_ERROR, "api_error".into(), "internal_error".into()),
        };
        let param = error.param.clone().filter(|_| error.origin == Origin::Caller);
        let api = Self::new(status, kind, error.to_string()).with_code(code);
        Self { retry_after: error.retry_after, param, ..api }
    }

    /// A failure of the ledger.
    #[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
    pub(crate) fn of_ledger(error: LedgerError) -> Self {
        if error.is_asked() {
            return Self::invalid_body(error.to_string());
        }
        tracing::error!(%error, "the ledger fails");
        let words = "the ledger does not answer: try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", words).with_code("ledger_unavailable")
    }

    /// The JSON body.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "error": { "message": self.message, "type": self.kind, "param": self.param, "code": self.code }
        });
        if let Some(bill) = &self.bill {
            body["outthink"] = Value::clone(bill);
        }
        body
    }
}

/// Whether the engine took too long: by its own word or its proxy's, or by our clock.
fn timed_out(error: &EngineError) -> bool {
    matches!(error.status, Some(408 | 504 | 522 | 524 | 598 | 599))
        || error.code.as_deref() == Some("engine_timeout")
        || error.status.is_none() && ["timed out", "timeout", "time out"].iter().any(|w| error.message.contains(w))
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.body())).into_response();
        // A busy server that does not say when is asked again after a second.
        let busy = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if let Some(wait) = self.retry_after.or(busy.then_some(Duration::from_secs(1))) {
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // An API with a shape of its own for errors makes it from this.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_whose_fault_it_is() {
        let status = |error: EngineError| ApiError::of_engine(&error).status.as_u16();
        assert_eq!(status(EngineError::new(Origin::Caller, "too long")), 400);
        assert_eq!(status(EngineError::new(Origin::Caller, "no").with_status(422)), 422);
        assert_eq!(status(EngineError::new(Origin::Caller, "no").with_status(502)), 400);
        assert_eq!(status(EngineError::new(Origin::Engine, "broken")), 502);
        assert_eq!(status(EngineError::new(Origin::Engine, "broken").with_status(503)), 502);
        assert_eq!(status(EngineError::new(Origin::Engine, "slow").with_status(504)), 504);
        assert_eq!(status(EngineError::new(Origin::Engine, "slow").with_status(524)), 504);
        assert_eq!(status(EngineError::new(Origin::Engine, "no bytes for 60 s: timed out")), 504);
        assert_eq!(
            status(EngineError::new(Origin::Engine, "no first token within 2 s").with_code("engine_timeout")),
            504
        );
        assert_eq!(status(EngineError::new(Origin::Engine, "busy").with_status(429)), 429);
        assert_eq!(status(EngineError::new(Origin::Internal, "oh")), 500);
    }

    #[test]
    fn the_servers_own_code_reaches_the_client_and_the_operators_account_does_not() {
        let long = EngineError {
            param: Some("messages".into()),
            kind: Some("invalid_request_error".into()),
            ..EngineError::new(Origin::Caller, "too long").with_status(400).with_code("context_length_exceeded")
        };
        let error = ApiError::of_engine(&long);
        assert_eq!(
            (error.code.as_deref(), error.param.as_deref()),
            (Some("context_length_exceeded"), Some("messages"))
        );
        let quota = EngineError {
            kind: Some("insufficient_quota".into()),
            ..EngineError::new(Origin::Engine, "no money").with_status(429).with_code("insufficient_quota")
        };
        let error = ApiError::of_engine(&quota);
        assert_eq!((error.code.as_deref(), &*error.kind), (Some("insufficient_quota"), "insufficient_quota"));
        let key = EngineError::new(Origin::Engine, "wrong key").with_status(401).with_code("invalid_api_key");
        let error = ApiError::of_engine(&key);
        assert_eq!((error.status.as_u16(), error.code.as_deref()), (502, Some("engine_error")));
    }
}
