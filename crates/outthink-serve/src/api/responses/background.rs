//! `background: true`: responses that nobody waits for. They are read, and cancelled, by their names.

use super::events::Told;
use super::store::{Responses, Seen};
use crate::api::tell::{Wire, of_run};
use crate::error::ApiError;
use crate::run::{Begun, Heard, Running};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a cancelled response may take to end.
const CANCELLING: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// The words for how far a response is.
pub(super) mod status {
    pub(crate) const QUEUED: &str = "queued";
    pub(crate) const IN_PROGRESS: &str = "in_progress";
    pub(crate) const CANCELLED: &str = "cancelled";
}

/// The responses that run in the background here.
#[derive(Default)]
pub(super) struct Background {
    tasks: Mutex<JoinSet<()>>,
    /// What cancels each, by its name.
    running: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Background {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        // Those that have ended are forgotten.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Waits for those that run; what is left after `limit` is cancelled and charged as far as it came.
    pub(super) async fn drain(&self, limit: Duration) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        let left = timeout(limit, async { while tasks.join_next().await.is_some() {} }).await;
        if left.is_err() {
            tracing::warn!(left = tasks.len(), "responses in the background did not end in time");
            tasks.shutdown().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins a run in the background; the reply names it.
pub(super) async fn begin(store: &Arc<Responses>, owner: Option<String>, begun: Begun, told: Told) -> Response {
    let id = told.id().to_owned();
    let queued = told.at(status::QUEUED);
    store.note(&id, owner.clone(), &queued).await;
    let cancel = Arc::new(Notify::new());
    lock(&store.background.running).insert(id.clone(), Arc::clone(&cancel));
    let task = Task { store: Arc::clone(store), owner, id, cancel };
    store.background.spawn(task.run(begun, told));
    Json(queued).into_response()
}

/// A response while it runs in the background.
struct Task {
    store: Arc<Responses>,
    owner: Option<String>,
    id: String,
    cancel: Arc<Notify>,
}

impl Task {
    async fn run(self, begun: Begun, mut told: Told) {
        let Begun { mut running, effort, .. } = begun;
        let end = tokio::select! {
            biased;
            () = self.cancel.notified() => None,
            end = self.end(&mut running, &mut told) => Some(end),
        };
        match end.as_deref() {
            Some(Ok(outcome)) => {
                told.whole(outcome);
                if let Some(keeping) = told.keeping() {
                    keeping.await;
                }
                running.answered(200);
            }
            Some(Err(failed)) => {
                let error = of_run(failed, effort);
                self.store.note(&self.id, self.owner.clone(), &told.failed_whole(&error)).await;
                running.answered(error.status.as_u16());
            }
            None => {
                drop(running);
                self.store.note(&self.id, self.owner.clone(), &told.at(status::CANCELLED)).await;
            }
        }
        lock(&self.store.background.running).remove(&self.id);
    }

    /// The end of the run; its beginning is noted.
    async fn end(&self, running: &mut Running, told: &mut Told) -> crate::run::Ended {
        let mut began = false;
        loop {
            match running.next().await {
                Heard::End(end) => return end,
                Heard::Update(update) => {
                    told.hear(&update);
                    if !std::mem::replace(&mut began, true) {
                        self.store.note(&self.id, self.owner.clone(), &told.at(status::IN_PROGRESS)).await;
                    }
                }
            }
        }
    }
}

/// Cancels a response; what became of it.
pub(super) async fn cancel(seen: Seen<'_>, id: &str) -> Result<Option<Value>, ApiError> {
    let Some(found) = seen.get(id).await? else { return Ok(None) };
    let is_open =
        |response: &Value| [status::QUEUED, status::IN_PROGRESS].iter().any(|open| response["status"] == *open);
    if found["background"] != true {
        let words = "only a response with background: true can be cancelled: close the connection of any other";
        return Err(ApiError::invalid("id", words));
    }
    if !is_open(&found) {
        return Ok(Some(found));
    }
    let Some(running) = lock(&seen.store.background.running).get(id).cloned() else {
        let words = "the response runs at another gateway, or did when that ended: only that one can cancel it";
        let error = ApiError::new(StatusCode::CONFLICT, "invalid_request_error", words);
        return Err(error.with_code("response_elsewhere"));
    };
    running.notify_one();
    let ended = async {
        loop {
            match seen.get(id).await {
                Ok(Some(response)) if is_open(&response) => sleep(LOOK).await,
                other => return other,
            }
        }
    };
    timeout(CANCELLING, ended).await.unwrap_or(Ok(Some(found)))
}
