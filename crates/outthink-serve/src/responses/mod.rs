//! `/v1/responses`: the same runs, asked for and told in the words of the Responses API.

mod events;
mod input;
mod reply;
mod request;
mod store;

pub(crate) use store::Responses;
use store::{Keep, Seen};

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
    let request = match ResponsesRequest::parse(body, gateway.efforts(caller), seen(gateway, caller)) {
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
    let keep = store.then(|| Keep { store: Arc::clone(&gateway.responses), owner: caller.owner(), conversation });
    match gateway.begin(engine, &trace, caller, chat, log).await {
        Ok(begun) => begun.respond(Box::new(Told::new(shape, pass_through, keep))).await,
        Err(error) => error.into_response(),
    }
}

/// Whether a body would be taken.
pub(crate) fn check(body: &[u8]) -> Result<(), ApiError> {
    let (store, caller) = (Responses::default(), Caller::default());
    ResponsesRequest::parse(body, Effort::default().into(), Seen { store: &store, caller: &caller }).map(drop)
}

/// Answers `GET /v1/responses/{id}`.
pub(crate) fn get(gateway: &Gateway, caller: &Caller, id: &str) -> Result<Value, ApiError> {
    seen(gateway, caller).get(id).ok_or_else(|| unknown(id))
}

/// Answers `DELETE /v1/responses/{id}`.
pub(crate) fn delete(gateway: &Gateway, caller: &Caller, id: &str) -> Result<Value, ApiError> {
    if seen(gateway, caller).forget(id) {
        return Ok(json!({ "id": id, "object": "response", "deleted": true }));
    }
    Err(unknown(id))
}

fn seen<'a>(gateway: &'a Gateway, caller: &'a Caller) -> Seen<'a> {
    Seen { store: &gateway.responses, caller }
}

fn unknown(id: &str) -> ApiError {
    let id: String = id.chars().take(64).collect();
    let words =
        format!("no response `{id}` is remembered: responses are kept in memory for a while, unless store is false");
    ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", words).with_code("response_not_found")
}
