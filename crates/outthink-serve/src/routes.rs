//! The routes.

use crate::ServeOptions;
use crate::access::Caller;
use crate::admin;
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::log::{RequestLog, TraceId};
use crate::service::Service;
use crate::{passing, responses, rewards};
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use futures_util::StreamExt;
use outthink_core::Engine;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::time::timeout;

/// Where things are, for those who look in the wrong place.
const PLACES: &str = "/v1/chat/completions, /v1/responses, /v1/models, /openapi.json and /health";

pub(crate) fn router(service: Service) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/responses", post(respond))
        .route("/v1/responses/{id}", get(response).delete(forget))
        .route("/v1/completions", post(|g, trace, caller, body| relay("/completions", g, trace, caller, body)))
        .route("/v1/embeddings", post(|g, trace, caller, body| relay("/embeddings", g, trace, caller, body)))
        .route("/v1/rewards", post(rewards))
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .route("/v1/outthink/traces/{id}", get(trace))
        .route("/v1/outthink/records/{id}", get(admin::record))
        .route("/outthink/state", get(admin::state))
        .route("/outthink/spend", get(admin::spend))
        .route("/outthink/live", get(admin::live))
        .route("/outthink/keys", get(admin::keys).post(admin::make_key))
        .route("/outthink/keys/{name}", delete(admin::revoke))
        .route("/metrics", get(admin::metrics))
        .layer(middleware::from_fn_with_state(service.clone(), identify))
        // What follows needs no key: it holds nothing that is secret.
        .route("/", get(admin::file))
        .route("/outthink/page.css", get(admin::file))
        .route("/outthink/draw.js", get(admin::file))
        .route("/outthink/ask.js", get(admin::file))
        .route("/outthink/page.js", get(admin::file))
        .route("/openapi.json", get(openapi))
        .route("/health", get(alive))
        .route("/health/live", get(alive))
        .route("/health/ready", get(ready))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(name_request))
        .with_state(service)
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

/// The gateway by the settings that are in force as the request comes.
pub(crate) struct Shared(pub(crate) Arc<Gateway>);

impl FromRequestParts<Service> for Shared {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, service: &Service) -> Result<Self, Infallible> {
        Ok(Self(service.current()))
    }
}

type Named = Extension<TraceId>;
type Asker = Extension<Caller>;

/// Finds out who asks, or refuses.
async fn identify(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let gateway = service.current();
    match Caller::identify(gateway.control(), gateway.config(), request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            gateway.control().metrics.refused(error.code.unwrap_or("refused"));
            tracing::info!(status = error.status.as_u16(), path = request.uri().path(), "refused");
            error.into_response()
        }
    }
}

async fn chat(Shared(gateway): Shared, Extension(trace): Named, Extension(caller): Asker, body: Body) -> Response {
    match read(body, &gateway.options).await {
        Ok(body) => gateway.chat(&trace, &caller, &body).await,
        Err(error) => crate::gateway::refused(RequestLog::new(trace, "chat.completions"), error),
    }
}

async fn respond(
    Shared(gateway): Shared,
    Extension(trace): Named,
    Extension(caller): Asker,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read(body, &gateway.options).await?;
    Ok(responses::create(&gateway, trace, &caller, &body).await)
}

async fn response(
    Shared(gateway): Shared,
    Extension(caller): Asker,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    responses::get(&gateway, &caller, &id).map(Json)
}

async fn forget(
    Shared(gateway): Shared,
    Extension(caller): Asker,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    responses::delete(&gateway, &caller, &id).map(Json)
}

/// Passes a request on as it is, to `path` below the version.
async fn relay(
    path: &'static str,
    Shared(gateway): Shared,
    Extension(trace): Named,
    Extension(caller): Asker,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read(body, &gateway.options).await?;
    Ok(passing::pass(&gateway, &caller, trace, path, &body).await)
}

async fn rewards(Shared(gateway): Shared, body: Body) -> Result<Json<Value>, ApiError> {
    let body = read(body, &gateway.options).await?;
    rewards::judge(&body).await.map(Json)
}

/// Reads a body up to a limit, as long as it keeps coming.
async fn read(body: Body, options: &ServeOptions) -> Result<Vec<u8>, ApiError> {
    let (most, pause) = (options.max_body_bytes, options.limits.body);
    let mut bytes = Vec::new();
    let mut pieces = body.into_data_stream();
    loop {
        let Ok(next) = timeout(pause, pieces.next()).await else {
            let words = format!("nothing more of the body came within {} s: send it whole", pause.as_secs_f64());
            let error = ApiError::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", words);
            return Err(error.with_code("body_timeout"));
        };
        let Some(piece) = next else { return Ok(bytes) };
        let piece = piece.map_err(|_| ApiError::invalid_body("the body ended early: send it whole"))?;
        if bytes.len() + piece.len() > most {
            let words = format!("the body is larger than {most} bytes: send a shorter conversation");
            let error = ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", words);
            return Err(error.with_code("request_too_large"));
        }
        bytes.extend_from_slice(&piece);
    }
}

async fn models(Shared(gateway): Shared) -> Json<Value> {
    let data: Value = gateway.options.engines.iter().map(|engine| describe(engine.as_ref(), gateway.started)).collect();
    Json(json!({ "object": "list", "data": data }))
}

async fn model(Shared(gateway): Shared, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let engine = gateway.engine(Some(&id))?;
    Ok(Json(describe(engine.as_ref(), gateway.started)))
}

fn describe(engine: &dyn Engine, started: u64) -> Value {
    let model = engine.model();
    let mut object = json!({ "id": model.id, "object": "model", "created": started, "owned_by": "outthink" });
    if let Some(context) = model.context {
        // The name that vLLM gives it.
        object["max_model_len"] = context.into();
    }
    object
}

async fn trace(
    Shared(gateway): Shared,
    Extension(caller): Asker,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    // Those of others are not told from those that are not there.
    gateway.traces.get(&id, |owner| caller.may_see(owner)).map(Json).ok_or_else(|| {
        let words = "no trace of this name is remembered: traces are kept for an hour, the newest 512 of them";
        ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", words).with_code("trace_not_found")
    })
}

/// The document of this interface.
async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], include_str!("openapi.json")).into_response()
}

async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn ready(Shared(gateway): Shared) -> Response {
    if gateway.options.engines.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "no engine" }))).into_response();
    }
    Json(json!({ "status": "ok" })).into_response()
}

async fn unknown_path(uri: Uri) -> ApiError {
    let words = format!("nothing is at {}: see {PLACES}", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", words).with_code("unknown_url")
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let words = format!("{method} is not possible at {}: see the Allow header", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", words).with_code("method_not_allowed")
}
