//! `/v1/completions` and `/v1/embeddings`: requests that are passed on to an engine's server as they are. They are
//! admitted, queued and billed like all others; the model's name is put in place, and the usage is read on the way.
//! What a key's budget does not pay for is not passed on.

mod count;
mod events;
mod request;

use crate::error::ApiError;
use crate::observe::{RequestLog, TraceId};
use crate::run::{Account, Allowance, Amount, Asking, Caller, Gateway, session};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use count::Count;
use events::Events;
use futures_util::StreamExt;
use outthink_core::{
    Budget, Confidence, EngineError, Origin, Outcome, Price, Relay, Relayed, Room, StopReason, Usage, UsageRead,
    UsageScan,
};
use request::RelayRequest;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// The next stretch of a stream is claimed when so many tokens of the last one are left.
const LEAD: u64 = 256;
/// Bytes of a reply in one piece that are held to be counted; what is longer is passed on as it comes.
const HELD: usize = 64 << 20;

type Now = Extension<Arc<Gateway>>;
type Named = Extension<TraceId>;
type Asker = Extension<Caller>;

/// Answers a completion.
pub(super) async fn completions(
    Extension(gateway): Now,
    Extension(trace): Named,
    Extension(caller): Asker,
    body: Bytes,
) -> Response {
    pass("/completions", &gateway, (&trace, &caller), &body).await
}

/// Answers embeddings.
pub(super) async fn embeddings(
    Extension(gateway): Now,
    Extension(trace): Named,
    Extension(caller): Asker,
    body: Bytes,
) -> Response {
    pass("/embeddings", &gateway, (&trace, &caller), &body).await
}

/// Passes a request on to `path` below the version.
async fn pass(path: &'static str, gateway: &Gateway, (trace, caller): (&TraceId, &Caller), body: &[u8]) -> Response {
    let log = RequestLog::new(trace.clone(), path.trim_start_matches('/'));
    let mut asking = Asking { trace, caller, log };
    match begin(path, gateway, &mut asking, body).await {
        Ok(begun) => begun.send(asking.log).await,
        Err(error) => {
            asking.log.told(error.status.as_u16());
            error.into_response()
        }
    }
}

async fn begin(path: &'static str, gateway: &Gateway, asking: &mut Asking<'_>, body: &[u8]) -> Result<Begun, ApiError> {
    let mut request = RelayRequest::parse(body, path != "/embeddings")?;
    let engine = gateway.engine(request.model.as_deref())?;
    let model = engine.model();
    let size = request.size(model, asking.caller.is_limited() || asking.caller.part.is_some());
    // What names no session is one of its own.
    let session = asking.caller.has_sessions().then(|| session::named(&request.fields));
    let session = session.map(|named| named.unwrap_or_else(|| format!("request:{}", asking.trace.0)));
    let mut budget = Budget::default();
    let (entered, allowance, account) = gateway.begin_relay(engine, asking, (size, session, &mut budget)).await?;
    let price = engine.price_bound();
    if let Some(left) = budget.max_cost {
        // No more than the whole remaining budget could pay.
        let left = left.saturating_sub(Amount::most(price, size.prompt, 0).cost);
        request.limit((price.affordable_output(left).unwrap_or(u64::MAX) / request.replies.max(1)).max(1));
    }
    if asking.caller.part.is_some() {
        fit(&mut request, &budget, (price, size.prompt))?;
    }
    if let Some(most) = budget.max_tokens.filter(|_| asking.caller.part.is_none()) {
        request.limit((most / request.replies.max(1)).max(1));
    }
    let bound = Usage { prompt: request.likely_prompt(model), estimated: true, ..Usage::default() };
    let length = request.covered();
    let tokens = length.unwrap_or(Room::STRETCH).max(1);
    let (stream, wants_usage, replies) = (request.stream, request.wants_usage, request.replies);
    let relay = Relay { path, fields: request.fields, tokens };
    let mut bill = Bill {
        account,
        trace: asking.trace.0.clone(),
        model: model.id.clone(),
        price: model.price,
        began: Instant::now(),
        // Nothing is seen of a reply in one piece before its end.
        bound: Usage { completion: if stream { 0 } else { length.unwrap_or(0) }, ..bound },
        closed: false,
    };
    let Some(reply) = entered.relay(relay) else {
        bill.close(&Usage::default());
        let words = format!("the engine of {} has no {path}: ask at /v1/chat/completions", model.id);
        return Err(ApiError { param: Some("model".into()), ..ApiError::not_found("not_supported", words) });
    };
    // What was claimed at admission: the first stretch, or all of a reply in one piece.
    let covered = length.unwrap_or(Room::STRETCH).min(if stream { Room::STRETCH } else { u64::MAX });
    if let Some(allowance) = &allowance {
        allowance.reserve(Amount::most(price, size.prompt, covered)).await;
    }
    match reply.await {
        Ok(relayed) => {
            if let Some(source) = &relayed.source {
                (bill.model, bill.price) = (source.model.clone(), source.price);
            }
            let grant = Grant { allowance, price, covered, length };
            let generates = path != "/embeddings";
            Ok(Begun { relayed, bill, grant, generates, wants_usage, replies })
        }
        Err(error) => {
            bill.close(&Usage::default());
            bill.account.answered(ApiError::of_engine(&error).status.as_u16());
            Err(ApiError::of_engine(&error))
        }
    }
}

