//! Sweeps on the scripted engine.

use crate::places::{Place, on_both};
use crate::store::spec;
use outthink_core::{Cost, Engine, EngineError, Origin, Price, Prompt, Sampling};
use outthink_eval::{
    Problem, Progress, RunSpec, Setting, Store, StoreError, SweepEnd, SweepError, SweepPlan, Task, prompt_sha256, sweep,
};
use outthink_testkit::engine::{Rates, SampleFault, Saying, Scripted};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

fn plan(name: String, questions: u32, samples: u32) -> SweepPlan {
    let task = |i: u32| {
        let prompt = Prompt::user(&format!("{i} + 2?"));
        let problem = Problem {
            id: i.to_string(),
            question: Some(format!("{i} + 2?")),
            gold: Some("4".into()),
            prompt_sha256: Some(prompt_sha256(&prompt)),
            vote_ok: true,
        };
        Task { problem, prompt }
    };
    SweepPlan {
        spec: spec(name),
        settings: vec![Setting { effort: None, temperature: Some(0.7), max_tokens: 64 }],
        tasks: (0..questions).map(task).collect(),
        samples,
        sampling: Sampling::default(),
        send_effort: false,
        seeded: false,
        parallel: 4,
        max_cost: None,
    }
}

fn rates() -> Rates {
    Rates::new([Saying::new("The answer is 4.", 1.0), Saying::new("The answer is 5.", 1.0)])
}

fn engine() -> Scripted {
    Scripted::by_rates(rates())
}

async fn draw(store: &Store, engine: Scripted, plan: &SweepPlan) -> (Result<SweepEnd, SweepError>, Progress) {
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let mut last = None;
    let end = sweep(store, &engine, plan, |p| last = Some(p.clone()), pending()).await;
    (end, last.unwrap())
}

#[test]
fn a_sweep_draws_what_is_missing_and_nothing_twice() {
    on_both(|place| async move {
        let store = place.open().await;
        let small = plan(place.run("grow"), 3, 2);
        let (end, progress) = draw(&store, engine(), &small).await;
        assert_eq!(end.unwrap(), SweepEnd::Complete);
        assert_eq!((progress.done, progress.wanted, progress.added), (6, 6, 6));
        let first = store.pool(&small.spec.name).await.unwrap();
        // More questions and more samples: what was there stays as it was.
        let large = SweepPlan { samples: 5, ..plan(small.spec.name.clone(), 4, 0) };
        let (end, progress) = draw(&store, engine(), &large).await;
        assert_eq!(end.unwrap(), SweepEnd::Complete);
        assert_eq!((progress.done, progress.added), (20, 14));
        let all = store.pool(&small.spec.name).await.unwrap();
        for (before, after) in first.problems.iter().zip(&all.problems) {
            assert_eq!(before.samples[..], after.samples[..2]);
        }
        let share = progress.accuracy.unwrap();
        assert!(progress.interval.low <= share && share <= progress.interval.high && progress.problems == 4);
    });
}

#[test]
fn a_sample_is_the_same_whatever_is_drawn_beside_it() {
    on_both(|place| async move {
        let store = place.open().await;
        let (wide, narrow) = (plan(place.run("wide"), 3, 4), plan(place.run("narrow"), 3, 4));
        draw(&store, engine(), &wide).await.0.unwrap();
        draw(&store, engine(), &SweepPlan { parallel: 1, ..narrow.clone() }).await.0.unwrap();
        let drawn = async |run: &str| {
            let mut problems = store.pool(run).await.unwrap().problems;
            // How long one took is its own.
            problems.iter_mut().flat_map(|p| &mut p.samples).for_each(|sample| sample.seconds = 0.0);
            problems
        };
        assert_eq!(drawn(&wide.spec.name).await, drawn(&narrow.spec.name).await);
    });
}

