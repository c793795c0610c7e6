//! Making an engine: the address, the client and what the server says of its models.

use super::continuation::Known;
use super::habit::Habits;
use super::http::{Access, Client, Place};
use super::learned::Learned;
use super::wire::{Pulse, Reachability, Wire, refusal};
use super::{Dialect, OpenAiEngine, OpenAiOptions, Secret, error, options};
use crate::retry;
use outthink_core::{EngineError, ModelInfo, Origin, Price, Source};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{sleep, timeout};

/// Bytes of a list of models at most.
const LIST_LIMIT: usize = 8 << 20;

impl OpenAiEngine {
    /// An engine for a known model, without asking the server anything. The dialect is guessed from
    /// the address unless given.
    ///
    /// # Errors
    /// If the address is not valid or no model is named.
    pub fn new(options: OpenAiOptions) -> Result<Self, EngineError> {
        let Some(id) = options.model.clone() else {
            return Err(EngineError::new(Origin::Caller, "no model is named")
                .with_hint("name one, or connect to the server to take its first"));
        };
        let info = ModelInfo { id, context: None, price: options.price };
        let (dialect, multiplex) = (options.dialect.clone(), options.multiplex);
        let wire = wire(options)?;
        let dialect = dialect.unwrap_or_else(|| Dialect::guess("", &wire.endpoint));
        Ok(Self::build(wire, info, dialect, multiplex))
    }

    /// Asks the server for its models: finds the model's name, its context and the dialect, as
    /// far as they are not given.
    ///
    /// # Errors
    /// If the address is not valid, the server does not answer, or it lists no model; with
    /// [`OpenAiOptions::probe`], if it cannot be asked what it can do.
    pub async fn connect(options: OpenAiOptions) -> Result<Self, EngineError> {
        let OpenAiOptions { model, dialect, price, multiplex, probe, .. } = options.clone();
        let wire = wire(options)?;
        let listed = match list(&wire).await {
            Ok(models) => models,
            // Some hosted servers have no list.
            Err(e) if model.is_some() && matches!(e.status, Some(404 | 405 | 501)) => Vec::new(),
            Err(e) => return Err(e),
        };
        let named = |m: &&Value| model.as_deref().is_none_or(|id| m["id"] == id);
        let entry = listed.iter().find(named);
        let id = model.clone().or_else(|| {
            let id = entry?["id"].as_str()?;
            Some(id.to_owned())
        });
        let Some(id) = id else {
            return Err(EngineError::new(Origin::Engine, "the engine lists no model")
                .with_hint("load a model in the server, or name one"));
        };
        let owner = entry.or_else(|| listed.first()).map(|m| &m["owned_by"]);
        let owner = owner.and_then(Value::as_str).unwrap_or_default();
        let dialect = dialect.unwrap_or_else(|| Dialect::guess(owner, &wire.endpoint));
        let context = entry.and_then(context);
        let info = info(id, context, price);
        let mut engine = Self::build(wire, info, dialect, multiplex);
        if probe {
            engine.adopt(&*engine.abilities().await?);
        }
        Ok(engine)
    }

    /// Asks the server for its models once, to see whether it is alive.
    ///
    /// # Errors
    /// If it does not answer, or does not answer with a list.
    pub async fn probe(&self) -> Result<(), EngineError> {
        list_once(&self.wire).await.map(drop)
    }

    fn build(wire: Wire, model: ModelInfo, dialect: Dialect, multiplex: bool) -> Self {
        let source = Arc::new(Source { model: model.id.clone(), member: None, price: model.price });
        Self { wire: Arc::new(wire), model, source, dialect: Arc::new(dialect), multiplex }
    }
}

const fn info(id: String, context: Option<u64>, price: Price) -> ModelInfo {
    ModelInfo { id, context, price }
}

/// vLLM and `SGLang` report `max_model_len`, llama.cpp `meta.n_ctx` or the training length, others
/// `context_length`.
fn context(model: &Value) -> Option<u64> {
    ["/max_model_len", "/context_length", "/meta/n_ctx", "/meta/n_ctx_train"]
        .into_iter()
        .find_map(|p| model.pointer(p)?.as_u64())
}

pub(super) fn wire(options: OpenAiOptions) -> Result<Wire, EngineError> {
    let endpoint = options::endpoint(&options.base_url)?;
    let access = Access::bearer(options.api_key.as_ref().map(Secret::expose))?;
    let chat = Place::new(&format!("{endpoint}/chat/completions"))?;
    wire_at(endpoint, chat, access, options)
}

/// The way to a server whose replies come from `chat`.
pub(super) fn wire_at(
    endpoint: String,
    chat: Place,
    access: Access,
    options: OpenAiOptions,
) -> Result<Wire, EngineError> {
    Ok(Wire {
        client: Client::new(&endpoint, access, &options.timeouts)?,
        chat,
        completions: Place::new(&format!("{endpoint}/completions"))?,
        endpoint,
        key: options.api_key,
        timeouts: options.timeouts,
        max_retries: options.max_retries,
        max_retry_wait: options.max_retry_wait,
        permits: Arc::new(Semaphore::new(options.max_in_flight.clamp(1, Semaphore::MAX_PERMITS))),
        learned: Learned::default(),
        known: Known::default(),
        habits: Habits::default(),
        abilities: OnceCell::new(),
        reachability: Reachability::default(),
        pulse: Pulse::default(),
    })
}

async fn list(wire: &Wire) -> Result<Vec<Value>, EngineError> {
    models_of(get(wire, "/models").await?.as_ref())
}

/// What is at a path below the server's address, asked for again where that may help.
pub(super) async fn get(wire: &Wire, path: &str) -> Result<Option<Value>, EngineError> {
    let mut attempt = 0;
    loop {
        let limit = wire.timeouts.first_token;
        let result = timeout(limit, get_once(wire, path)).await;
        let error = match result {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => error,
            Err(_) => return Err(error::timeout("the engine did not list its models", limit, false)),
        };
        attempt += 1;
        if !error.retryable || attempt > wire.max_retries || !wire.waits(error.retry_after) {
            return Err(error);
        }
        sleep(retry::delay(0, attempt, error.retry_after).min(limit)).await;
    }
}

async fn list_once(wire: &Wire) -> Result<Vec<Value>, EngineError> {
    models_of(get_once(wire, "/models").await?.as_ref())
}

/// What is at a path below the server's address; `None` where it is no JSON.
pub(super) async fn get_once(wire: &Wire, path: &str) -> Result<Option<Value>, EngineError> {
    let models = Place::new(&format!("{}{path}", wire.endpoint))?;
    let transport = |e| error::of_transport(e, false);
    let mut response = wire.client.get(&models).await.map_err(|broken| {
        if broken.connect {
            wire.reachability.failed();
        }
        transport(broken)
    })?;
    wire.reachability.reached();
    if !response.status().is_success() {
        return Err(refusal(response, wire).await.0);
    }
    let text = response.text(LIST_LIMIT).await;
    Ok(serde_json::from_str(&text.map_err(transport)?).ok())
}

fn models_of(list: Option<&Value>) -> Result<Vec<Value>, EngineError> {
    match list.map(|l| l["data"].as_array().or(l.as_array())) {
        Some(Some(models)) => Ok(models.clone()),
        Some(None) => Err(error::not_a_stream("JSON that is not a list of models")),
        None => Err(error::not_a_stream("something that is not JSON")),
    }
}
