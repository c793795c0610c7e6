//! One sample passed through is what the driver makes of `single`.

use crate::driver::spec;
use crate::script::Script;
use outthink_core::{Budget, Cost, Engine, Outcome, Prompt};
use outthink_strategy::{DriveError, DriveRequest, Driver, Next, OneSample, Update};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

type End = Result<Outcome, DriveError>;

fn timeless(update: Update) -> Update {
    match update {
        Update::Decision(mut event) => {
            event.seconds = 0.0;
            Update::Decision(event)
        }
        other => other,
    }
}

/// What can be compared: an outcome without its times, and the error.
fn plain(end: End) -> (Outcome, Option<String>) {
    let (mut outcome, error) = match end {
        Ok(outcome) => (outcome, None),
        Err(failed) => (*failed.outcome, Some(failed.error.to_string())),
    };
    outcome.seconds = 0.0;
    outcome.trace.iter_mut().for_each(|event| event.seconds = 0.0);
    (outcome, error)
}

async fn driven(engine: Arc<dyn Engine>, request: DriveRequest) -> (Vec<Update>, End) {
    let (sender, mut updates) = unbounded_channel();
    let end = Driver::new(engine).run(request, spec("single", 1).build().unwrap(), sender).await;
    let mut told = Vec::new();
    while let Ok(update) = updates.try_recv() {
        told.push(timeless(update));
    }
    (told, end)
}

async fn passed(engine: Arc<dyn Engine>, request: DriveRequest) -> (Vec<Update>, End) {
    let mut one = OneSample::start(&engine, request, 100).unwrap();
    let mut told = Vec::new();
    loop {
        match one.next().await {
            Next::Update(update) => told.push(timeless(update)),
            Next::End(end) => return (told, *end),
        }
    }
}

fn request(extra: &serde_json::Value, budget: Budget) -> DriveRequest {
    let mut prompt = Prompt::user("how many?");
    prompt.extra.extend(extra.as_object().cloned().unwrap_or_default());
    DriveRequest { prompt, budget, seed: 7, trace_id: "t".into(), ..DriveRequest::default() }
}

#[tokio::test]
async fn events_and_outcome_are_the_drivers() {
    let schema = json!({"response_format": {"type": "json_schema", "json_schema":
        {"schema": {"type": "object", "properties": {"value": {"type": "integer"}}}}}});
    let short = Budget { max_tokens: Some(20), ..Budget::default() };
    let cheap = Budget { max_cost: Some(Cost::from_nano(400_000)), ..Budget::default() };
    for (text, extra, budget) in [
        ("The answer is 7", json!({}), Budget::default()),
        ("no answer here", json!({}), Budget::default()),
        ("", json!({}), Budget::default()),
        ("{\"value\": 4}", schema.clone(), Budget::default()),
        ("{\"value\": \"four\"}", schema, Budget::default()),
        ("error:out of luck", json!({}), Budget::default()),
        (&"w ".repeat(40), json!({}), short),
        ("The answer is 8", json!({}), cheap),
    ] {
        let engine = || -> Arc<dyn Engine> { Arc::new(Script::new(&[text])) };
        let (told, end) = driven(engine(), request(&extra, budget)).await;
        let (passed, one) = passed(engine(), request(&extra, budget)).await;
        assert_eq!(passed, told, "{text}");
        assert_eq!(plain(one), plain(end), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_has_the_bill_of_the_driver() {
    let engine = || {
        let mut script = Script::new(&["one two three four five six"]);
        script.pace = Duration::from_millis(10);
        script
    };
    let script = engine();
    let books = script.books.clone();
    let script: Arc<dyn Engine> = Arc::new(script);
    let mut one = OneSample::start(&script, request(&json!({}), Budget::default()), 100).unwrap();
    let (sender, mut updates) = unbounded_channel();
    let driver = Driver::new(Arc::new(engine()));
    let mut run =
        Box::pin(driver.run(request(&json!({}), Budget::default()), spec("single", 1).build().unwrap(), sender));
    let _ =
        tokio::time::timeout(Duration::from_millis(35), async { while matches!(one.next().await, Next::Update(_)) {} })
            .await;
    let _ = tokio::time::timeout(Duration::from_millis(35), &mut run).await;
    updates.close();
    while updates.try_recv().is_ok() {}
    let (left, driven) = (one.leave(), run.await);
    assert_eq!(books.alive.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert!(left.as_ref().unwrap().usage.completion > 0);
    assert_eq!(plain(left), plain(driven));
}

#[tokio::test]
async fn what_needs_the_driver_is_given_back() {
    let engine: Arc<dyn Engine> = Arc::new(Script::new(&["x"]));
    for budget in [
        Budget { max_seconds: Some(1.0), ..Budget::default() },
        Budget { max_cost: Some(Cost::from_nano(1)), ..Budget::default() },
        Budget { max_tokens: Some(8), ..Budget::default() },
    ] {
        assert!(OneSample::start(&engine, request(&json!({}), budget), 100).is_err(), "{budget:?}");
    }
}
