//! An engine whose samples are paid for while they run: each reserves its prompt and a first stretch before it
//! starts, and the next stretch before it gets there.

use super::admission::Size;
use super::allowance::{Allowance, Amount};
use futures_util::StreamExt;
use outthink_core::{
    Capabilities, Delta, Engine, Finish, FinishReason, ModelInfo, Price, Relay, RelayFuture, Room, SampleEvent,
    SampleRequest, SampleStream, Usage,
};
use std::pin::pin;
use std::sync::Arc;

/// The next stretch is asked for when so many tokens of the last one are left.
const LEAD: u64 = 512;
/// Stretches after the first one.
const STRETCH: u64 = 2_048;
/// A server may count a few tokens in a way of its own before it counts as one that ignores a limit.
const SLACK: u64 = 16;

/// An engine as a request sees it whose key has to pay.
pub(super) struct Metered {
    engine: Arc<dyn Engine>,
    allowance: Arc<Allowance>,
    /// Tokens of the prompt of one sample at most.
    prompt: u64,
    /// Generated tokens that are reserved ahead, where a stretch is more.
    ahead: Option<u64>,
}

impl Metered {
    pub(super) fn new(engine: Arc<dyn Engine>, allowance: Arc<Allowance>, size: Size) -> Self {
        Self { engine, allowance, prompt: size.prompt, ahead: size.ahead }
    }

    fn sample(&self, request: SampleRequest) -> SampleStream {
        let (engine, allowance) = (Arc::clone(&self.engine), Arc::clone(&self.allowance));
        let (limit, ahead) = (request.max_tokens, self.ahead);
        let prompt = self.prompt.max(request.prefix.as_ref().map_or(0, |p| p.len() as u64 + self.prompt));
        let mut meter = Meter::new(allowance, engine.price_bound(), prompt);
        Box::pin(async_stream::stream! {
            let first = Size { length: limit, ahead, ..Size::default() }.stretch();
            if !meter.extend(prompt, first).await {
                // A shorter reply, where the rest of the budget pays for one.
                let left = meter.allowance.left().min(first);
                if left < Room::SHORTEST || !meter.extend(prompt, left).await {
                    meter.give_up().await;
                }
            }
            let Some(mut stream) = engine.start(request).into_iter().next() else { return };
            let allowance = Arc::clone(&meter.allowance);
            let most = limit.map_or(u64::MAX, |most| most.saturating_add(SLACK).saturating_add(most / 8));
            'stretch: loop {
                // Asked for now, waited for when it is needed.
                let capped = limit.is_some_and(|most| meter.covered >= most);
                let left = limit.map_or(u64::MAX, |most| most.saturating_sub(meter.covered));
                let next = if capped { SLACK.max(most / 8) } else { ahead.unwrap_or(STRETCH).min(STRETCH).min(left) };
                let want = Amount::most(meter.price, 0, next);
                let mut growing = None;
                loop {
                    let used = if capped { meter.tokens } else { meter.used() };
                    // A server that keeps to its limit needs no more; another one is paid for as it goes on.
                    let due = if capped {
                        used > meter.covered
                    } else {
                        used.saturating_add(LEAD.min(next / 4).min(meter.covered / 2)) >= meter.covered
                    };
                    if growing.is_none() && due {
                        growing = Some(Box::pin(allowance.reserve(want)));
                    }
                    let event = tokio::select! {
                        biased;
                        // What is left then is spent on an answer.
                        may = answer(&mut growing) => {
                            if !may {
                                meter.give_up().await;
                            }
                            meter.grew(want, next);
                            continue 'stretch;
                        }
                        event = stream.next(), if used < meter.covered || (capped && used == meter.covered) => event,
                    };
                    let Some(event) = event else {
                        settle_pending(&mut meter, growing, want, next).await;
                        return;
                    };
                    match &event {
                        Ok(SampleEvent::Delta(delta)) => {
                            meter.count(delta);
                            if meter.tokens > most {
                                let usage = meter.estimate();
                                settle_pending(&mut meter, growing, want, next).await;
                                meter.close(&usage).await;
                                yield event;
                                let note = "the server ignored the limit on tokens, so its reply was cut";
                                yield Ok(SampleEvent::Note(note.to_owned()));
                                yield Ok(SampleEvent::Finish(Finish::new(FinishReason::Length, usage)));
                                return;
                            }
                        }
                        Ok(SampleEvent::Started(source)) => meter.price = source.price,
                        Ok(SampleEvent::Prompt { tokens, cached }) => meter.read = Some((*tokens, *cached)),
                        Ok(SampleEvent::Used(usage)) => meter.counted(usage),
                        Ok(SampleEvent::Lost(usage)) => meter.lost(usage),
                        Ok(SampleEvent::Finish(finish)) => {
                            let usage = finish.usage;
                            settle_pending(&mut meter, growing, want, next).await;
                            meter.close(&usage).await;
                            yield event;
                            return;
                        }
                        Ok(SampleEvent::Note(_)) | Err(_) => {}
                    }
                    yield event;
                }
            }
        })
    }
}