/// Holds a request to its part of a larger budget, whatever length the client asked for.
fn fit(request: &mut RelayRequest, budget: &Budget, (price, prompt): (Price, u64)) -> Result<(), ApiError> {
    let spent = || {
        let words = "what is left of the budget does not pay for this request: raise it";
        ApiError::new(StatusCode::PAYMENT_REQUIRED, "insufficient_quota", words).with_code("budget_spent")
    };
    let prompt = Amount::most(price, prompt, 0).cost;
    if budget.max_cost.is_some_and(|most| prompt > most) {
        return Err(spent());
    }
    let by_cost = budget.max_cost.and_then(|most| price.affordable_output(most.saturating_sub(prompt)));
    if let Some(most) = by_cost.into_iter().chain(budget.max_tokens).min()
        && !request.clamp(most / request.replies.max(1))
    {
        return Err(spent());
    }
    Ok(())
}

/// What may be generated for a request.
struct Grant {
    allowance: Option<Arc<Allowance>>,
    /// The most that any model charges which may work on it.
    price: Price,
    /// Generated tokens that are claimed.
    covered: u64,
    /// Generated tokens at most, where that is known.
    length: Option<u64>,
}

impl Grant {
    /// Whether a server goes on beyond the limit that it was given, where somebody pays for it.
    fn ignores_length(&self, count: &Count) -> bool {
        self.allowance.is_some() && self.length.is_some_and(|most| count.is_surely_over(most))
    }

    /// What of `tokens` is paid for.
    fn most(&self, tokens: u64) -> u64 {
        if self.allowance.is_some() { tokens.min(self.covered) } else { tokens }
    }

    /// Whether `tokens` that were generated are paid for. The next stretch is claimed before they are used up.
    async fn covers(&mut self, tokens: u64) -> bool {
        let Some(allowance) = &self.allowance else { return true };
        // A server that keeps to its limit needs no more.
        let lead = if self.length.is_some_and(|most| self.covered >= most) { 0 } else { LEAD };
        if tokens + lead <= self.covered {
            return true;
        }
        let left = self.length.map_or(u64::MAX, |most| most.saturating_sub(self.covered));
        let lack = tokens.saturating_sub(self.covered);
        // First a stretch, and where that is too much only what was generated.
        for more in [(2 * Room::STRETCH).min(left).max(lack), lack] {
            if more > 0 && allowance.reserve(Amount::most(self.price, 0, more)).await {
                self.covered += more;
                break;
            }
        }
        tokens <= self.covered
    }
}

