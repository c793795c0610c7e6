//! One server as an engine, whatever protocol it speaks.

use crate::env;
use outthink_core::{Engine, EngineError};
use outthink_engine::native::{NativeEngine, NativeOptions, Protocol};
use outthink_engine::openai::{Dialect, OpenAiEngine, OpenAiOptions};
use outthink_engine::pool::Probe;
use std::sync::Arc;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// The chat completions API.
    Chat,
    /// A protocol of its own.
    Native(Protocol),
}

impl Spoken {
    /// The name of the chat completions API.
    const CHAT: &str = "openai";

    /// By its name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        if name == Self::CHAT {
            return Ok(Self::Chat);
        }
        Protocol::named(name).map(Self::Native).map_err(|error| format!("{error}, or `{}`", Self::CHAT))
    }

    /// What is asked for, or else what the address is known for. A dialect is one of chat completions.
    fn of(asked: Option<Self>, options: &OpenAiOptions) -> Self {
        let guessed = || Protocol::guess(&options.base_url).filter(|_| options.dialect.is_none()).map(Self::Native);
        asked.or_else(guessed).unwrap_or(Self::Chat)
    }
}

/// An engine and how its server is asked whether it is alive.
pub(crate) struct Server {
    pub(crate) engine: Arc<dyn Engine>,
    /// `None` where it cannot be asked.
    pub(crate) probe: Option<Probe>,
    /// How it differs from other servers of chat completions.
    pub(crate) dialect: Option<Dialect>,
}

impl Server {
    /// Asks the server what it has.
    pub(crate) async fn connect(spoken: Option<Spoken>, options: OpenAiOptions) -> Result<Self, EngineError> {
        Ok(match Spoken::of(spoken, &options) {
            Spoken::Chat => Self::chat(OpenAiEngine::connect(options).await?),
            Spoken::Native(protocol) => Self::native(NativeEngine::connect(native(protocol, options)).await?),
        })
    }

    /// Asks nothing: the model has to be named.
    pub(crate) fn new(spoken: Option<Spoken>, options: OpenAiOptions) -> Result<Self, EngineError> {
        Ok(match Spoken::of(spoken, &options) {
            Spoken::Chat => Self::chat(OpenAiEngine::new(options)?),
            Spoken::Native(protocol) => Self::native(NativeEngine::new(native(protocol, options))?),
        })
    }

    fn chat(engine: OpenAiEngine) -> Self {
        let (dialect, probed) = (Some(engine.dialect().clone()), engine.clone());
        let probe: Probe = Arc::new(move || {
            let engine = probed.clone();
            Box::pin(async move { engine.probe().await })
        });
        Self { engine: Arc::new(engine), probe: Some(probe), dialect }
    }

    fn native(engine: NativeEngine) -> Self {
        let probed = engine.clone();
        let probe: Probe = Arc::new(move || {
            let engine = probed.clone();
            Box::pin(async move { engine.probe().await })
        });
        let probe = engine.can_probe().then_some(probe);
        Self { engine: Arc::new(engine), probe, dialect: None }
    }
}

fn native(protocol: Protocol, server: OpenAiOptions) -> NativeOptions {
    NativeOptions { protocol, server, aws: env::aws_keys() }
}
