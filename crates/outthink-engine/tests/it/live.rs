//! Against a real server: `OUTTHINK_TEST_UPSTREAM=http://localhost:8000 cargo test -- --ignored live`.

use crate::{request, whole};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use outthink_core::{Engine as _, FinishReason, Prompt};
use outthink_engine::openai::{Ability, Continuation, OpenAiEngine, OpenAiOptions, Verdict};
use std::time::{Duration, Instant};

async fn live() -> OpenAiEngine {
    let url = std::env::var("OUTTHINK_TEST_UPSTREAM").unwrap();
    OpenAiEngine::connect(OpenAiOptions::new(url)).await.unwrap()
}

#[tokio::test]
#[ignore = "needs a server"]
async fn live_samples_are_counted_repeatable_and_cancellable() {
    let engine = live().await;
    let mut request = request(&[1, 2, 3, 1]);
    request.max_tokens = Some(24);
    request.sampling.temperature = Some(1.0);
    request.logprobs = engine.capabilities().logprobs;
    request.prompt = Prompt::user("Write a long story about a lighthouse.").into();
    let all = join_all(engine.start(request.clone()).into_iter().map(whole)).await;
    for sample in &all {
        let finish = sample.finish.clone().unwrap();
        assert_eq!((finish.reason, finish.usage.completion), (FinishReason::Length, 24));
        assert!(finish.usage.prompt > 5 && !finish.usage.estimated, "{finish:?}");
        assert_eq!(sample.tokens, 24);
    }
    assert_ne!(all[0].content, all[1].content, "other seeds, other samples");

    // What was cancelled no longer takes the server's time: another sample goes at full speed.
    request.max_tokens = Some(2000);
    let mut streams = engine.start(request.clone());
    for stream in &mut streams {
        stream.next().await;
    }
    drop(streams);
    request.max_tokens = Some(4);
    let begin = Instant::now();
    join_all(engine.start(request).into_iter().map(whole)).await;
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
#[ignore = "needs a server"]
async fn live_a_beginning_is_continued() {
    let engine = live().await;
    if !engine.capabilities().continuation.is_possible() {
        return;
    }
    let mut request = request(&[1]);
    request.max_tokens = Some(8);
    request.sampling.temperature = Some(0.0);
    request.prompt = Prompt::user("What is the capital of France?").into();
    request.prefix = Some("The capital of France is the city of".into());
    let all = whole(engine.start(request).remove(0)).await;
    assert!(all.content.trim_start().starts_with("Paris"), "{all:?}");
}

#[tokio::test]
#[ignore = "needs a server"]
async fn live_abilities_are_found_out_and_hold() {
    let engine = live().await;
    let abilities = engine.abilities().await.unwrap();
    for finding in &abilities.findings {
        let way = finding.way.map(Continuation::name).unwrap_or_default();
        let (ability, verdict) = (finding.ability.name(), finding.verdict.name());
        eprintln!("{ability:<19} {verdict:<8} {way:<22} {}", finding.how);
    }
    for (ability, prefix) in [
        (Ability::Continuation, "The capital of France is the city of"),
        (Ability::OpenReasoning, "<think>\nThe capital of France is the city of"),
        (Ability::ForcedEnd, "<think>\nIt is Paris.\n</think>\n\nThe capital of France is the city of"),
    ] {
        let mut request = request(&[1]);
        (request.max_tokens, request.sampling.temperature) = (Some(8), Some(0.0));
        request.prompt = Prompt::user("What is the capital of France?").into();
        request.prefix = Some(prefix.into());
        let all = whole(engine.start(request).remove(0)).await;
        eprintln!("{prefix:?} -> reasoning {:?} content {:?} {:?}", all.reasoning, all.content, all.finish);
        match abilities.verdict(ability) {
            Verdict::Yes => assert!(all.error.is_none() && all.finish.is_some_and(|f| !f.usage.estimated)),
            Verdict::No => assert!(all.error.is_some(), "{ability:?}"),
            Verdict::Unknown => {}
        }
    }
}
