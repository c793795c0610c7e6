//! The flags that choose an engine, and the engine that they choose.

use super::server::Spoken;
use super::upstreams;
use crate::env;
use crate::error::CliError;
use crate::models::{self, Located, Progress};
use anyhow::Context;
use clap::{Args, ValueEnum};
use futures_util::StreamExt;
use outthink_core::{
    Capabilities, Engine, EngineError, ModelInfo, Needs, Price, Relay, RelayFuture, Relayed, SampleEvent,
    SampleRequest, SampleStream, Source, unknown,
};
use outthink_engine::openai::{Dialect, OpenAiOptions, Secret};
use std::path::PathBuf;
use std::sync::Arc;

/// Where samples come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineKind {
    /// A GGUF model in this process, through llama.cpp.
    Llama,
    /// A server with the OpenAI API, at --upstream.
    Openai,
}

/// A dialect by its name.
pub(crate) fn dialect(name: &str) -> Result<Dialect, String> {
    Dialect::by_name(name).ok_or_else(|| unknown("dialect", name, Dialect::ENTRIES))
}

/// Which engine and which model.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct EngineArgs {
    /// Where samples come from [default: openai where --upstream is given, else llama].
    #[arg(long, value_enum, env = env::ENGINE, hide_env_values = true)]
    pub(crate) engine: Option<EngineKind>,
    /// A model's name (`outthink models list`), a GGUF file, or the name at the upstream server.
    #[arg(long, value_name = "MODEL", env = env::MODEL, hide_env_values = true)]
    pub(crate) model: Option<String>,
    /// Address of a server with the OpenAI API, such as <http://127.0.0.1:8000/v1>. Several, given one
    /// by one or with commas between, share the work.
    #[arg(long, value_name = "URL", value_delimiter = ',', env = env::UPSTREAM, hide_env_values = true)]
    pub(crate) upstream: Vec<String>,
    /// How the server differs from the OpenAI API, by the name of a dialect [default: guessed from its
    /// address and its list of models].
    #[arg(long, value_name = "NAME", value_parser = dialect)]
    pub(crate) dialect: Option<Dialect>,
    /// What the server speaks: openai, anthropic, gemini or bedrock [default: by the address of the
    /// provider itself, else openai].
    #[arg(long, value_name = "NAME", value_parser = Spoken::named)]
    pub(crate) protocol: Option<Spoken>,
    /// File that holds the upstream server's key; else it is taken from the environment variable
    /// `OUTTHINK_API_KEY`.
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Threads of the embedded engine [default: the processors that are free].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

impl EngineArgs {
    /// The kind of engine, checked against the other flags.
    pub(crate) fn kind(&self) -> Result<EngineKind, CliError> {
        let here = self.upstream.is_empty();
        let kind = self.engine.unwrap_or(if here { EngineKind::Llama } else { EngineKind::Openai });
        match kind {
            EngineKind::Llama if cfg!(not(feature = "llama")) => {
                Err(CliError::usage("this binary was built without the embedded engine")
                    .hint("give --upstream URL, or build with the `llama` feature"))
            }
            EngineKind::Llama if !here && self.engine.is_some() => {
                Err(CliError::usage("--engine llama and --upstream contradict each other").hint("drop one of them"))
            }
            EngineKind::Llama if self.dialect.is_some() => {
                Err(CliError::usage("--dialect is of a server, and the model runs in this process")
                    .hint("give --upstream URL, or drop --dialect"))
            }
            EngineKind::Llama if self.protocol.is_some() => {
                Err(CliError::usage("--protocol is of a server, and the model runs in this process")
                    .hint("give --upstream URL, or drop --protocol"))
            }
            EngineKind::Openai if here => Err(CliError::usage("--engine openai needs the address of a server")
                .hint("give --upstream URL, such as http://127.0.0.1:8000/v1")),
            kind => Ok(kind),
        }
    }

