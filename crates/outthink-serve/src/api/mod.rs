//! The protocols: bytes to a [`RunRequest`](crate::run::RunRequest), and updates to bytes. No API knows another;
//! what they have in common is read by `read` and sent by `tell`.

mod chat;
mod models;
mod read;
mod relay;
mod responses;
mod rewards;
mod tell;

pub(crate) use read::beside;
pub(crate) use responses::Responses;

use crate::error::ApiError;
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;

/// The routes; `responses` are those that are remembered.
pub(crate) fn routes(responses: Arc<Responses>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/completions", post(relay::completions))
        .route("/v1/embeddings", post(relay::embeddings))
        .route("/v1/rewards", post(rewards::reward_all))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route("/v1/outthink/traces/{id}", get(models::trace))
        .merge(responses::routes(responses))
}

/// Whether a body would be taken by `/v1/chat/completions`, or with `responses` by `/v1/responses`.
pub(crate) fn check(body: &[u8], responses: bool) -> Result<(), ApiError> {
    if responses { responses::check(body) } else { chat::check(body) }
}
