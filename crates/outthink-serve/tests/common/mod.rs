//! Scripts for the testkit's engine, and a gateway in front of it on a random port.

use outthink_core::{Origin, SampleRequest};
use outthink_serve::ServeOptions;
use outthink_testkit::engine;
pub(crate) use outthink_testkit::engine::{Act, Scripted};
use serde_json::{Map, Value};
use std::net::SocketAddr;

/// A sample that says `text` and ends.
pub(crate) fn says(text: &'static str) -> Vec<Act> {
    engine::says(text)
}

/// A thought, a reply in two pieces.
pub(crate) fn thinks_then_says() -> Vec<Act> {
    engine::thinks_then_says("two and two", "The answer is 4.")
}

/// A call of the tool `add` in two pieces.
pub(crate) fn calls_a_tool() -> Vec<Act> {
    engine::calls_a_tool("add", r#"{"a":2,"b":3}"#)
}

pub(crate) fn fails(origin: Origin, status: Option<u16>) -> Vec<Act> {
    engine::fails(origin, status)
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
