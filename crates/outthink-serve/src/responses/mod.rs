//! `/v1/responses`: the same runs, asked for and told in the words of the Responses API.

mod events;
mod input;
mod reply;
mod request;
mod store;

pub(crate) use store::Responses;

use crate::access::Caller;
use crate::error::ApiError;
use crate::gateway::{Gateway, refused, unix_seconds};
use crate::log::{RequestLog, TraceId};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use events::Told;
use outthink_core::Effort;
use reply::Shape;
use request::ResponsesRequest;
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers `POST /v1/responses`.
pub(crate) async fn create(gateway: &Gateway, trace: TraceId, caller: &Caller, body: &[u8]) -> Response {
    let log = RequestLog::new(trace.clone(), "responses");
    let request = match ResponsesRequest::parse(body, gateway.efforts(caller), &gateway.responses) {
        Ok(request) => request,
        Err(error) => return refused(log, error),
    };
    let engine = match gateway.engine(request.chat.model.as_deref()) {
        Ok(engine) => engine,
        Err(error) => return refused(log, error),
    };
    let ResponsesRequest { chat, echo, conversation, store } = request;
    let shape = Shape {
        id: format!("resp_{}", trace.0),
        created: unix_seconds(),
        model: engine.model().id.clone(),
        effort: chat.effort.name(),
        summary: echo.summary.is_some(),
        echo,
    };
    let pass_through = chat.strategy.name == "single";
    let keep = store.then(|| (Arc::clone(&gateway.responses), conversation));
    match gateway.begin(engine, &trace, caller, chat, log).await {
        Ok(begun) => begun.respond(Box::new(Told::new(shape, pass_through, keep))).await,
        Err(error) => error.into_response(),
    }
}

/// Whether a body would be taken.
pub(crate) fn check(body: &[u8]) -> Result<(), ApiError> {
    ResponsesRequest::parse(body, Effort::default().into(), &Responses::default()).map(drop)
}

/// Answers `GET /v1/responses/{id}`.
pub(crate) fn get(gateway: &Gateway, id: &str) -> Result<Value, ApiError> {
    gateway.responses.get(id).ok_or_else(|| unknown(id))
}

/// Answers `DELETE /v1/responses/{id}`.
pub(crate) fn delete(gateway: &Gateway, id: &str) -> Result<Value, ApiError> {
    if gateway.responses.forget(id) {
        return Ok(json!({ "id": id, "object": "response", "deleted": true }));
    }
    Err(unknown(id))
}

fn unknown(id: &str) -> ApiError {
    let id: String = id.chars().take(64).collect();
    let words =
        format!("no response `{id}` is remembered: responses are kept in memory for a while, unless store is false");
    ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", words).with_code("response_not_found")
}