    /// Whether the model runs in this process.
    pub(crate) fn is_embedded(&self) -> Result<bool, CliError> {
        Ok(self.kind()? == EngineKind::Llama)
    }

    /// Checks the flags and the model's name, without fetching or asking anything.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        match self.kind()? {
            EngineKind::Llama => models::check(self.model.as_deref()),
            EngineKind::Openai => Ok(()),
        }
    }

    /// The embedded model's file, fetched if it must be. Not to be called from async code.
    pub(crate) fn locate(&self) -> Result<Option<Located>, CliError> {
        if self.is_embedded()? {
            return models::locate(self.model.as_deref(), Progress::Shown).map(Some);
        }
        Ok(None)
    }

    /// The engine: of the model in `file`, or of the upstream server where there is none.
    pub(crate) async fn connect(
        &self,
        file: Option<Located>,
        price: Option<Price>,
        needs: Needs,
    ) -> Result<Arc<dyn Engine>, CliError> {
        let engine = if let Some(file) = file {
            self.load(&file)?
        } else {
            let mut options = self.upstream_options()?;
            // What is known of a dialect needs no question; of an unknown server nothing is assumed.
            options.probe = needs.continuation || needs.logprobs || needs.values || needs.confidence.is_some();
            upstreams::connect(&self.upstream, self.protocol, &options).await?
        };
        Ok(priced(engine, price))
    }

    /// The engines of all models that the upstream servers have between them, or the embedded one;
    /// `adjust` sees what each server is told.
    pub(crate) async fn connect_all(
        &self,
        file: Option<Located>,
        price: Option<Price>,
        adjust: impl FnOnce(&mut OpenAiOptions),
    ) -> Result<Vec<Arc<dyn Engine>>, CliError> {
        let engines = if let Some(file) = file {
            vec![self.load(&file)?]
        } else {
            let mut options = self.upstream_options()?;
            adjust(&mut options);
            upstreams::connect_all(&self.upstream, self.protocol, &options).await?
        };
        Ok(engines.into_iter().map(|engine| priced(engine, price)).collect())
    }

    #[cfg(feature = "llama")]
    fn load(&self, file: &Located) -> Result<Arc<dyn Engine>, CliError> {
        let options =
            outthink_llama::LlamaOptions { threads: self.threads, model_id: file.id.clone(), ..Default::default() };
        Ok(Arc::new(outthink_llama::LlamaEngine::load(&file.path, options)?))
    }

    #[cfg(not(feature = "llama"))]
    #[expect(clippy::unused_self, reason = "as with the embedded engine")]
    fn load(&self, file: &Located) -> Result<Arc<dyn Engine>, CliError> {
        Err(CliError::usage(format!(
            "{} ({}) cannot be loaded: this binary was built without the embedded engine",
            file.id,
            file.path.display()
        )))
    }

    fn upstream_options(&self) -> Result<OpenAiOptions, CliError> {
        let mut options = OpenAiOptions::new("");
        options.model.clone_from(&self.model);
        options.dialect.clone_from(&self.dialect);
        options.api_key = self.api_key()?.map(Secret::new);
        Ok(options)
    }

    /// The upstream server's key, where there is one.
    fn api_key(&self) -> Result<Option<String>, CliError> {
        let Some(path) = &self.api_key_file else {
            return Ok(env::var(env::API_KEY));
        };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the key file {}", path.display()))?;
        Ok(Some(text.trim().to_owned()))
    }
}

/// An engine that is called or charges otherwise than its server says.
struct Priced {
    inner: Arc<dyn Engine>,
    model: ModelInfo,
}

impl Priced {
    /// Whether it charges otherwise than its server says.
    fn own_price(&self) -> bool {
        self.model.price != self.inner.model().price
    }