#[test]
fn a_stopped_sweep_goes_on_where_it_was() {
    on_both(|place| async move {
        let store = place.open().await;
        let plan = plan(place.run("stop"), 6, 4);
        let slow: Arc<dyn Engine> = Arc::new(engine().with_pace(Duration::from_millis(25)));
        let stop = tokio::time::sleep(Duration::from_millis(350));
        let mut last = None;
        let end = sweep(&store, &slow, &plan, |p| last = Some(p.clone()), stop).await.unwrap();
        assert_eq!(end, SweepEnd::Stopped);
        let before = store.run(&plan.spec.name).await.unwrap().samples;
        assert!(before < 24, "the test stopped nothing");
        let (end, progress) = draw(&store, engine(), &plan).await;
        assert_eq!(end.unwrap(), SweepEnd::Complete);
        assert_eq!((progress.done, progress.added), (24, 24 - before));
    });
}

fn priced(rates: Rates) -> Scripted {
    Scripted::by_rates(rates).with_price(Price { output: 1_000_000, ..Price::default() })
}

#[test]
fn the_cap_holds_over_all_processes_and_is_known_to_be_the_reason() {
    on_both(|place| async move {
        let store = place.open().await;
        // 64 tokens are held for each sample, 4 of them at a time, and 4 spent: 1 nano-dollar a token.
        let capped = SweepPlan { max_cost: Some(Cost::from_nano(300)), ..plan(place.run("cap"), 50, 4) };
        let (end, progress) = draw(&store, priced(rates()), &capped).await;
        assert_eq!(end.unwrap(), SweepEnd::CapReached);
        let spent = store.spent(&capped.spec.name).await.unwrap();
        assert_eq!(spent, progress.spent);
        assert!((237..=300).contains(&spent.nano()), "{spent:?}");
        let (end, progress) = draw(&store, priced(rates()), &capped).await;
        assert_eq!((end.unwrap(), progress.added), (SweepEnd::CapReached, 0));
    });
}

#[test]
fn failed_samples_are_tried_again_and_are_on_the_bill() {
    on_both(|place| async move {
        let store = place.open().await;
        let plan = SweepPlan { parallel: 1, ..plan(place.run("fail"), 2, 2) };
        let broken = SampleFault::Fail { after: 2, error: EngineError::new(Origin::Engine, "gone").retryable() };
        // The last sample, and both times that it is tried again.
        let engine = priced((3..6).fold(rates(), |rates, nth| rates.with_fault(nth, broken.clone())));
        let (end, progress) = draw(&store, engine, &plan).await;
        assert_eq!(end.unwrap(), SweepEnd::Incomplete);
        assert_eq!((progress.done, progress.failed), (3, 1));
        // Three tries of two tokens each.
        assert_eq!(store.run(&plan.spec.name).await.unwrap().lost.nano(), 6);
        let (end, progress) = draw(&store, priced(rates()), &plan).await;
        assert_eq!((end.unwrap(), progress.done), (SweepEnd::Complete, 4));
    });
}

#[test]
fn a_broken_engine_ends_the_sweep_at_once() {
    on_both(|place| async move {
        let store = place.open().await;
        let refused = SampleFault::Fail { after: 0, error: EngineError::new(Origin::Caller, "no such model") };
        let (end, _) =
            draw(&store, Scripted::by_rates(rates().with_fault_everywhere(refused)), &plan(place.run("broken"), 9, 9))
                .await;
        assert!(matches!(end, Err(SweepError::Engine(_))), "{end:?}");
    });
}

#[test]
fn two_sweeps_of_one_run_are_refused() {
    on_both(|place: Place| async move {
        let store = place.open().await;
        let plan = plan(place.run("two"), 1, 1);
        let lock = store.lock(&plan.spec.name).await.unwrap();
        let engine: Arc<dyn Engine> = Arc::new(engine());
        let end = sweep(&store, &engine, &plan, |_| (), pending()).await;
        assert!(matches!(end, Err(SweepError::Store(StoreError::Busy { .. }))), "{end:?}");
        drop(lock);
        let other = SweepPlan { spec: RunSpec { seed: 1, ..plan.spec.clone() }, ..plan.clone() };
        draw(&store, self::engine(), &plan).await.0.unwrap();
        let end = sweep(&store, &engine, &other, |_| (), pending()).await;
        assert!(matches!(end, Err(SweepError::Store(StoreError::Mismatch { what: "seed", .. }))), "{end:?}");
    });
}
