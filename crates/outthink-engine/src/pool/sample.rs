//! One sample of a pool: another member where one fails, and a second start where it is late.

use super::duty::{Criteria, Duty};
use super::{Inner, State};
use crate::size;
use futures_util::StreamExt;
use futures_util::stream;
use outthink_core::{EngineError, Origin, SampleEvent, SampleRequest, SampleStream, Source, Usage, derive_seed};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Times to the first words that are remembered.
const REMEMBERED: usize = 128;
/// Times before they mean anything.
const LEAST: usize = 20;
/// A sample is late after this times the 95th percentile, and never before [`SOONEST`].
const LATE: f64 = 1.5;
const SOONEST: f64 = 0.05;
/// One in so many samples is started a second time at most.
const ONE_IN: u64 = 20;
/// What a sample without a limit weighs at a member, in tokens.
const USUAL: u64 = 2048;

type Event = Result<SampleEvent, EngineError>;

/// What the samples of one prompt know of the members.
pub(super) struct Siblings {
    /// The hash that members are preferred by.
    hash: u64,
    /// Members that failed one of the samples.
    failed: Mutex<Vec<usize>>,
}

impl Siblings {
    pub(super) fn new(hash: u64) -> Self {
        Self { hash, failed: Mutex::default() }
    }

    fn failed(&self) -> Vec<usize> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, index: usize) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if !failed.contains(&index) {
            failed.push(index);
        }
    }
}

/// What an attempt does next.
enum Step {
    /// Something before the first words.
    Early(SampleEvent),
    /// Words, or the end.
    Words(SampleEvent),
    Failed(EngineError),
    /// It ended without a word.
    Over,
}

/// A sample at one member. Dropping it ends its work there.
struct Attempt {
    inner: Arc<Inner>,
    duty: Duty,
    stream: SampleStream,
    began: Instant,
    /// Who works on it, from when the member got it.
    source: Option<Arc<Source>>,
    /// What it has used, where the member said so.
    used: Option<Usage>,
    /// An event that comes after one of ours.
    next: Option<SampleEvent>,
}

impl Attempt {
    /// Who works on it, by the member's name in the pool.
    fn named(&self, source: &Source) -> Arc<Source> {
        let name = self.inner.members[self.duty.index].name.clone();
        Arc::new(Source { member: Some(source.member.clone().unwrap_or(name)), ..source.clone() })
    }

    /// The next step. A member that does not say when it began is taken to work from its first event on.
    async fn next(&mut self) -> Step {
        let event = match self.next.take() {
            Some(event) => event,
            None => match self.stream.next().await {
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    self.duty.failed(&error);
                    return Step::Failed(error);
                }
                None => return Step::Over,
            },
        };
        if let SampleEvent::Started(source) = &event {
            let source = self.named(source);
            self.source = Some(Arc::clone(&source));
            return Step::Early(SampleEvent::Started(source));
        }
        if self.source.is_none() && !matches!(event, SampleEvent::Note(_) | SampleEvent::Lost(_)) {
            let model = self.inner.members[self.duty.index].engine.model();
            let source = self.named(&Source { model: model.id.clone(), member: None, price: model.price });
            self.source = Some(Arc::clone(&source));
            self.next = Some(event);
            return Step::Early(SampleEvent::Started(source));
        }
        match event {
            SampleEvent::Prompt { tokens, cached } => {
                self.used = Some(Usage { prompt: tokens, cached, estimated: true, ..Usage::default() });
                Step::Early(event)
            }
            SampleEvent::Used(usage) => {
                self.used = Some(usage);
                Step::Early(event)
            }
            SampleEvent::Lost(_) => {
                (self.source, self.used) = (None, None);
                Step::Early(event)
            }
            SampleEvent::Delta(_) | SampleEvent::Finish(_) => {
                if !self.duty.is_settled() {
                    self.duty.succeeded();
                    self.inner.lock().spoke_after(self.began.elapsed());
                }
                Step::Words(event)
            }
            event => Step::Early(event),
        }
    }

    /// What it has spent without a word, where its member works on it.
    fn lost(&self, request: &SampleRequest) -> Option<(Arc<Source>, Usage)> {
        let source = self.source.clone()?;
        let prompt = || size::prompt_chars(request).div_ceil(4);
        let guess = || Usage { prompt: prompt(), estimated: true, ..Usage::default() };
        Some((source, self.used.unwrap_or_else(guess)))
    }
}

