//! Fair sharing of an upstream engine: a request of many samples does not starve the others.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng 1996) over requests, with tokens for bytes: a
//! sample is tagged with the virtual time at which its request would be served if all requests got
//! equal shares of tokens, and the smallest tag goes first. Departure: a sample counts with the
//! tokens that it may generate and not with those that it will, which nobody knows before. Requests
//! of one tenant share its share: the cost of each is multiplied by how many of them wait or run.

use outthink_core::{EngineError, Origin};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Names a request within its queue.
type FlowId = u64;

/// A sample that waits: the smallest tag first, then the one that came first.
struct Ticket {
    tag: u64,
    number: u64,
    flow: FlowId,
    cost: u64,
    turn: oneshot::Sender<()>,
}

impl Ticket {
    fn rank(&self) -> Reverse<(u64, u64)> {
        Reverse((self.tag, self.number))
    }
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Ticket {}

impl PartialOrd for Ticket {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ticket {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// A request that waits or runs.
struct Flow {
    tenant: u64,
    /// What each of its tokens counts for.
    weight: u64,
    /// When its last sample would be served.
    finish: u64,
}

struct Books {
    free: usize,
    now: u64,
    next_number: u64,
    next_flow: FlowId,
    flows: BTreeMap<FlowId, Flow>,
    /// Requests by tenant.
    tenants: BTreeMap<u64, u64>,
    tickets: BinaryHeap<Ticket>,
    waiting_cost: u64,
    /// Tokens a second that were served lately, and since when they are counted.
    rate: f64,
    served: u64,
    since: Instant,
}

/// The places of one engine and who waits for them.
pub(crate) struct FairQueue {
    books: Mutex<Books>,
    most_waiting: usize,
}

/// What a new request would find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Crowd {
    /// Whether no more samples may wait.
    pub(crate) full: bool,
    /// How long what waits already takes at the speed of late; nothing where none is known.
    pub(crate) wait: Duration,
}

impl FairQueue {
    /// For an engine that works on `places` samples at one time; at most `most_waiting` wait.
    pub(crate) fn new(places: usize, most_waiting: usize) -> Arc<Self> {
        let books = Books {
            free: places.max(1),
            now: 0,
            next_number: 0,
            next_flow: 0,
            flows: BTreeMap::new(),
            tenants: BTreeMap::new(),
            tickets: BinaryHeap::new(),
            waiting_cost: 0,
            rate: 0.0,
            served: 0,
            since: Instant::now(),
        };
        Arc::new(Self { books: Mutex::new(books), most_waiting })
    }

    /// What a new request would find.
    pub(crate) fn crowd(&self) -> Crowd {
        let books = self.lock();
        let seconds = if books.rate > 0.0 { books.waiting_cost as f64 / books.rate } else { 0.0 };
        Crowd { full: books.tickets.len() >= self.most_waiting, wait: Duration::from_secs_f64(seconds.min(86_400.0)) }
    }

    /// Samples that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().tickets.len()
    }

    /// Enters a request of a tenant, each token of which counts `weight` times; it is gone when the handle is dropped.
    pub(crate) fn enter_weighing(self: &Arc<Self>, tenant: u64, weight: u64) -> Arc<Entered> {
        let mut books = self.lock();
        let id = books.next_flow;
        books.next_flow += 1;
        let finish = books.now;
        books.flows.insert(id, Flow { tenant, weight: weight.max(1), finish });
        *books.tenants.entry(tenant).or_default() += 1;
        drop(books);
        Arc::new(Entered { queue: Arc::clone(self), id })
    }

    #[cfg(test)]
    fn enter(self: &Arc<Self>, tenant: u64) -> Arc<Entered> {
        self.enter_weighing(tenant, 1)
    }