/// What came of a growth, if one was asked for.
async fn answer<F: Future<Output = bool> + Unpin>(growing: &mut Option<F>) -> bool {
    match growing {
        Some(growing) => growing.await,
        None => std::future::pending().await,
    }
}

/// Waits for what was asked for, so that it is neither lost nor counted twice.
async fn settle_pending<F: Future<Output = bool>>(meter: &mut Meter, growing: Option<F>, want: Amount, next: u64) {
    if let Some(growing) = growing
        && pin!(growing).await
    {
        meter.grew(want, next);
    }
}

impl Engine for Metered {
    fn model(&self) -> &ModelInfo {
        self.engine.model()
    }

    fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    fn price_bound(&self) -> Price {
        self.engine.price_bound()
    }

    fn is_ready(&self) -> Option<bool> {
        self.engine.is_ready()
    }

    fn one_by_one(&self) -> bool {
        self.engine.one_by_one()
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        let one = |&seed: &u64| self.sample(SampleRequest { seeds: vec![seed], ..request.clone() });
        request.seeds.iter().map(one).collect()
    }

    fn relay(&self, relay: Relay) -> Option<RelayFuture> {
        self.engine.relay(relay)
    }
}

/// What one sample has reserved and used. Dropped before its end, it gives back what it did not use.
struct Meter {
    allowance: Arc<Allowance>,
    price: Price,
    /// The prompt at most, and what the engine said of it.
    prompt: u64,
    read: Option<(u64, u64)>,
    reserved: Amount,
    /// Generated tokens that are reserved.
    covered: u64,
    /// Generated tokens as the engine counts them, and their bytes.
    tokens: u64,
    bytes: u64,
    /// What attempts that failed have spent.
    lost: Amount,
}

impl Meter {
    fn new(allowance: Arc<Allowance>, price: Price, prompt: u64) -> Self {
        let (reserved, lost) = (Amount::default(), Amount::default());
        Self { allowance, price, prompt, read: None, reserved, covered: 0, tokens: 0, bytes: 0, lost }
    }

    async fn extend(&mut self, prompt: u64, tokens: u64) -> bool {
        let want = Amount::most(self.price, prompt, tokens);
        let may = self.allowance.reserve(want).await;
        if may {
            self.grew(want, tokens);
        }
        may
    }

    fn grew(&mut self, by: Amount, tokens: u64) {
        self.reserved += by;
        self.covered = self.covered.saturating_add(tokens);
    }

    /// Counts a piece. Its tokens are an estimate where the engine gives no count, so that its bytes count, too.
    fn count(&mut self, delta: &Delta) {
        self.tokens = self.tokens.saturating_add(delta.tokens);
        self.bytes += (delta.content.len() + delta.reasoning.len()) as u64;
    }

    /// The budget does not pay for more: what was not used goes back, and whoever hosts the run ends it.
    async fn give_up(&mut self) {
        let spent = self.so_far();
        self.allowance.give_back(self.reserved, spent);
        self.reserved = spent;
        self.allowance.give_up();
        std::future::pending::<()>().await;
    }

    /// What it has spent at most, if it began.
    fn so_far(&self) -> Amount {
        if self.reserved == Amount::default() {
            return Amount::default();
        }
        let (prompt, _) = self.read.unwrap_or((self.prompt, 0));
        Amount::most(self.price, prompt, self.used()) + self.lost
    }

    fn used(&self) -> u64 {
        self.tokens.max(self.bytes / 4)
    }

    /// Takes in what the engine has counted so far.
    const fn counted(&mut self, usage: &Usage) {
        self.read = Some((usage.prompt, usage.cached));
        self.tokens = usage.completion;
    }

    fn lost(&mut self, usage: &Usage) {
        self.lost += Amount::spent(self.price, usage);
        (self.tokens, self.read) = (0, None);
    }

    fn estimate(&self) -> Usage {
        let (prompt, cached) = self.read.unwrap_or((self.prompt.div_ceil(4), 0));
        Usage { prompt, cached, completion: self.tokens, estimated: true, ..Usage::default() }
    }

    /// The end: what was spent takes the place of what was reserved.
    async fn close(&mut self, usage: &Usage) {
        let spent = Amount::spent(self.price, usage) + self.lost;
        let reserved = std::mem::take(&mut self.reserved);
        self.allowance.release(reserved, spent).await;
        self.lost = Amount::default();
        (self.tokens, self.bytes, self.prompt, self.read) = (0, 0, 0, None);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        // What it did not use goes back to the request's other samples.
        self.allowance.give_back(self.reserved, self.so_far());
    }
}
