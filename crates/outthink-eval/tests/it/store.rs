//! What is written is read back, once and by one writer.

use crate::places::{Place, on_both};
use outthink_core::{Cost, FinishReason, Usage};
use outthink_eval::{
    Cell, CurvePoint, CurveSpec, Hold, LogprobSummary, Loss, PROMPT_HASH, Problem, Rejudged, RunSpec, SampleRecord,
    Setting, StoreError,
};

pub(crate) fn spec(name: String) -> RunSpec {
    RunSpec {
        name,
        dataset: "sums".into(),
        dataset_sha256: "0".repeat(64),
        model: "mock".into(),
        engine: "mock".into(),
        sampling: "{}".into(),
        seed: u64::MAX - 5,
        version: "0.1.0".into(),
        prompt_hash: PROMPT_HASH.into(),
        source: "sweep".into(),
    }
}

pub(crate) fn setting() -> Setting {
    Setting { effort: Some("low".into()), temperature: Some(0.7), max_tokens: 64 }
}

pub(crate) fn problem(id: &str) -> Problem {
    Problem {
        id: id.into(),
        question: Some(format!("what is {id}?")),
        gold: Some("4".into()),
        prompt_sha256: Some(format!("hash of {id}")),
        vote_ok: true,
    }
}

pub(crate) fn sample(problem: u32, index: u32, correct: bool) -> SampleRecord {
    SampleRecord {
        cell: Cell { problem, setting: 0, index },
        seed: u64::MAX - u64::from(index),
        content: "é \"quoted\" \\boxed{4}\n".into(),
        reasoning: "two and two".into(),
        answer: correct.then(|| "4".into()),
        correct,
        usage: Usage { prompt: 20, cached: 10, completion: 30, reasoning: 5, ..Usage::default() },
        logprobs: LogprobSummary { tokens: 30, mean: Some(-0.25), min: Some(-3.5) },
        score: None,
        finish: Some(FinishReason::Stop),
        seconds: 1.5,
        cost: Cost::from_nano(700),
        judge: None,
        credit: None,
    }
}

async fn written(place: &Place, run: &str) -> Vec<SampleRecord> {
    let mut all = Vec::new();
    let store = place.open().await;
    store
        .each_sample::<StoreError>(run, |s| {
            all.push(s);
            Ok(())
        })
        .await
        .unwrap();
    all
}

#[test]
fn samples_come_back_as_they_were_written() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("back"));
        store.begin(&spec(run.clone()), &[setting()], &[problem("a"), problem("b")]).await.unwrap();
        let samples = [sample(0, 0, true), sample(0, 1, false), sample(1, 0, true)];
        store.commit(&run, &samples).await.unwrap();
        assert_eq!(written(&place, &run).await, samples);
        let summary = store.run(&run).await.unwrap();
        assert_eq!(summary.spec, spec(run.clone()));
        assert_eq!((summary.problems, summary.samples, summary.correct, summary.tokens), (2, 3, 2, 90));
        assert_eq!(summary.cost.nano(), 2_100);
        assert_eq!(store.problems(&run).await.unwrap(), [problem("a"), problem("b")]);
        let pool = store.pool(&run).await.unwrap();
        assert_eq!(pool.problems[0].samples.len(), 2);
        assert_eq!(pool.problems[0].problem_id, "a");
        assert_eq!(store.pools(&run).await.unwrap().len(), 1);
    });
}

#[test]
fn a_sample_is_there_once() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("once"));
        store.begin(&spec(run.clone()), &[setting()], &[problem("a")]).await.unwrap();
        store.commit(&run, &[sample(0, 0, true)]).await.unwrap();
        // All or nothing: the new one of the two is not there either.
        let error = store.commit(&run, &[sample(0, 1, true), sample(0, 0, false)]).await.unwrap_err();
        assert!(matches!(error, StoreError::Database { .. }), "{error}");
        assert_eq!(written(&place, &run).await, [sample(0, 0, true)]);
    });
}

#[test]
fn a_run_grows_and_does_not_change() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("grows"));
        let begin = |spec: RunSpec, settings: Vec<Setting>, problems: Vec<Problem>| {
            let store = store.clone();
            async move { store.begin(&spec, &settings, &problems).await }
        };
        let two = vec![problem("a"), problem("b")];
        begin(spec(run.clone()), vec![setting()], vec![problem("a")]).await.unwrap();
        begin(spec(run.clone()), vec![setting()], two.clone()).await.unwrap();
        // Fewer questions than are there is no change.
        begin(spec(run.clone()), vec![setting()], vec![problem("a")]).await.unwrap();
        assert_eq!(store.problems(&run).await.unwrap().len(), 2);
        let other = RunSpec { model: "another".into(), ..spec(run.clone()) };
        let error = begin(other, vec![setting()], two.clone()).await.unwrap_err();
        assert!(error.to_string().contains("another model (mock, now another)"), "{error}");
        let error = begin(spec(run.clone()), vec![Setting { max_tokens: 9, ..setting() }], two).await.unwrap_err();
        assert!(matches!(error, StoreError::Mismatch { what: "setting", .. }), "{error}");
        let error = begin(spec(run.clone()), vec![setting()], vec![problem("z")]).await.unwrap_err();
        assert!(matches!(error, StoreError::Mismatch { what: "problem", .. }), "{error}");
    });
}

