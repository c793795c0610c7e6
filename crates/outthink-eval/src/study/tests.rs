use super::*;
use crate::{PoolProblem, PoolSample, ReplayOptions, ReplayVerifier, replay};
use outthink_core::Effort;
use outthink_law::verdict::Question;
use outthink_strategy::StrategySpec;
use serde_json::json;

/// Problems of which each is a little harder than the one before, with wrong answers that agree now and then.
fn pool(problems: u32, samples: u32) -> Pool {
    let sample = |p: u32, i: u32| {
        let correct = (p * 7 + i * 13) % 10 >= p % 10;
        PoolSample {
            answer: (i % 11 != 10).then(|| if correct { "4".to_owned() } else { format!("w{}", i % 3) }),
            correct,
            credit: (!correct && i == 1).then_some(0.25),
            tokens: f64::from(50 + i),
            prompt_tokens: 20.0,
            usd: 0.000_125,
            verifier_score: Some(0.25 + 0.5 * f64::from((p + i) % 3) / 2.0),
            ..PoolSample::default()
        }
    };
    let problem = |p: u32| PoolProblem {
        problem_id: p.to_string(),
        model: Some("m".into()),
        counts_tokens: true,
        samples: (0..samples).map(|i| sample(p, i)).collect(),
        ..PoolProblem::default()
    };
    Pool { name: "mine".into(), problems: (0..problems).map(problem).collect() }
}

#[test]
fn a_study_comes_back_from_its_file_with_every_figure() {
    let study = Study::of(&[pool(40, 22)]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.json");
    study.save(&path).unwrap();
    assert!(Study::is_study(&path));
    let again = Study::load(&path).unwrap();
    assert_eq!(study, again);
    let how = Resampling { level: 0.8, seed: 3, ..Resampling::default() };
    assert_eq!(study.arms[0].estimates(how).unwrap(), again.arms[0].estimates(how).unwrap());
    let judged = |s: &Study| s.arms[0].judge(Question::default()).unwrap().unwrap().0;
    assert_eq!(judged(&study), judged(&again));
    let value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let covariance = value["arms"][0]["curve"]["noise"]["covariance"].as_array().unwrap();
    assert_eq!((value["schema"].as_u64(), covariance.len()), (Some(1), study.arms[0].curve.ks.len()));
}

#[test]
fn the_points_are_paired_by_problem() {
    let arm = &Study::of(&[pool(40, 22)]).unwrap().arms[0];
    assert_eq!(arm.curve.ks, [1, 2, 4, 8, 16, 22]);
    let noise = arm.curve.errors().unwrap().unwrap();
    let apart = noise.stderr(3).hypot(noise.stderr(4));
    assert!(noise.stderr_of_difference(3, 4) < 0.7 * apart, "what the points have in common cancels");
    // Fewer problems than points: their errors are stated.
    let few = &Study::of(&[pool(4, 22)]).unwrap().arms[0];
    assert!(few.curve.noise.is_none() && few.curve.errors().unwrap().is_some());
}

/// What is computed is what a replay finds over many orders: the plain vote and the weighted one.
#[test]
fn a_vote_has_one_figure() {
    let mut pool = pool(12, 10);
    // Two forms of the right answer, and a problem with fewer samples.
    pool.problems[0].samples[0].answer = Some("four".into());
    pool.problems[3].samples.truncate(9);
    let arm = &Study::of(std::slice::from_ref(&pool)).unwrap().arms[0];
    let figures = arm.estimates(Resampling::default()).unwrap();
    let found = |name: &str, k: u32| {
        let spec = StrategySpec { name: name.into(), max_samples: k, ..StrategySpec::for_effort(Effort::Medium) };
        let verifier = ReplayVerifier::Recorded;
        let options = ReplayOptions { samples: k, seeds: 600, verifier, ..ReplayOptions::default() };
        replay(&pool, &spec, &options).unwrap().accuracy
    };
    // Four standard errors of 7,200 draws.
    for k in [2, 8] {
        let of = |all: &[(u64, Estimate)]| all.iter().find(|(of, _)| *of == u64::from(k)).unwrap().1.value;
        let (plain, weighted) = (found("self-consistency", k), found("weighted-best-of-n", k));
        assert!((of(&figures.majority) - plain).abs() < 0.024, "maj@{k}: {} {plain}", of(&figures.majority));
        assert!((of(&figures.weighted) - weighted).abs() < 0.024, "weighted@{k}: {} {weighted}", of(&figures.weighted));
    }
    assert!((arm.curve.coverage[0] - arm.curve.accuracy[0]).abs() < 1e-12, "one sample is a vote of one");
}

#[test]
fn an_arm_is_a_model_a_run_and_a_setting() {
    let mut both = pool(5, 3);
    let mut more = pool(5, 3);
    for problem in &mut more.problems {
        problem.config = json!({"temperature": 0.3});
    }
    both.problems.extend(more.problems);
    let study = Study::of(std::slice::from_ref(&both)).unwrap();
    let names: Vec<&str> = study.arms.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["mine / m", "mine / m / {\"temperature\":0.3}"]);
    assert_eq!((both.arms(), study.arms[0].problems.len()), (2, 5));
    let both = Study::difference(&study.arms[0], &study.arms[1], Resampling::default()).unwrap();
    assert_eq!((both.means.0 - both.means.1, both.problems, both.estimate.unwrap().value), (0.0, 5, 0.0));
}

