//! Errors in the shape that the OpenAI API gives them.

use crate::receipt::Receipt;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use outthink_core::{EngineError, Origin};
use outthink_strategy::DriveError;
use serde_json::{Value, json};
use std::time::Duration;

/// An error as the client sees it: an HTTP status and the API's error object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) kind: &'static str,
    pub(crate) param: Option<String>,
    pub(crate) code: Option<&'static str>,
    /// What was spent all the same.
    pub(crate) bill: Option<Box<Value>>,
    /// When a retry may be worth it.
    pub(crate) retry_after: Option<Duration>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), kind, param: None, code: None, bill: None, retry_after: None }
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

    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The request ended without an answer; the bill goes with the error.
    pub(crate) fn of_run(failed: &DriveError, effort: &str) -> Self {
        let mut error = Self::of_engine(&failed.error);
        error.bill = Some(Box::new(json!(Receipt::of(&failed.outcome, effort))));
        error
    }

    /// A failure of an engine.
    pub(crate) fn of_engine(error: &EngineError) -> Self {
        let (status, kind, code) = match (error.origin, error.status) {
            (Origin::Engine, Some(429)) => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit_exceeded"),
            (Origin::Caller, status) => {
                let given = status.and_then(|s| StatusCode::from_u16(s).ok()).filter(StatusCode::is_client_error);
                (given.unwrap_or(StatusCode::BAD_REQUEST), "invalid_request_error", "engine_refused")
            }
            (Origin::Engine, _) if timed_out(error) => (StatusCode::GATEWAY_TIMEOUT, "api_error", "engine_timeout"),
            (Origin::Engine, _) => (StatusCode::BAD_GATEWAY, "api_error", "engine_error"),
            (Origin::Internal, _) => (StatusCode::INTERNAL_SERVER_ERROR, "api_error", "internal_error"),
        };
        let told = Self::new(status, kind, error.to_string()).with_code(code);
        Self { retry_after: error.retry_after, ..told }
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

fn timed_out(error: &EngineError) -> bool {
    matches!(error.status, Some(408 | 504))
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
        assert_eq!(status(EngineError::new(Origin::Engine, "no bytes for 60 s: timed out")), 504);
        assert_eq!(status(EngineError::new(Origin::Engine, "busy").with_status(429)), 429);
        assert_eq!(status(EngineError::new(Origin::Internal, "oh")), 500);
    }
}
