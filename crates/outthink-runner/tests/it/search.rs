//! Strategies in worlds of which the truth is known.

use crate::driver::spec;
use crate::world::{STEPS, StepJudge, world};
use outthink_core::{
    Bill, Budget, Comparer, Judging, Outcome, Prompt, Sample, SampleStatus, StopReason, Verdict, Verifier,
};
use outthink_runner::{Runner, RunnerArm};
use outthink_strategy::{DriveError, DriveRequest, StrategySpec};
use std::sync::Arc;

fn set(name: &str, samples: u32, settings: &[&str]) -> StrategySpec {
    let mut spec = spec(name, samples);
    for pair in settings {
        spec.settings.set_pair(pair).unwrap();
    }
    spec
}

fn drive(driver: &Runner, spec: &StrategySpec, seed: u64, budget: Budget) -> Result<Outcome, DriveError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let request = DriveRequest { prompt: Prompt::user("how many?").into(), budget, seed, ..DriveRequest::default() };
    runtime.block_on(driver.run(request, spec.build().unwrap(), |_| ()))
}

fn judged(right: f64) -> Runner {
    Runner::new(Arc::new(world(right))).with_verifier(Arc::new(StepJudge::new()))
}

/// How often a strategy finds 42 in `runs` runs.
fn found(driver: &Runner, spec: &StrategySpec, runs: u64) -> u32 {
    let right = |seed| {
        let outcome = drive(driver, spec, seed, Budget::default()).unwrap();
        assert_eq!(outcome.samples.iter().map(|s| s.usage.completion).sum::<u64>(), outcome.usage.completion);
        outcome.answer.is_some_and(|a| a.text == "42")
    };
    (0..runs).map(|seed| u32::from(right(seed))).sum()
}

#[test]
fn a_search_with_a_process_score_beats_votes_and_greed() {
    // A step is right with probability 1/2, so one reply is with 1/32.
    let driver = judged(0.5);
    let runs = 60;
    let single = found(&driver, &set("single", 1, &[]), runs);
    let vote = found(&driver, &set("self-consistency", 4, &[]), runs);
    assert!(single <= 8 && vote <= 12, "{single} {vote}");
    for (name, settings) in [("beam", &["width=4"][..]), ("dvts", &["width=4"]), ("rebase", &[])] {
        let search = found(&driver, &set(name, 4, settings), runs);
        // Of 4 next steps one is right with probability .94, and so 5 in a row are in .72 of the runs:
        // 43 of 60, with a standard deviation of 3.5.
        assert!(search >= 33, "{name} finds {search} of {runs}");
    }
}

#[test]
fn tree_search_backs_rewards_up_and_goes_where_they_are() {
    // Rewards of ends tell how many of their steps are right.
    let driver = Runner::new(Arc::new(world(0.5))).with_verifier(Arc::new(Process));
    let settings = ["width=3", "exploration=0.1", "aggregate=mean"];
    let search = found(&driver, &set("mcts", 32, &settings), 60);
    let best = found(&judged(0.5), &set("best-of-n", 32, &[]), 60);
    assert!(search > best, "{search} against {best}");
    let outcome = drive(&driver, &set("mcts", 32, &settings), 5, Budget::default()).unwrap();
    let ends = outcome.samples.iter().filter(|s| s.status == SampleStatus::Done).count();
    // A path that ends by a step of its own is an end, too.
    assert!(ends >= 32 && outcome.stop == StopReason::SearchDone, "{ends} {:?}", outcome.stop);
    let deepest = outcome.samples.iter().filter(|s| s.is_paused() && s.content.matches("\n\n").count() >= 3);
    assert!(deepest.count() > 0, "it expands below the first steps");
}

#[test]
fn without_a_verifier_a_search_goes_by_log_probabilities() {
    let driver = Runner::new(Arc::new(world(0.5)));
    for name in ["beam", "rebase"] {
        // As above: 22 of 30 with a standard deviation of 2.5; one reply alone is right in one of 30.
        assert!(found(&driver, &set(name, 4, &[]), 30) >= 14, "{name}");
    }
    let outcome = drive(&driver, &set("beam", 4, &[]), 1, Budget::default()).unwrap();
    assert!(outcome.trace.iter().any(|e| e.decision.why.contains("there is no verifier")));
}

#[test]
fn a_search_whose_budget_ends_still_answers() {
    for name in ["beam", "dvts", "rebase", "mcts"] {
        for tokens in [30, 60, 100] {
            let budget = Budget { max_tokens: Some(tokens), ..Budget::default() };
            let spec = set(name, 4, &["step_tokens=4", "answer_tokens=4"]);
            let outcome = drive(&Runner::new(Arc::new(world(0.5))), &spec, 3, budget).unwrap();
            assert!(outcome.usage.generated() <= tokens, "{name} {tokens}");
            assert!(outcome.answer.is_some(), "{name} {tokens}: {:?}", outcome.content);
        }
    }
}

