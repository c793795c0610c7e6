//! Pools of scripted members: where samples go, and who is paid for what.

use super::super::{Member, PoolEngine, PoolOptions};
use super::*;
use futures_util::future::join_all;
use outthink_core::{Capabilities, Delta, Engine, Finish, FinishReason, ModelInfo, Price, Prompt};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What a member does with a sample, event by event, each after so many milliseconds.
type Script = Vec<(u64, Event)>;

/// An engine that does as its scripts say, one for each sample in order, the last one again and again.
struct Scripted {
    model: ModelInfo,
    scripts: Vec<Script>,
    started: AtomicUsize,
    ready: Option<bool>,
}

impl Scripted {
    fn new(id: &str, output: u64, scripts: Vec<Script>) -> Self {
        let price = Price { input: 1_000_000, cached: 500_000, output, ..Price::default() };
        let model = ModelInfo { id: id.into(), context: None, price };
        Self { model, scripts, started: AtomicUsize::new(0), ready: None }
    }
}

impl Engine for Scripted {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { effort: true, ..Capabilities::default() }
    }

    fn is_ready(&self) -> Option<bool> {
        self.ready
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        let one = |_: &u64| -> SampleStream {
            let number = self.started.fetch_add(1, Relaxed).min(self.scripts.len() - 1);
            let events = self.scripts[number].clone().into_iter();
            Box::pin(stream::unfold(events, |mut events| async move {
                let (wait, event) = events.next()?;
                tokio::time::sleep(Duration::from_millis(wait)).await;
                Some((event, events))
            }))
        };
        request.seeds.iter().map(one).collect()
    }
}

fn started(model: &str) -> SampleEvent {
    let price = Price { input: 7, cached: 7, output: 7, ..Price::default() };
    SampleEvent::Started(Arc::new(Source { model: model.into(), member: None, price }))
}

fn delta(text: &str) -> SampleEvent {
    SampleEvent::Delta(Delta { content: text.into(), tokens: 1, ..Delta::default() })
}

fn finish() -> SampleEvent {
    let usage = Usage { prompt: 10, completion: 1, ..Usage::default() };
    SampleEvent::Finish(Finish::new(FinishReason::Stop, usage))
}

fn lost(prompt: u64) -> SampleEvent {
    SampleEvent::Lost(Usage { prompt, ..Usage::default() })
}

fn good(text: &str) -> Script {
    vec![(0, Ok(delta(text))), (0, Ok(finish()))]
}

fn status(status: u16, elsewhere: bool) -> Event {
    let error = EngineError::new(Origin::Engine, format!("status {status}")).with_status(status);
    Err(if elsewhere { error.elsewhere() } else { error })
}

fn pool(members: Vec<(&str, u32, Scripted)>, hedge: bool) -> (PoolEngine, Vec<Arc<Scripted>>) {
    let mut kept = Vec::new();
    let members = members.into_iter().map(|(name, tier, engine)| {
        let engine = Arc::new(engine);
        kept.push(Arc::clone(&engine));
        Member { tier, ..Member::new(name, engine) }
    });
    let options = PoolOptions { hedge, probe_every: None };
    let pool = PoolEngine::new(members.collect(), options).unwrap();
    (pool, kept)
}

fn request(seeds: &[u64]) -> SampleRequest {
    SampleRequest { prompt: Prompt::user("What is 2+2?").into(), seeds: seeds.to_vec(), ..SampleRequest::default() }
}

/// An event in short: `started model@member price`, `lost 3`, the text, `finish`, the error.
fn short(event: &Event) -> String {
    match event {
        Ok(SampleEvent::Started(s)) => {
            format!("started {}@{} {}", s.model, s.member.as_deref().unwrap_or_default(), s.price.output)
        }
        Ok(SampleEvent::Lost(usage)) => format!("lost {}", usage.prompt),
        Ok(SampleEvent::Delta(delta)) => delta.content.clone(),
        Ok(SampleEvent::Finish(_)) => "finish".into(),
        Ok(SampleEvent::Note(note)) => note.clone(),
        Ok(SampleEvent::Prompt { tokens, .. }) => format!("prompt {tokens}"),
        Ok(SampleEvent::Used(usage)) => format!("used {}", usage.prompt + usage.completion),
        Err(error) => error.message.clone(),
    }
}

