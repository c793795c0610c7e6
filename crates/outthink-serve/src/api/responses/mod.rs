//! `/v1/responses`: the same runs in the words of the Responses API.

mod events;
mod input;
mod reply;
mod request;
mod store;
mod tools;

pub(crate) use store::Responses;
use store::{Keep, Seen};

use super::read::{Efforts, Fields};
use super::tell;
use crate::error::ApiError;
use crate::observe::{RequestLog, TraceId};
use crate::run::{Asking, Caller, Gateway, unix_seconds};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use events::Told;
use outthink_core::{Effort, restore_integers};
use reply::Shape;
use request::{Before, PREVIOUS, ResponsesRequest};
use serde_json::{Value, json};
use std::sync::Arc;

/// The routes; `store` is what is remembered, over reloads, too.
pub(super) fn routes(store: Arc<Responses>) -> Router {
    Router::new()
        .route("/v1/responses", post(create))
        .route("/v1/responses/{id}", get(retrieve).delete(forget))
        .with_state(store)
}

async fn create(
    State(store): State<Arc<Responses>>,
    Extension(gateway): Extension<Arc<Gateway>>,
    Extension(trace): Extension<TraceId>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    let log = RequestLog::new(trace.clone(), "responses");
    let asking = Asking { trace: &trace, caller: &caller, log };
    answer(&gateway, &store, asking, &body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(
    gateway: &Gateway,
    store: &Arc<Responses>,
    mut asking: Asking<'_>,
    body: &[u8],
) -> Result<Response, ApiError> {
    let caller = asking.caller;
    let read = async {
        let mut fields = request::fields(body)?;
        let seen = Seen { store, caller };
        let before = before(&mut fields, seen).await?;
        resolve(&mut fields, seen).await?;
        let request = ResponsesRequest::read(fields, Efforts::of(gateway, caller), before)?;
        let engine = gateway.engine(request.run.model.as_deref())?;
        Ok((request, engine))
    };
    let (request, engine) = read.await.inspect_err(|error: &ApiError| asking.log.told(error.status.as_u16()))?;
    let ResponsesRequest { run, echo, conversation, store: keep } = request;
    let shape = Shape {
        id: format!("resp_{}", asking.trace.0),
        created: unix_seconds(),
        model: engine.model().id.clone(),
        effort: run.effort.name(),
        summary: echo.summary.is_some(),
        echo,
    };
    let keep = keep.then(|| Keep { store: Arc::clone(store), owner: asking.caller.owner(), conversation });
    let wire = Told::new(shape, run.passes_through(), keep);
    let begun = gateway.begin(engine, asking, run).await?;
    Ok(tell::respond(begun, Box::new(wire)).await)
}

/// The conversation that a request goes on with.
async fn before(fields: &mut Fields, seen: Seen<'_>) -> Result<Option<Before>, ApiError> {
    let Some(id) = fields.string(PREVIOUS)? else { return Ok(None) };
    match seen.conversation(&id).await? {
        Some(messages) => Ok(Some(Before { id, messages })),
        None => Err(request::not_remembered(&id)),
    }
}

/// Puts the items that are remembered in the place of the references to them.
async fn resolve(fields: &mut Fields, seen: Seen<'_>) -> Result<(), ApiError> {
    let Some(Value::Array(items)) = fields.look_mut("input") else { return Ok(()) };
    for item in items.iter_mut().filter(|item| is_reference(item)) {
        let found = match item["id"].as_str() {
            Some(id) => seen.item(id).await?,
            None => None,
        };
        match found {
            Some(found) => *item = found,
            None => item["type"] = "item_reference".into(),
        }
    }
    Ok(())
}

/// Its type may be left out.
fn is_reference(item: &Value) -> bool {
    item["type"] == "item_reference" || (item["type"].is_null() && item["role"].is_null() && item["id"].is_string())
}

/// Whether a body would be taken.
pub(super) fn check(body: &[u8]) -> Result<(), ApiError> {
    let mut fields = request::fields(body)?;
    match fields.string(PREVIOUS)? {
        Some(id) => Err(request::not_remembered(&id)),
        None => ResponsesRequest::read(fields, Effort::default().into(), None).map(drop),
    }
}

async fn retrieve(
    State(store): State<Arc<Responses>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let found = Seen { store: &store, caller: &caller }.get(&id).await?.ok_or_else(|| unknown(&id))?;
    Ok(([(CONTENT_TYPE, "application/json")], restore_integers(found.to_string())).into_response())
}

async fn forget(
    State(store): State<Arc<Responses>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let seen = Seen { store: &store, caller: &caller };
    if seen.forget(&id).await? {
        return Ok(Json(json!({ "id": id, "object": "response", "deleted": true })));
    }
    Err(unknown(&id))
}

fn unknown(id: &str) -> ApiError {
    let id: String = id.chars().take(64).collect();
    let words = format!("no response `{id}` is remembered: responses are kept for an hour, unless store is false");
    ApiError::not_found("response_not_found", words)
}
