//! What requests of one kind taught about their answers: an agreement model for each kind, which weighs the votes of
//! the next request (`allocate`).

use super::caller::Caller;
use super::request::RunRequest;
use outthink_core::{Outcome, Prompt};
use outthink_strategy::allocator::{AgreementContext, AgreementStream};
use outthink_strategy::strategies::Allocate;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

/// Kinds that are remembered at most, some 10 KB each; the one that was not asked for the longest gives way.
const MOST: usize = 256;

/// Requests of one owner to one model under one system message, as a hash: they are alike, and nobody learns from
/// what others asked.
type Kind = u64;

/// The streams of all kinds. They hold no texts.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    streams: HashMap<Kind, (AgreementStream, u64)>,
    asked: u64,
}

/// What is learned from a request once it has ended.
#[derive(Debug)]
pub(crate) struct Lesson {
    kind: Kind,
    context: Arc<AgreementContext>,
    /// The price of a sample, and how many samples there are at most.
    terms: (f64, u32),
}

impl Streams {
    /// Lets a request be decided with what its kind has learned, where its strategy weighs votes by the looks of
    /// answers and nothing else judges them.
    pub(crate) fn teach(&self, caller: &Caller, model: &str, request: &mut RunRequest, seed: u64) -> Option<Lesson> {
        if !request.verifiers.is_empty() {
            return None;
        }
        let fresh = AgreementStream::of(&request.strategy)?;
        let kind = kind_of(caller, model, &request.prompt);
        let question = request.prompt.last_user_text().unwrap_or_default();
        let context = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.asked += 1;
            let asked = known.asked;
            if known.streams.len() >= MOST && !known.streams.contains_key(&kind) {
                let oldest = known.streams.iter().min_by_key(|(_, (_, at))| *at).map(|(kind, _)| *kind);
                oldest.map(|kind| known.streams.remove(&kind));
            }
            let (stream, at) = known.streams.entry(kind).or_insert((fresh, asked));
            *at = asked;
            stream.context(question, seed)
        };
        request.strategy.agreement = Some(Arc::clone(&context));
        let terms = (Allocate::price_of(&request.strategy), request.strategy.max_samples);
        Some(Lesson { kind, context, terms })
    }

    /// Learns from the end of a request.
    pub(crate) fn learn(&self, lesson: &Lesson, outcome: &Outcome) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A kind that gave way meanwhile starts from nothing the next time.
        if let Some((stream, _)) = known.streams.get_mut(&lesson.kind) {
            stream.learn(&lesson.context, &outcome.samples, lesson.terms);
        }
    }
}

fn kind_of(caller: &Caller, model: &str, prompt: &Prompt) -> Kind {
    let mut hash = DefaultHasher::new();
    caller.owner().hash(&mut hash);
    model.hash(&mut hash);
    let is_system = |role: &serde_json::Value| role == "system" || role == "developer";
    for message in prompt.messages.iter().filter(|m| is_system(&m["role"])) {
        message["content"].to_string().hash(&mut hash);
    }
    hash.finish()
}