#[test]
fn the_votes_with_weights_find_the_surer_answer() {
    // Right replies are drawn with more confidence, so weights turn a vote that is lost.
    let driver = Runner::new(Arc::new(world(0.7)));
    let vote = found(&driver, &set("self-consistency", 8, &[]), 60);
    for (name, settings) in [
        ("confidence-vote", &["temperature=0.5"][..]),
        ("deepconf", &["mode=offline", "keep=0.5", "group=4"]),
        ("deepconf", &["warmup=4", "keep=0.5", "group=4"]),
    ] {
        let weighted = found(&driver, &set(name, 8, settings), 60);
        assert!(weighted > vote, "{name} {settings:?}: {weighted} against {vote}");
    }
    let weighted = found(&judged(0.6), &set("weighted-best-of-n", 8, &[]), 60);
    let vote = found(&judged(0.6), &set("self-consistency", 8, &[]), 60);
    assert!(weighted > vote, "{weighted} against {vote}");
}

#[test]
fn deepconf_cancels_a_trace_that_loses_confidence_in_mid_generation() {
    let driver = Runner::new(Arc::new(world(0.8)));
    let mut cancelled = 0;
    for seed in 0..20 {
        let spec = set("deepconf", 12, &["warmup=4", "keep=0.25", "group=4", "consensus=1"]);
        let outcome = drive(&driver, &spec, seed, Budget::default()).unwrap();
        // What runs when the decision falls is cancelled as well; that lost no confidence.
        let lost = |s: &&Sample| s.confidence.is_some_and(|c| c.lowest < 4.0);
        for sample in outcome.samples.iter().filter(|s| s.status == SampleStatus::Cancelled).filter(lost) {
            cancelled += 1;
            assert!(sample.usage.completion >= 4, "a group must be full");
            assert!(sample.usage.completion < 19, "it was stopped on the way: {}", sample.usage.completion);
        }
    }
    assert!(cancelled > 20, "{cancelled}");
}

#[test]
fn esc_stops_at_the_first_window_that_agrees() {
    let outcome = drive(&Runner::new(Arc::new(world(1.0))), &set("esc", 20, &["window=4"]), 0, Budget::default());
    let outcome = outcome.unwrap();
    assert_eq!((outcome.samples_drawn, outcome.stop), (4, StopReason::WindowAgrees));
    let outcome = drive(&Runner::new(Arc::new(world(0.3))), &set("esc", 8, &["window=4"]), 0, Budget::default());
    let outcome = outcome.unwrap();
    assert_eq!((outcome.samples_drawn, outcome.stop), (8, StopReason::SamplesDrawn));
}

#[test]
fn short_m_votes_over_the_first_to_finish_and_cancels_the_rest() {
    let texts = [
        "The answer is 9 after a thought that is so long that nobody waits for its end at all I fear",
        "The answer is 7",
        "so the answer is 7",
        "and still one more thought before the answer is 8 and that is a long one as well I fear indeed it is",
    ];
    let driver = Runner::new(Arc::new(crate::script::script(&texts)));
    let outcome = drive(&driver, &set("short-m", 4, &["first=2"]), 0, Budget::default()).unwrap();
    assert_eq!((outcome.stop, outcome.answer.unwrap().text.as_str()), (StopReason::FirstFinished, "7"));
    assert_eq!(outcome.samples.iter().filter(|s| s.status == SampleStatus::Cancelled).count(), 2);
}

#[test]
fn probes_that_agree_end_a_long_thought() {
    let driver = Runner::new(Arc::new(world(1.0)));
    let words = format!("words=\n\n{}The answer is", "step x is good\n\n".repeat(STEPS));
    let spec = set("probe", 1, &["every=4", "agree=2", &words]);
    let outcome = drive(&driver, &spec, 0, Budget::default()).unwrap();
    assert_eq!(outcome.stop, StopReason::ProbesAgree);
    assert_eq!(outcome.answer.unwrap().text, "42");
    assert_eq!(outcome.samples[0].status, SampleStatus::Cancelled);
    let spec = set("probe", 1, &["every=4", "agree=50"]);
    assert_eq!(drive(&driver, &spec, 0, Budget::default()).unwrap().stop, StopReason::Single);
}

#[test]
fn a_revision_is_kept_only_if_the_verifier_prefers_it() {
    let driver = judged(0.7);
    let first = found(&driver, &set("single", 1, &[]), 60);
    let revised = found(&driver, &set("revise", 8, &["rounds=6", "patience=6"]), 60);
    assert!(revised > first + 15, "{revised} against {first}");
    // The reply that stands never scores less than another one.
    for seed in 0..20 {
        let outcome = drive(&driver, &set("revise", 4, &[]), seed, Budget::default()).unwrap();
        let chosen = outcome.samples[outcome.chosen.unwrap() as usize].score;
        assert!(outcome.samples.iter().all(|s| s.score <= chosen));
    }
}

