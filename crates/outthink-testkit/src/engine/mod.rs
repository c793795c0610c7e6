//! An engine that does, sample by sample, what a script says.
//!
//! ```
//! use futures_util::StreamExt as _;
//! use outthink_core::{Engine as _, FinishReason, Prompt, SampleEvent, SampleRequest};
//! use outthink_testkit::engine::{Act, Scripted, says};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // The first sample is cut, all others are whole.
//! let engine = Scripted::by("m", |turn| match turn.index {
//!     0 => vec![Act::content("The answer "), Act::End(FinishReason::Length)],
//!     _ => says("The answer is 4."),
//! });
//! let request = SampleRequest { prompt: Prompt::user("2+2?").into(), seeds: vec![1, 2], ..SampleRequest::default() };
//! for stream in engine.start(request) {
//!     let events: Vec<_> = stream.collect().await;
//!     assert!(matches!(events.last(), Some(Ok(SampleEvent::Finish(_)))));
//! }
//! assert_eq!((engine.counts().finished, engine.live()), (2, 0));
//! # }
//! ```

mod act;
mod rates;

pub use act::{Act, calls_a_tool, fails, overloaded, reply, says, thinks_then_says};
pub use rates::{Rates, SampleFault, Saying};

use outthink_core::{
    Capabilities, Engine, ModelInfo, Price, SampleEvent, SampleRequest, SampleStream, Source, Support, Usage,
};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A sample that is to be played.
#[derive(Debug)]
pub struct Turn<'a> {
    /// How many samples the engine started before it.
    pub index: u64,
    /// Its seed.
    pub seed: u64,
    /// The request that it belongs to.
    pub request: &'a SampleRequest,
    /// The engine under its own name and price, for [`Act::Started`].
    pub source: Source,
}

type Script = Box<dyn Fn(&Turn<'_>) -> Vec<Act> + Send + Sync>;

#[derive(Debug, Default)]
struct Counters {
    started: AtomicU64,
    finished: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    tokens: AtomicU64,
}

/// What a [`Scripted`] engine has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples that were asked for.
    pub started: u64,
    /// Those that ended.
    pub finished: u64,
    /// Those that were dropped before their end.
    pub cancelled: u64,
    /// Those that failed.
    pub failed: u64,
    /// Tokens that were passed on.
    pub tokens: u64,
}

/// An engine that follows a script.
pub struct Scripted {
    model: ModelInfo,
    capabilities: Capabilities,
    one_by_one: bool,
    script: Script,
    /// Prompt tokens of a sample, and those of them that were cached, unless an act says otherwise.
    prompt: (u64, u64),
    pace: Duration,
    in_turns: bool,
    counters: Arc<Counters>,
    requests: Mutex<Vec<SampleRequest>>,
}

impl Scripted {
    /// An engine of this model, shared, whose samples do what `script` says by their number, from 0, and their
    /// request. It charges $1, $0.5 and $2 a million tokens, has a context of 4,096, and finds 4 of 10 prompt
    /// tokens in its cache.
    pub fn new(model: &str, script: impl Fn(usize, &SampleRequest) -> Vec<Act> + Send + Sync + 'static) -> Arc<Self> {
        let price = Price { input: 1_000_000_000, cached: 500_000_000, output: 2_000_000_000, ..Price::default() };
        let number = |index| usize::try_from(index).unwrap_or(usize::MAX);
        let engine = Self::by(model, move |turn| script(number(turn.index), turn.request));
        Arc::new(engine.with_price(price).with_context(4_096).with_prompt(10, 4))
    }

    /// An engine of this model that charges nothing and whose samples do what `script` says of each.
    pub fn by(model: &str, script: impl Fn(&Turn<'_>) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self {
            model: ModelInfo { id: model.into(), context: None, price: Price::default() },
            capabilities: Capabilities::default(),
            one_by_one: false,
            script: Box::new(script),
            prompt: (10, 0),
            pace: Duration::ZERO,
            in_turns: false,
            counters: Arc::default(),
            requests: Mutex::default(),
        }
    }