    /// Who works is called, and charges, as the engine is called and charges here.
    fn here(&self) -> impl Fn(&Source) -> Arc<Source> + Clone + Send + 'static {
        let (theirs, ours) = (self.inner.model().id.clone(), self.model.id.clone());
        let price = self.own_price().then_some(self.model.price);
        move |source| {
            let model = if source.model == theirs { &ours } else { &source.model };
            let price = price.unwrap_or(source.price);
            Arc::new(Source { model: model.clone(), price, member: source.member.clone() })
        }
    }
}

impl Engine for Priced {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn price_bound(&self) -> Price {
        if self.own_price() { self.model.price } else { self.inner.price_bound() }
    }

    fn is_ready(&self) -> Option<bool> {
        self.inner.is_ready()
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        let here = self.here();
        let here = move |event: Result<SampleEvent, EngineError>| match event {
            Ok(SampleEvent::Started(source)) => Ok(SampleEvent::Started(here(&source))),
            other => other,
        };
        self.inner.start(request).into_iter().map(|stream| stream.map(here.clone()).boxed()).collect()
    }

    fn one_by_one(&self) -> bool {
        self.inner.one_by_one()
    }

    fn hosted_tools(&self) -> Vec<String> {
        self.inner.hosted_tools()
    }

    fn speaks_messages(&self) -> bool {
        self.inner.speaks_messages()
    }

    fn relay(&self, relay: Relay) -> Option<RelayFuture> {
        let (reply, here) = (self.inner.relay(relay)?, self.here());
        Some(Box::pin(async move {
            let reply = reply.await?;
            Ok(Relayed { source: reply.source.as_deref().map(here), ..reply })
        }))
    }
}

/// The engine under a name of its own, and with a context of its own where one is set.
pub(crate) fn named(inner: Arc<dyn Engine>, id: &str, context: Option<u64>) -> Arc<dyn Engine> {
    let known = inner.model();
    let model = ModelInfo { id: id.to_owned(), context: context.or(known.context), ..known.clone() };
    Arc::new(Priced { inner, model })
}

/// The engine with a price of its own, where one is set.
fn priced(inner: Arc<dyn Engine>, price: Option<Price>) -> Arc<dyn Engine> {
    match price {
        None => inner,
        Some(price) => {
            let model = ModelInfo { price, ..inner.model().clone() };
            Arc::new(Priced { inner, model })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::{Prompt, Usage};
    use outthink_runner::Runner;
    use outthink_strategy::{DriveRequest, StrategySpec};
    use outthink_testkit::engine::{Act, Scripted, says};

    fn started(model: &'static str, price: Price) -> Act {
        Act::Started(Source { model: model.into(), member: None, price })
    }

    #[tokio::test]
    async fn who_works_charges_what_is_set_here_and_a_fallback_its_own_price() {
        let own = Price::per_million_usd(3.0, 3.0, 9.0).unwrap();
        let theirs = Price { input: 1_000_000_000, cached: 500_000_000, output: 2_000_000_000, ..Price::default() };
        let script = move |index: usize, _: &SampleRequest| {
            let mut acts = vec![started(if index == 0 { "m" } else { "other" }, theirs)];
            acts.extend(says("hello"));
            acts
        };
        let engine: Arc<dyn Engine> = Scripted::new("m", script);
        let ask = async |engine: &Arc<dyn Engine>| {
            let strategy = StrategySpec::for_effort(outthink_core::Effort::None).build().unwrap();
            let request = DriveRequest { prompt: Prompt::user("hi").into(), ..DriveRequest::default() };
            Runner::new(Arc::clone(engine)).run(request, strategy, |_| ()).await.unwrap()
        };
        let costs = priced(Arc::clone(&engine), Some(own));
        let outcome = ask(&costs).await;
        let usage = Usage { verifier: 0, ..outcome.usage };
        assert_eq!((outcome.cost, costs.price_bound()), (own.cost(&usage), own));
        let called = named(engine, "ours", None);
        assert_eq!(ask(&called).await.model, "other", "a fallback keeps its name");
        assert_eq!(called.price_bound(), theirs);
    }
}