async fn draw(pool: &PoolEngine, seeds: &[u64]) -> Vec<Vec<String>> {
    let all = join_all(pool.start(request(seeds)).into_iter().map(StreamExt::collect::<Vec<_>>)).await;
    all.iter().map(|events| events.iter().map(short).collect()).collect()
}

#[tokio::test]
async fn a_fallback_of_another_model_is_named_with_its_own_price() {
    let small = Scripted::new("small", 3, vec![vec![(0, status(503, true))]]);
    let (pool, _) = pool(vec![("a", 0, small), ("b", 1, Scripted::new("large", 90, vec![good("4")]))], false);
    assert_eq!(draw(&pool, &[1]).await, [["started large@b 90", "4", "finish"]]);
    assert_eq!(pool.price_bound().output, 90);
    assert_eq!(pool.model().price.output, 3);
    assert!(pool.capabilities().effort && !pool.capabilities().thinking_budget);
}

#[tokio::test]
async fn what_a_member_spent_is_reported_at_its_price_before_another_starts() {
    let first = vec![(0, Ok(started("m"))), (0, Ok(lost(500))), (0, status(500, true))];
    let (pool, _) = pool(
        vec![("a", 0, Scripted::new("m", 3, vec![first])), ("b", 1, Scripted::new("m", 5, vec![good("4")]))],
        false,
    );
    assert_eq!(draw(&pool, &[1]).await, [["started m@a 7", "lost 500", "started m@b 5", "4", "finish"]]);
}

#[tokio::test]
async fn keys_credit_and_limits_are_tried_elsewhere_and_callers_faults_are_not() {
    for code in [401, 402, 403, 404, 408, 413, 425, 429, 498, 503, 524] {
        let bad = Scripted::new("m", 3, vec![vec![(0, status(code, true))]]);
        let (pool, _) = pool(vec![("a", 0, bad), ("b", 1, Scripted::new("m", 5, vec![good("4")]))], false);
        assert_eq!(draw(&pool, &[1]).await, [["started m@b 5", "4", "finish"]], "{code}");
        let expected = if matches!(code, 413 | 425 | 429) { 0.0 } else { 1.0 };
        assert_eq!(pool.report()[0].failures, expected, "{code}");
    }
    let bad = Scripted::new("m", 3, vec![vec![(0, status(400, false))]]);
    let (pool, kept) = pool(vec![("a", 0, bad), ("b", 1, Scripted::new("m", 5, vec![good("4")]))], false);
    assert_eq!(draw(&pool, &[1]).await, [["status 400"]]);
    assert_eq!((kept[1].started.load(Relaxed), pool.report()[0].failures), (0, 0.0));
}

#[tokio::test]
async fn the_error_of_the_last_member_goes_out_when_all_fail() {
    let bad = |code| Scripted::new("m", 3, vec![vec![(0, status(code, true))]]);
    let (pool, _) = pool(vec![("a", 0, bad(401)), ("b", 1, bad(503))], false);
    assert_eq!(draw(&pool, &[1]).await, [["status 503"]]);
}

#[tokio::test]
async fn nothing_is_tried_elsewhere_after_words() {
    let broken = vec![(0, Ok(delta("It is"))), (0, status(500, true))];
    let (pool, kept) = pool(
        vec![("a", 0, Scripted::new("m", 3, vec![broken])), ("b", 1, Scripted::new("m", 5, vec![good("4")]))],
        false,
    );
    assert_eq!(draw(&pool, &[1]).await, [["started m@a 3", "It is", "status 500"]]);
    assert_eq!(kept[1].started.load(Relaxed), 0);
}

