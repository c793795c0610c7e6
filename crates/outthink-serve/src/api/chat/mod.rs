//! `POST /v1/chat/completions`.

mod message;
mod request;
mod wire;

use super::read::Efforts;
use super::tell;
use crate::error::ApiError;
use crate::observe::{RequestLog, TraceId};
use crate::run::{Asking, Caller, Gateway, unix_seconds};
use axum::Extension;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use message::Envelope;
use outthink_core::Effort;
use request::ChatRequest;
use std::sync::Arc;
use wire::Chat;

/// Answers a chat completion.
pub(super) async fn complete(
    Extension(gateway): Extension<Arc<Gateway>>,
    Extension(trace): Extension<TraceId>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    let log = RequestLog::new(trace.clone(), "chat.completions");
    let asking = Asking { trace: &trace, caller: &caller, log };
    // The layers around a handler move its future; this keeps it small.
    Box::pin(answer(&gateway, asking, &body)).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(gateway: &Gateway, mut asking: Asking<'_>, body: &[u8]) -> Result<Response, ApiError> {
    let read = || {
        let request = ChatRequest::parse(body, Efforts::of(gateway, asking.caller))?;
        let engine = gateway.engine(request.run.model.as_deref())?;
        Ok((request, engine))
    };
    let (request, engine) = read().inspect_err(|error: &ApiError| asking.log.told(error.status.as_u16()))?;
    let ChatRequest { run, include_usage } = request;
    let envelope = Envelope {
        id: format!("chatcmpl-{}", asking.trace.0),
        created: unix_seconds(),
        model: engine.model().id.clone(),
        effort: run.effort.name(),
        thought: gateway.options.reasoning,
    };
    let wire = Chat::new(envelope, include_usage, run.passes_through(), run.logprobs);
    let begun = gateway.begin(engine, asking, run).await?;
    Ok(tell::respond(begun, Box::new(wire)).await)
}

/// Whether a body would be taken.
pub(super) fn check(body: &[u8]) -> Result<(), ApiError> {
    ChatRequest::parse(body, Effort::default().into()).map(drop)
}
