//! What all routes share: the engines, and how a request becomes a run.

use crate::ServeOptions;
use crate::chat::Chat;
use crate::error::ApiError;
use crate::fair::{FairQueue, Shared};
use crate::log::{RequestLog, TraceId, random};
use crate::reply::Envelope;
use crate::request::ChatRequest;
use crate::responses::Responses;
use crate::running::{Entry, Running};
use crate::stream::Streaming;
use crate::traces::Traces;
use crate::wire::Wire;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use outthink_core::Engine;
use outthink_strategy::DriveRequest;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The default engine's other name.
const ALIAS: &str = "outthink";

pub(crate) struct Gateway {
    pub(crate) options: ServeOptions,
    pub(crate) started: u64,
    pub(crate) traces: Arc<Traces>,
    pub(crate) responses: Arc<Responses>,
    /// Who waits for each engine, in the order of the engines; none for those that queue themselves.
    queues: Vec<Option<Arc<FairQueue>>>,
}

/// A request that was understood, ready to run.
pub(crate) struct Begun {
    pub(crate) running: Running,
    pub(crate) effort: &'static str,
    pub(crate) stream: bool,
}

impl Gateway {
    pub(crate) fn new(options: ServeOptions) -> Self {
        let limits = options.limits;
        let queue = |e: &Arc<dyn Engine>| e.one_by_one().then(|| FairQueue::new(limits.in_flight, limits.waiting));
        let queues = options.engines.iter().map(queue).collect();
        Self { options, started: unix_seconds(), traces: Arc::default(), responses: Arc::default(), queues }
    }

    /// Answers a chat completion.
    pub(crate) async fn chat(&self, trace: &TraceId, body: &[u8]) -> Response {
        let log = RequestLog::new(trace.clone(), "chat.completions");
        let request = match ChatRequest::parse(body, self.options.default_effort) {
            Ok(request) => request,
            Err(error) => return refused(log, error),
        };
        let engine = match self.engine(request.model.as_deref()) {
            Ok(engine) => engine,
            Err(error) => return refused(log, error),
        };
        let envelope = Envelope {
            id: format!("chatcmpl-{}", trace.0),
            created: unix_seconds(),
            model: engine.model().id.clone(),
            effort: request.effort.name(),
            thought: self.options.thought,
        };
        let pass_through = request.strategy.name == "single";
        let wire = Chat::new(envelope, request.include_usage, pass_through, request.logprobs);
        match self.begin(engine, trace, request, log) {
            Ok(begun) => begun.respond(Box::new(wire)).await,
            Err(error) => error.into_response(),
        }
    }

    /// Starts a request; nothing is asked of the engine before the run is awaited.
    pub(crate) fn begin(
        &self,
        engine: &Arc<dyn Engine>,
        trace: &TraceId,
        request: ChatRequest,
        mut log: RequestLog,
    ) -> Result<Begun, ApiError> {
        let strategy = request.strategy.build().map_err(|error| ApiError::invalid("outthink", error.to_string()));
        let admitted = strategy.and_then(|strategy| Ok((strategy, self.admit(engine, &request)?)));
        let (strategy, engine) = admitted.inspect_err(|error| log.told(error.status.as_u16()))?;
        let (effort, stream) = (request.effort.name(), request.stream);
        let drive = DriveRequest {
            prompt: request.prompt,
            budget: request.budget,
            sampling: request.sampling,
            seed: request.seed.unwrap_or_else(random),
            logprobs: request.logprobs,
            trace_id: trace.0.clone(),
        };
        let entry = Entry { effort, log, traces: Arc::clone(&self.traces) };
        Ok(Begun { running: Running::new(engine, drive, strategy, entry), effort, stream })
    }

    /// The engine as this request sees it, unless the request had to wait for too long.
    fn admit(&self, engine: &Arc<dyn Engine>, request: &ChatRequest) -> Result<Arc<dyn Engine>, ApiError> {
        let limits = &self.options.limits;
        let messages = &request.prompt.messages;
        if messages.len() > limits.messages {
            let words = format!("messages holds {} entries: send at most {}", messages.len(), limits.messages);
            return Err(ApiError::invalid("messages", words));
        }
        let images = messages.iter().map(images).sum::<usize>();
        if images > limits.images {
            let words = format!("messages holds {images} images: send at most {}", limits.images);
            return Err(ApiError::invalid("messages", words));
        }
        let place = self.options.engines.iter().position(|e| Arc::ptr_eq(e, engine));
        let Some(queue) = place.and_then(|index| self.queues[index].as_ref()) else { return Ok(Arc::clone(engine)) };
        let crowd = queue.crowd();
        let late = request.budget.max_seconds.is_some_and(|seconds| crowd.wait.as_secs_f64() >= seconds);
        if crowd.full || late {
            let words = if crowd.full {
                "too many samples wait for this model: ask again later".to_owned()
            } else {
                let wait = crowd.wait.as_secs_f64();
                format!("the queue of this model takes about {wait:.1} s, longer than the budget: allow more seconds")
            };
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", words);
            let wait = crowd.wait.clamp(Duration::from_secs(1), Duration::from_mins(1));
            return Err(ApiError { retry_after: Some(wait), ..error.with_code("queue_full") });
        }
        Ok(Arc::new(Shared::new(Arc::clone(engine), queue, 0)))
    }

    /// The engine of a model by name; without one the first.
    pub(crate) fn engine(&self, model: Option<&str>) -> Result<&Arc<dyn Engine>, ApiError> {
        let engines = &self.options.engines;
        let found = match model {
            None => engines.first(),
            Some(id) => engines
                .iter()
                .find(|engine| engine.model().id == id)
                .or_else(|| engines.first().filter(|_| id == ALIAS)),
        };
        found.ok_or_else(|| {
            let known: Vec<&str> = engines.iter().map(|engine| engine.model().id.as_str()).collect();
            let asked: String = model.unwrap_or(ALIAS).chars().take(128).collect();
            let words = format!("the model `{asked}` does not exist here: use {}", known.join(", "));
            let error = ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", words);
            ApiError { param: Some("model".into()), ..error.with_code("model_not_found") }
        })
    }
}

impl Begun {
    /// Runs it and tells it, as a stream or whole.
    pub(crate) async fn respond(self, wire: Box<dyn Wire>) -> Response {
        let Self { running, effort, stream } = self;
        if stream {
            return Box::pin(Streaming { running, wire, effort }.respond()).await;
        }
        whole(running, wire, effort).await
    }
}

/// The reply in one piece.
async fn whole(mut running: Running, mut wire: Box<dyn Wire>, effort: &'static str) -> Response {
    let end = running.end(|update| wire.hear(update)).await;
    match *end {
        Ok(outcome) => {
            running.told(200);
            ([(CONTENT_TYPE, "application/json")], wire.whole(&outcome)).into_response()
        }
        Err(failed) => {
            let error = ApiError::of_run(&failed, effort);
            running.told(error.status.as_u16());
            error.into_response()
        }
    }
}

/// A request that is not carried out.
pub(crate) fn refused(mut log: RequestLog, error: ApiError) -> Response {
    log.told(error.status.as_u16());
    error.into_response()
}

/// Pictures in a message.
fn images(message: &Value) -> usize {
    let parts = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    parts.iter().filter(|part| part["type"] == "image_url").count()
}

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
