//! Carries decisions out: the one place that talks to engines and verifiers.

mod judge;
mod launch;
mod one;
mod run;

pub use one::{Next, OneSample};
pub(crate) use run::FRUITLESS;

use crate::{ArmInfo, DriveError, DriveRequest, Opening, Table, Update};
use outthink_core::{Comparer, Engine, EngineError, Origin, Outcome, Sampling, Strategy, Verifier};
use outthink_verify::Comparison;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// A way to draw samples: an engine, perhaps with words and a way of drawing of its own.
#[derive(Clone)]
pub struct DriverArm {
    /// Its name in traces.
    pub name: String,
    /// Where samples come from.
    pub engine: Arc<dyn Engine>,
    /// A system message in the place of the request's.
    pub system: Option<String>,
    /// How tokens are drawn, in the place of what the request says.
    pub sampling: Option<Sampling>,
}

impl DriverArm {
    /// An arm with the name of the engine's model.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { name: engine.model().id.clone(), engine, system: None, sampling: None }
    }
}

/// Carries strategies out on one or more arms.
#[derive(Clone)]
pub struct Driver {
    arms: Vec<DriverArm>,
    verifiers: Vec<Arc<dyn Verifier>>,
    comparer: Option<Arc<dyn Comparer>>,
}

impl Driver {
    /// A driver of `engine`, which is its arm 0.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { arms: vec![DriverArm::new(engine)], verifiers: Vec::new(), comparer: None }
    }

    /// Adds an arm; strategies know the arms by the order in which they were added.
    #[must_use]
    pub fn with_arm(mut self, arm: DriverArm) -> Self {
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

    /// The engine of arm 0.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.arms[0].engine
    }

    /// The arms.
    pub fn arms(&self) -> &[DriverArm] {
        &self.arms
    }

    /// Whether everything is at hand that `strategy` cannot work without.
    ///
    /// # Errors
    /// If something is missing, with what to do about it.
    pub fn check(&self, strategy: &dyn Strategy, request: &DriveRequest) -> Result<(), EngineError> {
        let needs = strategy.needs();
        let fail = |what: String, mend: &str| {
            Err(EngineError::new(Origin::Caller, format!("the strategy {} needs {what}", strategy.name()))
                .with_hint(mend))
        };
        for arm in &self.arms {
            let can = arm.engine.capabilities();
            if (needs.logprobs || needs.confidence.is_some()) && !can.logprobs {
                let mend = "use the embedded engine, or a server that gives them, or a strategy such as adaptive";
                return fail(format!("log-probabilities, which the engine of {} does not give", arm.name), mend);
            }
            if needs.values && self.verifiers.is_empty() && !can.logprobs {
                let mend = "name a verifier, or use the embedded engine or a server that gives log-probabilities";
                let what = format!("a verifier, or log-probabilities, which the engine of {} does not give", arm.name);
                return fail(what, mend);
            }
            if needs.continuation && !can.continuation {
                let mend = "use the embedded engine, vLLM, SGLang or llama.cpp, or a strategy such as adaptive";
                return fail(format!("to continue a text, which the engine of {} cannot", arm.name), mend);
            }
        }
        if needs.steps && !request.sampling.stop.is_empty() {
            return fail("to stop the model at each step, and so the `stop` texts".into(), "leave out `stop`");
        }
        if needs.verifier && self.verifiers.is_empty() {
            return fail("a verifier".into(), "give one, or use a strategy that votes, such as adaptive");
        }
        if needs.comparer && self.comparer.is_none() {
            return fail("a model that says whether two texts mean the same".into(), "give one");
        }
        if self.arms.len() < needs.arms as usize {
            let what = format!("{} arms, and there is {}", needs.arms, self.arms.len());
            return fail(what, "name another model or another system message");
        }
        Ok(())
    }

    /// Carries `strategy` out to its end.
    ///
    /// If the receiver of `updates` is dropped, or this future is, all work in the engine is
    /// cancelled at once; in the first case the outcome says so and holds the bill.
    ///
    /// # Errors
    /// If the strategy needs what is not at hand, every sample failed, or the budget does not pay
    /// for one.
    pub async fn run(
        &self,
        request: DriveRequest,
        mut strategy: Box<dyn Strategy>,
        updates: UnboundedSender<Update>,
    ) -> Result<Outcome, DriveError> {
        let table = self.open(&request, strategy.as_ref());
        let mut run = run::Run::new(self, request, table, updates);
        if let Err(error) = self.check(strategy.as_ref(), &run.request) {
            return run.refuse(strategy.name(), error);
        }
        let end = run.drive(strategy.as_mut()).await;
        run.close(strategy.name(), end)
    }

    fn open(&self, request: &DriveRequest, strategy: &dyn Strategy) -> Table {
        let info = |arm: &DriverArm| ArmInfo {
            name: arm.name.clone(),
            model: arm.engine.model().clone(),
            capabilities: arm.engine.capabilities(),
            prompt: match &arm.system {
                Some(system) => request.prompt.clone().with_system_instead(system),
                None => request.prompt.clone(),
            },
        };
        Table::new(Opening {
            request,
            arms: self.arms.iter().map(info).collect(),
            comparison: Comparison::Math,
            verifiers: self.verifiers.len() as u32,
            has_comparer: self.comparer.is_some(),
            needs: strategy.needs(),
        })
    }
}
