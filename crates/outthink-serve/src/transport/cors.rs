//! Scripts of pages that may ask, by `server.cors_origins`. They send a key like anybody else; there are no
//! cookies, so nothing is allowed to a page that its reader did not type in.

use crate::run::Gateway;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Headers of a reply that a script may read.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, x-outthink-trace-id, retry-after");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");

/// Answers the questions of browsers, and marks replies that a page may read.
pub(super) async fn allow(gateway: &Gateway, request: Request, next: Next) -> Response {
    let origins = &gateway.config().server.cors_origins;
    let origin = request.headers().get(ORIGIN).filter(|_| !origins.is_empty()).cloned();
    let known = |origin: &HeaderValue| {
        origin.to_str().is_ok_and(|o| origins.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(o)))
    };
    let Some(origin) = origin.filter(known) else { return next.run(request).await };
    let asks = request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks {
        let wanted = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        let usual = HeaderValue::from_static("authorization, content-type");
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.unwrap_or(usual));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        response
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}