    /// An engine that says texts in order, a word a token, the last one again and again: see [`reply`]. A text
    /// that begins with `error:` fails with what follows.
    pub fn texts<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        Self::by("scripted", move |turn| {
            let at = usize::try_from(turn.index).unwrap_or(usize::MAX);
            let text = texts.get(at).or(texts.last()).map_or("", String::as_str);
            match text.strip_prefix("error:") {
                Some(problem) => {
                    vec![Act::Fail(outthink_core::EngineError::new(outthink_core::Origin::Engine, problem))]
                }
                None => reply(text, 10, turn.request),
            }
        })
    }

    /// An engine with known success rates, which continues texts and gives log-probabilities.
    pub fn by_rates(rates: Rates) -> Self {
        let capabilities = Capabilities { continuation: Support::Yes, logprobs: true, ..Capabilities::default() };
        Self::by("scripted", move |turn| rates.acts(turn)).with_capabilities(capabilities)
    }

    /// Sets the model's name.
    #[must_use]
    pub fn with_model(mut self, id: &str) -> Self {
        self.model.id = id.into();
        self
    }

    /// Sets what it charges.
    #[must_use]
    pub const fn with_price(mut self, price: Price) -> Self {
        self.model.price = price;
        self
    }

    /// Sets the length of its context.
    #[must_use]
    pub const fn with_context(mut self, tokens: u64) -> Self {
        self.model.context = Some(tokens);
        self
    }

    /// Sets what it can do.
    #[must_use]
    pub const fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Sets the prompt tokens of a sample, and those of them that were cached, where no act says otherwise.
    #[must_use]
    pub const fn with_prompt(mut self, tokens: u64, cached: u64) -> Self {
        self.prompt = (tokens, cached);
        self
    }

    /// Sets the time before each token; needs a tokio runtime.
    #[must_use]
    pub const fn with_pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// Lets other tasks run after each event, so that all samples advance side by side.
    #[must_use]
    pub const fn in_turns(mut self) -> Self {
        self.in_turns = true;
        self
    }

    /// Says that samples lose nothing when each is started by a call of its own, as with a server.
    #[must_use]
    pub const fn one_by_one(mut self) -> Self {
        self.one_by_one = true;
        self
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        let c = &self.counters;
        let (finished, failed) = (c.finished.load(SeqCst), c.failed.load(SeqCst));
        Counts {
            started: c.started.load(SeqCst),
            finished,
            cancelled: c.dropped.load(SeqCst),
            failed,
            tokens: c.tokens.load(SeqCst),
        }
    }

    /// Samples that were asked for.
    pub fn started(&self) -> u64 {
        self.counts().started
    }

    /// Samples that have neither ended nor failed and are not dropped.
    pub fn live(&self) -> u64 {
        let c = self.counts();
        c.started - c.finished - c.failed - c.cancelled
    }

    /// The requests so far, in order.
    pub fn requests(&self) -> Vec<SampleRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last request; an empty one where there was none.
    pub fn last_request(&self) -> SampleRequest {
        self.requests().pop().unwrap_or_default()
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripted").field("model", &self.model).field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Engine for Scripted {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn one_by_one(&self) -> bool {
        self.one_by_one
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let start = |&seed: &u64| {
            let index = self.counters.started.fetch_add(1, SeqCst);
            let source = Source { model: self.model.id.clone(), member: None, price: self.model.price };
            let acts = (self.script)(&Turn { index, seed, request: &request, source });
            self.play(acts)
        };
        request.seeds.iter().map(start).collect()
    }
}

impl Scripted {
    fn play(&self, acts: Vec<Act>) -> SampleStream {
        let live = Live { counters: Arc::clone(&self.counters), ended: false };
        let (pace, in_turns, prompt) = (self.pace, self.in_turns, self.prompt);
        Box::pin(async_stream::stream! {
            let mut live = live;
            let mut usage = Usage { prompt: prompt.0, cached: prompt.1, ..Usage::default() };
            for act in acts {
                match act {
                    Act::Wait(time) => tokio::time::sleep(time).await,
                    Act::Hang => std::future::pending().await,
                    _ => {}
                }
                let Some(event) = act.event(&mut usage) else { continue };
                if matches!(event, Ok(SampleEvent::Delta(_))) && !pace.is_zero() {
                    tokio::time::sleep(pace).await;
                }
                live.count(&event);
                yield event;
                if in_turns {
                    tokio::task::yield_now().await;
                }
            }
        })
    }
}

/// A sample as it runs; dropping it before its end counts as a cancellation.
struct Live {
    counters: Arc<Counters>,
    ended: bool,
}

impl Live {
    fn count(&mut self, event: &Result<SampleEvent, outthink_core::EngineError>) {
        let counter = match event {
            Ok(SampleEvent::Delta(delta)) => {
                self.counters.tokens.fetch_add(delta.tokens, SeqCst);
                return;
            }
            Ok(SampleEvent::Finish(_)) => &self.counters.finished,
            Err(_) => &self.counters.failed,
            Ok(_) => return,
        };
        if !std::mem::replace(&mut self.ended, true) {
            counter.fetch_add(1, SeqCst);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if !self.ended {
            self.counters.dropped.fetch_add(1, SeqCst);
        }
    }
}
