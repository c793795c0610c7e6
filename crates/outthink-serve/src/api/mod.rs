//! The protocols: bytes to a [`RunRequest`](crate::run::RunRequest), and updates to bytes. No API knows another;
//! what they have in common is read by `read` and sent by `tell`.

mod batches;
mod chat;
mod files;
mod messages;
mod models;
mod read;
mod relay;
mod responses;
mod rewards;
mod tell;

pub(crate) use batches::{Batches, Host, enter as enter_batch, has_ended, object as batch_object};
pub(crate) use files::PATH as FILES;
pub(crate) use messages::{PATH as MESSAGES, in_own_words};
pub(crate) use read::beside;
pub(crate) use responses::Responses;

use crate::error::ApiError;
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;

/// The routes; `responses` are those that are remembered, `batches` those that are worked on.
pub(crate) fn routes(responses: Arc<Responses>, batches: Arc<Batches>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/completions", post(relay::completions))
        .route("/v1/embeddings", post(relay::embeddings))
        .route("/v1/rewards", post(rewards::reward_all))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route("/v1/outthink/traces/{id}", get(models::trace))
        .merge(files::routes())
        .merge(batches::routes(batches))
        .merge(messages::routes())
        .merge(responses::routes(responses))
}

/// What the protocols say of their paths and bodies, for `/openapi.json`.
pub(crate) const DOCUMENTS: [&str; 6] = [
    include_str!("chat/openapi.json"),
    include_str!("responses/openapi.json"),
    include_str!("messages/openapi.json"),
    include_str!("relay/openapi.json"),
    include_str!("files/openapi.json"),
    include_str!("batches/openapi.json"),
];

/// The protocols that answer a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/messages`.
    Messages,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];
}

/// Whether a body would be taken.
pub(crate) fn check(body: &[u8], api: Api) -> Result<(), ApiError> {
    match api {
        Api::Chat => chat::check(body),
        Api::Responses => responses::check(body),
        Api::Messages => messages::check(body),
    }
}
