//! Several engines of one model as one: weights, health, fallbacks, and hedging of late samples.
//!
//! A sample goes to the member with the least outstanding tokens for its weight, or to the one that
//! its conversation prefers, so that its samples and turns meet one prefix cache. What fails before its
//! first words goes to another member where that one may do better, and the other samples of the prompt
//! avoid the member that failed. Members that fail in a row, or far more often than the others, rest for a
//! while, and those of a later tier are used only while none before is fit: they may be other models, and
//! each sample says which one drew it, at its price.
//!
//! A member retries what failed only where no other one is fit: another member is better than a wait.

mod affinity;
mod duty;
mod health;
mod pick;
mod relay;
mod sample;

use duty::Criteria;
use health::Health;
use outthink_core::{
    Capabilities, Engine, EngineError, ModelInfo, Origin, Price, Relay, RelayFuture, SampleRequest, SampleStream,
    Support,
};
use pick::Standing;
use sample::Siblings;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Asks whether a member is alive.
pub type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), EngineError>> + Send>> + Send + Sync>;

/// One engine of a pool.
#[derive(Clone)]
pub struct Member {
    /// What it is called in health reports.
    pub name: String,
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Its share of the work, relative to the others; above 0.
    pub weight: f64,
    /// 0 is used first; later tiers are fallbacks.
    pub tier: u32,
    /// Asks whether it is alive, every [`PoolOptions::probe_every`].
    pub probe: Option<Probe>,
}

impl Member {
    /// A member of weight 1 in the first tier, without a probe.
    pub fn new(name: impl Into<String>, engine: Arc<dyn Engine>) -> Self {
        Self { name: name.into(), engine, weight: 1.0, tier: 0, probe: None }
    }
}

/// How a pool behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// Start a sample once more at another member when its first words are later than nearly all
    /// others were; the first to speak is kept. The other's prompt is paid, too, at its own price.
    pub hedge: bool,
    /// How often members are asked whether they are alive; needs a tokio runtime.
    pub probe_every: Option<Duration>,
}

impl Default for PoolOptions {
    /// No hedging, a probe every 10 s.
    fn default() -> Self {
        Self { hedge: false, probe_every: Some(Duration::from_secs(10)) }
    }
}

/// How a member is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberReport {
    /// Its name.
    pub name: String,
    /// Whether it gets samples.
    pub fit: bool,
    /// Tokens of the samples that it works on.
    pub outstanding: u64,
    /// Share of failures of late, in [0, 1].
    pub failures: f64,
}

struct State {
    standings: Vec<Standing>,
    /// Seconds to the first words, of late.
    first_words: Vec<f64>,
    next_first_words: usize,
    started: u64,
    hedged: u64,
}

struct Inner {
    members: Vec<Member>,
    state: Mutex<State>,
    options: PoolOptions,
    began: Instant,
}

/// Several engines of one model as one engine.
pub struct PoolEngine {
    model: ModelInfo,
    inner: Arc<Inner>,
}

impl PoolEngine {
    /// A pool of `members`; name, context and price of the model are those of the first.
    ///
    /// # Errors
    /// If there is no member, or a weight is not above 0.
    pub fn new(members: Vec<Member>, options: PoolOptions) -> Result<Self, EngineError> {
        let Some(first) = members.first() else {
            return Err(EngineError::new(Origin::Caller, "a pool of no engines").with_hint("name at least one"));
        };
        if let Some(member) = members.iter().find(|m| !(m.weight.is_finite() && m.weight > 0.0)) {
            let words = format!("the weight of {} is {}", member.name, member.weight);
            return Err(EngineError::new(Origin::Caller, words).with_hint("give a number above 0"));
        }
        let mut model = first.engine.model().clone();
        // A prompt must fit wherever it goes.
        model.context = members.iter().filter_map(|m| m.engine.model().context).min();
        let standing =
            |m: &Member| Standing { weight: m.weight, tier: m.tier, outstanding: 0, health: Health::default() };
        let state = State {
            standings: members.iter().map(standing).collect(),
            first_words: Vec::new(),
            next_first_words: 0,
            started: 0,
            hedged: 0,
        };
        let inner = Arc::new(Inner { members, state: Mutex::new(state), options, began: Instant::now() });
        Ok(Self { model, inner })
    }

    /// Asks the members whether they are alive, again and again, until the pool is dropped.
    pub fn watch(&self) -> impl Future<Output = ()> + Send + 'static {
        let (inner, every) = (Arc::downgrade(&self.inner), self.inner.options.probe_every);
        async move {
            let Some(every) = every else { return };
            while let Some(probes) = probes(&inner) {
                for (index, probe) in probes {
                    let alive = tokio::time::timeout(every, probe()).await.is_ok_and(|reply| reply.is_ok());
                    let Some(inner) = inner.upgrade() else { return };
                    inner.settle(index, Some(alive));
                }
                tokio::time::sleep(every).await;
            }
        }
    }

    /// How the members are doing.
    pub fn report(&self) -> Vec<MemberReport> {
        let (state, now) = (self.inner.lock(), self.inner.began.elapsed());
        let one = |(member, standing): (&Member, &Standing)| MemberReport {
            name: member.name.clone(),
            fit: standing.health.is_fit(now),
            outstanding: standing.outstanding,
            failures: standing.health.share(),
        };
        self.inner.members.iter().zip(&state.standings).map(one).collect()
    }
}

