//! The routes.

use crate::ServeOptions;
use crate::error::ApiError;
use crate::log::{RequestLog, TraceId, random};
use crate::reply::Envelope;
use crate::request::ChatRequest;
use crate::running::{Event, Running};
use crate::stream::Streaming;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use futures_util::StreamExt;
use outthink_core::Engine;
use outthink_strategy::DriveRequest;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The default engine's other name.
const ALIAS: &str = "outthink";

struct Gateway {
    options: ServeOptions,
    started: u64,
}

pub(crate) fn router(options: ServeOptions) -> Router {
    let gateway = Arc::new(Gateway { options, started: unix_seconds() });
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .route("/health", get(alive))
        .route("/health/live", get(alive))
        .route("/health/ready", get(ready))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(name_request))
        .with_state(gateway)
}

/// Gives each request a name and tells it in the headers.
async fn name_request(mut request: Request, next: Next) -> Response {
    let trace = TraceId::fresh();
    let name = HeaderValue::from_str(&trace.0);
    request.extensions_mut().insert(trace);
    let mut response = next.run(request).await;
    if let Ok(name) = name {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), name.clone());
        response.headers_mut().insert(HeaderName::from_static("x-outthink-trace-id"), name);
    }
    response
}

async fn chat(State(gateway): State<Arc<Gateway>>, Extension(trace): Extension<TraceId>, body: Body) -> Response {
    let mut log = RequestLog::new(trace.clone());
    match gateway.begin(&trace, body).await {
        Err(error) => {
            log.done(error.status.as_u16(), error.tokens);
            error.into_response()
        }
        Ok(Begun { running, envelope, request }) if request.stream => {
            let pass_through = request.strategy.name == "single";
            let include_usage = request.include_usage;
            Box::pin(Streaming { running, envelope, include_usage, pass_through, log, shown: None }.respond()).await
        }
        Ok(begun) => whole(begun, log).await,
    }
}

/// The reply in one piece.
async fn whole(mut begun: Begun, mut log: RequestLog) -> Response {
    let end = loop {
        match begun.running.next().await {
            Event::End(end) => break end,
            Event::Update(update) => log.saw(&update),
        }
    };
    match *end {
        Ok(outcome) => {
            log.done(200, outcome.usage.generated());
            Json(begun.envelope.completion(&outcome)).into_response()
        }
        Err(failed) => {
            let error = ApiError::of_run(&failed, begun.envelope.effort);
            log.done(error.status.as_u16(), error.tokens);
            error.into_response()
        }
    }
}

/// A request that was understood, ready to run.
struct Begun {
    running: Running,
    envelope: Envelope,
    request: ChatRequest,
}

impl Gateway {
    async fn begin(&self, trace: &TraceId, body: Body) -> Result<Begun, ApiError> {
        let body = read(body, self.options.max_body_bytes).await?;
        let request = ChatRequest::parse(&body, self.options.default_effort)?;
        let engine = self.engine(request.model.as_deref())?;
        let strategy = request.strategy.build().map_err(|error| ApiError::invalid("outthink", error.to_string()))?;
        let envelope = Envelope {
            id: format!("chatcmpl-{}", trace.0),
            created: unix_seconds(),
            model: engine.model().id.clone(),
            effort: request.effort.name(),
        };
        let drive = DriveRequest {
            prompt: request.prompt.clone(),
            budget: request.budget,
            sampling: request.sampling.clone(),
            seed: request.seed.unwrap_or_else(random),
            logprobs: request.logprobs,
            trace_id: trace.0.clone(),
        };
        Ok(Begun { running: Running::new(Arc::clone(engine), drive, strategy), envelope, request })
    }

    fn engine(&self, model: Option<&str>) -> Result<&Arc<dyn Engine>, ApiError> {
        let engines = &self.options.engines;
        let found = match model {
            None => engines.first(),
            Some(id) => engines
                .iter()
                .find(|engine| engine.model().id == id)
                .or_else(|| engines.first().filter(|_| id == ALIAS)),
        };
        found.ok_or_else(|| {
            let known: Vec<&str> = engines.iter().map(|engine| engine.model().id.as_str()).collect();
            let asked: String = model.unwrap_or(ALIAS).chars().take(128).collect();
            let words = format!("the model `{asked}` does not exist here: use {}", known.join(", "));
            let error = ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", words);
            ApiError { param: Some("model".into()), ..error.with_code("model_not_found") }
        })
    }

    fn describe(&self, engine: &dyn Engine) -> Value {
        let model = engine.model();
        let mut object = json!({ "id": model.id, "object": "model", "created": self.started, "owned_by": "outthink" });
        if let Some(context) = model.context {
            // The name that vLLM gives it.
            object["max_model_len"] = context.into();
        }
        object
    }
}

/// Reads a body up to a limit.
async fn read(body: Body, most: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| ApiError::invalid_body("the body ended early: send it whole"))?;
        if bytes.len() + piece.len() > most {
            let words = format!("the body is larger than {most} bytes: send a shorter conversation");
            let error = ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", words);
            return Err(error.with_code("request_too_large"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

async fn models(State(gateway): State<Arc<Gateway>>) -> Json<Value> {
    let data: Value = gateway.options.engines.iter().map(|engine| gateway.describe(engine.as_ref())).collect();
    Json(json!({ "object": "list", "data": data }))
}

async fn model(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let engine = gateway.engine(Some(&id))?;
    Ok(Json(gateway.describe(engine.as_ref())))
}

async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    if gateway.options.engines.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "no engine" }))).into_response();
    }
    Json(json!({ "status": "ok" })).into_response()
}

async fn unknown_path(uri: Uri) -> ApiError {
    let words = format!("nothing is at {}: see /v1/chat/completions, /v1/models and /health", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", words).with_code("unknown_url")
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let words = format!("{method} is not possible at {}: see the Allow header", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", words).with_code("method_not_allowed")
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
