//! What all routes share: the engines, and how a request becomes a run.

use super::account::{Account, Keep};
use super::admission::{Size, admit};
use super::allowance::Allowance;
use super::caller::Caller;
use super::control::Control;
use super::fair::FairQueue;
use super::metered::Metered;
use super::options::ServeOptions;
use super::queue::Shared;
use super::request::RunRequest;
use super::resources::{ArmAsked, wrong};
use super::running::{Entry, Running};
use super::session;
use crate::config::{Config, Store};
use crate::error::ApiError;
use crate::observe::tree::About;
use crate::observe::{Parent, RequestLog, TraceId, Traces, random};
use axum::http::StatusCode;
use outthink_core::{ArmName, Budget, Effort, Engine};
use outthink_ledger::Spent;
use outthink_runner::{Run, Runner, RunnerArm};
use outthink_strategy::DriveRequest;
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
    /// Whether the gateway is to end.
    pub(crate) ending: watch::Receiver<bool>,
    /// Who waits for each engine, in the order of the engines; none for those that queue themselves.
    queues: Vec<Option<Arc<FairQueue>>>,
}

/// A request that was admitted, ready to run.
pub(crate) struct Begun {
    /// In a box, since futures move it from one to the next.
    pub(crate) running: Box<Running>,
    pub(crate) effort: &'static str,
    pub(crate) stream: bool,
}

/// What a request is called, who asks, and where its line is written.
pub(crate) struct Asking<'a> {
    pub(crate) trace: &'a TraceId,
    pub(crate) caller: &'a Caller,
    pub(crate) log: RequestLog,
}

/// A way to draw samples that a request may use.
struct Way {
    engine: Arc<dyn Engine>,
    system: Option<String>,
    effort: Option<Effort>,
}

impl Gateway {
    /// The gateway with these settings, and with what it remembers of before.
    pub(crate) fn new(options: ServeOptions, ending: watch::Receiver<bool>, before: Option<&Self>) -> Self {
        let limits = options.limits;
        let queue = |e: &Arc<dyn Engine>| e.one_by_one().then(|| FairQueue::new(limits.in_flight, limits.waiting));
        let queues = options.engines.iter().map(queue).collect();
        let traces = before.map(|b| Arc::clone(&b.traces));
        let traces = traces.unwrap_or_else(|| Arc::new(Traces::new(options.control.ledger.as_ref())));
        Self { options, started: before.map_or_else(unix_seconds, |b| b.started), traces, ending, queues }
    }

    /// Admits a request; nothing is asked of the engine before the run is awaited.
    pub(crate) async fn begin(
        &self,
        engine: &Arc<dyn Engine>,
        asking: Asking<'_>,
        request: RunRequest,
    ) -> Result<Begun, ApiError> {
        let Asking { trace, caller, mut log } = asking;
        log.of(caller.owner(), &engine.model().id);
        match self.admitted(engine, (trace, caller), request, log.route()).await {
            Ok((running, effort, stream)) => {
                let entry = Entry {
                    effort,
                    log,
                    traces: Arc::clone(&self.traces),
                    owner: caller.owner(),
                    account: running.account,
                };
                let running = Box::new(Running::new(running.run, running.allowance, entry));
                Ok(Begun { running, effort, stream })
            }
            Err(error) => {
                log.told(error.status.as_u16());
                Err(error)
            }
        }
    }

