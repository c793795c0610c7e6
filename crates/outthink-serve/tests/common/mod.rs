//! A scripted engine, and a gateway in front of it on a random port.

use futures_util::StreamExt;
use outthink_core::{
    Capabilities, Delta, Engine, EngineError, Finish, FinishReason, ModelInfo, Origin, Price, SampleEvent,
    SampleRequest, SampleStream, Usage,
};
use outthink_serve::ServeOptions;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One thing that a scripted sample does.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Content(&'static str),
    Reasoning(&'static str),
    Extra(Value),
    Wait(Duration),
    End(FinishReason),
    Fail(EngineError),
}

/// Says what sample number `index` of the engine's life does.
type Script = Box<dyn Fn(usize, &SampleRequest) -> Vec<Act> + Send + Sync>;

pub(crate) struct Scripted {
    model: ModelInfo,
    script: Script,
    started: AtomicUsize,
    live: Arc<AtomicUsize>,
    seen: Mutex<Vec<SampleRequest>>,
}

/// Counts the streams that live.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Scripted {
    pub(crate) fn new(
        id: &str,
        script: impl Fn(usize, &SampleRequest) -> Vec<Act> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let price = Price::per_million_usd(1.0, 0.5, 2.0).unwrap();
        Arc::new(Self {
            model: ModelInfo { id: id.into(), context: Some(4096), price },
            script: Box::new(script),
            started: AtomicUsize::new(0),
            live: Arc::default(),
            seen: Mutex::default(),
        })
    }

    /// Streams that are not dropped.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    pub(crate) fn last_request(&self) -> SampleRequest {
        self.seen.lock().unwrap().last().cloned().unwrap()
    }
}

impl Engine for Scripted {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        self.seen.lock().unwrap().push(request.clone());
        request
            .seeds
            .iter()
            .map(|_| {
                let acts = (self.script)(self.started.fetch_add(1, Ordering::SeqCst), &request);
                self.live.fetch_add(1, Ordering::SeqCst);
                play(acts, Alive(Arc::clone(&self.live)))
            })
            .collect()
    }
}

fn play(acts: Vec<Act>, alive: Alive) -> SampleStream {
    async_stream::stream! {
        let _alive = alive;
        let mut usage = Usage { prompt: 10, cached: 4, ..Usage::default() };
        for act in acts {
            let delta = match act {
                Act::Content(text) => Delta { content: text.into(), tokens: 1, ..Delta::default() },
                Act::Reasoning(text) => {
                    usage.reasoning += 1;
                    Delta { reasoning: text.into(), tokens: 1, ..Delta::default() }
                }
                Act::Extra(Value::Object(extra)) => Delta { extra, tokens: 1, ..Delta::default() },
                Act::Extra(_) => continue,
                Act::Wait(time) => {
                    tokio::time::sleep(time).await;
                    continue;
                }
                Act::End(reason) => {
                    yield Ok(SampleEvent::Finish(Finish::new(reason, usage)));
                    continue;
                }
                Act::Fail(error) => {
                    yield Err(error);
                    continue;
                }
            };
            usage.completion += 1;
            yield Ok(SampleEvent::Delta(delta));
        }
    }
    .boxed()
}

/// A sample that says `text` and ends.
pub(crate) fn says(text: &'static str) -> Vec<Act> {
    vec![Act::Content(text), Act::End(FinishReason::Stop)]
}

/// A thought, a reply in two pieces.
pub(crate) fn thinks_then_says() -> Vec<Act> {
    vec![
        Act::Reasoning("two and two"),
        Act::Content("The answer "),
        Act::Content("is 4."),
        Act::End(FinishReason::Stop),
    ]
}

/// A call of the tool `add` in two pieces.
pub(crate) fn calls_a_tool() -> Vec<Act> {
    let call = json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":2,"}}]});
    let more = json!({"tool_calls": [{"index": 0, "function": {"arguments": "\"b\":3}"}}]});
    vec![Act::Extra(call), Act::Extra(more), Act::End(FinishReason::ToolCalls)]
}

pub(crate) fn fails(origin: Origin, status: Option<u16>) -> Vec<Act> {
    let mut error = EngineError::new(origin, "the engine is on fire").with_hint("bring water");
    error.status = status;
    vec![Act::Fail(error)]
}

/// The engine that the tests of the SDKs talk to: what it does follows from the request.
pub(crate) fn by_request(_: usize, request: &SampleRequest) -> Vec<Act> {
    let asked = request.prompt.last_user_text().unwrap_or_default();
    if request.prompt.has_tools() {
        calls_a_tool()
    } else if request.prompt.extra.contains_key("response_format") {
        says("{\"value\": 4}")
    } else if asked.contains("fail") {
        fails(Origin::Engine, Some(500))
    } else {
        thinks_then_says()
    }
}

/// Serves `options` on a random port until the test ends.
pub(crate) async fn serve(options: ServeOptions) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(outthink_serve::serve(listener, options, std::future::pending()));
    address
}

/// The object of a JSON literal.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}
