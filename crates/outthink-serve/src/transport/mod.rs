//! Connections and HTTP: a gateway whose settings can change while it serves.

mod batch;
mod body;
mod cors;
mod routes;
mod server;
mod socket;
mod tls;

pub use batch::{BatchError, BatchFile};
pub use tls::{TlsAcceptor, acceptor};

use crate::api::{self, Batches, Host, Responses};
use crate::run::{Gateway, ServeOptions};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A gateway whose settings can change while it serves. Clones are handles on the same one.
#[derive(Clone)]
pub struct Service {
    current: Arc<RwLock<Arc<Gateway>>>,
    /// What outlives reloads of what was answered.
    responses: Arc<Responses>,
    /// The batches that are worked on.
    batches: Arc<Batches>,
    ending: Arc<watch::Sender<bool>>,
}

impl Service {
    /// A gateway with these settings.
    pub fn new(options: ServeOptions) -> Self {
        let (ending, ended) = watch::channel(false);
        let ledger = options.control.ledger.as_ref().filter(|_| options.policy.config.privacy.share_responses);
        let responses = Arc::new(Responses::new(ledger));
        let gateway = Arc::new(Gateway::new(options, ended, None));
        Self {
            current: Arc::new(RwLock::new(gateway)),
            responses,
            batches: Arc::new(Batches::new()),
            ending: Arc::new(ending),
        }
    }

    /// Puts other settings in force. Requests that run come to their end by those that they began with;
    /// the limits on connections stay as they are.
    pub fn reload(&self, options: ServeOptions) {
        let before = self.current();
        let gateway = Arc::new(Gateway::new(options, self.ending.subscribe(), Some(&before)));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = gateway;
    }

    /// The gateway by the settings in force.
    fn current(&self) -> Arc<Gateway> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its routes.
    pub fn router(&self) -> axum::Router {
        routes::router(self.clone(), Arc::clone(&self.responses), Arc::clone(&self.batches))
    }

    /// Serves until `shutdown` completes, then finishes the requests that run and takes no new ones.
    ///
    /// # Errors
    /// If requests are still running [`Limits::drain`](crate::Limits::drain) after `shutdown`.
    pub async fn serve(
        &self,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let limits = self.current().options.limits;
        let ending = Arc::clone(&self.ending);
        let shutdown = async move {
            shutdown.await;
            ending.send_replace(true);
        };
        let host = self.host();
        let work = self.batches.work(&host, self.ending.subscribe(), None);
        let (served, ()) = tokio::join!(server::serve(listener, self.router(), limits, tls, shutdown), work);
        // Who asked for a response in the background has left already.
        self.responses.drain(limits.drain).await;
        served
    }

    /// Where the requests of batches go: the routes behind what finds out who asks.
    fn host(&self) -> Arc<Host> {
        let service = self.clone();
        let app = api::routes(Arc::clone(&self.responses), Arc::clone(&self.batches));
        Arc::new(Host::new(app, move || service.current()))
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("options", &self.current().options).finish_non_exhaustive()
    }
}
