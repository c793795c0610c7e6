//! Recorded samples, drawn without replacement.

use futures_util::stream;
use outthink_core::{
    Capabilities, Delta, Engine, EngineError, Finish, FinishReason, ModelInfo, Origin, SampleEvent, SampleRequest,
    SampleStream, Usage, derive_seed,
};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One sample of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedSample {
    /// The text of the reply; where only the answer was recorded, the answer as it is.
    pub text_or_answer: String,
    /// The answer, where it was recorded apart from the text.
    pub answer: Option<String>,
    /// Its generated tokens.
    pub tokens: u64,
}

/// The recording of one problem and how much of it was drawn.
#[derive(Debug)]
struct Problem {
    samples: Vec<RecordedSample>,
    order: Vec<usize>,
    drawn: usize,
}

/// An engine that gives recorded samples instead of new ones.
///
/// Each seed of a request takes the next sample of a permutation of the problem's recording, so
/// no sample is given twice until [`ReplayEngine::reset`]. A strategy that is run on it sees what
/// it would have seen live, for nothing.
///
/// ```
/// use outthink_core::ModelInfo;
/// use outthink_engine::replay::{RecordedSample, ReplayEngine};
///
/// let sample = RecordedSample { text_or_answer: "4".into(), answer: None, tokens: 12 };
/// let model = ModelInfo { id: "recorded".into(), context: None, price: Default::default() };
/// let engine = ReplayEngine::new(model, [("2+2?".to_owned(), vec![sample])], 7);
/// assert_eq!(engine.remaining("2+2?"), 1);
/// ```
#[derive(Debug)]
pub struct ReplayEngine {
    model: ModelInfo,
    problems: Mutex<HashMap<String, Problem>>,
}

impl ReplayEngine {
    /// An engine for the recorded `problems`, each by the text of its last user message, in the
    /// order that `seed` gives.
    pub fn new(model: ModelInfo, problems: impl IntoIterator<Item = (String, Vec<RecordedSample>)>, seed: u64) -> Self {
        let problem = |(question, samples): (String, Vec<RecordedSample>)| {
            let order = permutation(samples.len(), derive_seed(seed, hash(&question)));
            let drawn = 0;
            let problem = Problem { samples, order, drawn };
            (question, problem)
        };
        Self { model, problems: Mutex::new(problems.into_iter().map(problem).collect()) }
    }

    /// Puts every sample back and draws anew, in the order that `seed` gives.
    pub fn reset(&self, seed: u64) {
        for (question, problem) in self.lock().iter_mut() {
            problem.order = permutation(problem.samples.len(), derive_seed(seed, hash(question)));
            problem.drawn = 0;
        }
    }

    /// How many samples of a problem are left to draw.
    pub fn remaining(&self, question: &str) -> usize {
        let left = |p: &Problem| p.samples.len() - p.drawn;
        self.lock().get(question).map_or(0, left)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Problem>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Problem {
    fn draw(&mut self) -> Result<&RecordedSample, EngineError> {
        let next = self.order.get(self.drawn);
        let Some(sample) = next.and_then(|&i| self.samples.get(i)) else {
            return Err(exhausted(self.samples.len()));
        };
        self.drawn += 1;
        Ok(sample)
    }
}

fn exhausted(held: usize) -> EngineError {
    EngineError::new(Origin::Caller, format!("the recording holds only {held} samples of this problem"))
        .with_hint("record more samples, or ask for fewer")
}

/// Fisher-Yates, by seed.
fn permutation(len: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        let draw = u128::from(derive_seed(seed, last as u64)) * (last as u128 + 1);
        order.swap(last, (draw >> 64) as usize);
    }
    order
}

impl Engine for ReplayEngine {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        let question = request.prompt.last_user_text().unwrap_or_default();
        let chars: usize = question.chars().count();
        let mut problems = self.lock();
        let mut problem = problems.get_mut(&question);
        let start = |_: &u64| -> SampleStream {
            let sample = match problem.as_mut() {
                _ if request.prefix.is_some() => {
                    Err(EngineError::new(Origin::Caller, "a recording cannot continue a given beginning"))
                }
                Some(problem) => problem.draw(),
                None => Err(exhausted(0)),
            };
            let events = match sample {
                Ok(sample) => events(sample, chars as u64),
                Err(error) => vec![Err(error)],
            };
            Box::pin(stream::iter(events))
        };
        request.seeds.iter().map(start).collect()
    }
}

fn events(sample: &RecordedSample, chars: u64) -> Vec<Result<SampleEvent, EngineError>> {
    let prompt = chars.div_ceil(4);
    let delta = Delta { content: sample.text_or_answer.clone(), tokens: sample.tokens, ..Delta::default() };
    let usage = Usage { prompt, completion: sample.tokens, estimated: true, ..Usage::default() };
    let reason = FinishReason::Stop;
    vec![
        Ok(SampleEvent::Prompt { tokens: prompt, cached: 0 }),
        Ok(SampleEvent::Delta(delta)),
        Ok(SampleEvent::Finish(Finish::new(reason, usage))),
    ]
}

/// FNV-1a, so that a problem is drawn from in the same order on every platform.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;
    use outthink_core::{Price, Prompt};

    async fn draw(engine: &ReplayEngine, n: u64) -> Vec<Result<String, EngineError>> {
        let request = SampleRequest {
            prompt: Prompt::user("q").into(),
            seeds: (0..n).collect(),
            max_tokens: Some(10),
            ..SampleRequest::default()
        };
        let mut texts = Vec::new();
        for stream in engine.start(request) {
            let events: Vec<_> = stream.collect().await;
            texts.push(match &events[..] {
                [Ok(SampleEvent::Prompt { .. }), Ok(SampleEvent::Delta(d)), Ok(SampleEvent::Finish(f))] => {
                    assert_eq!(f.usage.completion, d.tokens);
                    Ok(d.content.clone())
                }
                [Err(e)] => Err(e.clone()),
                other => unreachable!("{other:?}"),
            });
        }
        texts
    }

    #[tokio::test]
    async fn every_sample_comes_once() {
        let sample = |i: u64| RecordedSample { text_or_answer: i.to_string(), answer: None, tokens: i + 1 };
        let model = ModelInfo { id: "r".into(), context: None, price: Price::default() };
        let engine = ReplayEngine::new(model, [("q".to_owned(), (0..20).map(sample).collect())], 1);
        let mut texts: Vec<String> = Vec::new();
        for n in [3, 17] {
            texts.extend(draw(&engine, n).await.into_iter().map(Result::unwrap));
        }
        assert_eq!(engine.remaining("q"), 0);
        let error = draw(&engine, 1).await.remove(0).unwrap_err();
        assert_eq!(error.origin, Origin::Caller);
        assert!(error.message.contains("holds only 20 samples"), "{error}");

        engine.reset(1);
        let again: Vec<_> = draw(&engine, 20).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(again, texts);
        engine.reset(2);
        let other: Vec<_> = draw(&engine, 20).await.into_iter().map(Result::unwrap).collect();
        assert_ne!(other, texts);
        texts.sort_by_key(|t| t.parse::<u64>().unwrap());
        assert!(texts.iter().enumerate().all(|(i, t)| *t == i.to_string()));
    }
}