/// A request that was passed on, and whose reply has begun.
struct Begun {
    relayed: Relayed,
    bill: Bill,
    grant: Grant,
    /// Whether the reply is a text.
    generates: bool,
    wants_usage: bool,
    /// Replies to all prompts together.
    replies: u64,
}

impl Begun {
    /// Sends the reply as it comes; the bill is settled and the log line written when it has ended, or when the
    /// client left.
    async fn send(mut self, mut log: RequestLog) -> Response {
        let kind = self.relayed.content_type.clone().unwrap_or_else(|| "application/json".to_owned());
        let body = if kind.starts_with("text/event-stream") {
            Body::from_stream(self.events(log))
        } else if self.generates {
            match self.whole(&mut log).await {
                Ok((held, true)) => Body::from(held),
                Ok((held, false)) => Body::from_stream(self.pieces(held, log)),
                Err(error) => {
                    log.told(error.status.as_u16());
                    self.bill.account.answered(error.status.as_u16());
                    return error.into_response();
                }
            }
        } else {
            Body::from_stream(self.pieces(Vec::new(), log))
        };
        ([(CONTENT_TYPE, kind)], body).into_response()
    }

    /// A reply in one piece, once it is known that the budget pays for it; or the beginning of one that is too long to
    /// be held.
    async fn whole(&mut self, log: &mut RequestLog) -> Result<(Vec<u8>, bool), ApiError> {
        let mut held = Vec::new();
        while let Some(piece) = self.relayed.body.next().await {
            match piece {
                Ok(piece) => held.extend_from_slice(&piece),
                Err(error) => {
                    self.bill.bound = self.counted(&held);
                    return Err(ApiError::of_engine(&error));
                }
            }
            if held.len() > HELD {
                return Ok((held, false));
            }
        }
        let usage = self.counted(&held);
        if !self.grant.covers(usage.completion).await {
            self.bill.close(&self.granted(usage));
            let words = "the budget does not pay for the reply, which is longer than the request allowed: raise it";
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", words);
            return Err(error.with_code("insufficient_quota"));
        }
        self.bill.done(&usage, log);
        Ok((held, true))
    }

    /// What a reply in one piece used.
    fn counted(&self, reply: &[u8]) -> Usage {
        let (mut scan, mut count) = (UsageScan::default(), Count::default());
        scan.push(reply);
        match serde_json::from_slice::<Value>(reply) {
            Ok(reply) => count.reply(&reply),
            Err(_) => count.text(&String::from_utf8_lossy(reply)),
        }
        self.bill.usage(scan.read(), count.tokens)
    }

    /// What is charged of a reply that the grant does not cover.
    fn granted(&self, usage: Usage) -> Usage {
        let completion = self.grant.most(usage.completion);
        Usage { completion, reasoning: usage.reasoning.min(completion), estimated: true, ..usage }
    }

    /// A reply as it comes, after what was already read of it.
    fn pieces(
        mut self,
        held: Vec<u8>,
        mut log: RequestLog,
    ) -> impl futures_util::Stream<Item = Result<Vec<u8>, EngineError>> + Send {
        async_stream::stream! {
            let mut scan = UsageScan::default();
            let mut bytes = 0;
            let mut next = (!held.is_empty()).then_some(Ok(held));
            loop {
                let piece = match next.take() {
                    Some(piece) => piece,
                    None => match self.relayed.body.next().await {
                        Some(piece) => piece,
                        None => break,
                    },
                };
                match piece {
                    Ok(piece) => {
                        scan.push(&piece);
                        bytes += piece.len() as u64;
                        if self.generates {
                            let may = self.grant.covers(bytes / 4).await;
                            self.bill.bound.completion = self.grant.most(bytes / 4);
                            if !may {
                                drop(self.relayed);
                                yield Err(EngineError::new(Origin::Caller, "the budget does not pay for the reply"));
                                return;
                            }
                        }
                        yield Ok(piece);
                    }
                    // The status is out; a connection that breaks says that the reply is not whole.
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                }
            }
            let usage = self.bill.usage(scan.read(), self.bill.bound.completion);
            self.bill.done(&usage, &mut log);
        }
    }

