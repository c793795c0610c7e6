//! The testkit's engine as a gateway has it here, and keys that pay for it.

use crate::http::{Reply, call_as};
use outthink_core::{Cost, Effort, Engine, SampleRequest};
use outthink_ledger::{Key, Ledger, Limits, NewKey};
use outthink_serve::{Control, ServeOptions};
use outthink_testkit::engine::Scripted;
pub(crate) use outthink_testkit::engine::{Act, says};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// An engine called `m` at the testkit's price.
pub(crate) fn engine(script: impl Fn(usize, &SampleRequest) -> Vec<Act> + Send + Sync + 'static) -> Arc<Scripted> {
    Scripted::new("m", script)
}

/// Serves `options` on a random port until the test ends.
pub(crate) async fn serve(options: ServeOptions) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(outthink_serve::serve(listener, options, std::future::pending()));
    address
}

/// A gateway before one engine, one sample a request.
pub(crate) async fn gateway(
    script: impl Fn(usize, &SampleRequest) -> Vec<Act> + Send + Sync + 'static,
) -> (SocketAddr, Arc<Scripted>) {
    let engine = engine(script);
    let options = ServeOptions::new(vec![engine.clone()]).with_default_effort(Effort::None);
    (serve(options).await, engine)
}

/// A key of so many billionths of a dollar a day, and a gateway that takes it.
pub(crate) struct Bank {
    pub(crate) address: SocketAddr,
    pub(crate) secret: String,
    ledger: Ledger,
    key: Key,
}

impl Bank {
    pub(crate) async fn open(nano: u64, engine: Arc<dyn Engine>) -> Self {
        let limits = Limits { cost_per_day: Some(Cost::from_nano(nano)), ..Limits::default() };
        Self::with(limits, engine).await
    }

    pub(crate) async fn with(limits: Limits, engine: Arc<dyn Engine>) -> Self {
        let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
        let (key, secret) = ledger.create_key(&NewKey { name: "k".into(), limits, ..NewKey::default() }).await.unwrap();
        let control = Arc::new(Control::new().with_ledger(ledger.clone()));
        let options = ServeOptions { control, ..ServeOptions::new(vec![engine]) };
        let address = serve(options.with_default_effort(Effort::None)).await;
        Self { address, ledger, key, secret: secret.expose().to_owned() }
    }

    pub(crate) async fn chat(&self, body: &Value) -> Reply {
        self.post("/v1/chat/completions", body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        call_as(self.address, &self.secret, path, &body.to_string()).await
    }

    /// What was spent, once nothing is reserved any more.
    pub(crate) async fn spent(&self) -> u64 {
        for _ in 0..500 {
            let (spent, reserved) = self.standing().await;
            if reserved == 0 {
                return spent;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("something stays reserved: {:?}", self.standing().await);
    }

    /// Spent and reserved.
    pub(crate) async fn standing(&self) -> (u64, u64) {
        let all = self.ledger.keys().await.unwrap();
        let status = all.iter().find(|s| s.key.id == self.key.id).unwrap();
        (status.spent.nano(), status.reserved.nano())
    }
}
