//! An engine as one request sees it: its samples, and what is passed on as it is, wait for their turns.

use super::fair::{Entered, FairQueue};
use futures_util::StreamExt;
use outthink_core::{
    Capabilities, Engine, ModelInfo, Price, Relay, RelayFuture, Room, SampleEvent, SampleRequest, SampleStream,
};
use std::sync::Arc;

/// An engine as one request sees it.
pub(super) struct Shared {
    engine: Arc<dyn Engine>,
    entered: Arc<Entered>,
}

impl Shared {
    /// The engine for a request of `tenant`, each token of which counts `weight` times.
    pub(super) fn new(engine: Arc<dyn Engine>, queue: &Arc<FairQueue>, (tenant, weight): (u64, u64)) -> Self {
        Self { engine, entered: queue.enter_weighing(tenant, weight) }
    }

    fn sample(&self, request: SampleRequest) -> SampleStream {
        let turn = self.entered.ask(request.max_tokens.unwrap_or(Room::STRETCH));
        let (engine, entered) = (Arc::clone(&self.engine), Arc::clone(&self.entered));
        Box::pin(async_stream::stream! {
            let _entered = entered;
            let place = match turn {
                Ok(turn) => turn.come().await,
                Err(error) => Err(error),
            };
            let mut place = match place {
                Ok(place) => place,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            };
            let Some(mut stream) = engine.start(request).into_iter().next() else { return };
            while let Some(event) = stream.next().await {
                if let Ok(SampleEvent::Delta(delta)) = &event {
                    place.tokens += delta.tokens;
                }
                yield event;
            }
        })
    }
}

impl Engine for Shared {
    fn model(&self) -> &ModelInfo {
        self.engine.model()
    }

    fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    fn price_bound(&self) -> Price {
        self.engine.price_bound()
    }

    fn is_ready(&self) -> Option<bool> {
        self.engine.is_ready()
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        // A prompt may be long: one sample takes it along, only several need copies.
        if request.seeds.len() == 1 {
            return vec![self.sample(request)];
        }
        let one = |&seed: &u64| self.sample(SampleRequest { seeds: vec![seed], ..request.clone() });
        request.seeds.iter().map(one).collect()
    }

    fn relay(&self, relay: Relay) -> Option<RelayFuture> {
        let turn = self.entered.ask(relay.tokens.max(1));
        let reply = self.engine.relay(relay)?;
        let entered = Arc::clone(&self.entered);
        Some(Box::pin(async move {
            let place = turn?.come().await?;
            Ok(reply.await?.holding((place, entered)))
        }))
    }
}