    async fn admitted(
        &self,
        engine: &Arc<dyn Engine>,
        (trace, caller): (&TraceId, &Caller),
        mut request: RunRequest,
        route: &'static str,
    ) -> Result<(Admitted, &'static str, bool), ApiError> {
        request.strategy.table.clone_from(&self.options.policy.resources.table);
        if let Some(part) = &caller.part {
            part.limit(&mut request);
        }
        let seed = request.seed.unwrap_or_else(random);
        let lesson = self.control().streams.teach(caller, &engine.model().id, &mut request, seed);
        let strategy = request.strategy.build().map_err(|error| ApiError::invalid("outthink", error.to_string()))?;
        self.fits(&request)?;
        caller.may_think(&request)?;
        let ways = self.ways(engine, caller, &request)?;
        let engines: Vec<&dyn Engine> = ways.iter().map(|way| &*way.engine).collect();
        let spec = &request.strategy;
        let length = spec.max_tokens_per_sample.map(|most| most.max(spec.thinking_cap.unwrap_or(0)));
        let samples = request.budget.max_samples.unwrap_or(u32::MAX).min(spec.max_samples);
        let samples = if request.passes_through() { 1 } else { samples };
        // Only keys pay, so only for them a prompt is weighed.
        let size = match &caller.key {
            Some(_) => {
                let ahead = caller.part.as_ref().and_then(|part| part.ahead());
                Size { ahead, ..Size::of(&request.prompt, &engines, length, samples) }
            }
            None => Size::default(),
        };
        // A session is looked for where its key may have to pay for it by a budget.
        let session = caller.has_sessions().then(|| session::of(&request)).flatten();
        let asked = (trace.0.as_str(), session, engines.as_slice());
        let allowance = admit(caller, self.control(), asked, size, &mut request.budget).await?;
        let compares = strategy.needs().comparer;
        let runner = self.runner(ways, allowance.as_ref().map(|a| (a, size)), &request, compares).await;
        let runner = runner.inspect_err(|_| {
            if let Some(allowance) = &allowance {
                allowance.settle(Spent::default());
            }
        })?;
        let about = About {
            id: trace.0.clone(),
            began: unix_millis(),
            route,
            model: engine.model().id.clone(),
            effort: request.effort.name(),
            strategy: request.strategy.name.clone(),
            max_samples: request.strategy.max_samples,
            key: caller.key.as_ref().map(|key| key.name.clone()),
            show_answers: caller.watch || self.config().privacy.store == Store::Full,
        };
        let account = self
            .account(about, allowance.clone())
            .keeping(Keep::of(&self.config().privacy, &request.prompt))
            .reporting_to(caller.part.clone())
            .teaching(lesson)
            .within(Parent::read(caller.traceparent.as_deref(), &trace.0));
        let renamed = request.strategy.renamed();
        let (effort, stream) = (request.effort.name(), request.stream);
        let drive = DriveRequest {
            prompt: request.prompt.into(),
            budget: request.budget,
            sampling: request.sampling,
            seed,
            seeded: request.seed.is_some(),
            thinking: request.thinking,
            logprobs: request.logprobs,
            trace_id: trace.0.clone(),
            notes: request.notes.into_iter().chain(renamed).collect(),
        };
        let run = runner.start(drive, strategy);
        Ok((Admitted { run, allowance, account }, effort, stream))
    }

    /// Opens the account of a request.
    fn account(&self, about: About, allowance: Option<Arc<Allowance>>) -> Account {
        let observability = &self.config().observability;
        let recent = if observability.page { observability.recent } else { 0 };
        Account::begin(&self.options.control, about, recent).paid_from(allowance)
    }

    /// Admits a request that is passed on as it is: the engine as it sees it, what it may spend, its account.
    pub(crate) async fn begin_relay(
        &self,
        engine: &Arc<dyn Engine>,
        asking: &mut Asking<'_>,
        (size, session, budget): (Size, Option<String>, &mut Budget),
    ) -> Result<(Arc<dyn Engine>, Option<Arc<Allowance>>, Account), ApiError> {
        let (trace, caller) = (asking.trace, asking.caller);
        asking.log.of(caller.owner(), &engine.model().id);
        let entered = self.enter(engine, caller, None)?;
        if let Some(part) = &caller.part {
            part.lower(budget);
        }
        let allowance = admit(caller, self.control(), (&trace.0, session, &[&**engine]), size, budget).await?;
        let about = About {
            id: trace.0.clone(),
            began: unix_millis(),
            route: asking.log.route(),
            model: engine.model().id.clone(),
            effort: Effort::None.name(),
            strategy: "relay".to_owned(),
            max_samples: 1,
            key: caller.key.as_ref().map(|key| key.name.clone()),
            show_answers: false,
        };
        let account =
            self.account(about, allowance.clone()).within(Parent::read(caller.traceparent.as_deref(), &trace.0));
        let account = account.reporting_to(caller.part.clone());
        Ok((entered, allowance, account))
    }

    /// Admits a request that asks no engine: it counts as a request of its key.
    pub(crate) async fn begin_free(&self, trace: &TraceId, caller: &Caller) -> Result<(), ApiError> {
        let free =
            admit(caller, self.control(), (&trace.0, None, &[]), Size::default(), &mut Budget::default()).await?;
        if let Some(allowance) = free {
            allowance.settle(Spent::default());
        }
        Ok(())
    }