#[tokio::test]
async fn siblings_avoid_a_member_that_failed_one_of_them() {
    let bad = || Scripted::new("m", 3, vec![vec![(0, status(429, true))]]);
    let (pool, kept) = pool(vec![("a", 0, bad()), ("b", 0, Scripted::new("m", 5, vec![good("4")]))], false);
    // One after the other, as a driver starts them from one call.
    let streams = pool.start(request(&(0..12).collect::<Vec<_>>()));
    for stream in streams {
        let events: Vec<Event> = stream.collect().await;
        assert_eq!(short(events.last().unwrap()), "finish");
    }
    assert!(kept[0].started.load(Relaxed) <= 1, "{}", kept[0].started.load(Relaxed));
    assert_eq!(kept[1].started.load(Relaxed), 12);

    // Where no other is left, the one that failed is asked again.
    let (alone, kept) = self::pool(vec![("a", 0, bad())], false);
    assert_eq!(draw(&alone, &[1, 2]).await, [["status 429"], ["status 429"]]);
    assert_eq!(kept[0].started.load(Relaxed), 2);
}

/// A pool that knows how soon words come: the first member is late from now on, the second is not.
fn late_pool(first: Script, second: Script) -> (PoolEngine, Vec<Arc<Scripted>>) {
    let (pool, kept) =
        pool(vec![("a", 0, Scripted::new("m", 3, vec![first])), ("b", 1, Scripted::new("m", 5, vec![second]))], true);
    {
        let mut state = pool.inner.lock();
        (0..LEAST).for_each(|_| state.spoke_after(Duration::from_millis(10)));
        state.started = 1_000;
    }
    (pool, kept)
}

#[tokio::test]
async fn a_late_sample_is_started_twice_and_the_loser_is_paid_at_its_own_price() {
    let (pool, _) = late_pool(vec![(0, Ok(started("m"))), (5_000, Ok(delta("late"))), (0, Ok(finish()))], good("4"));
    assert_eq!(draw(&pool, &[1]).await, [["started m@a 7", "lost 3", "started m@b 5", "4", "finish"]]);

    // The first one speaks after all: the second one has lost.
    let slow = vec![(0, Ok(started("x"))), (9_000, Ok(delta("never")))];
    let (pool, kept) = late_pool(vec![(0, Ok(started("m"))), (200, Ok(delta("4"))), (0, Ok(finish()))], slow);
    let events = ["started m@a 7", "started x@b 7", "lost 3", "started m@a 7", "4", "finish"];
    assert_eq!(draw(&pool, &[1]).await, [events]);
    assert_eq!(kept[1].started.load(Relaxed), 1);
}

#[tokio::test]
async fn a_second_start_that_fails_leaves_the_first_one_to_speak() {
    let (pool, _) = late_pool(vec![(200, Ok(delta("4"))), (0, Ok(finish()))], vec![(0, status(400, false))]);
    assert_eq!(draw(&pool, &[1]).await, [["started m@a 3", "4", "finish"]]);
    let first = vec![(0, Ok(started("m"))), (200, status(500, true))];
    let (pool, _) = late_pool(first, vec![(5_000, Ok(delta("4"))), (0, Ok(finish()))]);
    assert_eq!(draw(&pool, &[1]).await, [["started m@a 7", "started m@b 5", "4", "finish"]]);
}

#[test]
fn a_pool_is_ready_while_one_member_is() {
    let member = |ready| Scripted { ready, ..Scripted::new("m", 3, vec![good("4")]) };
    for (readiness, ready) in
        [([Some(false), None], true), ([Some(false), Some(false)], false), ([Some(false), Some(true)], true)]
    {
        let [a, b] = readiness;
        let (pool, _) = pool(vec![("a", 0, member(a)), ("b", 0, member(b))], false);
        assert_eq!(pool.is_ready(), Some(ready), "{readiness:?}");
    }
}
