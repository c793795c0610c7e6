//! The shape of the machine: branches, arms, watching, verdicts.

use crate::world::{PROMPT_TOKENS, STEP_TOKENS, STEPS, StepJudge, world, world_that};
use outthink_core::{
    Bill, Budget, Cost, Decision, EngineError, Judging, Link, Needs, Origin, Outcome, Prompt, Sample, SampleStatus,
    Span, State, Step, StopReason, Strategy, Verdict, Verifier,
};
use outthink_runner::{Runner, RunnerArm};
use outthink_strategy::{DriveError, DriveRequest};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A strategy written as a function of the state and the number of the decision.
struct Play<F> {
    needs: Needs,
    count: u32,
    decide: F,
}

impl<F: FnMut(&State, u32) -> Decision + Send> Strategy for Play<F> {
    fn name(&self) -> &'static str {
        "play"
    }

    fn needs(&self) -> Needs {
        self.needs
    }

    fn step(&mut self, state: &State) -> Decision {
        self.count += 1;
        (self.decide)(state, self.count - 1)
    }
}

fn play<F: FnMut(&State, u32) -> Decision + Send + 'static>(decide: F) -> Box<dyn Strategy> {
    Box::new(Play { needs: Needs { steps: true, continuation: true, ..Needs::default() }, count: 0, decide })
}

async fn drive(driver: &Runner, strategy: Box<dyn Strategy>, budget: Budget) -> Result<Outcome, DriveError> {
    let request = DriveRequest { prompt: Prompt::user("how many?").into(), budget, ..DriveRequest::default() };
    driver.run(request, strategy, |_| ()).await
}

fn step_of(from: Option<u32>, count: u32) -> Step {
    let span = Span::step(100, "\n\n");
    match from {
        None => Step::Sample { arm: 0, count, span },
        Some(sample) => Step::Continue { sample, link: Link::Words(String::new()), count, span },
    }
}

/// Walks down one path step by step and stops at its end.
fn walk() -> Box<dyn Strategy> {
    play(|state, _| match state.samples.last() {
        _ if state.running() > 0 => Decision::new(Step::Wait, ""),
        None => Decision::new(step_of(None, 1), ""),
        Some(s) if s.is_paused() => Decision::new(step_of(Some(s.id), 1), ""),
        Some(s) => Decision::new(Step::Stop { sample: s.id, reason: StopReason::SearchDone }, ""),
    })
}

#[tokio::test]
async fn a_path_of_steps_pays_for_each_token_once() {
    for tells_stops in [true, false] {
        let engine = Arc::new(world_that(1.0, tells_stops));
        let outcome = drive(&Runner::new(engine.clone()), walk(), Budget::default()).await.unwrap();
        assert_eq!(outcome.answer.unwrap().text, "42");
        assert_eq!(outcome.samples.len(), STEPS + 1);
        assert_eq!(outcome.usage.completion, STEPS as u64 * STEP_TOKENS + 4);
        assert_eq!(outcome.usage.completion, engine.counts().tokens);
        assert!(outcome.content.starts_with("step 0 is good\n\nstep 1 is good\n\n"), "{}", outcome.content);
        assert_eq!(outcome.usage.discarded, 0, "the whole path is the answer's");
        // Every continuation reads the whole text so far, from the cache.
        let inherited: u64 = (0..=STEPS as u64).map(|s| PROMPT_TOKENS + s * STEP_TOKENS).sum();
        assert_eq!(outcome.usage.prompt, inherited);
        assert_eq!(outcome.usage.cached, inherited - PROMPT_TOKENS);
        assert_eq!(outcome.confidence.vote_share, None, "steps do not vote");
    }
}

#[tokio::test]
async fn branches_are_samples_of_their_own() {
    let strategy = play(|state, n| match n {
        0 => Decision::new(step_of(None, 1), ""),
        1 => Decision::new(step_of(Some(0), 3), ""),
        _ if state.running() > 0 => Decision::new(Step::Wait, ""),
        _ => Decision::new(Step::Stop { sample: 2, reason: StopReason::SearchDone }, ""),
    });
    let outcome = drive(&Runner::new(Arc::new(world(0.5))), strategy, Budget::default()).await.unwrap();
    assert_eq!(outcome.samples.len(), 4);
    assert!(outcome.samples[1..].iter().all(|s| s.parent == Some(0) && s.status == SampleStatus::Paused));
    assert_eq!(outcome.usage.discarded, 2 * STEP_TOKENS);
}

