//! The engine against a real server on a real socket.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs, reason = "tests")]

mod asking;
mod billing;
mod failures;
mod live;
mod native;
mod probing;
#[cfg(target_os = "linux")]
mod program;
mod reward;
#[cfg(target_os = "linux")]
mod sandbox;
mod server;
mod shapes;
mod streams;

use futures_util::StreamExt as _;
use outthink_core::{
    Engine as _, EngineError, Finish, Prompt, SampleEvent, SampleRequest, SampleStream, Source, Usage,
};
use outthink_engine::openai::{Dialect, OpenAiEngine, OpenAiOptions, Secret, Timeouts};
use serde_json::{Map, Value};
use server::Server;
use std::time::Duration;

const KEY: &str = "sk-very-secret-1234";

fn options(server: &Server) -> OpenAiOptions {
    let mut options = OpenAiOptions::new(server.url());
    options.model = Some("m".into());
    options.api_key = Some(Secret::new(KEY));
    options.dialect = Dialect::by_name("vllm");
    options.timeouts = Timeouts {
        connect: Duration::from_secs(2),
        first_token: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        total: Duration::from_secs(20),
    };
    options
}

fn engine(server: &Server) -> OpenAiEngine {
    OpenAiEngine::new(options(server)).unwrap()
}

fn request(seeds: &[u64]) -> SampleRequest {
    SampleRequest {
        prompt: Prompt::user("What is 2+2?").into(),
        seeds: seeds.to_vec(),
        max_tokens: Some(64),
        seeded: true,
        ..SampleRequest::default()
    }
}

fn one(engine: &OpenAiEngine) -> SampleStream {
    engine.start(request(&[7])).remove(0)
}

/// All of a sample.
#[derive(Debug, Default, PartialEq)]
struct Whole {
    content: String,
    reasoning: String,
    tokens: u64,
    extra: Vec<Map<String, Value>>,
    /// Who worked on it, each time that it was said.
    started: Vec<Source>,
    lost: Vec<Usage>,
    /// What the attempt that ran last was said to have used, before its end.
    used: Option<Usage>,
    notes: Vec<String>,
    finish: Option<Finish>,
    error: Option<EngineError>,
}

async fn whole(mut stream: SampleStream) -> Whole {
    let mut all = Whole::default();
    while let Some(event) = stream.next().await {
        assert!(all.finish.is_none() && all.error.is_none(), "nothing comes after the end");
        match event {
            Ok(SampleEvent::Delta(delta)) => {
                all.content += &delta.content;
                all.reasoning += &delta.reasoning;
                all.tokens += delta.tokens;
                if !delta.extra.is_empty() {
                    all.extra.push(delta.extra);
                }
            }
            Ok(SampleEvent::Finish(finish)) => all.finish = Some(finish),
            Ok(SampleEvent::Prompt { .. }) => {}
            Ok(SampleEvent::Started(source)) => all.started.push((*source).clone()),
            Ok(SampleEvent::Lost(usage)) => {
                all.lost.push(usage);
                all.used = None;
            }
            Ok(SampleEvent::Used(usage)) => all.used = Some(usage),
            Ok(SampleEvent::Note(note)) => all.notes.push(note),
            Err(error) => {
                assert!(!error.to_string().contains(KEY), "{error}");
                assert!(!format!("{error:?}").contains(KEY), "{error:?}");
                all.error = Some(error);
            }
        }
    }
    all
}

/// One sample from a server that does as the only script says.
async fn sample(script: Vec<server::Do>) -> Whole {
    let server = Server::start(vec![script]).await;
    let mut options = options(&server);
    options.max_retries = 0;
    whole(one(&OpenAiEngine::new(options).unwrap())).await
}

fn dialect_of(engine: &OpenAiEngine) -> &str {
    &engine.dialect().name
}