#[test]
fn a_cascade_escalates_only_where_the_cheap_arm_is_unsure() {
    let dear = || RunnerArm { name: "dear".into(), ..RunnerArm::new(Arc::new(world(1.0))) };
    let sure = Runner::new(Arc::new(world(1.0))).with_arm(dear());
    let outcome = drive(&sure, &set("cascade", 5, &[]), 0, Budget::default()).unwrap();
    assert_eq!((outcome.arms[0].samples, outcome.arms[1].samples), (4, 0));
    let unsure = Runner::new(Arc::new(world(0.3))).with_arm(dear());
    let outcome = drive(&unsure, &set("cascade", 5, &[]), 0, Budget::default()).unwrap();
    assert_eq!((outcome.arms[0].samples, outcome.arms[1].samples), (5, 1));
    assert_eq!(outcome.answer.unwrap().text, "42");
    // Alone and unsure, it may abstain.
    let alone = Runner::new(Arc::new(world(0.3)));
    let outcome = drive(&alone, &set("cascade", 5, &["abstain=0.9"]), 0, Budget::default()).unwrap();
    assert_eq!((outcome.stop, outcome.chosen), (StopReason::NothingHelps, None));
}

#[test]
fn an_ensemble_learns_which_arm_agrees() {
    let good = RunnerArm { name: "good".into(), ..RunnerArm::new(Arc::new(world(0.93))) };
    let driver = Runner::new(Arc::new(world(0.2))).with_arm(good);
    for rule in ["rule=thompson", "rule=ucb"] {
        let (mut bad, mut good) = (0, 0);
        for seed in 0..20 {
            let mut spec = set("ensemble", 16, &[rule, "wave=1"]);
            spec.target_confidence = 0.999;
            let outcome = drive(&driver, &spec, seed, Budget::default()).unwrap();
            bad += outcome.arms[0].samples;
            good += outcome.arms[1].samples;
        }
        assert!(good > bad, "{rule}: {good} of the good arm, {bad} of the bad one");
    }
}

/// Says yes where two texts share their first word.
struct FirstWord;

impl Comparer for FirstWord {
    fn most(&self, _: &Prompt, _: &Sample, _: &Sample) -> Bill {
        Bill { tokens: 5, ..Bill::default() }
    }

    fn same<'a>(&'a self, _: &'a Prompt, left: &'a Sample, right: &'a Sample) -> Judging<'a, (Option<bool>, Bill)> {
        let first = |s: &'a Sample| s.content.split_whitespace().next();
        let same = first(left) == first(right);
        Box::pin(std::future::ready(Ok((Some(same), Bill { tokens: 5, ..Bill::default() }))))
    }
}

#[test]
fn free_text_votes_by_what_means_the_same() {
    let texts = ["Rome I think", "Paris surely", "Paris without doubt", "Berlin is it", "paris, surely!"];
    let driver = Runner::new(Arc::new(crate::script::script(&texts))).with_comparer(Arc::new(FirstWord));
    let outcome = drive(&driver, &set("cluster-vote", 5, &[]), 0, Budget::default()).unwrap();
    assert!(outcome.content.to_lowercase().starts_with("paris"), "{}", outcome.content);
    assert_eq!(outcome.confidence.vote_share, Some(0.6));
    assert!(outcome.usage.verifier > 0 && outcome.usage.verifier.is_multiple_of(5));
    let driver = Runner::new(Arc::new(crate::script::script(&["Rome", "Paris", "Berlin"])));
    let driver = driver.with_comparer(Arc::new(FirstWord));
    let outcome = drive(&driver, &set("cluster-vote", 3, &[]), 0, Budget::default()).unwrap();
    assert_eq!((outcome.stop, outcome.content.as_str()), (StopReason::NotComparable, "Rome"));
}

/// Gives step scores for the whole reply, as a process reward model does.
struct Process;

impl Verifier for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn score<'a>(&'a self, _: &'a Prompt, sample: &'a Sample) -> Judging<'a, Verdict> {
        let steps = sample.content.split("\n\n").filter(|s| s.starts_with("step"));
        let steps: Vec<f64> = steps.map(|s| if s.contains("bad") { 0.2 } else { 0.9 }).collect();
        let score = steps.last().copied();
        Box::pin(std::future::ready(Ok(Verdict { score, steps, bill: Bill::default() })))
    }
}

#[test]
fn a_process_model_guides_a_search_by_any_aggregate() {
    let driver = Runner::new(Arc::new(world(0.5))).with_verifier(Arc::new(Process));
    for aggregate in ["min", "product", "mean", "last"] {
        let setting = format!("aggregate={aggregate}");
        let found = found(&driver, &set("beam", 4, &["width=4", &setting]), 30);
        assert!(found >= 15, "{aggregate}: {found}");
    }
}

#[test]
fn a_setting_of_another_strategy_is_refused() {
    for name in outthink_strategy::registry::names() {
        let mut spec = spec(name, 4);
        assert!(spec.build().is_ok(), "{name}");
        spec.settings.set("no-such-setting", 1);
        assert!(spec.build().is_err_and(|e| e.to_string().contains("no-such-setting")), "{name}");
    }
}