#[test]
fn what_cannot_be_compared_has_no_vote() {
    let mut unlike = pool(6, 4);
    unlike.problems[2].vote_ok = false;
    let arm = &Study::of(&[unlike]).unwrap().arms[0];
    assert!(arm.curve.accuracy.is_empty() && arm.judge(Question::default()).unwrap().is_none());
    let figures = arm.estimates(Resampling::default()).unwrap();
    assert!(figures.majority.is_empty() && figures.weighted.is_empty() && figures.limit.is_none());
    assert_eq!(arm.curve.coverage.len(), 3);
    let rungs = arm.rungs(Resampling::default()).unwrap();
    assert!(rungs.iter().all(|r| r.vote.is_none()));
}

#[test]
fn a_lower_score_than_0_weighs_no_vote() {
    let mut scored = pool(6, 4);
    scored.problems[0].samples[0].verifier_score = Some(-1.0);
    let figures = Study::of(&[scored]).unwrap().arms[0].estimates(Resampling::default()).unwrap();
    assert!(figures.weighted.is_empty() && !figures.majority.is_empty());
}

#[test]
fn a_file_that_cannot_be_is_refused() {
    let good = Study::of(&[pool(3, 2)]).unwrap().to_json();
    assert!(Study::from_json(&good.to_string()).is_ok());
    let with = |pointer: &str, value: serde_json::Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        Study::from_json(&bad.to_string()).unwrap_err().to_string()
    };
    for (pointer, value, words) in [
        ("/kind", json!("other"), "its `kind`"),
        ("/schema", json!(2), "use a newer outthink"),
        ("/arms", json!([]), "no arms"),
        ("/arms/0/problems", json!([]), "no problems"),
        ("/arms/0/problems/0/right", json!(9), "more samples are right"),
        ("/arms/0/problems/0/votes", json!([u64::MAX, 3]), "more samples vote"),
        ("/arms/0/problems/0/tokens", json!(-1), "its tokens"),
        ("/arms/0/problems/1/id", json!("0"), "comes twice"),
        ("/arms/0/problems/0/samples", json!(1e9 as u64), "more than a million"),
        ("/arms/0/problems/0/scores", json!([]), "differ in length"),
    ] {
        let error = with(pointer, value);
        assert!(error.contains(words), "{pointer}: {error}");
    }
    assert!(Study::from_json("[]").is_err() && Study::from_json("").is_err());
}