    /// Asks for a place for a sample that costs this many tokens.
    fn ask(&self, flow: FlowId, cost: u64) -> Result<oneshot::Receiver<()>, EngineError> {
        let (turn, my_turn) = oneshot::channel();
        let mut books = self.lock();
        let now = books.now;
        let siblings = books.flows.get(&flow).and_then(|f| books.tenants.get(&f.tenant)).copied().unwrap_or(1);
        let Some(entry) = books.flows.get_mut(&flow) else {
            return Err(EngineError::new(Origin::Internal, "a request waits that was not entered"));
        };
        let tag = now.max(entry.finish);
        entry.finish = tag.saturating_add(cost.saturating_mul(siblings).saturating_mul(entry.weight));
        if books.free > 0 && books.tickets.is_empty() {
            books.free -= 1;
            books.now = tag;
            let _ = turn.send(());
            return Ok(my_turn);
        }
        if books.tickets.len() >= self.most_waiting {
            let error = EngineError::new(Origin::Engine, "too many samples wait for this model");
            return Err(error.with_hint("ask again later").with_status(429).retryable());
        }
        let number = books.next_number;
        books.next_number += 1;
        books.waiting_cost += cost;
        books.tickets.push(Ticket { tag, number, flow, cost, turn });
        Ok(my_turn)
    }

