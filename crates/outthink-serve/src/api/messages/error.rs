//! Errors in the shape of the Messages API.

use crate::error::ApiError;
use crate::observe::TraceId;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What all paths of this API begin with.
pub(crate) const PATH: &str = "/v1/messages";

/// An error in this API's shape. `outthink` has what has no place in it: the bill, the field and the code.
pub(super) fn body(error: &ApiError, request_id: Option<&str>) -> Value {
    let inner = json!({ "type": kind(error), "message": message(error) });
    let mut body = json!({ "type": "error", "error": inner, "request_id": request_id });
    if let Some(bill) = &error.bill {
        body["outthink"] = Value::clone(bill);
    }
    if let Some(param) = &error.param {
        body["outthink"]["param"] = param.as_str().into();
    }
    if let Some(code) = &error.code {
        body["outthink"]["code"] = code.as_ref().into();
    }
    body
}

/// Its clients know a prompt that is too long by these words, and shorten it.
fn message(error: &ApiError) -> String {
    match error.code.as_deref() {
        Some("context_length_exceeded") if !error.message.contains("prompt is too long") => {
            format!("prompt is too long: {}", error.message)
        }
        _ => error.message.clone(),
    }
}

fn kind(error: &ApiError) -> &'static str {
    match error.status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::PAYMENT_REQUIRED => "billing_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::NOT_FOUND => "not_found_error",
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        StatusCode::SERVICE_UNAVAILABLE => "overloaded_error",
        StatusCode::GATEWAY_TIMEOUT => "timeout_error",
        status if status.is_client_error() => "invalid_request_error",
        _ => "api_error",
    }
}

/// The response to a request of this API, its error in this API's shape. Errors are made where no API is known yet,
/// too: a missing key, a body that is too large.
pub(crate) fn in_own_words(response: Response, trace: &TraceId) -> Response {
    let Some(error) = response.extensions().get::<ApiError>() else { return response };
    let own = Json(body(error, Some(&trace.0))).into_response();
    let (mut parts, _) = response.into_parts();
    let (own_parts, own_body) = own.into_parts();
    for (name, value) in &own_parts.headers {
        parts.headers.insert(name, value.clone());
    }
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    Response::from_parts(parts, own_body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_type_and_a_long_prompt_its_words() {
        for (status, kind) in [
            (400, "invalid_request_error"),
            (401, "authentication_error"),
            (402, "billing_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (413, "request_too_large"),
            (422, "invalid_request_error"),
            (429, "rate_limit_error"),
            (500, "api_error"),
            (502, "api_error"),
            (503, "overloaded_error"),
            (504, "timeout_error"),
        ] {
            let error = ApiError::new(StatusCode::from_u16(status).unwrap(), "x", "no");
            let body = body(&error, Some("t"));
            assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!(kind)), "{status}");
            assert_eq!((&body["error"]["message"], &body["request_id"]), (&json!("no"), &json!("t")));
        }
        let long = ApiError::invalid("messages", "9 tokens, and 8 fit").with_code("context_length_exceeded");
        assert_eq!(body(&long, None)["error"]["message"], "prompt is too long: 9 tokens, and 8 fit");
    }
}
