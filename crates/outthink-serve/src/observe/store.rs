//! What is remembered for a while, by name: in this process, or in the ledger's database where several gateways share
//! one. It is bounded by time, by number and, in memory, by weight; the oldest make room.

use outthink_core::{parse_json, restore_integers};
use outthink_ledger::{Ledger, LedgerError, NewDocument};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Documents of all gateways together, for each that one alone would remember.
const SHARED: u64 = 16;

/// What can be remembered.
pub(crate) trait Document: Send + Sync {
    /// What it weighs, in the unit of its store's bound.
    fn weight(&self) -> usize;

    /// The document, as it is read again.
    fn json(&self) -> Value;

    /// The same as text.
    fn text(&self) -> String {
        self.json().to_string()
    }
}

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// What the documents are called in a database.
    pub(crate) kind: &'static str,
    /// Documents at most.
    pub(crate) most: usize,
    /// What they weigh together at most, in memory.
    pub(crate) weight: usize,
    /// How long one is kept.
    pub(crate) time: Duration,
}

/// Documents that are remembered.
pub(crate) struct Store {
    bounds: Bounds,
    place: Place,
}

enum Place {
    Memory(Mutex<Memory>),
    Shared(Ledger),
}

/// Completes when a document is where it is remembered.
pub(crate) type Keeping = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Entry {
    at: Instant,
    weight: usize,
    /// The key that asked, by its identifier.
    owner: Option<String>,
    document: Arc<dyn Document>,
}

#[derive(Default)]
struct Memory {
    entries: HashMap<String, Entry>,
    /// The oldest first; may name what is forgotten already.
    order: VecDeque<String>,
    weight: usize,
}

impl Memory {
    fn forget(&mut self, id: &str) -> bool {
        let Some(entry) = self.entries.remove(id) else { return false };
        self.weight -= entry.weight;
        true
    }
}

impl Store {
    /// A store in this process, or in `ledger` where that is shared by several gateways.
    pub(crate) fn new(bounds: Bounds, ledger: Option<&Ledger>) -> Self {
        let place = match ledger.filter(|ledger| ledger.is_shared()) {
            Some(ledger) => Place::Shared(ledger.clone()),
            None => Place::Memory(Mutex::default()),
        };
        Self { bounds, place }
    }

    /// Remembers a document of the key `owner`. What it gives back completes when every gateway can read it, and need
    /// not be awaited; nothing is left to do where there is none.
    pub(crate) fn keep(&self, id: String, owner: Option<String>, document: Arc<dyn Document>) -> Option<Keeping> {
        let Bounds { kind, most, weight, time } = self.bounds;
        let own = document.weight();
        if own > weight {
            return None;
        }
        match &self.place {
            Place::Memory(memory) => {
                let entry = Entry { at: Instant::now(), weight: own, owner, document };
                self.insert(&mut lock(memory), id, entry);
                None
            }
            Place::Shared(ledger) => {
                let body = Box::new(move || restore_integers(document.text()));
                let most = SHARED * most as u64;
                let written = ledger.keep(NewDocument { kind, id, owner, seconds: time.as_secs(), most, body });
                // Where it fails the ledger's log says why; the reply is good all the same.
                Some(Box::pin(async move {
                    written.await;
                }))
            }
        }
    }

    fn insert(&self, memory: &mut Memory, id: String, entry: Entry) {
        memory.forget(&id);
        memory.weight += entry.weight;
        memory.order.push_back(id.clone());
        memory.entries.insert(id, entry);
        while let Some(oldest) = memory.order.front() {
            let full = memory.weight > self.bounds.weight || memory.entries.len() > self.bounds.most;
            let stale = memory.entries.get(oldest).is_none_or(|e| e.at.elapsed() > self.bounds.time);
            if !full && !stale {
                break;
            }
            if let Some(oldest) = memory.order.pop_front() {
                memory.forget(&oldest);
            }
        }
    }

    /// The document of this name, while it is remembered and if `may_see` allows it to be shown by the key that made
    /// it.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn get(
        &self,
        id: &str,
        may_see: impl Fn(Option<&str>) -> bool,
    ) -> Result<Option<Value>, LedgerError> {
        match &self.place {
            Place::Memory(memory) => {
                let found = self.fresh(&lock(memory), id, may_see).map(|entry| Arc::clone(&entry.document));
                Ok(found.map(|document| document.json()))
            }
            Place::Shared(ledger) => {
                let found = ledger.document(self.bounds.kind, id).await?;
                let mine = found.filter(|document| may_see(document.owner.as_deref()));
                Ok(mine.and_then(|document| parse_json(document.body.as_bytes()).ok()))
            }
        }
    }

    /// Forgets a document that may be seen; whether there was one.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn forget(&self, id: &str, may_see: impl Fn(Option<&str>) -> bool) -> Result<bool, LedgerError> {
        match &self.place {
            Place::Memory(memory) => {
                let mut memory = lock(memory);
                Ok(self.fresh(&memory, id, may_see).is_some() && memory.forget(id))
            }
            Place::Shared(ledger) => {
                let found = ledger.document(self.bounds.kind, id).await?;
                let mine = found.is_some_and(|document| may_see(document.owner.as_deref()));
                Ok(mine && ledger.forget(self.bounds.kind, id).await?)
            }
        }
    }

    fn fresh<'m>(&self, memory: &'m Memory, id: &str, may_see: impl Fn(Option<&str>) -> bool) -> Option<&'m Entry> {
        let entry = memory.entries.get(id)?;
        (entry.at.elapsed() <= self.bounds.time && may_see(entry.owner.as_deref())).then_some(entry)
    }
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Weighing(usize, Value);

    impl Document for Weighing {
        fn weight(&self) -> usize {
            self.0
        }

        fn json(&self) -> Value {
            self.1.clone()
        }
    }

    const BOUNDS: Bounds = Bounds { kind: "test", most: 4, weight: 100, time: Duration::from_hours(1) };

    fn keep(store: &Store, id: &str, owner: Option<&str>, weight: usize) {
        assert!(store.keep(id.into(), owner.map(str::to_owned), Arc::new(Weighing(weight, json!(id)))).is_none());
    }

    async fn has(store: &Store, id: &str) -> bool {
        store.get(id, |_| true).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn the_oldest_make_room() {
        let store = Store::new(BOUNDS, None);
        for n in 0..6 {
            keep(&store, &n.to_string(), None, 1);
        }
        assert!(!has(&store, "1").await && has(&store, "2").await);
        assert_eq!(store.get("2", |_| true).await.unwrap(), Some(json!("2")));
        assert!(store.forget("2", |_| true).await.unwrap() && !store.forget("2", |_| true).await.unwrap());
        keep(&store, "heavy", None, 60);
        keep(&store, "heavier", None, 80);
        assert!(!has(&store, "heavy").await && !has(&store, "5").await && has(&store, "heavier").await);
        keep(&store, "too heavy", None, 101);
        assert!(!has(&store, "too heavy").await && has(&store, "heavier").await);
    }

    #[tokio::test]
    async fn what_may_not_be_seen_is_not_there() {
        let store = Store::new(BOUNDS, None);
        keep(&store, "a", Some("k1"), 1);
        assert!(store.get("a", |owner| owner == Some("k2")).await.unwrap().is_none());
        assert!(!store.forget("a", |owner| owner.is_none()).await.unwrap());
        assert!(store.get("a", |owner| owner == Some("k1")).await.unwrap().is_some());
        assert!(store.forget("a", |owner| owner == Some("k1")).await.unwrap());
    }
}
