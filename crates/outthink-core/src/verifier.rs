//! What judges samples.

use crate::{Cost, EngineError, ProgramOutcome, Prompt, Sample};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// What a verifier thinks of one sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// In [0, 1]; 1 is right for certain. `None` if what came is no score: it costs all the same.
    pub score: Option<f64>,
    /// Scores of the reply's steps in order, in [0, 1], where the verifier tells them apart.
    pub steps: Vec<f64>,
    /// What the judgement cost.
    pub bill: Bill,
}

/// What a judgement costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bill {
    /// Tokens, read and written.
    pub tokens: u64,
    /// Money.
    pub cost: Cost,
}

/// A judgement in the making. Dropping it cancels its work.
pub type Judging<'a, T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + Send + 'a>>;

/// Judges samples: an exact checker, a reward model, a judge.
pub trait Verifier: Send + Sync {
    /// Its name in traces.
    fn name(&self) -> &str;

    /// What one judgement of `sample` costs at most; reserved before it is begun.
    fn most(&self, prompt: &Prompt, sample: &Sample) -> Bill {
        let _ = (prompt, sample);
        Bill::default()
    }

    /// How long it may take, after which it counts as failed.
    fn timeout(&self) -> Duration {
        Duration::from_mins(1)
    }

    /// Scores one sample that ended or paused.
    fn score<'a>(&'a self, prompt: &'a Prompt, sample: &'a Sample) -> Judging<'a, Verdict>;
}

/// Says whether two answers mean the same, where no rule can.
pub trait Comparer: Send + Sync {
    /// What one comparison costs at most.
    fn most(&self, prompt: &Prompt, left: &Sample, right: &Sample) -> Bill;

    /// How long it may take, after which it counts as failed.
    fn timeout(&self) -> Duration {
        Duration::from_mins(1)
    }

    /// Whether they do, and what it cost to find out; `None` if what came is neither yes nor no.
    fn same<'a>(&'a self, prompt: &'a Prompt, left: &'a Sample, right: &'a Sample)
    -> Judging<'a, (Option<bool>, Bill)>;
}

/// Runs the programs that replies hold.
pub trait ProgramRunner: Send + Sync {
    /// How long one may take, waiting for its turn included, after which it counts as failed.
    fn timeout(&self) -> Duration {
        Duration::from_mins(1)
    }

    /// Runs the program of a sample. A program that fails is an outcome; an error says that nothing could be run.
    fn outcome<'a>(&'a self, sample: &'a Sample) -> Judging<'a, ProgramOutcome>;
}

impl std::ops::AddAssign for Bill {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.cost += other.cost;
    }
}
