//! The scripted engine.

use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _};
use outthink_core::{
    Delta, Engine as _, EngineError, Finish, FinishReason, Prompt, SampleEvent, SampleRequest, SampleStream, Usage,
};
use outthink_testkit::engine::{
    Act, Counts, Rates, SampleFault, Saying, Scripted, calls_a_tool, overloaded, reply, thinks_then_says,
};

fn request(seeds: std::ops::Range<u64>) -> SampleRequest {
    SampleRequest {
        prompt: Prompt::user("2 + 2?").into(),
        seeds: seeds.collect(),
        max_tokens: Some(9),
        ..SampleRequest::default()
    }
}

async fn text(stream: SampleStream) -> Result<(String, Option<Finish>), EngineError> {
    let mut text = String::new();
    let mut finish = None;
    for event in stream.collect::<Vec<_>>().await {
        match event? {
            SampleEvent::Delta(d) => text += &d.content,
            SampleEvent::Finish(f) => finish = Some(f),
            _ => {}
        }
    }
    Ok((text, finish))
}

#[tokio::test]
async fn success_rates_are_those_of_the_script() {
    let sayings = [Saying::new("4", 0.3), Saying::new("five or so", 0.7)];
    let engine = Scripted::by_rates(Rates::default().with_problem("2 + 2?", sayings));
    let mut right = 0;
    for stream in engine.start(request(0..10_000)) {
        right += u32::from(text(stream).await.unwrap().0 == "4");
    }
    // 5 standard errors of 0.0046.
    assert!((2_770..3_230).contains(&right), "{right}");
    let once: Vec<_> = join_all(engine.start(request(5..6)).into_iter().map(text)).await;
    let again = join_all(engine.start(request(5..6)).into_iter().map(text)).await;
    assert_eq!(once, again);
}

#[tokio::test]
async fn faults_come_as_ordered_and_all_is_counted() {
    let rates = Rates::always("a b c d")
        .with_fault(0, SampleFault::Fail { after: 2, error: overloaded() })
        .with_fault(1, SampleFault::Length { after: 1 })
        .with_fault(2, SampleFault::Stall { after: 1 });
    let engine = Scripted::by_rates(rates);
    let mut streams = engine.start(request(0..4)).into_iter();
    assert_eq!(text(streams.next().unwrap()).await, Err(overloaded()));
    let (cut, finish) = text(streams.next().unwrap()).await.unwrap();
    assert_eq!((cut.as_str(), finish.unwrap().reason), ("a ", FinishReason::Length));
    let mut stalled = streams.next().unwrap();
    stalled.next().await;
    stalled.next().await;
    assert!(stalled.next().now_or_never().is_none());
    drop(stalled);
    text(streams.next().unwrap()).await.unwrap();
    assert_eq!(engine.counts(), Counts { started: 4, finished: 2, cancelled: 1, failed: 1, tokens: 8 });
    assert_eq!(engine.live(), 0);
}

#[tokio::test]
async fn acts_are_counted_and_requests_kept() {
    let engine = Scripted::by("m", |turn| match turn.index {
        0 => thinks_then_says("hm", "The answer is 4."),
        1 => calls_a_tool("add", r#"{"a":2,"b":3}"#),
        _ => vec![Act::Started(turn.source.clone()), Act::Lost(Usage::default()), Act::Note("so".into()), Act::Hang],
    })
    .with_prompt(10, 4);
    let mut streams = engine.start(request(0..3)).into_iter();
    let (said, finish) = text(streams.next().unwrap()).await.unwrap();
    let usage = Usage { prompt: 10, cached: 4, completion: 3, reasoning: 1, ..Usage::default() };
    assert_eq!((said.as_str(), finish.unwrap().usage), ("The answer is 4.", usage));
    let calls: Vec<_> = streams.next().unwrap().collect().await;
    let Ok(SampleEvent::Delta(Delta { extra, .. })) = &calls[1] else { panic!("{calls:?}") };
    assert_eq!(extra["tool_calls"][0]["function"]["arguments"], r#""b":3}"#);
    let mut open = streams.next().unwrap();
    assert!(matches!(open.next().await, Some(Ok(SampleEvent::Started(source))) if source.model == "m"));
    assert_eq!((engine.live(), engine.last_request().seeds), (1, vec![0, 1, 2]));
    drop(open);
    assert_eq!((engine.live(), engine.counts().cancelled), (0, 1));
}

#[tokio::test]
async fn texts_keep_to_limits_stops_and_prefixes() {
    let engine = Scripted::texts(["one two three", "error:out of luck", "one. two. three."]);
    let short = SampleRequest { max_tokens: Some(2), ..request(0..1) };
    let (said, finish) = text(engine.start(short).remove(0)).await.unwrap();
    assert_eq!((said.as_str(), finish.unwrap().reason), ("one two ", FinishReason::Length));
    assert_eq!(text(engine.start(request(0..1)).remove(0)).await.unwrap_err().message, "out of luck");
    let mut stopped = SampleRequest { prefix: Some("one. ".into()), max_tokens: None, ..request(0..1) };
    stopped.sampling.stop = vec![" three".into()];
    let (said, finish) = text(engine.start(stopped.clone()).remove(0)).await.unwrap();
    let finish = finish.unwrap();
    assert_eq!((said.as_str(), finish.reason, finish.met_stop), ("two.", FinishReason::Stop, Some(true)));
    assert_eq!(reply("x", 3, &stopped)[0], Act::Prompt(3, 0));
}
