//! All routes, and what every request passes on its way to one.

use super::Service;
use super::{body, cors};
use crate::admin;
use crate::api::{self, Batches, Responses};
use crate::error::ApiError;
use crate::observe::TraceId;
use crate::run::{Caller, Gateway};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;

/// Where things are, for those who look in the wrong place.
const PLACES: &str =
    "/v1/chat/completions, /v1/responses, /v1/messages, /v1/batches, /v1/models, /openapi.json and /health";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-outthink-trace-id");

pub(super) fn router(service: Service, responses: Arc<Responses>, batches: Arc<Batches>) -> Router {
    api::routes(responses, batches)
        .merge(admin::routes())
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(identify))
        // What follows needs no key: it holds nothing that is secret.
        .merge(admin::page())
        .route("/openapi.json", get(openapi))
        .route("/health", get(alive))
        .route("/health/live", get(alive))
        .route("/health/ready", get(ready))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(service, begin))
}

/// Gives each request the settings in force and a name, which is in its headers, too. What pages of others may do is
/// decided here, so that their readers see every refusal.
async fn begin(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let (gateway, trace) = (service.current(), TraceId::fresh());
    let name = HeaderValue::from_str(&trace.0);
    let most = gateway.options.limits.head_bytes;
    // Its clients read errors in its own shape, whoever made them.
    let of_messages = request.uri().path().starts_with(api::MESSAGES).then(|| trace.clone());
    request.extensions_mut().insert(Arc::clone(&gateway));
    request.extensions_mut().insert(trace);
    let mut response = if head_bytes(&request) > most {
        head_too_large(most).into_response()
    } else {
        cors::allow(&gateway, request, next).await
    };
    if let Some(trace) = of_messages {
        response = api::in_own_words(response, &trace);
    }
    if let Ok(name) = name {
        response.headers_mut().insert(REQUEST_ID, name.clone());
        response.headers_mut().insert(TRACE_ID, name);
    }
    response
}

/// Bytes of a request's head, as HTTP/1.1 writes it.
fn head_bytes(request: &Request) -> usize {
    let line = request.method().as_str().len() + request.uri().path_and_query().map_or(1, |p| p.as_str().len()) + 12;
    line + request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>()
}

fn head_too_large(most: usize) -> ApiError {
    let words = format!("the head of the request is larger than {most} bytes: send fewer or shorter headers");
    let error = ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "invalid_request_error", words);
    error.with_code("request_head_too_large")
}

/// Finds out who asks, or refuses; then reads the whole body.
async fn identify(Extension(gateway): Extension<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    match Caller::identify(gateway.control(), gateway.config(), request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            match body::read(&gateway, request).await {
                Ok(request) => next.run(request).await,
                Err(refusal) => refusal,
            }
        }
        Err(error) => {
            let reason = match error.code.as_deref() {
                Some("foreign_origin") => "foreign_origin",
                Some("ledger_unavailable") => "ledger_unavailable",
                _ => "invalid_api_key",
            };
            gateway.control().metrics.refused(reason);
            tracing::info!(status = error.status.as_u16(), path = request.uri().path(), "refused");
            error.into_response()
        }
    }
}

/// The document of this interface.
async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], crate::openapi::text()).into_response()
}

async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether a request can be expected to be answered: some engine is there and fit.
async fn ready(Extension(gateway): Extension<Arc<Gateway>>) -> Response {
    if gateway.is_ready() {
        return Json(json!({ "status": "ok" })).into_response();
    }
    let status = if gateway.options.engines.is_empty() { "no engine" } else { "no engine is ready" };
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": status }))).into_response()
}

async fn unknown_path(uri: Uri) -> ApiError {
    ApiError::not_found("unknown_url", format!("nothing is at {}: see {PLACES}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let words = format!("{method} is not possible at {}: see the Allow header", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", words).with_code("method_not_allowed")
}
