//! `/v1/models` and `/v1/outthink/traces`: what can be asked for, and what was decided.

use crate::error::ApiError;
use crate::run::{Caller, Gateway};
use axum::extract::Path;
use axum::{Extension, Json};
use outthink_core::Engine;
use serde_json::{Value, json};
use std::sync::Arc;

type Now = Extension<Arc<Gateway>>;

pub(super) async fn list(Extension(gateway): Now) -> Json<Value> {
    let data: Value = gateway.options.engines.iter().map(|engine| describe(engine.as_ref(), gateway.started)).collect();
    Json(json!({ "object": "list", "data": data }))
}

pub(super) async fn one(Extension(gateway): Now, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let engine = gateway.engine(Some(&id))?;
    Ok(Json(describe(engine.as_ref(), gateway.started)))
}

fn describe(engine: &dyn Engine, started: u64) -> Value {
    let model = engine.model();
    let mut object = json!({ "id": model.id, "object": "model", "created": started, "owned_by": "outthink" });
    if let Some(context) = model.context {
        // The name that vLLM gives it.
        object["max_model_len"] = context.into();
    }
    object
}

pub(super) async fn trace(
    Extension(gateway): Now,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    // Those of others are not told from those that are not there.
    let found = gateway.traces.get(&id, |owner| caller.may_see(owner)).await.map_err(ApiError::of_ledger)?;
    found.map(Json).ok_or_else(|| {
        let words = "no trace of this name is remembered: traces are kept for an hour, the newest 512 of them";
        ApiError::not_found("trace_not_found", words)
    })
}