impl State {
    fn spoke_after(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        if self.first_words.len() < REMEMBERED {
            self.first_words.push(seconds);
        } else {
            self.first_words[self.next_first_words] = seconds;
            self.next_first_words = (self.next_first_words + 1) % REMEMBERED;
        }
    }

    /// After how long a sample is late, where that is known and one more start is within bounds.
    fn late_after(&mut self) -> Option<Duration> {
        self.started += 1;
        if self.first_words.len() < LEAST || self.hedged * ONE_IN >= self.started {
            return None;
        }
        let mut sorted = self.first_words.clone();
        sorted.sort_by(f64::total_cmp);
        let p95 = sorted[(sorted.len() - 1) * 95 / 100];
        Some(Duration::from_secs_f64((LATE * p95).max(SOONEST)))
    }
}

/// Starts a sample.
pub(super) fn start(inner: Arc<Inner>, request: SampleRequest, siblings: Arc<Siblings>) -> SampleStream {
    let drawn = Drawn {
        inner,
        request,
        siblings,
        tried: Vec::new(),
        phase: Phase::Idle,
        out: VecDeque::new(),
        failure: None,
        was_hedged: false,
    };
    Box::pin(stream::unfold(Box::new(drawn), |mut drawn| async move { drawn.next().await.map(|event| (event, drawn)) }))
}

enum Phase {
    /// No member has it.
    Idle,
    /// Nobody spoke yet; it is late at the given time.
    Waiting {
        first: Box<Attempt>,
        second: Option<Box<Second>>,
        late: Option<Instant>,
    },
    Streaming(Box<Attempt>),
    Ended,
}

/// A second start of a late sample. What it says before its first words is kept until it is chosen.
struct Second {
    attempt: Attempt,
    early: Vec<SampleEvent>,
}

/// One sample while it is drawn.
struct Drawn {
    inner: Arc<Inner>,
    request: SampleRequest,
    siblings: Arc<Siblings>,
    tried: Vec<usize>,
    phase: Phase,
    out: VecDeque<Event>,
    failure: Option<EngineError>,
    was_hedged: bool,
}

/// Which of two attempts took a step.
enum Turn {
    First(Step),
    Second(Step),
    Late,
}

