//! `/v1/messages`: the same runs in the words of Anthropic's Messages API.
//!
//! A request becomes a conversation in chat's form, which is what engines speak; what has no place there is named in
//! the receipt. To an engine that speaks this API it is kept in that form as it came, and written as it came. Replies are
//! content blocks: reasoning, text, tool calls.

mod error;
mod events;
mod input;
mod parts;
mod reply;
mod request;
mod tools;
mod waiting;

pub(crate) use error::{PATH, in_own_words};

use super::read::{Efforts, Fields};
use super::tell;
use crate::error::ApiError;
use crate::observe::{RequestLog, TraceId};
use crate::run::{Asking, Caller, Gateway};
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use events::Told;
use outthink_core::Effort;
use reply::Shape;
use request::MessagesRequest;
use serde_json::{Value, json};
use std::sync::Arc;

/// The routes.
pub(super) fn routes() -> Router {
    Router::new().route("/v1/messages", post(create)).route("/v1/messages/count_tokens", post(count))
}

async fn create(
    Extension(gateway): Extension<Arc<Gateway>>,
    Extension(trace): Extension<TraceId>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    let log = RequestLog::new(trace.clone(), "messages");
    let asking = Asking { trace: &trace, caller: &caller, log };
    // The layers around a handler move its future; this keeps it small.
    Box::pin(answer(&gateway, asking, &body)).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(gateway: &Gateway, mut asking: Asking<'_>, body: &[u8]) -> Result<Response, ApiError> {
    let read = || {
        let fields = request::fields(body)?;
        let native = speaks_messages(gateway, &fields);
        let request = MessagesRequest::read(fields, Efforts::of(gateway, asking.caller), native)?;
        let engine = gateway.engine(request.run.model.as_deref())?;
        Ok((request, engine))
    };
    let (request, engine) = read().inspect_err(|error: &ApiError| asking.log.told(error.status.as_u16()))?;
    let MessagesRequest { run, shows_thinking } = request;
    let shape = Shape {
        id: format!("msg_{}", asking.trace.0),
        model: engine.model().id.clone(),
        effort: run.effort.name(),
        shows_thinking,
        stop_texts: run.sampling.stop.clone(),
    };
    let wire = Told::new(shape, run.passes_through());
    let begun = gateway.begin(engine, asking, run).await?;
    Ok(tell::respond(begun, Box::new(wire)).await)
}

/// How long a prompt is. Nobody is asked for it: it is an estimate, and says so.
async fn count(
    Extension(gateway): Extension<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let fields = request::fields(&body)?;
    let native = speaks_messages(&gateway, &fields);
    let request = MessagesRequest::read_prompt(fields, Efforts::of(&gateway, &caller), native)?;
    let engine = gateway.engine(request.run.model.as_deref())?;
    caller.may_use(&engine.model().id)?;
    let tokens = crate::run::likely_tokens(&request.run.prompt, &engine.model().id);
    Ok(Json(json!({ "input_tokens": tokens, "outthink": { "estimated": true } })))
}

/// Whether the engine that a request names speaks this API. A model that is not here is an error after those of the
/// other fields.
fn speaks_messages(gateway: &Gateway, fields: &Fields) -> bool {
    gateway.engine(fields.look("model").and_then(Value::as_str)).is_ok_and(|engine| engine.speaks_messages())
}

/// Whether a body would be taken.
pub(super) fn check(body: &[u8]) -> Result<(), ApiError> {
    MessagesRequest::read(request::fields(body)?, Effort::default().into(), false).map(drop)
}