#[tokio::test]
async fn a_running_thought_can_be_probed_and_the_probe_does_not_end_it() {
    let strategy = play(|state, n| {
        let decision = match (n, state.samples.len()) {
            (0, _) => Decision::new(Step::Sample { arm: 0, count: 1, span: Span::whole(Some(100)) }, ""),
            (_, 1) if state.samples[0].usage.completion >= 8 => {
                let link = Link::Words("The answer is".into());
                Decision::new(Step::Continue { sample: 0, link, count: 1, span: Span::whole(Some(4)) }, "")
            }
            (_, 2) if state.samples[1].is_done() && state.samples[0].is_done() => {
                Decision::new(Step::Stop { sample: 0, reason: StopReason::Single }, "")
            }
            _ => Decision::new(Step::Wait, ""),
        };
        decision.watching(8)
    });
    let outcome = drive(&Runner::new(Arc::new(world(1.0))), strategy, Budget::default()).await.unwrap();
    let [thought, probe] = &outcome.samples[..] else { panic!("{:?}", outcome.samples) };
    assert_eq!(probe.parent, Some(0));
    assert!(probe.content.starts_with("step 0 is good\n\n") && !thought.superseded);
    assert_eq!(probe.usage.completion, 2);
    assert_eq!(thought.answer.as_ref().unwrap().text, "42");
}

#[tokio::test]
async fn a_turn_is_answered_anew_and_takes_the_place_of_what_it_answers() {
    let strategy = play(|state, n| match n {
        0 => Decision::new(Step::Sample { arm: 0, count: 1, span: Span::whole(Some(100)) }, ""),
        1 => {
            let link = Link::Turn("Look again.".into());
            Decision::new(Step::Continue { sample: 0, link, count: 1, span: Span::whole(Some(100)) }, "")
        }
        _ => Decision::new(Step::Stop { sample: state.samples.len() as u32 - 1, reason: StopReason::Settled }, ""),
    });
    let outcome = drive(&Runner::new(Arc::new(world(1.0))), strategy, Budget::default()).await.unwrap();
    assert!(outcome.samples[0].superseded);
    assert_eq!(outcome.samples[1].turn.as_deref(), Some("Look again."));
    assert_eq!(outcome.content.matches("step 0").count(), 1, "{}", outcome.content);
}

#[tokio::test]
async fn every_arm_has_its_own_bill() {
    let dear = world(1.0).with_model("dear");
    let driver = Runner::new(Arc::new(world(1.0)));
    let driver = driver.with_arm(RunnerArm { system: Some("Be brief.".into()), ..RunnerArm::new(Arc::new(dear)) });
    let strategy = play(|state, n| match n {
        0 => Decision::new(Step::Sample { arm: 0, count: 1, span: Span::whole(Some(100)) }, ""),
        1 => Decision::new(Step::Sample { arm: 1, count: 2, span: Span::whole(Some(100)) }, "not sure"),
        _ if state.running() > 0 => Decision::new(Step::Wait, ""),
        _ => Decision::new(Step::Stop { sample: 1, reason: StopReason::Single }, ""),
    });
    let outcome = drive(&driver, strategy, Budget::default()).await.unwrap();
    assert_eq!(outcome.model, "dear");
    assert_eq!(outcome.arms.iter().map(|a| a.samples).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(outcome.arms.iter().map(|a| a.cost.nano()).sum::<u64>(), outcome.cost.nano());
    assert_eq!(outcome.arms[1].usage.completion, 2 * outcome.arms[0].usage.completion);
}

#[tokio::test]
async fn what_is_missing_is_told_before_anything_is_spent() {
    let engine = Arc::new(world(1.0).with_capabilities(outthink_core::Capabilities::default()));
    let error = drive(&Runner::new(engine.clone()), walk(), Budget::default()).await.unwrap_err();
    assert_eq!(error.error.origin, Origin::Caller);
    assert!(error.to_string().contains("continue a text"), "{error}");
    assert_eq!(engine.counts().tokens, 0);
    assert_eq!(error.outcome.samples_drawn, 0);
}

/// Fails, hangs or talks nonsense as it is told.
struct Unruly {
    attempts: Arc<AtomicU32>,
    how: &'static str,
}

impl Verifier for Unruly {
    fn name(&self) -> &'static str {
        "unruly"
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn most(&self, _: &Prompt, _: &Sample) -> Bill {
        Bill { tokens: 7, cost: Cost::ZERO }
    }

    fn score<'a>(&'a self, _: &'a Prompt, _: &'a Sample) -> Judging<'a, Verdict> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let score = match self.how {
                "fails" => return Err(EngineError::new(Origin::Engine, "no such model").retryable()),
                "hangs" => std::future::pending().await,
                "nonsense" => Some(17.0),
                _ => None,
            };
            Ok(Verdict { score, steps: Vec::new(), bill: Bill { tokens: 7, cost: Cost::ZERO } })
        })
    }
}

