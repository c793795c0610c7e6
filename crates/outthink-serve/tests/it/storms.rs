//! The gateway before a server that goes wrong in every way, and clients that leave. The same at
//! full size: `cargo run --release -p outthink-serve --example storm`.

use crate::storm::{Storm, ask, leave, request};
use outthink_testkit::server::{Chaos, Steady};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn every_request_ends_in_one_answer_or_one_error_and_the_bill_is_exact() {
    let fake = Steady { chaos: Some(Chaos::all(3, 0.5)), ..Steady::default() };
    let storm = Storm::start(fake, Duration::from_secs(2)).await;
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(32));
    let mut running = tokio::task::JoinSet::new();
    for number in 0..400 {
        let place = std::sync::Arc::clone(&places).acquire_owned().await.unwrap();
        let address = storm.address;
        running.spawn(async move {
            let (body, budget) = request(number);
            let ending = ask(address, &body).await.unwrap();
            drop(place);
            (budget, ending)
        });
    }
    let (mut billed, mut answered) = (0, 0);
    while let Some(ended) = running.join_next().await {
        let (budget, ending) = ended.unwrap();
        billed += ending.tokens;
        answered += u32::from(ending.error.is_none());
        assert!(budget.is_none_or(|most| ending.tokens <= most), "{ending:?} of {budget:?}");
    }
    assert!(answered > 200, "{answered}");
    until(|| storm.fake.accounts().total().open == 0).await;
    let total = storm.fake.accounts().total();
    assert!(total.faults > 100, "{total:?}");
    assert_eq!(billed, total.completion, "{total:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_for_clients_that_left_stops() {
    let fake = Steady { tokens: 1000, pause: Duration::from_millis(10), ..Steady::default() };
    let storm = Storm::start(fake, Duration::from_secs(30)).await;
    let clients = (0..30).map(|number| {
        let (samples, stay) = ([1, 8, 16][number as usize % 3], Duration::from_millis(5 * number));
        leave(storm.address, number, samples, stay, Some(storm.fake.accounts()))
    });
    futures_util::future::join_all(clients).await;
    until(|| storm.fake.accounts().total().open == 0).await;
    let total = storm.fake.accounts().total();
    assert_eq!(total.left, total.calls, "{total:?}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(storm.fake.accounts().total().calls, total.calls, "no new call is made");
}

async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to hold within 20 s");
}
