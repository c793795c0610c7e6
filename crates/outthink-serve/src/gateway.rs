//! What all routes share: the engines, and how a request becomes a run.

use crate::ServeOptions;
use crate::access::Caller;
use crate::chat::Chat;
use crate::config::{Config, Store};
use crate::control::Control;
use crate::error::ApiError;
use crate::fair::FairQueue;
use crate::log::{RequestLog, TraceId, random};
use crate::observe::tree::About;
use crate::observe::{Keep, Parent, Watch};
use crate::reply::Envelope;
use crate::request::ChatRequest;
use crate::resources::wrong;
use crate::responses::Responses;
use crate::running::{Entry, Plan, Running};
use crate::settings::Efforts;
use crate::shared::Shared;
use crate::stream::Streaming;
use crate::traces::Traces;
use crate::wire::Wire;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use outthink_core::Engine;
use outthink_strategy::{DriveRequest, Driver, DriverArm};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// The default engine's other name.
const ALIAS: &str = "outthink";

pub(crate) struct Gateway {
    pub(crate) options: ServeOptions,
    pub(crate) started: u64,
    pub(crate) traces: Arc<Traces>,
    pub(crate) responses: Arc<Responses>,
    /// Whether the gateway is to end.
    pub(crate) ending: watch::Receiver<bool>,
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
    /// The gateway with these settings, and with what it remembers of before.
    pub(crate) fn new(options: ServeOptions, ending: watch::Receiver<bool>, before: Option<&Self>) -> Self {
        let limits = options.limits;
        let queue = |e: &Arc<dyn Engine>| e.one_by_one().then(|| FairQueue::new(limits.in_flight, limits.waiting));
        let queues = options.engines.iter().map(queue).collect();
        Self {
            options,
            started: before.map_or_else(unix_seconds, |b| b.started),
            traces: before.map_or_else(Arc::default, |b| Arc::clone(&b.traces)),
            responses: before.map_or_else(Arc::default, |b| Arc::clone(&b.responses)),
            ending,
            queues,
        }
    }

