//! The tool through the official SDK's client: in one process, and over streamable HTTP by hand.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use futures_util::future::{BoxFuture, FutureExt as _};
use outthink_core::Effort;
use outthink_mcp::{Asks, Call, McpError, Progress, Reply};
use rmcp::ServiceExt as _;
use rmcp::handler::client::ClientHandler;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientConfig, ClientRequest, ProgressNotificationParam,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RoleClient, RunningService};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Answers with what it was asked; "wait" waits until it is dropped.
#[derive(Clone, Default)]
struct Told {
    calls: Arc<Mutex<Vec<Call>>>,
    dropped: Arc<AtomicU32>,
}

struct CountsDrops(Arc<AtomicU32>);

impl Drop for CountsDrops {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Asks for Told {
    fn ask(&self, call: Call, progress: Progress) -> BoxFuture<'static, Result<Reply, String>> {
        self.calls.lock().unwrap().push(call.clone());
        let guard = CountsDrops(Arc::clone(&self.dropped));
        async move {
            let _guard = guard;
            progress.finished(1, 4);
            tokio::task::yield_now().await;
            progress.finished(2, 4);
            match call.question.as_str() {
                "wait" => std::future::pending().await,
                "fail" => Err("the budget is spent".to_owned()),
                question => Ok(Reply { text: format!("The answer to {question}"), facts: json!({"answer": "391"}) }),
            }
        }
        .boxed()
    }
}

/// Progress that was heard: samples, and the most that there can be.
type Heard = Arc<Mutex<Vec<(f64, Option<f64>)>>>;

#[derive(Clone, Default)]
struct Client(Heard);

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::default()
    }

    async fn on_progress(&self, told: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.lock().unwrap().push((told.progress, told.total));
    }
}

async fn connected(told: &Told) -> (RunningService<RoleClient, Client>, Client) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let told = told.clone();
    tokio::spawn(async move { outthink_mcp::over(tokio::io::split(theirs), told).await });
    let client = Client::default();
    (client.clone().serve(ours).await.unwrap(), client)
}

fn asked(arguments: &Value) -> CallToolRequestParams {
    CallToolRequestParams::new("ask").with_arguments(arguments.as_object().unwrap().clone())
}

fn text(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|c| c.as_text()).map(|t| t.text.clone()).collect()
}

#[tokio::test]
async fn the_tool_is_listed_with_its_schemas_and_answers() {
    let told = Told::default();
    let (client, heard) = connected(&told).await;
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(tools.len(), 1);
    let takes = Value::Object((*tools[0].input_schema).clone());
    assert_eq!(takes["required"], json!(["question"]));
    let efforts = takes["properties"]["effort"]["enum"].as_array().unwrap();
    assert!(efforts.iter().all(|e| e.as_str().unwrap().parse::<Effort>().is_ok()) && efforts.len() == 8);
    assert!(tools[0].output_schema.is_some());

    let arguments = json!({"question": "17*23", "effort": "high", "budget_tokens": 900, "budget_usd": 0.5});
    let result = client.call_tool(asked(&arguments)).await.unwrap();
    assert_eq!((text(&result).as_str(), result.is_error), ("The answer to 17*23", Some(false)));
    assert_eq!(result.structured_content.unwrap()["answer"], "391");
    let call = told.calls.lock().unwrap()[0].clone();
    assert_eq!((call.effort, call.budget_tokens, call.budget_usd), (Some(Effort::High), Some(900), Some(0.5)));
    // The SDK's client gives each call a token, so it hears how far the call is.
    for _ in 0..100 {
        if !heard.0.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let last = heard.0.lock().unwrap().last().copied();
    assert!(matches!(last, Some((samples, Some(4.0))) if samples >= 1.0), "{last:?}");
}

#[tokio::test]
async fn what_is_not_understood_is_an_error_that_the_model_reads() {
    let (client, _) = connected(&Told::default()).await;
    for (arguments, words) in [
        (json!({}), "question"),
        (json!({"question": "  "}), "`question` is empty"),
        (json!({"question": "x", "effort": "enormous"}), "enormous"),
        (json!({"question": "x", "budget_token": 3}), "budget_token"),
        (json!({"question": "fail"}), "the budget is spent"),
    ] {
        let result = client.call_tool(asked(&arguments)).await.unwrap();
        assert!(result.is_error == Some(true) && text(&result).contains(words), "{arguments}: {}", text(&result));
    }
    let unknown = client.call_tool(CallToolRequestParams::new("think")).await.unwrap();
    assert!(text(&unknown).contains("there is `ask`"));
}

#[tokio::test]
async fn a_call_that_is_cancelled_ends_its_work_and_the_others_go_on() {
    let told = Told::default();
    let (client, _) = connected(&told).await;
    let call = ClientRequest::CallToolRequest(CallToolRequest::new(asked(&json!({"question": "wait"}))));
    let handle = client.send_cancellable_request(call, PeerRequestOptions::no_options()).await.unwrap();
    while told.calls.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(told.dropped.load(SeqCst), 0);
    handle.cancel(Some("changed my mind".to_owned())).await.unwrap();
    assert!(dropped(&told).await, "the work goes on");
    let result = client.call_tool(asked(&json!({"question": "17*23"}))).await.unwrap();
    assert_eq!(text(&result), "The answer to 17*23");
}

/// Whether the work for one call has ended, or soon does.
async fn dropped(told: &Told) -> bool {
    for _ in 0..300 {
        if told.dropped.load(SeqCst) == 1 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

/// The beginning of what a server says to one message, and the connection.
async fn post(address: SocketAddr, token: Option<&str>, method: &str, params: &Value) -> (String, TcpStream) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let bearer = token.map(|t| format!("authorization: Bearer {t}\r\n")).unwrap_or_default();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\n{bearer}accept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2025-06-18\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let mut reply = vec![0; 4096];
    // A call that waits says nothing.
    let read = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut reply)).await;
    let read = read.map_or(0, Result::unwrap);
    (String::from_utf8_lossy(&reply[..read]).into_owned(), stream)
}

fn opening() -> Value {
    json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
}

#[tokio::test]
async fn streamable_http_asks_for_the_token() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(outthink_mcp::http(Told::default(), listener, Some("secret".into()), async {
        let _ = stopped.await;
    }));
    let (refused, _) = post(address, None, "initialize", &opening()).await;
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("www-authenticate: Bearer"), "{refused}");
    assert!(post(address, Some("secreT"), "initialize", &opening()).await.0.starts_with("HTTP/1.1 401"));
    let (taken, _) = post(address, Some("secret"), "initialize", &opening()).await;
    assert!(taken.starts_with("HTTP/1.1 200"), "{taken}");
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_of_streamable_http_that_is_gone_ends_its_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, told) = (listener.local_addr().unwrap(), Told::default());
    tokio::spawn(outthink_mcp::http(told.clone(), listener, None, std::future::pending()));
    let call = json!({"name": "ask", "arguments": {"question": "wait"}});
    let (_, stream) = post(address, None, "tools/call", &call).await;
    assert_eq!((told.calls.lock().unwrap().len(), told.dropped.load(SeqCst)), (1, 0));
    drop(stream);
    assert!(dropped(&told).await, "the work goes on");
}

#[tokio::test]
async fn an_address_of_the_network_needs_a_token() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = outthink_mcp::http(Told::default(), listener, None, std::future::pending()).await;
    assert!(
        matches!(&refused, Err(McpError::Address(error)) if error.to_string().contains("set a token")),
        "{refused:?}"
    );
}
