//! What the driver promises.

use crate::script::{PROMPT_TOKENS, Script};
use outthink_core::{Budget, Engine, Outcome, Prompt, StopReason};
use outthink_runner::{Event, Runner};
use outthink_strategy::{DriveError, DriveRequest, StrategySpec, Update};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(crate) fn spec(name: &str, samples: u32) -> StrategySpec {
    StrategySpec {
        name: name.into(),
        max_samples: samples,
        max_tokens_per_sample: Some(100),
        target_confidence: 0.95,
        thinking_cap: None,
        thinking_floor: None,
        settings: outthink_strategy::Settings::default(),
        tools_once: false,
        table: None,
    }
}

pub(crate) async fn run(engine: Arc<dyn Engine>, spec: &StrategySpec, budget: Budget) -> Result<Outcome, DriveError> {
    let request = DriveRequest { prompt: Prompt::user("how many?"), budget, ..DriveRequest::default() };
    Runner::new(engine).run(request, spec.build().unwrap(), |_| ()).await
}

#[tokio::test]
async fn every_token_is_on_the_bill() {
    let engine = Arc::new(Script::new(&["The answer is 7", "The answer is 8", "so the answer is 7"]));
    let outcome = run(engine, &spec("self-consistency", 3), Budget::default()).await.unwrap();
    assert_eq!(outcome.answer.unwrap().text, "7");
    assert_eq!(outcome.usage.completion, 4 + 4 + 5);
    assert_eq!(outcome.usage.prompt, 3 * PROMPT_TOKENS);
    assert_eq!(outcome.usage.discarded, 4 + 5);
    assert_eq!(outcome.confidence.vote_share, Some(2.0 / 3.0));
    // 30 prompt tokens at $1 and 13 at $2 for a million.
    assert_eq!(outcome.cost.nano(), 30_000 + 26_000);
}

#[tokio::test(start_paused = true)]
async fn when_the_decision_falls_the_rest_is_cancelled_and_billed() {
    let mut script = Script::new(&["The answer is 7", "The answer is 7", "a b c d e f g h i j k l m n o p"]);
    script.pace = Duration::from_millis(10);
    let books = script.books.clone();
    let outcome = run(Arc::new(script), &spec("adaptive", 3), Budget::default()).await.unwrap();
    assert_eq!(outcome.stop, StopReason::CannotBeOvertaken);
    assert_eq!(books.alive.load(Ordering::SeqCst), 0);
    assert!(outcome.usage.cancelled > 0);
    assert_eq!(outcome.usage.completion, books.tokens.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_stops_all_work_and_the_bill_remains() {
    let mut script = Script::new(&["one two three four five six seven eight nine ten"]);
    script.pace = Duration::from_millis(10);
    let books = script.books.clone();
    let request = DriveRequest { prompt: Prompt::user("count"), ..DriveRequest::default() };
    let strategy = spec("self-consistency", 8).build().unwrap();
    let mut run = Runner::new(Arc::new(script)).start(request, strategy);
    while !matches!(run.next().await, Event::Update(Update::Delta { .. })) {}
    let outcome = run.leave().unwrap().unwrap();
    assert_eq!(outcome.stop, StopReason::Cancelled);
    assert_eq!(books.alive.load(Ordering::SeqCst), 0);
    assert_eq!(outcome.usage.completion, books.tokens.load(Ordering::SeqCst));
    assert!(run.leave().is_none(), "the bill is given once");
}

#[tokio::test]
async fn a_dropped_run_stops_all_work() {
    let mut script = Script::new(&["one two three four five six seven eight nine ten"]);
    script.pace = Duration::from_secs(1);
    let books = script.books.clone();
    let spec = spec("self-consistency", 8);
    let run = run(Arc::new(script), &spec, Budget::default());
    assert!(tokio::time::timeout(Duration::from_millis(20), run).await.is_err());
    assert_eq!(books.started.load(Ordering::SeqCst), 8);
    assert_eq!(books.alive.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_up_the_best_so_far_is_given() {
    let mut script = Script::new(&["The answer is 7", "a very long thought that does not end in time I fear"]);
    script.pace = Duration::from_millis(100);
    let budget = Budget { max_seconds: Some(0.55), ..Budget::default() };
    let outcome = run(Arc::new(script), &spec("self-consistency", 5), budget).await.unwrap();
    assert_eq!(outcome.stop, StopReason::TimeUp);
    assert_eq!(outcome.answer.unwrap().text, "7");
}

#[tokio::test]
async fn a_failed_sample_does_not_vote_and_does_not_end_the_run() {
    let engine = Arc::new(Script::new(&["error:out of luck", "The answer is 7", "The answer is 7"]));
    let outcome = run(engine, &spec("self-consistency", 3), Budget::default()).await.unwrap();
    assert_eq!(outcome.answer.unwrap().text, "7");
    assert_eq!(outcome.samples.iter().filter(|s| s.error.is_some()).count(), 1);
}

#[tokio::test]
async fn when_all_fail_the_first_error_is_told() {
    for name in ["single", "self-consistency", "adaptive", "best-of-n", "budget-forcing"] {
        let engine = Arc::new(Script::new(&["error:out of luck"]));
        let error = run(engine, &spec(name, 3), Budget::default()).await.unwrap_err();
        assert_eq!(error.error.message, "out of luck", "{name}");
    }
}

#[tokio::test]
async fn a_budget_that_pays_for_nothing_is_an_error_with_the_mend() {
    let budget = Budget { max_cost: Some(outthink_core::Cost::from_nano(10)), ..Budget::default() };
    let error = run(Arc::new(Script::new(&["The answer is 7"])), &spec("adaptive", 5), budget).await.unwrap_err();
    assert!(error.to_string().contains("raise the budget"), "{error}");
}
