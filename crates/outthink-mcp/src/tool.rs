//! The tool `ask`: what it takes, what it gives, and how a call is carried out.

use futures_util::future::BoxFuture;
use outthink_core::Effort;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, InitializeResult,
    JsonObject, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, Tool,
    ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The name of the tool.
const ASK: &str = "ask";

const ABOUT: &str = "Think about one question and answer it: several samples are drawn, compared and weighed until the \
                     answer is clear or the budget is spent. For questions with one right answer (mathematics, logic, \
                     choices, code) that are worth more than one attempt. The question has to hold all that is needed: \
                     nothing else is seen.";

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The question, with all that is needed to answer it.
    pub question: String,
    /// How much is bought; `None` is the server's default.
    #[serde(default)]
    pub effort: Option<Effort>,
    /// The system message in place of the server's.
    #[serde(default)]
    pub system: Option<String>,
    /// Generated tokens at most.
    #[serde(default)]
    pub budget_tokens: Option<u64>,
    /// Dollars at most.
    #[serde(default)]
    pub budget_usd: Option<f64>,
    /// Seconds at most.
    #[serde(default)]
    pub budget_seconds: Option<f64>,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The reply as text.
    pub text: String,
    /// What is known of it, as an object: the answer, votes, confidence, usage, cost and why it stopped.
    pub facts: Value,
}

/// Where samples that have finished are reported while a call runs: how many, and the most that there can be.
#[derive(Debug, Clone)]
pub struct Progress(mpsc::UnboundedSender<(u32, u32)>);

impl Progress {
    /// Reports that so many samples of at most `most` have finished. Clients that did not ask for it hear nothing.
    pub fn finished(&self, samples: u32, most: u32) {
        // The client may have left; then nobody hears it.
        let _ = self.0.send((samples, most));
    }
}

/// What answers questions.
pub trait Asks: Send + Sync + 'static {
    /// Answers one question. Dropping the future cancels all work for it. An error is a text for the calling model,
    /// which should say how to ask better.
    fn ask(&self, call: Call, progress: Progress) -> BoxFuture<'static, Result<Reply, String>>;
}

/// The server as the SDK sees it; clones share what answers.
#[derive(Clone)]
pub(crate) struct Server(Arc<dyn Asks>);

impl Server {
    pub(crate) fn new(asks: Arc<dyn Asks>) -> Self {
        Self(asks)
    }

    async fn answer(&self, request: CallToolRequestParams, context: &RequestContext<RoleServer>) -> CallToolResult {
        if request.name != ASK {
            return failed(format!("unknown tool `{}`: there is `{ASK}`", request.name));
        }
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let call: Call = match serde_json::from_value(arguments) {
            Ok(call) => call,
            Err(error) => return failed(format!("the arguments of `{ASK}` are not understood: {error}")),
        };
        if call.question.trim().is_empty() {
            return failed("`question` is empty: write the question, with all that is needed to answer it".to_owned());
        }
        let (progress, mut finished) = mpsc::unbounded_channel();
        let mut answer = self.0.ask(call, Progress(progress));
        let token = context.meta.get_progress_token();
        let mut last = 0;
        loop {
            tokio::select! {
                // Whoever cancels hears no answer; the work ends here.
                () = context.ct.cancelled() => return failed("cancelled".to_owned()),
                Some((samples, most)) = finished.recv() => {
                    let Some(token) = token.clone().filter(|_| samples > last) else { continue };
                    last = samples;
                    let mut report = ProgressNotificationParam::new(token, f64::from(samples));
                    report.total = Some(f64::from(most));
                    report.message = Some(format!("{samples} of at most {most} samples"));
                    // Where the client is gone, the end of the connection cancels the call.
                    let _ = context.peer.notify_progress(report).await;
                }
                reply = &mut answer => return match reply {
                    Ok(Reply { text, facts }) => {
                        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
                        result.structured_content = Some(facts);
                        result
                    }
                    Err(words) => failed(words),
                },
            }
        }
    }
}

/// A failure that the calling model reads.
fn failed(words: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(words)])
}

impl ServerHandler for Server {
    fn get_info(&self) -> InitializeResult {
        let own = Implementation::new("outthink", env!("CARGO_PKG_VERSION"));
        InitializeResult::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(own)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, rmcp::ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![tool()]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, rmcp::ErrorData> {
        Ok(self.answer(request, &context).await.into())
    }
}

/// The tool with its schemas.
fn tool() -> Tool {
    let efforts: Vec<&str> = Effort::ALL.iter().map(|effort| effort.name()).collect();
    let takes = json!({
        "type": "object",
        "properties": {
            "question": {"type": "string", "description": "the question, with all that is needed to answer it"},
            "effort": {"type": "string", "enum": efforts, "description": "how much thinking is bought"},
            "system": {"type": "string", "description": "a system message in place of the server's"},
            "budget_tokens": {"type": "integer", "minimum": 1, "description": "generated tokens at most"},
            "budget_usd": {"type": "number", "exclusiveMinimum": 0, "description": "dollars at most"},
            "budget_seconds": {"type": "number", "exclusiveMinimum": 0, "description": "seconds at most"},
        },
        "required": ["question"],
        "additionalProperties": false,
    });
    let gives = json!({
        "type": "object",
        "properties": {
            "answer": {"type": ["string", "null"], "description": "the final answer; null where the reply states none"},
            "votes": {"type": "array", "items": {"type": "object"}},
            "confidence": {"type": ["object", "null"]},
            "samples": {"type": "integer"},
            "usage": {"type": "object"},
            "cost_usd": {"type": "number"},
            "stop_reason": {"type": "string"},
            "notes": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["answer", "samples", "usage", "cost_usd", "stop_reason"],
    });
    let mut tool = Tool::new(ASK, ABOUT, Arc::new(object(takes)));
    tool.title = Some("Think about a question".to_owned());
    tool.output_schema = Some(Arc::new(object(gives)));
    tool.annotations = Some(ToolAnnotations::new().read_only(true).open_world(false));
    tool
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}