    /// The engine and the arms that the request may use, each as it sees it.
    fn ways(&self, engine: &Arc<dyn Engine>, caller: &Caller, request: &RunRequest) -> Result<Vec<Way>, ApiError> {
        let seconds = request.budget.max_seconds;
        let mut ways = vec![Way { engine: self.enter(engine, caller, seconds)?, system: None, effort: None }];
        for (i, asked) in request.arms.iter().enumerate() {
            let (model, effort) = self.arm(asked, engine).map_err(|words| wrong("arms", i, &words))?;
            ways.push(Way { engine: self.enter(model, caller, seconds)?, system: asked.system.clone(), effort });
        }
        Ok(ways)
    }

    /// The engine and the effort of an arm. A name that a model here bears as a whole holds no effort.
    fn arm<'a>(
        &'a self,
        asked: &ArmAsked,
        own: &'a Arc<dyn Engine>,
    ) -> Result<(&'a Arc<dyn Engine>, Option<Effort>), String> {
        let Some(name) = &asked.model else { return Ok((own, asked.effort)) };
        if let Ok(engine) = self.engine(Some(name)) {
            return Ok((engine, asked.effort));
        }
        let ArmName { model, effort } = ArmName::parse(name).map_err(|error| format!("names an {error}"))?;
        if let (Some(inner), Some(outer)) = (effort, asked.effort)
            && inner != outer
        {
            return Err(format!("names the efforts {inner} and {outer}: give one"));
        }
        let engine = if model.is_empty() && effort.is_some() {
            Ok(own)
        } else {
            self.engine(Some(if model.is_empty() { name } else { model }))
        };
        Ok((engine.map_err(|error| error.message)?, effort.or(asked.effort)))
    }

    /// What carries the request out: its arms, its verifiers, and a comparer where its strategy compares texts.
    async fn runner(
        &self,
        ways: Vec<Way>,
        allowance: Option<(&Arc<Allowance>, Size)>,
        request: &RunRequest,
        compares: bool,
    ) -> Result<Runner, ApiError> {
        let several = ways.len() > 1;
        let arm = |way: Way| {
            let engine = match allowance {
                Some((allowance, size)) => Arc::new(Metered::new(way.engine, Arc::clone(allowance), size)),
                None => way.engine,
            };
            let mut arm = RunnerArm::new(engine);
            if let Some(effort) = way.effort {
                arm = arm.at(effort);
            } else if let Some(effort) = request.thinking.effort.filter(|_| several) {
                arm.name = format!("{}@{effort}", arm.name);
            }
            let name = match &way.system {
                Some(_) => format!("{} under another system message", arm.name),
                None => arm.name,
            };
            let tokens_seen = if several { self.control().lengths.mean(&name) } else { None };
            RunnerArm { name, system: way.system, tokens_seen, ..arm }
        };
        let mut arms = ways.into_iter().map(arm);
        let Some(first) = arms.next() else {
            return Err(ApiError::invalid("model", "no engine is there to ask"));
        };
        let mut runner = arms.fold(Runner::of(first), Runner::with_arm);
        let resources = &self.options.policy.resources;
        let payer = allowance.map(|(allowance, _)| allowance);
        for verifier in resources.verifiers(&request.verifiers, runner.engine(), payer).await? {
            runner = runner.with_verifier(verifier);
        }
        if let Some(make) = resources.comparer.as_ref().filter(|_| compares) {
            let comparer = make(runner.engine());
            runner = runner.with_comparer(comparer);
        }
        if let Some(programs) = &resources.programs {
            runner = runner.with_programs(Arc::clone(programs));
        }
        Ok(runner)
    }

    /// Refuses a conversation that is too large.
    fn fits(&self, request: &RunRequest) -> Result<(), ApiError> {
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
        Ok(())
    }

    /// The engine as a request of this caller sees it, unless the request had to wait for too long.
    fn enter(
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
        Ok(Arc::new(Shared::new(Arc::clone(engine), queue, (caller.tenant(), caller.weight()))))
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

    /// Whether an engine can be expected to answer.
    pub(crate) fn is_ready(&self) -> bool {
        self.options.engines.iter().any(|engine| engine.is_ready() != Some(false))
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
            ApiError { param: Some("model".into()), ..ApiError::not_found("model_not_found", words) }
        })
    }
}

/// What admission makes of a request.
struct Admitted {
    run: Run,
    allowance: Option<Arc<Allowance>>,
    account: Account,
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
