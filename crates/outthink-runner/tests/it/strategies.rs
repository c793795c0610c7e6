//! What each strategy decides.

use crate::driver::{run, spec};
use crate::script::{continuing, script};
use outthink_core::{Budget, StopReason};
use std::sync::Arc;

#[tokio::test]
async fn single_takes_one_sample_whatever_it_says() {
    let outcome = run(Arc::new(script(&["Good morning!"])), &spec("single", 9), Budget::default()).await.unwrap();
    assert_eq!((outcome.samples_drawn, outcome.stop), (1, StopReason::Single));
    assert_eq!(outcome.content, "Good morning!");
}

#[tokio::test]
async fn adaptive_stops_after_four_that_agree() {
    let outcome = run(Arc::new(script(&["The answer is 7"])), &spec("adaptive", 40), Budget::default()).await.unwrap();
    assert_eq!((outcome.samples_drawn, outcome.stop), (4, StopReason::TargetReached));
    assert_eq!(outcome.confidence.posterior_leader, Some(31.0 / 32.0));
}

#[tokio::test]
async fn a_higher_target_is_not_given_up_for_the_price_of_a_sample() {
    let mut spec = spec("adaptive", 40);
    spec.target_confidence = 0.99;
    let outcome = run(Arc::new(script(&["The answer is 7"])), &spec, Budget::default()).await.unwrap();
    assert_eq!((outcome.samples_drawn, outcome.stop), (6, StopReason::TargetReached));
}

#[tokio::test]
async fn adaptive_buys_more_where_the_samples_disagree() {
    let texts = ["The answer is 7", "The answer is 8", "The answer is 7", "The answer is 8", "The answer is 7"];
    let outcome = run(Arc::new(script(&texts)), &spec("adaptive", 40), Budget::default()).await.unwrap();
    assert!(outcome.samples_drawn >= 8, "{}", outcome.samples_drawn);
    assert_eq!(outcome.answer.unwrap().text, "7");
}

#[tokio::test]
async fn adaptive_does_not_pretend_to_vote_on_an_essay() {
    let texts = [
        "Spring is a season of hope.",
        "Autumn is a season of leaves.",
        "Winter is a season of snow.",
        "Summer is a season of light.",
    ];
    let outcome = run(Arc::new(script(&texts)), &spec("adaptive", 40), Budget::default()).await.unwrap();
    assert_eq!(outcome.stop, StopReason::NotComparable);
    assert_eq!(outcome.content, texts[0]);
    assert_eq!(outcome.confidence.vote_share, None);
}

#[tokio::test]
async fn equivalent_answers_vote_together() {
    let texts = ["The answer is 0.5", "The answer is 1/2", "The answer is \\frac{1}{2}", "The answer is 3"];
    let outcome = run(Arc::new(script(&texts)), &spec("self-consistency", 4), Budget::default()).await.unwrap();
    assert_eq!(outcome.confidence.vote_share, Some(0.75));
}

#[tokio::test]
async fn budget_forcing_closes_a_long_thought_and_answers() {
    for continuation in [true, false] {
        let make = if continuation { continuing } else { script };
        let engine = Arc::new(make(&["one two three four five six seven eight nine ten", " 7"]));
        let mut spec = spec("budget-forcing", 1);
        spec.thinking_cap = Some(5);
        let outcome = run(engine.clone(), &spec, Budget::default()).await.unwrap();
        assert_eq!(outcome.stop, StopReason::ThinkingCap);
        assert!(
            outcome.content.starts_with("one two three four five") && outcome.content.ends_with('7'),
            "{}",
            outcome.content
        );
        assert_eq!(outcome.usage.completion, engine.counts().tokens);
        assert_eq!(outcome.usage.discarded, 0, "the closed thought is part of the answer");
    }
}

#[tokio::test]
async fn budget_forcing_extends_a_short_thought() {
    let engine = continuing(&["The answer is 6.", "No, the answer is 7 after one more look at it all."]);
    let mut spec = spec("budget-forcing", 1);
    spec.thinking_floor = Some(8);
    let outcome = run(Arc::new(engine), &spec, Budget::default()).await.unwrap();
    assert!(outcome.content.contains("Wait"), "{}", outcome.content);
    assert_eq!(outcome.samples_drawn, 2);
}
