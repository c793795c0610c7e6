//! An engine that plays texts in order, one word a token.

use futures_util::StreamExt;
use outthink_core::{
    Capabilities, Delta, Engine, EngineError, Finish, FinishReason, ModelInfo, Origin, Price, SampleEvent,
    SampleRequest, SampleStream, Usage,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What the engine did.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) started: AtomicUsize,
    pub(crate) alive: AtomicUsize,
    pub(crate) tokens: AtomicU64,
}

pub(crate) struct Script {
    pub(crate) texts: Vec<String>,
    /// Time that a token takes.
    pub(crate) pace: Duration,
    pub(crate) continuation: bool,
    pub(crate) books: Arc<Books>,
    model: ModelInfo,
}

pub(crate) const PROMPT_TOKENS: u64 = 10;

impl Script {
    pub(crate) fn new(texts: &[&str]) -> Self {
        let model =
            ModelInfo { id: "script".into(), context: None, price: Price::per_million_usd(1.0, 1.0, 2.0).unwrap() };
        let texts = texts.iter().map(|&t| t.to_owned()).collect();
        Self { texts, pace: Duration::ZERO, continuation: false, books: Arc::default(), model }
    }
}

/// Counts a stream as alive until it is dropped.
struct Alive(Arc<Books>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Engine for Script {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { continuation: self.continuation, ..Capabilities::default() }
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        request.seeds.iter().map(|_| self.one(request.max_tokens)).collect()
    }
}

impl Script {
    fn one(&self, max_tokens: Option<u64>) -> SampleStream {
        let index = self.books.started.fetch_add(1, Ordering::SeqCst);
        self.books.alive.fetch_add(1, Ordering::SeqCst);
        let alive = Alive(self.books.clone());
        let text = self.texts.get(index).cloned().unwrap_or_else(|| self.texts.last().cloned().unwrap_or_default());
        if let Some(problem) = text.strip_prefix("error:") {
            let error = EngineError::new(Origin::Engine, problem.to_owned());
            return Box::pin(futures_util::stream::once(async move {
                drop(alive);
                Err(error)
            }));
        }
        let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let limit = max_tokens.unwrap_or(u64::MAX);
        let cut = words.len() as u64 > limit;
        let completion = (words.len() as u64).min(limit);
        let pace = self.pace;
        let prompt = SampleEvent::Prompt { tokens: PROMPT_TOKENS, cached: 0 };
        let words = words.into_iter().take(completion as usize);
        let deltas = words.map(|content| SampleEvent::Delta(Delta { content, tokens: 1, ..Delta::default() }));
        let reason = if cut { FinishReason::Length } else { FinishReason::Stop };
        let usage = Usage { prompt: PROMPT_TOKENS, completion, ..Usage::default() };
        let events: Vec<SampleEvent> = std::iter::once(prompt)
            .chain(deltas)
            .chain([SampleEvent::Finish(Finish::new(reason, usage))])
            .collect();
        Box::pin(futures_util::stream::iter(events).then(move |event| {
            let books = alive.0.clone();
            async move {
                if let SampleEvent::Delta(_) = event {
                    if !pace.is_zero() {
                        tokio::time::sleep(pace).await;
                    }
                    books.tokens.fetch_add(1, Ordering::SeqCst);
                }
                Ok(event)
            }
        }))
    }
}
