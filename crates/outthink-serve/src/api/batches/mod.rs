//! `/v1/batches`: many requests of one file, answered in the background and written to files.
//!
//! A request of a batch goes through the same route as any other, so that it is admitted, queued, billed and answered alike;
//! which protocol it speaks is that route's affair. What is done stands in the ledger's database: a gateway that is killed
//! is taken over by whichever looks next, and each result is there once.

mod input;
mod job;
mod line;
mod object;
mod request;
mod shares;
mod work;

pub(crate) use object::object;
pub(crate) use work::{Batches, Host};

use super::read::kept::{Kept, Kind};
use super::read::page::{Listing, Sizes};
use crate::error::ApiError;
use crate::observe::TraceId;
use crate::run::{Caller, unix_seconds};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use object::status;
use outthink_ledger::{Ledger, StoredBatch};
use request::Create;
use serde_json::Value;
use std::sync::Arc;

const KIND: Kind<StoredBatch> =
    Kind { name: "batch", code: "batch_not_found", path: "/v1/batches", owner: |batch| batch.owner.as_deref() };
/// Batches of a page.
const SIZES: Sizes = Sizes { usual: 20, most: 100 };

/// The routes; `batches` works on what they take.
pub(super) fn routes(batches: Arc<Batches>) -> Router {
    Router::new()
        .route("/v1/batches", get(list).post(create))
        .route("/v1/batches/{id}", get(retrieve))
        .route("/v1/batches/{id}/cancel", post(cancel))
        .with_state(batches)
}

/// Whether a batch has ended, by its object.
pub(crate) fn has_ended(object: &Value) -> bool {
    object["status"].as_str().is_some_and(status::is_last)
}

/// Enters a batch of the key `owner`.
pub(crate) async fn enter(
    ledger: &Ledger,
    owner: Option<String>,
    name: &str,
    body: &[u8],
) -> Result<StoredBatch, ApiError> {
    let created = unix_seconds();
    let Create { input, mut document } = Create::read(body, created)?;
    let file = ledger.file(&input).await.map_err(ApiError::of_ledger)?;
    if file.is_none_or(|file| file.owner != owner) {
        let words = "input_file_id names no file of this key: upload it with POST /v1/files";
        return Err(ApiError::invalid("input_file_id", words));
    }
    (document.output, document.errors) = (format!("file-{name}-output"), format!("file-{name}-errors"));
    let batch = StoredBatch {
        id: format!("batch_{name}"),
        owner,
        input,
        created,
        status: status::VALIDATING.to_owned(),
        cancelling: None,
        body: document.text(),
    };
    ledger.add_batch(&batch).await.map_err(ApiError::of_ledger)?;
    Ok(batch)
}

async fn create(
    State(batches): State<Arc<Batches>>,
    Kept { gateway, ledger, caller }: Kept,
    Extension(trace): Extension<TraceId>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    gateway.begin_free(&trace, &caller).await?;
    let batch = enter(&ledger, caller.owner(), &trace.0, &body).await?;
    batches.wake();
    Ok(Json(object(&batch)))
}

async fn list(Kept { ledger, caller, .. }: Kept, RawQuery(query): RawQuery) -> Result<Json<Value>, ApiError> {
    let listing = Listing::read(query.as_deref(), &caller, SIZES)?;
    let found = ledger.batches(&listing.page).await.map_err(ApiError::of_ledger)?;
    Ok(Json(listing.object(found.iter().map(object).collect())))
}

async fn retrieve(Kept { ledger, caller, .. }: Kept, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    find(&ledger, &caller, &id).await.map(|batch| Json(object(&batch)))
}

async fn cancel(
    State(batches): State<Arc<Batches>>,
    Kept { ledger, caller, .. }: Kept,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let batch = find(&ledger, &caller, &id).await?;
    let done = ledger.cancel_batch(&batch.id, unix_seconds()).await.map_err(ApiError::of_ledger)?;
    let batch = find(&ledger, &caller, &id).await?;
    if !done && ![status::CANCELLING, status::CANCELLED].contains(&batch.status.as_str()) {
        let words = format!("the batch is {} and cannot be cancelled any more", batch.status);
        let error = ApiError::new(StatusCode::CONFLICT, "invalid_request_error", words);
        return Err(error.with_code("batch_not_cancellable"));
    }
    batches.wake();
    Ok(Json(object(&batch)))
}

/// A batch that the caller may see.
async fn find(ledger: &Ledger, caller: &Caller, id: &str) -> Result<StoredBatch, ApiError> {
    KIND.seen(caller, id, ledger.batch(id).await)
}
