//! Who works on batches: one loop of a gateway, which takes those that nobody holds.

use super::job::Job;
use crate::observe::random;
use crate::run::{Gateway, unix_seconds};
use axum::Router;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hyper_util::service::TowerToHyperService;
use outthink_ledger::Ledger;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Batches that one gateway works on at once.
const AT_ONCE: usize = 8;
/// How often it looks for batches that others made or left.
const LOOK: Duration = Duration::from_secs(2);
/// Seconds that a batch stays with a gateway which says nothing any more, at most.
const LEASE: u64 = 30;

/// The batches that a gateway works on.
pub(crate) struct Batches {
    /// The name of this process.
    pub(super) holder: String,
    changed: Notify,
}

/// Where the requests of batches go.
pub(crate) struct Host {
    /// The gateway by the settings in force.
    pub(super) current: Box<dyn Fn() -> Arc<Gateway> + Send + Sync>,
    /// The routes, behind what finds out who asks.
    pub(super) app: TowerToHyperService<Router>,
}

impl Host {
    /// Of a gateway's routes.
    pub(crate) fn new(app: Router, current: impl Fn() -> Arc<Gateway> + Send + Sync + 'static) -> Self {
        Self { current: Box::new(current), app: TowerToHyperService::new(app) }
    }
}

impl Batches {
    /// Of a process of its own.
    pub(crate) fn new() -> Self {
        Self { holder: format!("{:016x}{:016x}", random(), random()), changed: Notify::new() }
    }

    /// Reports that there is something to do.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Completes when there is something to do.
    pub(super) async fn woken(&self) {
        self.changed.notified().await;
    }

    /// Seconds that this process holds a batch without saying so again.
    pub(super) fn lease(gateway: &Gateway) -> u64 {
        gateway.config().keys.lease_seconds.clamp(2, LEASE)
    }

    /// Works until the gateway is to end and the requests that run then have ended, within the time for that.
    /// `only` is the one batch that is worked on, where there is to be no other.
    pub(crate) async fn work(&self, host: &Arc<Host>, mut ending: watch::Receiver<bool>, only: Option<&str>) {
        let Some(ledger) = (host.current)().control().ledger.clone() else { return };
        let (mut jobs, is_ending) = (FuturesUnordered::new(), ending.clone());
        // It looks while jobs go on: neither may wait for a connection that the other one has.
        let look = |wait: bool| self.look(host, &ledger, (wait, &is_ending, only)).boxed();
        let mut looking = look(false);
        while !*is_ending.borrow() {
            tokio::select! {
                Some(()) = jobs.next(), if !jobs.is_empty() => {}
                found = &mut looking, if jobs.len() < AT_ONCE => {
                    looking = look(found.is_none());
                    jobs.extend(found.map(Job::run));
                }
                changed = ending.changed() => if changed.is_err() {
                    break;
                },
            }
        }
        let drained = async { while jobs.next().await.is_some() {} };
        if timeout((host.current)().options.limits.drain, drained).await.is_err() {
            tracing::warn!("requests of batches did not end in time: they are asked again by whoever takes the batch");
        }
    }

    /// Looks once for a batch that nobody holds, after a while where `wait` says so.
    async fn look<'a>(
        &'a self,
        host: &'a Arc<Host>,
        ledger: &Ledger,
        (wait, ending, only): (bool, &watch::Receiver<bool>, Option<&str>),
    ) -> Option<Job<'a>> {
        if wait {
            let _ = timeout(LOOK, self.woken()).await;
        }
        self.take(host, ledger, (ending, only)).await
    }

    /// A batch that nobody holds.
    async fn take<'a>(
        &'a self,
        host: &'a Arc<Host>,
        ledger: &Ledger,
        (ending, only): (&watch::Receiver<bool>, Option<&str>),
    ) -> Option<Job<'a>> {
        let now = unix_seconds();
        let until = now + Self::lease(&(host.current)());
        match ledger.take_batch(&self.holder, (now, until), only).await {
            Ok(taken) => taken.map(|(batch, held)| {
                tracing::info!(batch = batch.id, status = batch.status, "a batch is worked on");
                Job::new((self, host), ledger.clone(), (batch, held), ending.clone())
            }),
            Err(error) => {
                tracing::error!(%error, "batches cannot be looked for");
                None
            }
        }
    }
}
