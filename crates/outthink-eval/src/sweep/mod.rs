//! Drawing samples of a set of questions into a store, so that a dead process loses no more than
//! what was running.

mod money;
mod running;
mod tally;

pub use tally::Progress;

use crate::store::{Cell, Hold, Loss, Problem, RunSpec, SampleRecord, Setting, Store, StoreError};
use futures_util::stream::{self, SelectAll};
use futures_util::{FutureExt, StreamExt};
use money::Purse;
use outthink_core::{
    Cost, Effort, Engine, EngineError, Origin, Prompt, SampleEvent, SampleRequest, Sampling, Thinking, derive_seed,
};
use running::Running;
use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tally::Tally;

/// Times that one sample is tried before it is given up.
const TRIES: u32 = 3;
/// Failures in a row after which the engine counts as broken.
const FAILURES_IN_A_ROW: u32 = 8;

/// One question as a sweep asks it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The question as the store keeps it.
    pub problem: Problem,
    /// What is sent, without what a setting adds.
    pub prompt: Prompt,
}

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct SweepPlan {
    /// The run that the samples go to.
    pub spec: RunSpec,
    /// How each question is sampled.
    pub settings: Vec<Setting>,
    /// The questions.
    pub tasks: Vec<Task>,
    /// Samples of each question at each setting.
    pub samples: u32,
    /// How tokens are drawn; a setting's temperature wins over it.
    pub sampling: Sampling,
    /// Whether a setting's effort is passed to the engine in its own terms.
    pub send_effort: bool,
    /// Whether the run's seed was asked for: only then are servers sent one.
    pub seeded: bool,
    /// Samples in flight at one time.
    pub parallel: usize,
    /// Dollars at most over all that the run ever cost.
    pub max_cost: Option<Cost>,
}

/// How a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepEnd {
    /// All samples are there.
    Complete,
    /// The next sample does not fit under the cap on cost.
    CapReached,
    /// Some samples failed again and again and are missing.
    Incomplete,
    /// It was told to stop.
    Stopped,
}

/// Why a sweep failed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine.
    #[error("{0}")]
    Engine(#[from] EngineError),
}

/// Draws what a store lacks of a plan.
///
/// Samples are asked for question by question, as many of one question at once as fit, so that an
/// engine that shares the work on a prompt does it once. Each is written when it ends. `watch` hears
/// of every event; when `stop` comes, all work is dropped at once and what it cost is noted.
///
/// # Errors
/// If the run is another's, the database fails, or the engine keeps failing.
pub async fn sweep(
    store: &Store,
    engine: &Arc<dyn Engine>,
    plan: &SweepPlan,
    mut watch: impl FnMut(&Progress),
    stop: impl Future<Output = ()>,
) -> Result<SweepEnd, SweepError> {
    let run = &plan.spec.name;
    let _lock = store.lock(run).await?;
    let problems: Vec<Problem> = plan.tasks.iter().map(|t| t.problem.clone()).collect();
    store.begin(&plan.spec, &plan.settings, &problems).await?;
    store.settle(run, "the process ended before the sample did").await?;
    let there = store.cells(run).await?;
    let purse = Purse::new(engine.as_ref(), plan.max_cost, store.spent(run).await?);
    purse.check(plan)?;
    let queue = missing(plan, &there);
    let mut work = Work {
        store,
        engine,
        plan,
        tally: Tally::new(&there, queue.len(), purse.spent()),
        queue,
        purse,
        streams: SelectAll::new(),
        running: HashMap::new(),
        next: 0,
        tries: HashMap::new(),
        failures: 0,
        given_up: false,
    };
    let mut stop = Box::pin(stop.fuse());
    let end = work.draw(&mut watch, &mut stop).await;
    // Whatever the end: what runs is dropped with its streams, and what it cost is noted.
    work.streams = SelectAll::new();
    let left: Vec<Running> = work.running.drain().map(|(_, running)| running).collect();
    for running in left {
        work.lose(running, "it was stopped").await?;
    }
    watch(&work.tally.progress(0));
    end
}

