//! Samples that go on from the beginning of a reply, or that may be continued later: what they rely on is checked
//! before they are bought.

use super::ask::Order;
use super::completion;
use super::continuation::Kind;
use super::dialect::{Continuation, Dialect};
use super::habit::Manner;
use super::inquiry::Inquiry;
use super::probe::Verdict;
use super::request::{self, Addressee};
use super::upstream::Run;
use super::{Before, OpenAiEngine, render};
use crate::size;
use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use futures_util::stream;
use outthink_core::{EngineError, Origin, SampleEvent, SampleRequest, SampleStream};
use serde_json::Value;
use std::sync::Arc;

/// The code of the error for a continuation in which the model ended its turn without a word.
pub(crate) const EMPTY_CONTINUATION: &str = "empty_continuation";

/// How the samples of one request are asked for.
#[derive(Debug)]
struct Way {
    dialect: Arc<Dialect>,
    /// The prompt with the beginning, where it is rendered.
    prompt: Option<Value>,
    /// Whether a beginning of the reply is given.
    is_begun: bool,
    /// Where the reply begins, by the model's own tags.
    before: Before,
    /// What is to be said of it.
    note: Option<String>,
    /// Whether a reply without a word is a failure.
    must_speak: bool,
}

type Prepared = Result<Arc<Way>, EngineError>;

/// One stream for each seed; they share what is found out for them.
pub(super) fn start(engine: &OpenAiEngine, request: SampleRequest) -> Vec<SampleStream> {
    let request = Arc::new(request);
    let way: Shared<BoxFuture<'static, Prepared>> = {
        let (engine, request) = (engine.clone(), Arc::clone(&request));
        async move { prepare(&engine, &request).await.map(Arc::new) }.boxed().shared()
    };
    let one = |&seed: &u64| -> SampleStream {
        let sample = Sample { engine: engine.clone(), request: Arc::clone(&request), seed };
        let phase = Phase::Preparing(Box::new((way.clone(), sample)));
        Box::pin(stream::unfold(phase, |mut phase| async move { phase.next().await.map(|event| (event, phase)) }))
    };
    request.seeds.iter().map(one).collect()
}

async fn prepare(engine: &OpenAiEngine, request: &SampleRequest) -> Result<Way, EngineError> {
    let of = engine.inquiry();
    let Some(beginning) = request.prefix.as_deref().filter(|p| !p.is_empty()) else {
        // Nothing is bought that a strategy could not go on from.
        engine.wire.known.find(of, Kind::Plain).await?.usable(Kind::Plain)?;
        return Ok(Way {
            dialect: Arc::clone(&engine.dialect),
            prompt: None,
            is_begun: false,
            before: Before::Nothing,
            note: None,
            must_speak: false,
        });
    };
    let kind = Kind::of(beginning);
    let found = engine.wire.known.find(of, kind).await?;
    let way = found.usable(kind)?;
    let mut dialect = Arc::clone(&engine.dialect);
    if dialect.continuation != way {
        dialect = Arc::new(Dialect { continuation: way, ..(*dialect).clone() });
    }
    let (prompt, before) = match way {
        Continuation::Rendered => {
            let rendered = rendered(engine, of, request, beginning).await?;
            let before = Before::of(Some(&rendered.in_own_tags(beginning)));
            (Some(rendered.prompt()), before)
        }
        _ => (None, Before::of(Some(beginning))),
    };
    let is_sure = found.verdict == Verdict::Yes;
    let note = "whether the engine keeps the beginning of a reply could not be checked";
    Ok(Way { dialect, prompt, is_begun: true, before, note: (!is_sure).then(|| note.to_owned()), must_speak: !is_sure })
}

async fn rendered(
    engine: &OpenAiEngine,
    of: Inquiry<'_>,
    request: &SampleRequest,
    beginning: &str,
) -> Result<render::Rendered, EngineError> {
    if !render::is_text(&request.prompt.messages) {
        let words = "a rendered prompt cannot hold pictures or sound, so this reply cannot be continued";
        return Err(EngineError::new(Origin::Caller, words));
    }
    let Some(renderer) = engine.wire.known.renderer(of).await? else {
        let words = "the engine renders no prompts: it has neither /tokenize with messages nor /apply-template";
        return Err(EngineError::new(Origin::Engine, words));
    };
    let conversation = completion::conversation(request, engine.addressee(&engine.dialect));
    renderer.join(of, &conversation, beginning).await
}

struct Sample {
    engine: OpenAiEngine,
    request: Arc<SampleRequest>,
    seed: u64,
}

impl Sample {
    fn order(&self, way: &Way) -> Result<Run, EngineError> {
        let Self { engine, request, seed } = self;
        let to: Addressee<'_> = engine.addressee(&way.dialect);
        let mut ask = match &way.prompt {
            Some(prompt) => completion::ask(request, to, *seed, prompt)?,
            None => request::ask(request, to, *seed, 1)?,
        };
        ask.notes.extend(way.note.clone());
        let manner = Manner::of(request);
        let order = Order {
            ask,
            source: Arc::clone(&engine.source),
            seed: *seed,
            n: 1,
            prompt_chars: size::prompt_chars(request),
            max_tokens: request.max_tokens,
            has_other: request.has_other,
            before: if way.is_begun { way.before } else { engine.before(request, manner) },
            manner,
            is_completion: way.prompt.is_some(),
            reader: None,
        };
        Ok(Run::new(Arc::clone(&engine.wire), order))
    }
}

enum Phase {
    Preparing(Box<(Shared<BoxFuture<'static, Prepared>>, Sample)>),
    /// Whether a word must still come.
    Running(Box<Run>, bool),
    /// It ended without a word: what it spent was reported, the error is not yet.
    Silent,
    Ended,
}

impl Phase {
    async fn next(&mut self) -> Option<Result<SampleEvent, EngineError>> {
        if let Self::Preparing(preparing) = self {
            let (way, sample) = &**preparing;
            match way.clone().await.and_then(|way| Ok((sample.order(&way)?, way.must_speak))) {
                Ok((run, must_speak)) => *self = Self::Running(Box::new(run), must_speak),
                Err(error) => {
                    *self = Self::Ended;
                    return Some(Err(error));
                }
            }
        }
        if matches!(self, Self::Silent) {
            *self = Self::Ended;
            let words = "the engine returned nothing after the beginning of a reply";
            let hint = "its chat template may rewrite the beginning: see what `outthink probe` says of it";
            let error = EngineError::new(Origin::Engine, words).with_hint(hint).with_code(EMPTY_CONTINUATION);
            return Some(Err(error.elsewhere()));
        }
        let Self::Running(run, must_speak) = self else { return None };
        let (_, event) = run.next().await?;
        match &event {
            Ok(SampleEvent::Delta(_)) => *must_speak = false,
            Ok(SampleEvent::Finish(finish)) if *must_speak => {
                let usage = finish.usage;
                *self = Self::Silent;
                return Some(Ok(SampleEvent::Lost(usage)));
            }
            _ => {}
        }
        Some(event)
    }
}
