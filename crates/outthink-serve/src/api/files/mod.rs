//! `/v1/files`: the files that batches read and write, kept in the ledger's database.

mod upload;

use super::read::kept::{Kept, Kind};
use super::read::page::{Listing, Sizes};
use crate::error::ApiError;
use crate::observe::TraceId;
use crate::run::Caller;
use axum::body::Body;
use axum::extract::{Multipart, Path, RawQuery};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use outthink_ledger::{Ledger, LedgerError, StoredFile};
use serde_json::{Value, json};
use upload::Upload;

/// The path of uploads, whose bodies may be larger than others.
pub(crate) const PATH: &str = "/v1/files";

const KIND: Kind<StoredFile> =
    Kind { name: "file", code: "file_not_found", path: PATH, owner: |file| file.owner.as_deref() };
/// Files of a page.
const SIZES: Sizes = Sizes { usual: 10_000, most: 10_000 };
/// Lines that are read at once.
const LINES: u64 = 256;

/// The routes.
pub(super) fn routes() -> Router {
    Router::new()
        .route(PATH, get(list).post(upload))
        .route("/v1/files/{id}", get(retrieve).delete(delete))
        .route("/v1/files/{id}/content", get(content))
}

async fn upload(
    Kept { gateway, ledger, caller }: Kept,
    Extension(trace): Extension<TraceId>,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Json<Value>, ApiError> {
    let Upload { name, purpose, text, seconds } = Upload::read(form).await?;
    let created = crate::run::unix_seconds();
    let file = StoredFile {
        id: format!("file-{}", trace.0),
        owner: caller.owner(),
        name,
        purpose,
        bytes: text.len() as u64,
        created,
        expires: Some(created.saturating_add(seconds)),
    };
    gateway.begin_free(&trace, &caller).await?;
    ledger.add_file(&file, &text).await.map_err(ApiError::of_ledger)?;
    Ok(Json(object(&file)))
}

async fn list(Kept { ledger, caller, .. }: Kept, RawQuery(query): RawQuery) -> Result<Json<Value>, ApiError> {
    let listing = Listing::read(query.as_deref(), &caller, SIZES)?;
    let found = ledger.files(&listing.page, listing.purpose.as_deref()).await;
    Ok(Json(listing.object(found.map_err(ApiError::of_ledger)?.iter().map(object).collect())))
}

async fn retrieve(Kept { ledger, caller, .. }: Kept, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    find(&ledger, &caller, &id).await.map(|file| Json(object(&file)))
}

async fn content(Kept { ledger, caller, .. }: Kept, Path(id): Path<String>) -> Result<Response, ApiError> {
    let file = find(&ledger, &caller, &id).await?;
    let lines = async_stream::stream! {
        let mut from = 0;
        loop {
            match ledger.file_lines(&file.id, from, LINES).await {
                Ok(lines) => {
                    let Some((last, _)) = lines.last() else { return };
                    from = last + 1;
                    yield Ok::<_, LedgerError>(lines.into_iter().map(|(_, line)| line).collect::<String>());
                }
                // The status is out; a connection that breaks says that the file is not whole.
                Err(error) => {
                    tracing::error!(%error, "a file could not be read to its end");
                    yield Err(error);
                    return;
                }
            }
        }
    };
    Ok(([(CONTENT_TYPE, "application/octet-stream")], Body::from_stream(lines)).into_response())
}

async fn delete(Kept { ledger, caller, .. }: Kept, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let file = find(&ledger, &caller, &id).await?;
    if ledger.is_read(&file.id).await.map_err(ApiError::of_ledger)? {
        let words = "a batch reads this file: cancel the batch, or wait for its end";
        return Err(ApiError::new(StatusCode::CONFLICT, "invalid_request_error", words).with_code("file_in_use"));
    }
    ledger.delete_file(&file.id).await.map_err(ApiError::of_ledger)?;
    Ok(Json(json!({ "id": file.id, "object": "file", "deleted": true })))
}

/// A file that the caller may see.
async fn find(ledger: &Ledger, caller: &Caller, id: &str) -> Result<StoredFile, ApiError> {
    KIND.seen(caller, id, ledger.file(id).await)
}

/// A file as the API has it.
fn object(file: &StoredFile) -> Value {
    json!({
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created,
        "expires_at": file.expires,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": null,
    })
}