/// What is to be drawn, question by question.
fn missing(plan: &SweepPlan, there: &[(Cell, bool)]) -> VecDeque<Cell> {
    let there: HashSet<Cell> = there.iter().map(|c| c.0).collect();
    let mut queue = VecDeque::new();
    for problem in 0..plan.tasks.len() as u32 {
        for setting in 0..plan.settings.len() as u32 {
            let cells = (0..plan.samples).map(|index| Cell { problem, setting, index });
            queue.extend(cells.filter(|cell| !there.contains(cell)));
        }
    }
    queue
}

type Event = (u64, Option<Result<SampleEvent, EngineError>>);
type Events = Pin<Box<dyn futures_util::Stream<Item = Event> + Send>>;

struct Work<'a> {
    store: &'a Store,
    engine: &'a Arc<dyn Engine>,
    plan: &'a SweepPlan,
    queue: VecDeque<Cell>,
    tally: Tally,
    purse: Purse,
    streams: SelectAll<Events>,
    running: HashMap<u64, Running>,
    next: u64,
    tries: HashMap<Cell, u32>,
    failures: u32,
    given_up: bool,
}

impl Work<'_> {
    async fn draw(
        &mut self,
        watch: &mut impl FnMut(&Progress),
        stop: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<SweepEnd, SweepError> {
        loop {
            let capped = !self.start().await?;
            watch(&self.tally.progress(self.running.len()));
            if self.running.is_empty() {
                return Ok(match (capped, self.given_up) {
                    (true, _) => SweepEnd::CapReached,
                    (false, true) => SweepEnd::Incomplete,
                    (false, false) => SweepEnd::Complete,
                });
            }
            tokio::select! {
                biased;
                () = &mut *stop => return Ok(SweepEnd::Stopped),
                Some((id, event)) = self.streams.next() => self.take(id, event).await?,
                else => return Ok(SweepEnd::Incomplete),
            }
        }
    }

    /// Starts as much as there is room and money for; `false` where money is what lacks.
    async fn start(&mut self) -> Result<bool, SweepError> {
        loop {
            let Some(&first) = self.queue.front() else { return Ok(true) };
            let alike = |c: &Cell| c.problem == first.problem && c.setting == first.setting;
            let group = self.queue.iter().take_while(|c| alike(c)).count();
            let free = self.plan.parallel.max(1).saturating_sub(self.running.len());
            // A prompt that is shared is worth waiting for until half of the room is free.
            let shared = self.engine.capabilities().shared_prefill;
            let least = if shared { group.min(self.plan.parallel.div_ceil(2)).max(1) } else { 1 };
            if free < least && !(self.running.is_empty() && free > 0) {
                return Ok(true);
            }
            let request = self.request(first);
            let each = self.purse.price_of(&request);
            let count = (group.min(free) as u64).min(self.purse.affordable(each)) as usize;
            if count == 0 {
                return Ok(false);
            }
            let cells: Vec<Cell> = self.queue.drain(..count).collect();
            self.launch(request, &cells, each).await?;
        }
    }

    fn request(&self, cell: Cell) -> SampleRequest {
        let setting = &self.plan.settings[cell.setting as usize];
        let prompt = self.plan.tasks[cell.problem as usize].prompt.clone();
        let effort = setting.effort.as_ref().filter(|_| self.plan.send_effort);
        let effort = effort.and_then(|e| e.parse().ok()).filter(|e| *e != Effort::Auto);
        let mut sampling = self.plan.sampling.clone();
        sampling.temperature = setting.temperature.or(sampling.temperature);
        SampleRequest {
            prompt: prompt.into(),
            seeded: self.plan.seeded,
            max_tokens: (setting.max_tokens > 0).then_some(setting.max_tokens),
            thinking: Thinking { effort, budget: None },
            sampling,
            logprobs: self.engine.capabilities().logprobs,
            ..SampleRequest::default()
        }
    }

    async fn launch(&mut self, mut request: SampleRequest, cells: &[Cell], each: Cost) -> Result<(), SweepError> {
        if each > Cost::ZERO {
            let holds: Vec<Hold> = cells.iter().map(|&cell| Hold { cell, cost: each }).collect();
            self.store.hold(&self.plan.spec.name, &holds).await?;
        }
        request.seeds = cells.iter().map(|c| seed_of(self.plan.spec.seed, *c)).collect();
        let seeds = request.seeds.clone();
        let bytes = money::prompt_bytes(&request.prompt);
        for ((stream, &cell), seed) in self.engine.start(request).into_iter().zip(cells).zip(seeds) {
            let id = self.next;
            self.next += 1;
            self.purse.hold(each);
            self.running.insert(id, Running::new(cell, seed, each, bytes));
            // The end of a stream is an event, too: one may end without saying so.
            let end = stream::once(std::future::ready((id, None)));
            self.streams.push(Box::pin(stream.map(move |event| (id, Some(event))).chain(end)));
        }
        Ok(())
    }

    async fn take(&mut self, id: u64, event: Option<Result<SampleEvent, EngineError>>) -> Result<(), SweepError> {
        let Some(running) = self.running.get_mut(&id) else { return Ok(()) };
        match event {
            Some(Ok(SampleEvent::Finish(finish))) => {
                if let Some(running) = self.running.remove(&id) {
                    self.finish(running, finish).await?;
                }
            }
            Some(Ok(event)) => self.tally.tokens += running.take(event, self.purse.price()),
            Some(Err(error)) => self.fail(id, error).await?,
            None => {
                self.fail(id, EngineError::new(Origin::Engine, "the engine ended a sample without a word").retryable())
                    .await?;
            }
        }
        Ok(())
    }

    async fn finish(&mut self, running: Running, finish: outthink_core::Finish) -> Result<(), SweepError> {
        self.tally.tokens += finish.usage.completion.saturating_sub(running.tokens);
        let held = running.held;
        let problem = &self.plan.tasks[running.cell.problem as usize].problem;
        let record: SampleRecord = running.record(&finish, problem, self.purse.price());
        self.store.commit(&self.plan.spec.name, std::slice::from_ref(&record)).await?;
        self.purse.settle(held, record.cost);
        self.tally.add(record.cell, record.correct, self.purse.spent());
        self.failures = 0;
        Ok(())
    }

    async fn fail(&mut self, id: u64, error: EngineError) -> Result<(), SweepError> {
        let Some(running) = self.running.remove(&id) else { return Ok(()) };
        let cell = running.cell;
        self.lose(running, &error.message).await?;
        self.failures += 1;
        let tries = self.tries.entry(cell).or_default();
        *tries += 1;
        if (error.origin == Origin::Caller && !error.retryable) || self.failures >= FAILURES_IN_A_ROW {
            return Err(error.into());
        }
        if *tries < TRIES {
            self.queue.push_back(cell);
        } else {
            self.given_up = true;
            self.tally.failed += 1;
        }
        Ok(())
    }

    /// Notes what a sample cost that never came to be.
    async fn lose(&mut self, running: Running, reason: &str) -> Result<(), SweepError> {
        let (held, cell, tokens) = (running.held, running.cell, running.tokens);
        let cost = running.cost_so_far(self.purse.price());
        if tokens > 0 || held > Cost::ZERO {
            let loss = Loss { cell, cost, tokens, reason: reason.to_owned() };
            self.store.lose(&self.plan.spec.name, &loss).await?;
        }
        self.purse.settle(held, cost);
        self.tally.spent = self.purse.spent();
        Ok(())
    }
}

/// The seed of a sample: of its own, whatever else is drawn.
fn seed_of(base: u64, cell: Cell) -> u64 {
    let problem = derive_seed(base, u64::from(cell.problem));
    derive_seed(derive_seed(problem, u64::from(cell.setting)), u64::from(cell.index))
}