#[tokio::test(start_paused = true)]
async fn an_unruly_verifier_is_tried_twice_and_left_out() {
    for (how, tokens) in [("fails", 0), ("hangs", 0), ("nonsense", 14), ("silent", 14)] {
        let attempts = Arc::new(AtomicU32::new(0));
        let verifier = Arc::new(Unruly { attempts: attempts.clone(), how });
        let driver = Runner::new(Arc::new(world(1.0))).with_verifier(verifier);
        let strategy = play(|state, n| match n {
            0 => Decision::new(Step::Sample { arm: 0, count: 1, span: Span::whole(Some(100)) }, ""),
            1 => Decision::new(Step::Score { sample: 0, verifier: 0 }, ""),
            _ if !state.is_idle() => Decision::new(Step::Wait, ""),
            _ => Decision::new(Step::Stop { sample: 0, reason: StopReason::Single }, ""),
        });
        let outcome = drive(&driver, strategy, Budget::default()).await.unwrap();
        assert_eq!(attempts.load(Ordering::SeqCst), 2, "{how}");
        assert_eq!(outcome.samples[0].score, None, "{how}");
        assert_eq!(outcome.usage.verifier, tokens, "{how}");
        let notes: Vec<&String> = outcome.trace.iter().flat_map(|e| &e.notes).collect();
        assert!(notes.len() == 1 && notes[0].contains("unruly"), "{how}: {notes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_tree_with_verdicts_stays_within_its_budget(
        tokens in prop::option::of(1u64..200),
        nano in prop::option::of(1_000u64..600_000),
        width in 1u32..5,
        seed in any::<u64>(),
    ) {
        // Continues a random paused sample and scores everything.
        let strategy = play(move |state, n| {
            let paused: Vec<u32> = state.samples.iter().filter(|s| s.is_paused()).map(|s| s.id).collect();
            let unscored = state.samples.iter().find(|s| (s.is_paused() || s.is_done()) && s.score.is_none());
            match (unscored, paused.len()) {
                _ if n > 60 => Decision::new(Step::Abstain { reason: StopReason::NothingHelps }, ""),
                _ if !state.is_idle() => Decision::new(Step::Wait, ""),
                (Some(s), _) if n % 3 == 0 => Decision::new(Step::Score { sample: s.id, verifier: 0 }, ""),
                (_, 0) => Decision::new(step_of(None, width), ""),
                (_, len) => {
                    let pick = outthink_core::derive_seed(seed, u64::from(n)) as usize % len;
                    Decision::new(step_of(Some(paused[pick]), width), "")
                }
            }
        });
        let budget = Budget { max_tokens: tokens, max_cost: nano.map(Cost::from_nano), ..Budget::default() };
        let driver = Runner::new(Arc::new(world(0.5))).with_verifier(Arc::new(StepJudge::new()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let outcome = match runtime.block_on(drive(&driver, strategy, budget)) {
            Ok(outcome) => outcome,
            Err(error) => *error.outcome,
        };
        if let Some(most) = tokens {
            prop_assert!(outcome.usage.generated() <= most, "{} > {most}", outcome.usage.generated());
        }
        if let Some(most) = nano {
            prop_assert!(outcome.cost.nano() <= most, "{} > {most}", outcome.cost.nano());
        }
        let own: u64 = outcome.samples.iter().map(|s| s.usage.completion).sum();
        prop_assert_eq!(own, outcome.usage.completion);
    }
}