    /// Takes a place back and gives it to whoever is next.
    fn give_back(&self, tokens: u64) {
        let mut books = self.lock();
        books.served += tokens;
        let elapsed = books.since.elapsed().as_secs_f64();
        if elapsed >= 1.0 {
            let fresh = books.served as f64 / elapsed;
            books.rate = if books.rate > 0.0 { 0.5 * books.rate + 0.5 * fresh } else { fresh };
            (books.served, books.since) = (0, Instant::now());
        }
        books.free += 1;
        books.serve();
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn serve(&mut self) {
        while self.free > 0
            && let Some(ticket) = self.tickets.pop()
        {
            self.waiting_cost = self.waiting_cost.saturating_sub(ticket.cost);
            // A request that is gone wants nothing any more.
            if !self.flows.contains_key(&ticket.flow) || ticket.turn.is_closed() {
                continue;
            }
            self.now = self.now.max(ticket.tag);
            if ticket.turn.send(()).is_ok() {
                self.free -= 1;
            }
        }
    }
}

/// A request in a queue; it is taken out when this is dropped.
pub(crate) struct Entered {
    queue: Arc<FairQueue>,
    id: FlowId,
}

impl Entered {
    /// Asks for a place for work that costs this many tokens.
    pub(crate) fn ask(&self, cost: u64) -> Result<Turn, EngineError> {
        let called = self.queue.ask(self.id, cost)?;
        Ok(Turn { queue: Arc::clone(&self.queue), called, taken: false })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut books = self.queue.lock();
        let Some(flow) = books.flows.remove(&self.id) else { return };
        if let Some(count) = books.tenants.get_mut(&flow.tenant) {
            *count -= 1;
            if *count == 0 {
                books.tenants.remove(&flow.tenant);
            }
        }
    }
}

/// A place that was given; it goes to the next when it is dropped.
pub(crate) struct Place {
    queue: Arc<FairQueue>,
    /// Tokens that were generated in it.
    pub(crate) tokens: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.give_back(self.tokens);
    }
}

/// Waits for its turn. If the turn has come and nobody took it, the place goes on.
pub(crate) struct Turn {
    queue: Arc<FairQueue>,
    called: oneshot::Receiver<()>,
    taken: bool,
}

impl Turn {
    pub(crate) async fn come(mut self) -> Result<Place, EngineError> {
        let came = (&mut self.called).await;
        self.taken = true;
        match came {
            Ok(()) => Ok(Place { queue: Arc::clone(&self.queue), tokens: 0 }),
            Err(_) => Err(EngineError::new(Origin::Internal, "the queue of this model is gone")),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.taken {
            self.called.close();
            if self.called.try_recv().is_ok() {
                self.queue.give_back(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Who got a turn, in order, when places are freed one by one.
    fn order(queue: &Arc<FairQueue>, mut asked: Vec<(char, oneshot::Receiver<()>)>) -> String {
        let mut order = String::new();
        while !asked.is_empty() {
            let before = asked.len();
            asked.retain_mut(|(name, turn)| {
                let came = turn.try_recv().is_ok();
                if came {
                    order.push(*name);
                }
                !came
            });
            for _ in asked.len()..before {
                queue.give_back(1);
            }
            assert!(asked.len() < before, "nobody is next after {order}");
        }
        order
    }

    #[test]
    fn many_samples_do_not_go_before_one() {
        let queue = FairQueue::new(2, 1000);
        let (many, one) = (queue.enter(1), queue.enter(2));
        let mut asked: Vec<_> = (0..8).map(|_| ('m', queue.ask(many.id, 100).unwrap())).collect();
        asked.push(('1', queue.ask(one.id, 100).unwrap()));
        // Two run already, and two places are freed together.
        let order = order(&queue, asked);
        assert!(order[..4].contains('1'), "{order}");
    }

    #[test]
    fn requests_of_one_tenant_share_its_share() {
        let queue = FairQueue::new(1, 1000);
        let mine: Vec<_> = (0..3).map(|_| queue.enter(1)).collect();
        let other = queue.enter(2);
        let mut asked = Vec::new();
        for round in 0..6 {
            asked.push(('a', queue.ask(mine[round % 3].id, 100).unwrap()));
            asked.push(('b', queue.ask(other.id, 100).unwrap()));
        }
        let order = order(&queue, asked);
        let half = &order[..8];
        assert!(half.matches('b').count() >= 4, "{order}");
    }

    #[test]
    fn a_full_queue_refuses_and_a_dropped_ticket_holds_no_place() {
        let queue = FairQueue::new(1, 1);
        let flow = queue.enter(0);
        let first = queue.ask(flow.id, 1).unwrap();
        let second = queue.ask(flow.id, 1).unwrap();
        assert!(queue.crowd().full);
        assert_eq!(queue.ask(flow.id, 1).unwrap_err().status, Some(429));
        drop((first, second));
        queue.give_back(1);
        assert_eq!(queue.lock().free, 1);
        assert_eq!(queue.lock().waiting_cost, 0);
        drop(flow);
        assert!(queue.lock().flows.is_empty() && queue.lock().tenants.is_empty());
    }

    proptest! {
        #[test]
        fn places_are_neither_lost_nor_made(
            steps in prop::collection::vec((0usize..4, 1u64..500, any::<bool>()), 1..200), places in 1usize..5,
        ) {
            let queue = FairQueue::new(places, 64);
            let flows: Vec<_> = (0..4).map(|tenant| queue.enter(tenant % 2)).collect();
            let mut waiting: Vec<Turn> = Vec::new();
            let mut held: Vec<Place> = Vec::new();
            for (flow, cost, release) in steps {
                if release && !held.is_empty() {
                    held.swap_remove(flow % held.len());
                } else if release && !waiting.is_empty() {
                    waiting.swap_remove(flow % waiting.len());
                } else if let Ok(turn) = flows[flow].ask(cost) {
                    waiting.push(turn);
                }
                let mut still = Vec::new();
                for mut turn in waiting {
                    if turn.called.try_recv().is_ok() {
                        turn.taken = true;
                        held.push(Place { queue: Arc::clone(&queue), tokens: 1 });
                    } else {
                        still.push(turn);
                    }
                }
                waiting = still;
                prop_assert!(held.len() <= places);
                prop_assert_eq!(queue.lock().free, places - held.len());
                prop_assert!(waiting.is_empty() || held.len() == places, "a place is free and somebody waits");
            }
            drop(waiting);
            drop(held);
            prop_assert_eq!(queue.lock().free, places);
        }
    }
}
