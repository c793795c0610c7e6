//! What the handlers of files and batches have in common: the ledger that keeps them, and who asks.

use crate::error::ApiError;
use crate::run::{Caller, Gateway};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use outthink_ledger::{Ledger, LedgerError};
use std::sync::Arc;

/// Who asks for what is kept in the ledger's database. A gateway without one refuses.
pub(crate) struct Kept {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) ledger: Ledger,
    pub(crate) caller: Caller,
}

impl<S: Sync> FromRequestParts<S> for Kept {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = (parts.extensions.get::<Arc<Gateway>>(), parts.extensions.get::<Caller>());
        let (Some(gateway), Some(caller)) = found else {
            return Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "nobody is known to ask"));
        };
        let ledger = gateway.control().ledger.clone().ok_or_else(ApiError::no_ledger)?;
        Ok(Self { gateway: Arc::clone(gateway), ledger, caller: caller.clone() })
    }
}

/// A kind of things that are kept.
pub(crate) struct Kind<T> {
    /// Its name in errors, and their code.
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    /// Where all of them are listed.
    pub(crate) path: &'static str,
    /// The key whose one is.
    pub(crate) owner: fn(&T) -> Option<&str>,
}

impl<T> Kind<T> {
    /// What was found by `id`, if the caller may see it.
    ///
    /// # Errors
    /// If the ledger fails, or there is nothing that the caller may see.
    pub(crate) fn seen(&self, caller: &Caller, id: &str, found: Result<Option<T>, LedgerError>) -> Result<T, ApiError> {
        let found = found.map_err(ApiError::of_ledger)?;
        found.filter(|one| caller.may_see((self.owner)(one))).ok_or_else(|| {
            let id: String = id.chars().take(64).collect();
            ApiError::not_found(self.code, format!("there is no {} `{id}`: see GET {}", self.name, self.path))
        })
    }
}