/// The probes of the members; `None` once the pool is gone.
fn probes(inner: &Weak<Inner>) -> Option<Vec<(usize, Probe)>> {
    let inner = inner.upgrade()?;
    let probes = inner.members.iter().enumerate().filter_map(|(index, m)| Some((index, m.probe.clone()?)));
    Some(probes.collect())
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses a member for a sample and counts its tokens there.
    fn choose(&self, criteria: &Criteria<'_>, passed_over: &[usize]) -> Option<usize> {
        let now = self.began.elapsed();
        let mut state = self.lock();
        let index = pick::pick(&state.standings, criteria.hash, now, passed_over)?;
        let standing = &mut state.standings[index];
        standing.health.began(now);
        standing.outstanding += criteria.tokens;
        Some(index)
    }

    /// Whether a member is fit that was not tried.
    fn has_other(&self, tried: &[usize]) -> bool {
        let now = self.began.elapsed();
        self.lock().standings.iter().enumerate().any(|(index, s)| !tried.contains(&index) && s.health.is_fit(now))
    }

    /// A sample is no longer worked on.
    fn release(&self, index: usize, tokens: u64) {
        let standing = &mut self.lock().standings[index];
        standing.outstanding = standing.outstanding.saturating_sub(tokens);
    }

    /// Enters whether a sample began to come or failed through the member's fault; `None` where
    /// it was given up before either.
    fn settle(&self, index: usize, succeeded: Option<bool>) {
        let now = self.began.elapsed();
        let mut state = self.lock();
        let others = state.standings.iter().enumerate().filter(|(other, _)| *other != index);
        let others = others.map(|(_, s)| s.health.share()).fold(0.0, f64::max);
        let health = &mut state.standings[index].health;
        match succeeded {
            Some(true) => health.succeeded(),
            Some(false) => health.failed(now, others),
            None => health.dropped(),
        }
    }
}

impl fmt::Debug for PoolEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolEngine")
            .field("model", &self.model)
            .field("members", &self.report())
            .finish_non_exhaustive()
    }
}

impl Engine for PoolEngine {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    /// What all members can do.
    fn capabilities(&self) -> Capabilities {
        let members = self.inner.members.iter();
        let all = |has: fn(Capabilities) -> bool| self.inner.members.iter().all(|m| has(m.engine.capabilities()));
        Capabilities {
            continuation: members
                .map(|m| m.engine.capabilities().continuation)
                .reduce(Support::and)
                .unwrap_or_default(),
            logprobs: all(|c| c.logprobs),
            shared_prefill: all(|c| c.shared_prefill),
            effort: all(|c| c.effort),
            thinking_budget: all(|c| c.thinking_budget),
        }
    }

    /// Those that all members have.
    fn hosted_tools(&self) -> Vec<String> {
        let mut lists = self.inner.members.iter().map(|m| m.engine.hosted_tools());
        let mut common = lists.next().unwrap_or_default();
        lists.for_each(|list| common.retain(|kind| list.contains(kind)));
        common
    }

    fn speaks_messages(&self) -> bool {
        self.inner.members.iter().all(|member| member.engine.speaks_messages())
    }

    /// The highest price of its members, of each kind of token.
    fn price_bound(&self) -> Price {
        self.inner.members.iter().map(|m| m.engine.price_bound()).fold(self.model.price.bound(), Price::highest)
    }

    /// Whether any member is fit and not known to be gone.
    fn is_ready(&self) -> Option<bool> {
        let now = self.inner.began.elapsed();
        let fit: Vec<bool> = self.inner.lock().standings.iter().map(|s| s.health.is_fit(now)).collect();
        let ready = |(member, fit): (&Member, bool)| fit && member.engine.is_ready() != Some(false);
        Some(self.inner.members.iter().zip(fit).any(ready))
    }

    fn one_by_one(&self) -> bool {
        true
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        // A pool of one has no choice.
        let hash = if self.inner.members.len() > 1 { affinity::conversation(&request.prompt) } else { 0 };
        let siblings = Arc::new(Siblings::new(hash));
        let one = |&seed: &u64| {
            let request = SampleRequest { seeds: vec![seed], ..request.clone() };
            sample::start(Arc::clone(&self.inner), request, Arc::clone(&siblings))
        };
        request.seeds.iter().map(one).collect()
    }

    fn relay(&self, relay: Relay) -> Option<RelayFuture> {
        Some(Box::pin(relay::send(Arc::clone(&self.inner), relay)))
    }
}