    /// Answers a chat completion.
    pub(crate) async fn chat(&self, trace: &TraceId, caller: &Caller, body: &[u8]) -> Response {
        let log = RequestLog::new(trace.clone(), "chat.completions");
        let request = match ChatRequest::parse(body, self.efforts(caller)) {
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
        match self.begin(engine, trace, caller, request, log).await {
            Ok(begun) => begun.respond(Box::new(wire)).await,
            Err(error) => error.into_response(),
        }
    }

    /// Starts a request; nothing is asked of the engine before the run is awaited.
    pub(crate) async fn begin(
        &self,
        engine: &Arc<dyn Engine>,
        trace: &TraceId,
        caller: &Caller,
        mut request: ChatRequest,
        mut log: RequestLog,
    ) -> Result<Begun, ApiError> {
        log.of(caller, &engine.model().id);
        let spec = &mut request.strategy;
        spec.table.clone_from(&self.options.policy.resources.table);
        let strategy = spec.build().map_err(|error| ApiError::invalid("outthink", error.to_string()));
        let equipped = match strategy {
            Ok(strategy) => {
                let compares = strategy.needs().comparer;
                self.equip(engine, caller, &request, compares).await.map(|driver| (strategy, driver))
            }
            Err(error) => Err(error),
        };
        let (strategy, driver) = equipped.inspect_err(|error| log.told(error.status.as_u16()))?;
        let models: Vec<_> = driver.arms().iter().map(|arm| arm.engine.model()).collect();
        let claimed = caller.claim(self.control(), &trace.0, &models, &mut request).await;
        let hold = claimed.inspect_err(|error| log.told(error.status.as_u16()))?;
        let config = self.config();
        let about = About {
            id: trace.0.clone(),
            began: unix_millis(),
            route: log.route(),
            model: engine.model().id.clone(),
            effort: request.effort.name(),
            strategy: request.strategy.name.clone(),
            max_samples: request.strategy.max_samples,
            key: caller.key.as_ref().map(|key| key.name.clone()),
            show_answers: caller.watch || config.privacy.store == Store::Full,
        };
        let recent = if config.observability.page { config.observability.recent } else { 0 };
        let watch = Watch::begin(&self.options.control, about, recent)
            .holding(hold)
            .keeping(Keep::of(&config.privacy, &request.prompt))
            .within(Parent::read(caller.traceparent.as_deref(), &trace.0));
        let (effort, stream) = (request.effort.name(), request.stream);
        let one = (request.strategy.name == "single" && driver.arms().len() == 1)
            .then_some(request.strategy.max_tokens_per_sample);
        let drive = DriveRequest {
            prompt: request.prompt,
            budget: request.budget,
            sampling: request.sampling,
            seed: request.seed.unwrap_or_else(random),
            logprobs: request.logprobs,
            trace_id: trace.0.clone(),
        };
        let owner = caller.owner();
        let entry = Entry { effort, log, traces: Arc::clone(&self.traces), owner, watch };
        Ok(Begun { running: Running::new(driver, drive, Plan { strategy, one }, entry), effort, stream })
    }

    /// The engine with the arms and the verifiers that the request may use, and with a comparer where its
    /// strategy `compares` texts.
    async fn equip(
        &self,
        engine: &Arc<dyn Engine>,
        caller: &Caller,
        request: &ChatRequest,
        compares: bool,
    ) -> Result<Driver, ApiError> {
        let resources = &self.options.policy.resources;
        let mut driver = Driver::new(self.admit(engine, caller, request)?);
        for (i, asked) in request.arms.iter().enumerate() {
            let model = match &asked.model {
                None => engine,
                Some(name) => self.engine(Some(name)).map_err(|error| wrong("arms", i, &error.message))?,
            };
            let arm = DriverArm::new(self.enter(model, caller, request.budget.max_seconds)?);
            let name = match &asked.system {
                Some(_) => format!("{} under another system message", arm.name),
                None => arm.name,
            };
            driver = driver.with_arm(DriverArm { name, system: asked.system.clone(), ..arm });
        }
        for verifier in resources.verifiers(&request.verifiers, driver.engine()).await? {
            driver = driver.with_verifier(verifier);
        }
        if let Some(make) = resources.comparer.as_ref().filter(|_| compares) {
            let comparer = make(driver.engine());
            driver = driver.with_comparer(comparer);
        }
        Ok(driver)
    }

    /// The engine as this request sees it, unless it is too large or had to wait for too long.
    fn admit(
        &self,
        engine: &Arc<dyn Engine>,
        caller: &Caller,
        request: &ChatRequest,
    ) -> Result<Arc<dyn Engine>, ApiError> {
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
        self.enter(engine, caller, request.budget.max_seconds)
    }

    /// The engine as a request of this caller sees it, unless the request had to wait for too long.
    pub(crate) fn enter(
        &self,
        engine: &Arc<dyn Engine>,
        caller: &Caller,
        max_seconds: Option<f64>,
    ) -> Result<Arc<dyn Engine>, ApiError> {
        let place = self.options.engines.iter().position(|e| Arc::ptr_eq(e, engine));
        let Some(queue) = place.and_then(|index| self.queues[index].as_ref()) else { return Ok(Arc::clone(engine)) };
        let crowd = queue.crowd();
        let late = max_seconds.is_some_and(|seconds| crowd.wait.as_secs_f64() >= seconds);
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
        Ok(Arc::new(Shared::new(Arc::clone(engine), queue, caller.tenant())))
    }

    /// The configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.options.policy.config
    }

    /// What outlives reloads.
    pub(crate) fn control(&self) -> &Control {
        &self.options.control
    }

    /// Samples that wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.queues.iter().flatten().map(|queue| queue.waiting()).sum()
    }

    /// What efforts stand for, for this caller.
    pub(crate) fn efforts(&self, caller: &Caller) -> Efforts<'_> {
        let default = caller.default_effort(self.options.default_effort);
        Efforts { default, settings: Some(&self.config().efforts) }
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

/// Milliseconds since 1970.
fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
