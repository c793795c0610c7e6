//! `/v1/responses` and `/v1/conversations`: the same runs in the words of the Responses API.

mod background;
mod conversations;
mod events;
mod include;
mod input;
mod items;
mod logprobs;
mod native;
mod reply;
mod request;
mod sealed;
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
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use events::Told;
use outthink_core::{Effort, restore_integers};
use reply::Shape;
use request::{Before, CONVERSATION, PREVIOUS, ResponsesRequest};
use serde_json::{Value, json};
use std::sync::Arc;

/// The routes; `store` is what is remembered, over reloads, too.
pub(super) fn routes(store: Arc<Responses>) -> Router {
    Router::new()
        .route("/v1/responses", post(create))
        .route("/v1/responses/input_tokens", post(count))
        .route("/v1/responses/{id}", get(retrieve).delete(forget))
        .route("/v1/responses/{id}/input_items", get(input_items))
        .route("/v1/responses/{id}/cancel", post(cancel))
        .merge(conversations::routes())
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
    // The layers around a handler move its future; this keeps it small.
    Box::pin(answer(&gateway, &store, asking, &body)).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(
    gateway: &Gateway,
    store: &Arc<Responses>,
    mut asking: Asking<'_>,
    body: &[u8],
) -> Result<Response, ApiError> {
    let caller = asking.caller;
    let read = async {
        let Asked { request, items } =
            Asked::read(gateway, Seen { store, caller }, (caller, asking.trace), body).await?;
        let engine = gateway.engine(request.run.model.as_deref())?;
        Ok((request, items, engine))
    };
    let (request, input, engine) = read.await.inspect_err(|error: &ApiError| asking.log.told(error.status.as_u16()))?;
    let ResponsesRequest { run, echo, messages, store: response } = request;
    let background = echo.background;
    if background && caller.part.is_some() {
        let words = "background is true, and nobody could wait for it in a batch: leave it out";
        let error = ApiError::invalid("background", words);
        asking.log.told(error.status.as_u16());
        return Err(error);
    }
    let conversation = echo.fields.get(CONVERSATION).and_then(|c| c["id"].as_str()).map(str::to_owned);
    let shape = Shape {
        id: format!("resp_{}", asking.trace.0),
        created: unix_seconds(),
        model: engine.model().id.clone(),
        effort: run.effort.name(),
        summary: echo.summary.is_some(),
        echo,
    };
    let keep = (response || conversation.is_some()).then(|| Keep {
        store: Arc::clone(store),
        owner: caller.owner(),
        messages,
        input,
        response,
        conversation,
    });
    let wire = Told::new(shape, run.passes_through(), keep);
    let begun = gateway.begin(engine, asking, run).await?;
    if background {
        return Ok(background::begin(store, caller.owner(), begun, wire).await);
    }
    Ok(tell::respond(begun, Box::new(wire)).await)
}

/// A request with what it refers to.
struct Asked {
    request: ResponsesRequest,
    /// The items of its input.
    items: Vec<Value>,
}

impl Asked {
    async fn read(
        gateway: &Gateway,
        seen: Seen<'_>,
        (caller, trace): (&Caller, &TraceId),
        body: &[u8],
    ) -> Result<Self, ApiError> {
        let mut fields = request::fields(body)?;
        let before = before(&mut fields, seen).await?;
        resolve(&mut fields, seen).await?;
        let items = items::with_ids(fields.look("input"), &trace.0);
        // A model that is not here is an error after those of the other fields.
        let engine = gateway.engine(fields.look("model").and_then(Value::as_str));
        let hosted = engine.map(|engine| engine.hosted_tools()).unwrap_or_default();
        let request = ResponsesRequest::read(fields, Efforts::of(gateway, caller), before, &hosted)?;
        Ok(Self { request, items })
    }
}

/// How long a prompt is. Nobody is asked for it: it is an estimate, and says so.
async fn count(
    State(store): State<Arc<Responses>>,
    Extension(gateway): Extension<Arc<Gateway>>,
    Extension(trace): Extension<TraceId>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let seen = Seen { store: &store, caller: &caller };
    let request = Asked::read(&gateway, seen, (&caller, &trace), &body).await?.request;
    let engine = gateway.engine(request.run.model.as_deref())?;
    caller.may_use(&engine.model().id)?;
    let tokens = crate::run::likely_tokens(&request.run.prompt, &engine.model().id);
    let estimated = json!({ "estimated": true });
    Ok(Json(json!({ "object": "response.input_tokens", "input_tokens": tokens, "outthink": estimated })))
}

/// What a request goes on from.
async fn before(fields: &mut Fields, seen: Seen<'_>) -> Result<Option<Before>, ApiError> {
    let (conversation, previous) = (request::conversation(fields)?, fields.string(PREVIOUS)?);
    match (conversation, previous) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            let words = "previous_response_id and conversation both say what comes before: give one of them";
            Err(ApiError::invalid(PREVIOUS, words))
        }
        (None, Some(id)) => match seen.messages(&id).await? {
            Some(messages) => Ok(Some(Before::Response { id, messages })),
            None => Err(request::not_remembered(&id)),
        },
        (Some(id), None) => match seen.conversation(&id).await? {
            Some((_, items)) => Ok(Some(Before::Conversation { id, items })),
            None => Err(conversations::unknown(&id)),
        },
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

/// Whether a body would be taken by a gateway that remembers nothing.
pub(super) fn check(body: &[u8]) -> Result<(), ApiError> {
    let mut fields = request::fields(body)?;
    match (request::conversation(&mut fields)?, fields.string(PREVIOUS)?) {
        (Some(id), _) => Err(conversations::unknown(&id)),
        (None, Some(id)) => Err(request::not_remembered(&id)),
        (None, None) => ResponsesRequest::read(fields, Effort::default().into(), None, &[]).map(drop),
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

async fn cancel(
    State(store): State<Arc<Responses>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let seen = Seen { store: &store, caller: &caller };
    let found = background::cancel(seen, &id).await?.ok_or_else(|| unknown(&id))?;
    Ok(([(CONTENT_TYPE, "application/json")], restore_integers(found.to_string())).into_response())
}

async fn input_items(
    State(store): State<Arc<Responses>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let found = Seen { store: &store, caller: &caller }.input(&id).await?.ok_or_else(|| unknown(&id))?;
    let page = items::page(found, query.as_deref())?;
    Ok(([(CONTENT_TYPE, "application/json")], restore_integers(page.to_string())).into_response())
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
