//! Carries sessions out: the one place that asks engines and verifiers.
//!
//! A [`Runner`] has the engines, verifiers and the comparer at hand. [`Runner::start`] gives a [`Run`]: one
//! request while it runs. It has no task of its own: it works while [`Run::next`] is awaited, and dropping it
//! drops the engines' streams and with them all work. What is decided is decided by the
//! [`Session`](outthink_strategy::Session); this crate moves events and keeps time.
//!
//! ```
//! use outthink_core::{Effort, Engine, Prompt};
//! use outthink_runner::{Event, Runner};
//! use outthink_strategy::{DriveRequest, StrategySpec};
//! use std::sync::Arc;
//!
//! # async fn ask(engine: Arc<dyn Engine>) -> Result<(), Box<dyn std::error::Error>> {
//! let strategy = StrategySpec::for_effort(Effort::Auto).build()?;
//! let request = DriveRequest { prompt: Prompt::user("What is 17 * 23?").into(), ..DriveRequest::default() };
//! let mut run = Runner::new(engine).start(request, strategy);
//! let outcome = loop {
//!     match run.next().await {
//!         Event::Update(_) => {}
//!         Event::End(end) => break (*end)?,
//!     }
//! };
//! println!("{} ({} samples, {})", outcome.content, outcome.samples_drawn, outcome.cost);
//! # Ok(()) }
//! ```

mod run;
mod streams;

pub use run::{Event, Run};

use outthink_core::{
    Comparer, Effort, Engine, EngineError, Outcome, ProgramRunner, Sampling, Strategy, Thinking, Verifier,
};
use outthink_strategy::{ArmInfo, DriveError, DriveRequest, Setup, Update};
use outthink_verify::Comparison;
use std::sync::Arc;

/// A way to draw samples: an engine, perhaps with a system message and a way of drawing of its own.
#[derive(Clone)]
pub struct RunnerArm {
    /// Its name in traces.
    pub name: String,
    /// Where samples come from.
    pub engine: Arc<dyn Engine>,
    /// A system message in place of the request's.
    pub system: Option<String>,
    /// How tokens are drawn, in place of what the request says.
    pub sampling: Option<Sampling>,
    /// How long the reasoning should be, in place of what the request says.
    pub thinking: Option<Thinking>,
    /// Generated tokens of its samples on average before this request, where some were seen.
    pub tokens_seen: Option<f64>,
}

impl RunnerArm {
    /// An arm with the name of the engine's model.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        let name = engine.model().id.clone();
        Self { name, engine, system: None, sampling: None, thinking: None, tokens_seen: None }
    }

    /// Its samples are asked for this effort, whatever the request says; its name says so.
    #[must_use]
    pub fn at(mut self, effort: Effort) -> Self {
        self.name = format!("{}@{effort}", self.name);
        self.thinking = Some(Thinking { effort: Some(effort), budget: None });
        self
    }

    fn info(&self) -> ArmInfo {
        ArmInfo {
            name: self.name.clone(),
            system: self.system.clone(),
            sampling: self.sampling.clone(),
            thinking: self.thinking,
            tokens_seen: self.tokens_seen,
            price_bound: self.engine.price_bound(),
            ..ArmInfo::new(self.engine.model().clone(), self.engine.capabilities())
        }
    }
}

/// The engines and verifiers that requests are carried out on.
#[derive(Clone)]
pub struct Runner {
    arms: Vec<RunnerArm>,
    verifiers: Vec<Arc<dyn Verifier>>,
    comparer: Option<Arc<dyn Comparer>>,
    programs: Option<Arc<dyn ProgramRunner>>,
}

impl Runner {
    /// A runner of `engine`, which is its arm 0.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self::of(RunnerArm::new(engine))
    }

    /// A runner whose arm 0 is `first`.
    pub fn of(first: RunnerArm) -> Self {
        Self { arms: vec![first], verifiers: Vec::new(), comparer: None, programs: None }
    }

    /// Adds an arm; strategies know the arms by the order in which they were added.
    #[must_use]
    pub fn with_arm(mut self, arm: RunnerArm) -> Self {
        self.arms.push(arm);
        self
    }

    /// Has samples judged by `verifier` where a strategy asks for it. The first that is added is
    /// verifier 0.
    #[must_use]
    pub fn with_verifier(mut self, verifier: Arc<dyn Verifier>) -> Self {
        self.verifiers.push(verifier);
        self
    }

    /// Has texts compared by `comparer` where a strategy asks for it.
    #[must_use]
    pub fn with_comparer(mut self, comparer: Arc<dyn Comparer>) -> Self {
        self.comparer = Some(comparer);
        self
    }

    /// Has the programs that replies hold run by `programs` where a strategy asks for it.
    #[must_use]
    pub fn with_programs(mut self, programs: Arc<dyn ProgramRunner>) -> Self {
        self.programs = Some(programs);
        self
    }

    /// The engine of arm 0.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.arms[0].engine
    }

    /// The arms.
    pub fn arms(&self) -> &[RunnerArm] {
        &self.arms
    }

    /// Whether everything is at hand that `strategy` cannot work without; nothing is spent.
    ///
    /// # Errors
    /// If something is missing, with what to do about it.
    pub fn check(&self, strategy: &dyn Strategy, request: &DriveRequest) -> Result<(), EngineError> {
        self.setup().check(strategy.name(), strategy.needs(), request)
    }

    /// Starts a request. Nothing is asked of an engine before [`Run::next`] is awaited.
    pub fn start(&self, request: DriveRequest, strategy: Box<dyn Strategy>) -> Run {
        Run::new(self, request, strategy)
    }

    /// Carries a request out to its end, reporting what happens to `hear`.
    ///
    /// # Errors
    /// If the strategy needs what is not at hand, every sample failed, or the budget does not pay for one.
    pub async fn run(
        &self,
        request: DriveRequest,
        strategy: Box<dyn Strategy>,
        mut hear: impl FnMut(Update),
    ) -> Result<Outcome, DriveError> {
        let mut run = self.start(request, strategy);
        loop {
            match run.next().await {
                Event::Update(update) => hear(update),
                Event::End(end) => return *end,
            }
        }
    }

    fn setup(&self) -> Setup {
        Setup {
            arms: self.arms.iter().map(RunnerArm::info).collect(),
            comparison: Comparison::Math,
            verifiers: self.verifiers.clone(),
            comparer: self.comparer.clone(),
            programs: self.programs.clone(),
        }
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arms: Vec<&str> = self.arms.iter().map(|a| a.name.as_str()).collect();
        f.debug_struct("Runner").field("arms", &arms).finish_non_exhaustive()
    }
}
