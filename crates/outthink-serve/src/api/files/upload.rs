//! The form of an upload.

use crate::error::ApiError;
use axum::extract::Multipart;
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::http::StatusCode;

/// What files are for here.
const PURPOSE: &str = "batch";
/// Seconds that a file is kept where nothing else is asked for: thirty days.
const KEPT: u64 = 30 * 86_400;
/// The least that may be asked for; [`KEPT`] is the most.
const LEAST: u64 = 3_600;

/// An upload that was understood.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) purpose: String,
    pub(super) text: String,
    /// How long it is kept.
    pub(super) seconds: u64,
}

impl Upload {
    /// Reads the form.
    pub(super) async fn read(form: Result<Multipart, MultipartRejection>) -> Result<Self, ApiError> {
        let mut form = form.map_err(|_| {
            ApiError::invalid_body("the body is not a form: send multipart/form-data with `file` and `purpose`")
        })?;
        let (mut file, mut purpose, mut seconds) = (None, None, KEPT);
        while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
            match field.name().unwrap_or_default() {
                "file" => {
                    let name = field.file_name().filter(|name| !name.is_empty()).unwrap_or("file.jsonl").to_owned();
                    file = Some((name, field.bytes().await.map_err(|error| broken(&error))?));
                }
                "purpose" => purpose = Some(field.text().await.map_err(|error| broken(&error))?),
                "expires_after[seconds]" => {
                    let text = field.text().await.map_err(|error| broken(&error))?;
                    let words = format!("expires_after[seconds] is not a whole number from {LEAST} to {KEPT}");
                    let given = text.parse().ok().filter(|given| (LEAST..=KEPT).contains(given));
                    seconds = given.ok_or_else(|| ApiError::invalid("expires_after", words))?;
                }
                "expires_after[anchor]" => {
                    if field.text().await.map_err(|error| broken(&error))? != "created_at" {
                        let words = "expires_after[anchor] is not known: use created_at";
                        return Err(ApiError::invalid("expires_after", words));
                    }
                }
                other => {
                    let other: String = other.chars().take(64).collect();
                    let words = format!("`{other}` is not known: send file, purpose and expires_after");
                    return Err(ApiError::invalid(&other, words));
                }
            }
        }
        match purpose.as_deref() {
            Some(PURPOSE) => {}
            Some(_) => {
                let words = "purpose is not possible here: files are for batches, use batch";
                return Err(ApiError::invalid("purpose", words));
            }
            None => return Err(ApiError::invalid("purpose", "purpose is missing: give batch")),
        }
        let Some((name, bytes)) = file else {
            return Err(ApiError::invalid("file", "file is missing: send one request a line, as JSON"));
        };
        let text = String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.contains('\0'));
        let Some(text) = text else {
            return Err(ApiError::invalid("file", "the file is not text in UTF-8: send one request a line, as JSON"));
        };
        if text.trim().is_empty() {
            return Err(ApiError::invalid("file", "the file is empty: send one request a line, as JSON"));
        }
        Ok(Self { name, purpose: PURPOSE.to_owned(), text, seconds })
    }
}

fn broken(error: &MultipartError) -> ApiError {
    let status = if error.status().is_client_error() { error.status() } else { StatusCode::BAD_REQUEST };
    let words = format!("the form cannot be read: {}", error.body_text());
    ApiError::new(status, "invalid_request_error", words)
}
