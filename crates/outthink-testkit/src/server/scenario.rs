//! Which reply belongs to which request.

use super::steady::{Steady, embeddings};
use super::{Reply, Request};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Decides the reply to a request by its number on its route, from 0, and by what it asks.
type Answer = Arc<dyn Fn(u64, &Request) -> Reply + Send + Sync>;

/// How a route answers.
#[derive(Clone)]
pub(super) enum Route {
    /// One after another; the last one again and again.
    InTurn(Vec<Reply>),
    /// One after another, round and round.
    Round(Vec<Reply>),
    /// By the request.
    By(Answer),
}

impl Route {
    fn reply(&self, number: u64, request: &Request) -> Option<Reply> {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        match self {
            Self::InTurn(replies) => replies.get(at).or(replies.last()).cloned(),
            Self::Round(replies) => replies.get(at % replies.len().max(1)).cloned(),
            Self::By(answer) => Some(answer(number, request)),
        }
    }
}

/// What a server answers, route by route.
///
/// A route that is not scripted answers as a healthy server does: `GET /v1/models` lists the model,
/// `GET /metrics` has the server's own counters, other `GET`s say that all is well; a `POST` is a 404.
#[derive(Clone)]
pub struct Scenario {
    pub(super) model: String,
    owner: String,
    context: Option<u64>,
    routes: HashMap<String, Route>,
    pub(super) steady: Option<Steady>,
    pub(super) stale: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            model: "m".into(),
            owner: "testkit".into(),
            context: None,
            routes: HashMap::new(),
            steady: None,
            stale: false,
        }
    }
}

impl Scenario {
    /// In place of a path: every path that has no script of its own.
    pub const ANY: &str = "*";
    /// The path of chat completions.
    pub const CHAT: &str = "/v1/chat/completions";
    /// The path of text completions.
    pub const COMPLETIONS: &str = "/v1/completions";
    /// The path of embeddings.
    pub const EMBEDDINGS: &str = "/v1/embeddings";
    /// The path of the list of models.
    pub const MODELS: &str = "/v1/models";

    /// Answers chat completions with these one after another, the last one again and again.
    pub fn chat(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::default().on(Self::CHAT, replies)
    }

    /// Answers chat completions with these one after another, round and round.
    pub fn round(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut scenario = Self::default();
        scenario.routes.insert(Self::CHAT.into(), Route::Round(replies.into_iter().collect()));
        scenario
    }

    /// Answers chat completions by the request and its number, from 0.
    pub fn by(answer: impl Fn(u64, &Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::default().on_by(Self::CHAT, answer)
    }

    /// Answers requests of any kind, for any path, with these one after another, the last one again and again.
    pub fn anything(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::default().on(Self::ANY, replies)
    }

    /// A server that generates words by itself, keeps no requests, and is fast.
    pub fn steady(steady: Steady) -> Self {
        let model = steady.model.clone();
        let vectors = Reply::body("application/json", embeddings(&steady));
        Self { model, steady: Some(steady), ..Self::default() }.on(Self::EMBEDDINGS, [vectors])
    }

    /// Answers requests for `path`, of any method, with these one after another, the last one again and again.
    #[must_use]
    pub fn on(mut self, path: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.routes.insert(path.into(), Route::InTurn(replies.into_iter().collect()));
        self
    }

    /// Answers requests for `path`, of any method, by the request and its number, from 0.
    #[must_use]
    pub fn on_by(mut self, path: &str, answer: impl Fn(u64, &Request) -> Reply + Send + Sync + 'static) -> Self {
        self.routes.insert(path.into(), Route::By(Arc::new(answer)));
        self
    }

    /// Sets the name of the model, `m` where nothing is said.
    #[must_use]
    pub fn model(mut self, name: &str) -> Self {
        self.model = name.into();
        self
    }

    /// Sets who owns the model, by which clients guess the kind of the server: `vllm`, `llamacpp`, …
    #[must_use]
    pub fn owned_by(mut self, owner: &str) -> Self {
        self.owner = owner.into();
        self
    }

    /// Sets the length of the model's context, in vLLM's words.
    #[must_use]
    pub const fn context(mut self, tokens: u64) -> Self {
        self.context = Some(tokens);
        self
    }

    /// Closes a kept connection when a second request comes on it, before a byte of the reply.
    #[must_use]
    pub const fn closes_kept_connections(mut self) -> Self {
        self.stale = true;
        self
    }

    /// The scripted route of a path, by its name, if there is one.
    pub(super) fn route<'a>(&self, path: &'a str) -> Option<&'a str> {
        [path, Self::ANY].into_iter().find(|name| self.routes.contains_key(*name))
    }

    /// The reply of a route to its request of this number.
    pub(super) fn reply(&self, route: &str, number: u64, request: &Request) -> Option<Reply> {
        self.routes.get(route)?.reply(number, request)
    }

    pub(super) fn models(&self) -> Value {
        let mut model = json!({"id": self.model, "object": "model", "created": 1, "owned_by": self.owner});
        if let Some(context) = self.context {
            model["max_model_len"] = context.into();
        }
        json!({"object": "list", "data": [model]})
    }

    /// What routers ask a worker for, under many names.
    pub(super) fn about(&self) -> Value {
        json!({"status": "ok", "model_path": self.model, "served_model_name": self.model})
    }
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario")
            .field("model", &self.model)
            .field("routes", &self.routes.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl From<Reply> for Scenario {
    fn from(reply: Reply) -> Self {
        Self::chat([reply])
    }
}