#[test]
fn equal_prompts_of_different_problems_are_refused() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("prompts"));
        let twin = Problem { id: "twin".into(), ..problem("a") };
        let error = store.begin(&spec(run.clone()), &[setting()], &[problem("a"), twin]).await.unwrap_err();
        assert!(error.to_string().contains("`a` and `twin` have the same prompt"), "{error}");
        assert!(store.run(&run).await.is_err(), "nothing is half-written");
    });
}

#[test]
fn what_was_held_when_a_process_died_counts_as_spent() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("held"));
        store.begin(&spec(run.clone()), &[setting()], &[problem("a")]).await.unwrap();
        let hold = |index| Hold { cell: Cell { problem: 0, setting: 0, index }, cost: Cost::from_nano(1_000) };
        store.hold(&run, &[hold(0), hold(1), hold(2)]).await.unwrap();
        store.commit(&run, &[sample(0, 0, true)]).await.unwrap();
        let loss = Loss { cell: hold(1).cell, cost: Cost::from_nano(40), tokens: 2, reason: "failed".into() };
        store.lose(&run, &loss).await.unwrap();
        assert_eq!(store.spent(&run).await.unwrap().nano(), 700 + 40 + 1_000);
        store.settle(&run, "killed").await.unwrap();
        assert_eq!(store.spent(&run).await.unwrap().nano(), 700 + 40 + 1_000);
        // The cell is free again.
        store.hold(&run, &[hold(2)]).await.unwrap();
        assert_eq!(store.run(&run).await.unwrap().lost.nano(), 40 + 1_000 + 1_000);
    });
}

#[test]
fn a_run_has_one_writer_and_a_dead_one_frees_it() {
    on_both(|place| async move {
        let (one, other) = (place.open().await, place.open().await);
        let run = place.run("lock");
        let lock = one.lock(&run).await.unwrap();
        let error = other.lock(&run).await.unwrap_err();
        assert!(matches!(error, StoreError::Busy { .. }), "{error}");
        drop(other.lock(&place.run("another")).await.unwrap());
        drop(lock);
        drop(other.lock(&run).await.unwrap());
        drop(one.lock(&run).await.unwrap());
    });
}

#[test]
fn a_removed_run_is_gone_with_all_that_was_its_own() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("gone"));
        store.begin(&spec(run.clone()), &[setting()], &[problem("a")]).await.unwrap();
        store.commit(&run, &[sample(0, 0, true)]).await.unwrap();
        store.remove(&run).await.unwrap();
        assert!(written(&place, &run).await.is_empty());
        let error = store.remove(&run).await.unwrap_err();
        assert!(matches!(error, StoreError::NoRun { .. }), "{error}");
        store.begin(&spec(run.clone()), &[setting()], &[problem("b")]).await.unwrap();
        assert!(store.pool(&run).await.unwrap_err().to_string().contains("holds no samples yet"));
    });
}

#[test]
fn a_curve_goes_on_where_its_run_does() {
    on_both(|place| async move {
        let (store, name) = (place.open().await, place.run("curve"));
        let spec = CurveSpec {
            name: name.clone(),
            kind: "rl".into(),
            parameters: 113_472,
            settings: "{}".into(),
            version: "0".into(),
        };
        let point = |series: &str, step, value| CurvePoint { series: series.into(), step, tokens: 10 * step, value };
        store.begin_curve(&spec, false).await.unwrap();
        let points = [point("reward", 1, 0.25), point("reward", 2, f64::NAN), point("greedy", 0, 0.5)];
        store.add_points(&name, &points).await.unwrap();
        // A run that was killed measures its last steps again.
        store.begin_curve(&spec, true).await.unwrap();
        store.add_points(&name, &[point("reward", 1, 0.5), point("reward", 2, 0.75)]).await.unwrap();
        let (curve, points) = (store.curve(&name).await.unwrap(), store.curve_points(&name).await.unwrap());
        assert_eq!(points, [point("greedy", 0, 0.5), point("reward", 1, 0.5), point("reward", 2, 0.75)]);
        assert_eq!((curve.steps, curve.tokens, curve.spec.parameters), (2, 20, 113_472));
        assert_eq!(curve.last, [("greedy".to_owned(), 0.5), ("reward".to_owned(), 0.75)]);
        // One that begins anew begins with nothing.
        store.begin_curve(&spec, false).await.unwrap();
        assert!(store.curve_points(&name).await.unwrap().is_empty());
        assert!(store.curves().await.unwrap().iter().any(|c| c.spec == spec));
        store.remove_curve(&name).await.unwrap();
        assert!(matches!(store.curve(&name).await.unwrap_err(), StoreError::NoRun { .. }));
        assert!(store.add_points(&name, &[point("reward", 1, 0.5)]).await.is_err(), "there is no such curve");
    });
}

