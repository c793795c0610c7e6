//! Bodies of requests: read whole within their bounds, and decoded.

use crate::api;
use crate::error::ApiError;
use crate::run::Gateway;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use futures_util::StreamExt;
use ruzstd::decoding::StreamingDecoder;
use std::io::Read;
use std::time::Duration;
use tokio::time::timeout;

/// Encodings that are decoded.
const KNOWN: &str = "gzip, deflate, zstd and identity";

/// Puts the whole body, decoded, in the place of what is still to come; the reply where it is refused.
pub(super) async fn read(gateway: &Gateway, request: Request) -> Result<Request, Response> {
    let (mut head, body) = request.into_parts();
    let is_file = head.uri.path() == api::FILES && head.method == Method::POST;
    let most = if is_file { gateway.options.limits.file_bytes } else { gateway.options.max_body_bytes };
    let pause = gateway.options.limits.body;
    let whole = match collect(body, &head.headers, (most, pause)).await {
        Ok(bytes) => decode(bytes, &head.headers, most),
        Err(error) => Err(error),
    };
    match whole {
        Ok(bytes) => {
            head.headers.remove(CONTENT_ENCODING);
            Ok(Request::from_parts(head, Body::from(bytes)))
        }
        Err(error) => {
            tracing::info!(status = error.status.as_u16(), path = head.uri.path(), "refused");
            Err(error.into_response())
        }
    }
}

/// Reads a body up to a limit, as long as it keeps coming.
async fn collect(body: Body, headers: &HeaderMap, (most, pause): (usize, Duration)) -> Result<Vec<u8>, ApiError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    // Who waits for a `100 Continue` sends nothing of a body that is refused.
    if announced.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(1 << 20));
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
            return Err(too_large(most));
        }
        bytes.extend_from_slice(&piece);
    }
}

/// Undoes the encodings of a body, the last one first. What comes of it is bounded, too.
fn decode(mut bytes: Vec<u8>, headers: &HeaderMap, most: usize) -> Result<Vec<u8>, ApiError> {
    let mut encodings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = value.to_str().map_err(|_| unsupported("?"))?;
        encodings.extend(text.split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty()));
    }
    for encoding in encodings.iter().rev() {
        bytes = match encoding.as_str() {
            "identity" => continue,
            "gzip" | "x-gzip" => bounded(MultiGzDecoder::new(&*bytes), most),
            "deflate" => bounded(ZlibDecoder::new(&*bytes), most),
            "zstd" => match StreamingDecoder::new(&*bytes) {
                Ok(decoder) => bounded(decoder, most),
                Err(_) => Err(broken()),
            },
            other => Err(unsupported(other)),
        }?;
    }
    Ok(bytes)
}

fn bounded(decoder: impl Read, most: usize) -> Result<Vec<u8>, ApiError> {
    let mut out = Vec::new();
    decoder.take(most as u64 + 1).read_to_end(&mut out).map_err(|_| broken())?;
    if out.len() > most { Err(too_large(most)) } else { Ok(out) }
}

fn too_large(most: usize) -> ApiError {
    let words = format!("the body is larger than {most} bytes: send a shorter conversation");
    let error = ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", words);
    error.with_code("request_too_large")
}

fn broken() -> ApiError {
    ApiError::invalid_body("the body is not what its Content-Encoding says: send it whole, or without an encoding")
}

fn unsupported(encoding: &str) -> ApiError {
    let encoding: String = encoding.chars().take(32).collect();
    let words = format!("Content-Encoding {encoding} is not supported: use one of {KNOWN}");
    let error = ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", words);
    error.with_code("unsupported_encoding")
}
