//! What the allocator buys, over recorded samples.

use outthink_core::{Answer, AnswerKind, Budget, Effort, ModelInfo, Outcome, Price, StopReason};
use outthink_strategy::simulate::{Ending, Recorded, RecordedArm, Recording, simulate};
use outthink_strategy::{DriveRequest, StrategySpec};
use outthink_verify::Comparison;

fn recorded(answer: &str, score: Option<f64>) -> Recorded {
    let answer = (!answer.is_empty()).then(|| Answer { text: answer.into(), kind: AnswerKind::Literal });
    Recorded { answer, tokens: 10, score, ..Recorded::default() }
}

fn answers(texts: &[&str]) -> Vec<Recorded> {
    texts.iter().map(|t| recorded(t, None)).collect()
}

fn model(output: u64) -> ModelInfo {
    ModelInfo { id: "recorded".into(), context: None, price: Price { output, ..Price::default() } }
}

fn run_arms(arms: &[(&ModelInfo, &[Recorded])], settings: &[(&str, f64)], budget: Budget) -> Outcome {
    let mut spec =
        StrategySpec { name: "allocate".into(), max_samples: 40, ..StrategySpec::for_effort(Effort::Medium) };
    for &(key, value) in settings {
        spec.settings.set(key, value);
    }
    let arms = arms.iter().map(|&(model, samples)| RecordedArm { name: "arm", model, samples }).collect();
    let recording = Recording { arms, comparison: Comparison::Literal, ending: Ending::InOrder };
    simulate(&DriveRequest { budget, ..DriveRequest::default() }, spec.build().unwrap().as_mut(), &recording)
}

fn run(samples: &[Recorded], settings: &[(&str, f64)]) -> Outcome {
    run_arms(&[(&model(1), samples)], settings, Budget::default())
}

fn text(outcome: &Outcome) -> &str {
    outcome.answer.as_ref().map_or("", |a| &a.text)
}

#[test]
fn it_closes_an_agreed_question_and_buys_where_samples_disagree() {
    let agreed = run(&answers(&["7"; 40]), &[]);
    assert_eq!((text(&agreed), agreed.stop), ("7", StopReason::NotWorthIt));
    assert!(agreed.samples_drawn <= 7, "{}", agreed.samples_drawn);
    let contest: Vec<&str> = (0..40).map(|i| if i % 5 < 3 { "7" } else { "8" }).collect();
    let contest = run(&answers(&contest), &[]);
    assert!(contest.samples_drawn > 2 * agreed.samples_drawn, "{}", contest.samples_drawn);
    assert!(contest.trace.iter().any(|e| e.decision.why.contains("going on gains")));
}

#[test]
fn a_hopeless_question_is_dropped_before_a_contest_is() {
    let scattered: Vec<String> = (0..40).map(|i| i.to_string()).collect();
    let scattered: Vec<&str> = scattered.iter().map(String::as_str).collect();
    let contest: Vec<&str> = (0..40).map(|i| if i % 2 == 0 { "7" } else { "8" }).collect();
    // Below some 5e-3 it is worth looking on: a plan that is exact to 40 votes knows that a second vote may still come.
    let price = [("price", 6e-3)];
    let (hopeless, contest) = (run(&answers(&scattered), &price), run(&answers(&contest), &price));
    assert_eq!(hopeless.stop, StopReason::NotWorthIt);
    assert!(hopeless.samples_drawn < contest.samples_drawn, "{} {}", hopeless.samples_drawn, contest.samples_drawn);
}

#[test]
fn it_abstains_where_the_answer_is_too_unlikely_to_be_right() {
    let scattered: Vec<String> = (0..40).map(|i| i.to_string()).collect();
    let scattered: Vec<&str> = scattered.iter().map(String::as_str).collect();
    let outcome = run(&answers(&scattered), &[("abstain", 0.5), ("price", 2e-3)]);
    assert_eq!((outcome.chosen, outcome.stop), (None, StopReason::NothingHelps));
    assert_eq!(text(&run(&answers(&["7"; 40]), &[("abstain", 0.5)])), "7");
}

#[test]
fn many_good_scores_beat_a_lucky_one() {
    let mut samples = vec![recorded("wrong", Some(0.95))];
    samples.extend(
        (0..20).map(|i| if i % 3 == 0 { recorded("wrong too", Some(0.2)) } else { recorded("right", Some(0.7)) }),
    );
    let outcome = run(&samples, &[]);
    assert_eq!(text(&outcome), "right");
}

#[test]
fn a_verified_sample_ends_it() {
    let samples = [recorded("a", Some(0.0)), recorded("b", Some(1.0)), recorded("c", Some(0.0))];
    let outcome = run(&samples, &[]);
    assert_eq!((text(&outcome), outcome.samples_drawn, outcome.stop), ("b", 2, StopReason::Verified));
}

#[test]
fn what_never_passes_is_given_up_at_a_price() {
    let samples: Vec<Recorded> = (0..40).map(|i| recorded(&i.to_string(), Some(0.0))).collect();
    let outcome = run(&samples, &[("price", 0.02)]);
    assert!((5..20).contains(&outcome.samples_drawn), "{}", outcome.samples_drawn);
    assert_eq!(run(&samples, &[("price", 1e-4)]).samples_drawn, 40);
}

#[test]
fn the_guarantee_asks_for_more_votes_than_the_price() {
    let outcome = run(&answers(&["7"; 40]), &[("alpha", 0.05)]);
    assert_eq!((outcome.samples_drawn, outcome.stop), (9, StopReason::TargetReached));
    let contest: Vec<&str> = (0..40).map(|i| if i % 5 < 3 { "7" } else { "8" }).collect();
    assert_eq!(run(&answers(&contest), &[("alpha", 0.05)]).samples_drawn, 40);
}

#[test]
fn a_flat_vote_escalates_and_a_clear_one_does_not() {
    let (cheap, dear) = (model(1), model(20));
    let flat = answers(&["1", "2", "3", "4", "5", "6", "7", "8"]);
    let right = answers(&["42"; 4]);
    let outcome = run_arms(&[(&cheap, &flat), (&dear, &right)], &[("price", 1e-3)], Budget::default());
    assert_eq!(text(&outcome), "42");
    assert_eq!(outcome.samples.iter().filter(|s| s.arm == 1).count(), 1);
    let clear = answers(&["7"; 8]);
    let outcome = run_arms(&[(&cheap, &clear), (&dear, &right)], &[("price", 1e-3)], Budget::default());
    assert_eq!(text(&outcome), "7");
    assert!(outcome.samples.iter().all(|s| s.arm == 0));
}

#[test]
fn arms_of_one_price_take_turns() {
    let same = model(1);
    let a = answers(&["7", "8", "7", "8"]);
    let outcome = run_arms(&[(&same, &a), (&same, &a)], &[], Budget { max_samples: Some(6), ..Budget::default() });
    let of = |arm: u32| outcome.samples.iter().filter(|s| s.arm == arm).count();
    assert_eq!(of(0), of(1));
}

#[test]
fn a_budget_is_never_exceeded() {
    let contest: Vec<&str> = (0..40).map(|i| if i % 2 == 0 { "7" } else { "8" }).collect();
    for most in [1, 2, 3, 7] {
        let outcome =
            run_arms(&[(&model(1), &answers(&contest))], &[], Budget { max_samples: Some(most), ..Budget::default() });
        assert_eq!(outcome.samples_drawn, most);
        assert!(outcome.chosen.is_some());
    }
}
