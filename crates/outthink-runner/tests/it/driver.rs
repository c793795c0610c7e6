//! What the driver promises.

use crate::script::{PROMPT_TOKENS, script};
use outthink_core::{Budget, Engine, Outcome, Prompt, StopReason};
use outthink_runner::{Event, Runner};
use outthink_strategy::{DriveError, DriveRequest, StrategySpec, Update};
use std::sync::Arc;
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
        agreement: None,
    }
}

pub(crate) async fn run(engine: Arc<dyn Engine>, spec: &StrategySpec, budget: Budget) -> Result<Outcome, DriveError> {
    let request = DriveRequest { prompt: Prompt::user("how many?").into(), budget, ..DriveRequest::default() };
    Runner::new(engine).run(request, spec.build().unwrap(), |_| ()).await
}

#[tokio::test]
async fn every_token_is_on_the_bill() {
    let engine = Arc::new(script(&["The answer is 7", "The answer is 8", "so the answer is 7"]));
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
    let script = Arc::new(
        script(&["The answer is 7", "The answer is 7", "a b c d e f g h i j k l m n o p"])
            .with_pace(Duration::from_millis(10)),
    );
    let outcome = run(script.clone(), &spec("adaptive", 3), Budget::default()).await.unwrap();
    assert_eq!(outcome.stop, StopReason::CannotBeOvertaken);
    assert_eq!(script.live(), 0);
    assert!(outcome.usage.cancelled > 0);
    assert_eq!(outcome.usage.completion, script.counts().tokens);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_stops_all_work_and_the_bill_remains() {
    let script =
        Arc::new(script(&["one two three four five six seven eight nine ten"]).with_pace(Duration::from_millis(10)));
    let request = DriveRequest { prompt: Prompt::user("count").into(), ..DriveRequest::default() };
    let strategy = spec("self-consistency", 8).build().unwrap();
    let mut run = Runner::new(script.clone()).start(request, strategy);
    while !matches!(run.next().await, Event::Update(Update::Delta { .. })) {}
    let outcome = run.leave().unwrap().unwrap();
    assert_eq!(outcome.stop, StopReason::Cancelled);
    assert_eq!(script.live(), 0);
    assert_eq!(outcome.usage.completion, script.counts().tokens);
    assert!(run.leave().is_none(), "the bill is given once");
}

#[tokio::test]
async fn a_dropped_run_stops_all_work() {
    let script =
        Arc::new(script(&["one two three four five six seven eight nine ten"]).with_pace(Duration::from_secs(1)));
    let spec = spec("self-consistency", 8);
    let run = run(script.clone(), &spec, Budget::default());
    assert!(tokio::time::timeout(Duration::from_millis(20), run).await.is_err());
    assert_eq!(script.started(), 8);
    assert_eq!(script.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_up_the_best_so_far_is_given() {
    let script = Arc::new(
        script(&["The answer is 7", "a very long thought that does not end in time I fear"])
            .with_pace(Duration::from_millis(100)),
    );
    let budget = Budget { max_seconds: Some(0.55), ..Budget::default() };
    let outcome = run(script.clone(), &spec("self-consistency", 5), budget).await.unwrap();
    assert_eq!(outcome.stop, StopReason::TimeUp);
    assert_eq!(outcome.answer.unwrap().text, "7");
}

#[tokio::test]
async fn a_failed_sample_does_not_vote_and_does_not_end_the_run() {
    let engine = Arc::new(script(&["error:out of luck", "The answer is 7", "The answer is 7"]));
    let outcome = run(engine, &spec("self-consistency", 3), Budget::default()).await.unwrap();
    assert_eq!(outcome.answer.unwrap().text, "7");
    assert_eq!(outcome.samples.iter().filter(|s| s.error.is_some()).count(), 1);
}

#[tokio::test]
async fn when_all_fail_the_first_error_is_told() {
    for name in ["single", "self-consistency", "adaptive", "best-of-n", "budget-forcing"] {
        let engine = Arc::new(script(&["error:out of luck"]));
        let error = run(engine, &spec(name, 3), Budget::default()).await.unwrap_err();
        assert_eq!(error.error.message, "out of luck", "{name}");
    }
}

#[tokio::test]
async fn a_budget_that_pays_for_nothing_is_an_error_with_the_mend() {
    let budget = Budget { max_cost: Some(outthink_core::Cost::from_nano(10)), ..Budget::default() };
    let error = run(Arc::new(script(&["The answer is 7"])), &spec("adaptive", 5), budget).await.unwrap_err();
    assert!(error.to_string().contains("raise the budget"), "{error}");
}
