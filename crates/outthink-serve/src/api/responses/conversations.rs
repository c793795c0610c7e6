//! `/v1/conversations`: items under one name, which responses go on from and add to.

use super::store::{Responses, Seen};
use super::{input, items};
use crate::api::read::{Fields, body_object};
use crate::error::ApiError;
use crate::observe::TraceId;
use crate::run::{Caller, unix_seconds};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use outthink_core::restore_integers;
use serde_json::{Value, json};
use std::sync::Arc;

type Store = State<Arc<Responses>>;

/// The routes.
pub(super) fn routes() -> Router<Arc<Responses>> {
    Router::new()
        .route("/v1/conversations", post(create))
        .route("/v1/conversations/{id}", get(retrieve).post(update).delete(forget))
        .route("/v1/conversations/{id}/items", get(list).post(add))
        .route("/v1/conversations/{id}/items/{item}", get(item).delete(remove))
}

/// The error of a conversation that is not remembered.
pub(super) fn unknown(id: &str) -> ApiError {
    let id: String = id.chars().take(64).collect();
    let words = format!(
        "no conversation `{id}` is remembered: one is kept for an hour after it was last used; create another, or send \
         the whole conversation in `input`"
    );
    ApiError::not_found("conversation_not_found", words)
}

fn unknown_item(id: &str) -> ApiError {
    let id: String = id.chars().take(64).collect();
    ApiError::not_found("item_not_found", format!("the conversation has no item `{id}`: list its items"))
}

fn reply(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], restore_integers(value.to_string())).into_response()
}

/// The fields of a body, which may be empty.
fn fields(body: &[u8]) -> Result<Fields, ApiError> {
    let body = if body.is_empty() { b"{}".as_slice() } else { body };
    Ok(Fields::new(body_object(body, "`items` or `metadata`")?, ""))
}

/// Takes `items`, checked and with ids in which `name` stands.
fn take_items(fields: &mut Fields, name: &str) -> Result<Vec<Value>, ApiError> {
    let given = fields.take("items");
    if given.as_ref().is_some_and(|given| !given.is_array()) {
        return Err(ApiError::invalid("items", "items is not a list: give an array of items"));
    }
    let list = items::with_ids(given.as_ref(), name);
    input::messages(given, "items", &mut Vec::new())?;
    Ok(list)
}

async fn create(
    State(store): Store,
    Extension(trace): Extension<TraceId>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut fields = fields(&body)?;
    let metadata = fields.object("metadata")?.unwrap_or_default();
    let items = take_items(&mut fields, &trace.0)?;
    let conversation = json!({
        "id": format!("conv_{}", trace.0),
        "object": "conversation",
        "created_at": unix_seconds(),
        "metadata": metadata,
    });
    store.converse(caller.owner(), &conversation, &items).await;
    Ok(reply(&conversation))
}

async fn retrieve(
    State(store): Store,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let found = Seen { store: &store, caller: &caller }.conversation(&id).await?;
    found.map(|(conversation, _)| reply(&conversation)).ok_or_else(|| unknown(&id))
}

async fn update(
    State(store): Store,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let metadata = fields(&body)?.object("metadata")?.unwrap_or_default();
    let seen = Seen { store: &store, caller: &caller };
    let changed = seen.change(&id, |conversation, _| conversation["metadata"] = metadata.into()).await?;
    changed.map(|(conversation, _)| reply(&conversation)).ok_or_else(|| unknown(&id))
}

async fn forget(
    State(store): Store,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let seen = Seen { store: &store, caller: &caller };
    if seen.forget_conversation(&id).await? {
        return Ok(reply(&json!({ "id": id, "object": "conversation.deleted", "deleted": true })));
    }
    Err(unknown(&id))
}

async fn list(
    State(store): Store,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let found = Seen { store: &store, caller: &caller }.conversation(&id).await?;
    let (_, items) = found.ok_or_else(|| unknown(&id))?;
    Ok(reply(&items::page(items, query.as_deref())?))
}

async fn add(
    State(store): Store,
    Extension(trace): Extension<TraceId>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut fields = fields(&body)?;
    let added = take_items(&mut fields, &trace.0)?;
    if added.is_empty() {
        return Err(ApiError::invalid("items", "items is missing: give an array of at least one item"));
    }
    let seen = Seen { store: &store, caller: &caller };
    let changed = seen.change(&id, |_, items| items.extend_from_slice(&added)).await?;
    changed.ok_or_else(|| unknown(&id))?;
    let id = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    let (first, last) = (id(added.first()), id(added.last()));
    Ok(reply(&json!({ "object": "list", "first_id": first, "last_id": last, "has_more": false, "data": added })))
}

async fn item(
    State(store): Store,
    Extension(caller): Extension<Caller>,
    Path((id, item)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let found = Seen { store: &store, caller: &caller }.conversation(&id).await?;
    let (_, items) = found.ok_or_else(|| unknown(&id))?;
    let found = items.into_iter().find(|known| known["id"] == item.as_str());
    found.map(|found| reply(&found)).ok_or_else(|| unknown_item(&item))
}

async fn remove(
    State(store): Store,
    Extension(caller): Extension<Caller>,
    Path((id, item)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let seen = Seen { store: &store, caller: &caller };
    let mut removed = false;
    let changed = seen
        .change(&id, |_, items| {
            let before = items.len();
            items.retain(|known| known["id"] != item.as_str());
            removed = items.len() < before;
        })
        .await?;
    let (conversation, _) = changed.ok_or_else(|| unknown(&id))?;
    if removed { Ok(reply(&conversation)) } else { Err(unknown_item(&item)) }
}