    fn events(mut self, mut log: RequestLog) -> impl futures_util::Stream<Item = Result<Vec<u8>, EngineError>> + Send {
        async_stream::stream! {
            let (mut events, mut ended) = (Events::new(self.wants_usage), false);
            self.bill.bound.completion = 0;
            while !ended {
                match self.relayed.body.next().await {
                    Some(Ok(piece)) => events.push(&piece),
                    Some(Err(error)) => {
                        yield Err(error);
                        return;
                    }
                    None => ended = true,
                }
                loop {
                    let event = match events.next() {
                        Some(event) => event,
                        None if ended => events.rest(),
                        None => break,
                    };
                    let is_last = ended && event.is_empty();
                    let count = events.count();
                    let usage = self.bill.usage(events.scan().read(), count.tokens);
                    // A report says what was generated, a count only until there is one.
                    let known = events.scan().read().and_then(|read| read.completion);
                    let ignored = self.grant.ignores_length(&count);
                    if ignored || !self.grant.covers(known.unwrap_or(count.tokens)).await {
                        let usage = self.granted(usage);
                        drop(self.relayed);
                        self.bill.bound = usage;
                        yield Ok(cut(self.replies).into());
                        self.bill.done(&usage, &mut log);
                        return;
                    }
                    self.bill.bound = usage;
                    if !event.is_empty() {
                        yield Ok(event);
                    }
                    if is_last {
                        break;
                    }
                }
            }
            let usage = self.bill.bound;
            self.bill.done(&usage, &mut log);
        }
    }
}

/// The last events of a stream that the key's budget cuts.
fn cut(replies: u64) -> String {
    let choice = |index: u64| json!({ "index": index, "text": "", "logprobs": null, "finish_reason": "length" });
    let choices: Vec<Value> = (0..replies.min(128)).map(choice).collect();
    format!("data: {}\n\ndata: [DONE]\n\n", json!({ "object": "text_completion", "choices": choices }))
}

/// The bill of one request. Dropped before its end, it charges what the request came to as far as that is known.
struct Bill {
    account: Account,
    trace: String,
    model: String,
    price: Price,
    began: Instant,
    /// What is charged where the server says nothing.
    bound: Usage,
    closed: bool,
}

impl Bill {
    /// What the server reported, and what was counted where it did not.
    fn usage(&self, read: Option<UsageRead>, generated: u64) -> Usage {
        let Some(read) = read else { return Usage { completion: generated, ..self.bound } };
        let usage = read.usage(generated);
        let unread = read.prompt.is_none() && read.total.is_none();
        if unread { Usage { prompt: self.bound.prompt, estimated: true, ..usage } } else { usage }
    }

    /// The reply has ended.
    fn done(&mut self, usage: &Usage, log: &mut RequestLog) {
        log.spent(usage);
        log.told(200);
        self.account.answered(200);
        self.close(usage);
    }

    fn close(&mut self, usage: &Usage) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        self.account.ended(&Outcome {
            trace_id: std::mem::take(&mut self.trace),
            strategy: "relay".to_owned(),
            model: std::mem::take(&mut self.model),
            chosen: None,
            answer: None,
            content: String::new(),
            reasoning: String::new(),
            tool_calls: None,
            extra: serde_json::Map::new(),
            finish: None,
            finish_word: None,
            stop_text: None,
            stop: StopReason::Single,
            confidence: Confidence::default(),
            samples_drawn: 1,
            samples_failed: 0,
            notes: Vec::new(),
            usage: *usage,
            cost: self.price.cost(usage),
            arms: Vec::new(),
            seconds: self.began.elapsed().as_secs_f64(),
            trace: Vec::new(),
            samples: Vec::new(),
        });
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        let bound = self.bound;
        self.close(&bound);
    }
}