impl Drawn {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.out.pop_front() {
                return Some(event);
            }
            match &mut self.phase {
                Phase::Ended => return None,
                Phase::Idle => self.begin(),
                Phase::Waiting { .. } => self.wait().await,
                Phase::Streaming(attempt) => match attempt.next().await {
                    Step::Early(event) => return Some(Ok(event)),
                    Step::Words(event) => {
                        if matches!(event, SampleEvent::Finish(_)) {
                            self.phase = Phase::Ended;
                        }
                        return Some(Ok(event));
                    }
                    Step::Failed(error) => {
                        self.phase = Phase::Ended;
                        return Some(Err(error));
                    }
                    Step::Over => self.phase = Phase::Ended,
                },
            }
        }
    }

    /// Chooses a member that was not tried and starts there.
    fn attempt(&mut self) -> Option<Attempt> {
        let avoided = self.siblings.failed();
        let (hash, seed) = (self.siblings.hash, self.request.seeds.first().copied().unwrap_or_default());
        // Once a member has failed, the samples spread over the others.
        let hash = if avoided.is_empty() { hash } else { derive_seed(hash, seed) };
        let criteria = Criteria { hash, tokens: self.request.max_tokens.unwrap_or(USUAL), avoided: &avoided };
        let duty = Duty::begin(&self.inner, &criteria, &mut self.tried)?;
        let request = SampleRequest { has_other: self.inner.has_other(&self.tried), ..self.request.clone() };
        let stream = self.inner.members[duty.index].engine.start(request).into_iter().next()?;
        let inner = Arc::clone(&self.inner);
        Some(Attempt { inner, duty, stream, began: Instant::now(), source: None, used: None, next: None })
    }

    fn begin(&mut self) {
        let Some(first) = self.attempt() else {
            let nothing = || EngineError::new(Origin::Engine, "no engine of this model gave a sample").retryable();
            self.out.push_back(Err(self.failure.take().unwrap_or_else(nothing)));
            self.phase = Phase::Ended;
            return;
        };
        let may = self.inner.options.hedge && !self.was_hedged;
        let late = may.then(|| self.inner.lock().late_after()).flatten().map(|late| first.began + late);
        self.phase = Phase::Waiting { first: Box::new(first), second: None, late };
    }

    /// Waits for the first words.
    async fn wait(&mut self) {
        let Phase::Waiting { first, second, late } = &mut self.phase else { return };
        let turn = match (second, *late) {
            (Some(second), _) => tokio::select! {
                biased;
                step = first.next() => Turn::First(step),
                step = second.attempt.next() => Turn::Second(step),
            },
            (None, Some(late)) => tokio::select! {
                biased;
                step = first.next() => Turn::First(step),
                () = sleep_until(late) => Turn::Late,
            },
            (None, None) => Turn::First(first.next().await),
        };
        match turn {
            Turn::Late => self.hedge(),
            Turn::First(Step::Early(event)) => self.out.push_back(Ok(event)),
            Turn::First(step) => self.on_first(step),
            Turn::Second(step) => self.on_second(step),
        }
    }

    /// Starts a second time.
    fn hedge(&mut self) {
        let attempt = self.attempt();
        let Phase::Waiting { second, late, .. } = &mut self.phase else { return };
        *late = None;
        if let Some(attempt) = attempt {
            *second = Some(Box::new(Second { attempt, early: Vec::new() }));
            self.was_hedged = true;
            self.inner.lock().hedged += 1;
        }
    }

    fn on_first(&mut self, step: Step) {
        let Phase::Waiting { first, second, .. } = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        match (step, second) {
            (Step::Words(event), second) => {
                if let Some((source, usage)) = second.and_then(|s| s.attempt.lost(&self.request)) {
                    self.out.push_back(Ok(SampleEvent::Started(source)));
                    self.out.push_back(Ok(SampleEvent::Lost(usage)));
                    self.out.extend(first.source.clone().map(|source| Ok(SampleEvent::Started(source))));
                }
                self.stream_from(first, event);
            }
            // The other one may still come.
            (step, Some(second)) => {
                self.note_failure(&first, step);
                if self.phase_is_ended() {
                    return;
                }
                self.out.extend(second.early.into_iter().map(Ok));
                self.phase = Phase::Waiting { first: Box::new(second.attempt), second: None, late: None };
            }
            (step, None) => self.note_failure(&first, step),
        }
    }

    fn on_second(&mut self, step: Step) {
        let Phase::Waiting { first, second: Some(mut second), .. } = std::mem::replace(&mut self.phase, Phase::Idle)
        else {
            return;
        };
        match step {
            Step::Early(event) => {
                second.early.push(event);
                self.phase = Phase::Waiting { first, second: Some(second), late: None };
            }
            Step::Words(event) => {
                self.out.extend(first.lost(&self.request).map(|(_, usage)| Ok(SampleEvent::Lost(usage))));
                drop(first);
                self.out.extend(second.early.into_iter().map(Ok));
                self.stream_from(Box::new(second.attempt), event);
            }
            step => {
                // What it had spent comes before the first one goes on.
                let early = second.early.into_iter();
                let spent = early.filter(|e| matches!(e, SampleEvent::Started(_) | SampleEvent::Lost(_)));
                let spent: Vec<SampleEvent> = spent.collect();
                if spent.iter().any(|e| matches!(e, SampleEvent::Lost(_))) {
                    self.out.extend(spent.into_iter().map(Ok));
                    self.out.extend(first.source.clone().map(|source| Ok(SampleEvent::Started(source))));
                }
                // The first one may still come, whatever the second says.
                if !matches!(&step, Step::Failed(error) if !error.elsewhere) {
                    self.siblings.add(second.attempt.duty.index);
                }
                self.phase = Phase::Waiting { first, second: None, late: None };
            }
        }
    }

    fn stream_from(&mut self, attempt: Box<Attempt>, event: SampleEvent) {
        let ended = matches!(event, SampleEvent::Finish(_));
        self.out.push_back(Ok(event));
        self.phase = if ended { Phase::Ended } else { Phase::Streaming(attempt) };
    }

    /// An attempt failed before its first words: what another member may do better is tried there.
    fn note_failure(&mut self, attempt: &Attempt, step: Step) {
        match step {
            Step::Failed(error) if !error.elsewhere => {
                self.out.push_back(Err(error));
                self.phase = Phase::Ended;
                return;
            }
            Step::Failed(error) => self.failure = Some(error),
            _ => {}
        }
        self.siblings.add(attempt.duty.index);
    }

    const fn phase_is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod tests;
