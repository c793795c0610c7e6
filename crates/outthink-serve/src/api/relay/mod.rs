//! `/v1/completions` and `/v1/embeddings`: requests that are passed on to an engine's server as they are. They are
//! admitted, queued and billed like all others; only the model's name is put in place, and the usage is read on
//! the way.

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
use events::Events;
use futures_util::StreamExt;
use outthink_core::{
    Budget, Confidence, EngineError, Outcome, Price, Relay, Relayed, Room, StopReason, Usage, UsageScan,
};
use request::RelayRequest;
use std::sync::Arc;
use std::time::Instant;

/// The next stretch of a stream is claimed when so many tokens of the last one are left.
const LEAD: u64 = 256;

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
        Ok(begun) => begun.send(asking.log),
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
    let size = request.size(model.context, asking.caller.is_limited() || asking.caller.part.is_some());
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
    let bound = Usage {
        prompt: if request.stream { size.prompt.div_ceil(4) } else { size.prompt },
        completion: if request.stream { 0 } else { size.length.unwrap_or(0) },
        estimated: true,
        ..Usage::default()
    };
    let tokens = size.length.unwrap_or(Room::STRETCH).max(1);
    let (stream, wants_usage) = (request.stream, request.wants_usage);
    let relay = Relay { path, body: request.body(&model.id), tokens };
    let mut bill = Bill {
        account,
        trace: asking.trace.0.clone(),
        model: model.id.clone(),
        price: model.price,
        began: Instant::now(),
        bound,
        closed: false,
    };
    let Some(reply) = entered.relay(relay) else {
        bill.close(&Usage::default());
        let words = format!("the engine of {} has no {path}: ask at /v1/chat/completions", model.id);
        return Err(ApiError { param: Some("model".into()), ..ApiError::not_found("not_supported", words) });
    };
    if let Some(allowance) = allowance.as_ref().filter(|_| stream) {
        // The first stretch, which was claimed at admission.
        let first = size.length.unwrap_or(Room::STRETCH).min(Room::STRETCH);
        allowance.reserve(Amount::most(price, size.prompt, first)).await;
    }
    match reply.await {
        Ok(relayed) => Ok(Begun { relayed, bill, allowance, price, stream, wants_usage, covered: size.length }),
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

/// A request that was passed on, and whose reply has begun.
struct Begun {
    relayed: Relayed,
    bill: Bill,
    allowance: Option<Arc<Allowance>>,
    price: Price,
    stream: bool,
    wants_usage: bool,
    /// Generated tokens at most, where that is known.
    covered: Option<u64>,
}

impl Begun {
    /// Sends the reply as it comes; the bill is settled and the log line written when it has ended, or when the
    /// client left.
    fn send(self, log: RequestLog) -> Response {
        let kind = self.relayed.content_type.clone().unwrap_or_else(|| "application/json".to_owned());
        let is_stream = self.stream && kind.starts_with("text/event-stream");
        let body = if is_stream { Body::from_stream(self.events(log)) } else { Body::from_stream(self.pieces(log)) };
        ([(CONTENT_TYPE, kind)], body).into_response()
    }

    fn pieces(mut self, mut log: RequestLog) -> impl futures_util::Stream<Item = Result<Vec<u8>, EngineError>> + Send {
        async_stream::stream! {
            let mut scan = UsageScan::default();
            while let Some(piece) = self.relayed.body.next().await {
                match piece {
                    Ok(piece) => {
                        scan.push(&piece);
                        yield Ok(piece);
                    }
                    // The status is out; a connection that breaks says that the reply is not whole.
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                }
            }
            self.bill.done(&scan, 0, &mut log);
        }
    }

    fn events(mut self, mut log: RequestLog) -> impl futures_util::Stream<Item = Result<Vec<u8>, EngineError>> + Send {
        async_stream::stream! {
            let (mut scan, mut events) = (UsageScan::default(), Events::new(self.wants_usage));
            let mut covered = self.covered.unwrap_or(u64::MAX).min(Room::STRETCH);
            while let Some(piece) = self.relayed.body.next().await {
                match piece {
                    Ok(piece) => {
                        scan.push(&piece);
                        let out = events.push(&piece);
                        self.bill.bound.completion = events.tokens();
                        if !out.is_empty() {
                            yield Ok(out);
                        }
                    }
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                }
                let ends = self.covered.is_some_and(|most| covered >= most);
                if let Some(allowance) = self.allowance.as_ref().filter(|_| !ends && events.tokens() + LEAD >= covered) {
                    if !allowance.reserve(Amount::most(self.price, 0, 2 * Room::STRETCH)).await {
                        drop(self.relayed);
                        yield Ok(CUT.into());
                        self.bill.done(&scan, events.tokens(), &mut log);
                        return;
                    }
                    covered += 2 * Room::STRETCH;
                }
            }
            let rest = events.rest();
            if !rest.is_empty() {
                yield Ok(rest);
            }
            self.bill.done(&scan, events.tokens(), &mut log);
        }
    }
}

/// The last events of a stream that the key's budget cuts.
const CUT: &str = "data: {\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":null,\
                   \"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";

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
    /// The reply has ended.
    fn done(&mut self, scan: &UsageScan, generated: u64, log: &mut RequestLog) {
        let usage = scan.read().map_or(self.bound, |read| read.usage(generated));
        log.spent(&usage);
        log.told(200);
        self.account.answered(200);
        self.close(&usage);
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