#[test]
fn a_text_with_nul_is_kept_without_it() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("nul"));
        store.begin(&spec(run.clone()), &[setting()], &[problem("a")]).await.unwrap();
        let odd = SampleRecord { content: "a\0b".into(), ..sample(0, 0, true) };
        store.commit(&run, &[odd]).await.unwrap();
        assert_eq!(written(&place, &run).await[0].content, "a\u{fffd}b");
    });
}

#[test]
fn a_pool_counts_answers_that_mean_the_same_as_one() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("means"));
        store.begin(&spec(run.clone()), &[setting()], &[problem("a")]).await.unwrap();
        let of = |index, answer: &str| SampleRecord { answer: Some(answer.into()), ..sample(0, index, true) };
        store.commit(&run, &[of(0, "1/2"), of(1, "0.5"), of(2, "3")]).await.unwrap();
        let pool = store.pool(&run).await.unwrap();
        let answers: Vec<_> = pool.problems[0].samples.iter().map(|s| s.answer.as_deref()).collect();
        assert_eq!(answers, [Some("1/2"), Some("1/2"), Some("3")]);
    });
}

#[test]
fn samples_judged_again_keep_their_old_judgement() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("again"));
        store.begin(&spec(run.clone()), &[setting()], &[problem("a"), problem("b")]).await.unwrap();
        let samples = [sample(0, 0, true), sample(0, 1, false), sample(1, 0, true)];
        store.commit(&run, &samples).await.unwrap();
        let lost = store.run(&run).await.unwrap().lost;
        let new = |sample: &SampleRecord| Rejudged {
            cell: sample.cell,
            correct: !sample.correct,
            credit: None,
            answer: None,
        };
        let all: Vec<Rejudged> = samples.iter().map(new).collect();
        // One that is not there: nothing is changed.
        let stranger =
            Rejudged { cell: Cell { problem: 0, setting: 0, index: 99 }, correct: true, credit: None, answer: None };
        let some: Vec<Rejudged> = all.iter().cloned().chain([stranger]).collect();
        assert!(matches!(store.rejudge(&run, "outthink:gold", &some, Cost::ZERO).await, Err(StoreError::Caller(_))));
        assert!(store.earlier_judgements(&run).await.unwrap().is_empty());
        let changed = store.rejudge(&run, "outthink:gold", &all, Cost::from_nano(5)).await.unwrap();
        assert_eq!(changed, samples.len() as u64);
        let recording = store.recording(&run).await.unwrap();
        for (was, is) in samples.iter().zip(recording.samples()) {
            assert_eq!((was.cell, !was.correct), (is.cell, is.correct));
            assert!(is.judge.as_deref() == Some("outthink:gold") && is.is_own());
        }
        assert_eq!(store.run(&run).await.unwrap().lost, lost + Cost::from_nano(5), "the judge is on the bill");
        store.rejudge(&run, "outthink:numeric", &all[..1], Cost::ZERO).await.unwrap();
        let earlier = store.earlier_judgements(&run).await.unwrap();
        let numbers: Vec<u32> = earlier.iter().map(|e| e.number).collect();
        assert_eq!(numbers.len(), samples.len() + 1);
        assert_eq!((numbers[0], numbers[samples.len()]), (0, 1));
        assert_eq!((earlier[0].judge.clone(), earlier[0].correct), (samples[0].judge.clone(), samples[0].correct));
        store.remove(&run).await.unwrap();
        assert!(store.earlier_judgements(&run).await.unwrap().is_empty(), "they go with their run");
    });
}

#[test]
fn a_run_goes_out_as_every_eval_ever_and_comes_back() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("eee"));
        store.begin(&spec(run.clone()), &[setting()], &[problem("a"), problem("b")]).await.unwrap();
        let samples = [sample(0, 0, true), sample(0, 1, false), sample(1, 0, true)];
        store.commit(&run, &samples).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (path, rows) = store.export_every_eval_ever(&run, folder.path()).await.unwrap();
        assert_eq!(rows, 3);
        let about: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let results = &about["detailed_evaluation_results"];
        assert_eq!((about["schema_version"].as_str(), results["total_rows"].as_u64()), (Some("0.3.0"), Some(3)));
        let lines = folder.path().join(results["file_path"].as_str().unwrap());
        let import = &outthink_eval::read_import(&lines, &outthink_eval::ImportOptions::default()).unwrap()[0];
        assert_eq!(import.samples.len(), 3);
        for (was, is) in samples.iter().zip(&import.samples) {
            assert_eq!((was.correct, &was.answer, &was.content), (is.correct, &is.answer, &is.content));
            assert_eq!((was.usage.prompt, was.usage.completion), (is.usage.prompt, is.usage.completion));
        }
        store.remove(&run).await.unwrap();
    });
}
