//! What judges samples.

use crate::{EngineError, Prompt, Sample};
use std::future::Future;
use std::pin::Pin;

/// What a verifier thinks of one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// In [0, 1]; 1 is right for certain.
    pub score: f64,
    /// Tokens that the judgement cost, read and written.
    pub tokens: u64,
}

/// Judges samples: an exact checker, a reward model, a judge.
pub trait Verifier: Send + Sync {
    /// Its name in traces.
    fn name(&self) -> &str;

    /// Scores one finished sample.
    fn score<'a>(
        &'a self,
        prompt: &'a Prompt,
        sample: &'a Sample,
    ) -> Pin<Box<dyn Future<Output = Result<Verdict, EngineError>> + Send + 'a>>;
}
