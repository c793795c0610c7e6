//! An engine that plays texts in order, one word a token.

use outthink_core::{Capabilities, EngineError, FinishReason, Origin, Price, Support};
use outthink_testkit::engine::{Act, Scripted};

pub(crate) const PROMPT_TOKENS: u64 = 10;

/// The last text is played again and again; one that begins with `error:` is a failure.
pub(crate) fn script(texts: &[&str]) -> Scripted {
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    let engine = Scripted::by("script", move |turn| {
        let text = texts.get(turn.index as usize).or(texts.last()).map_or("", String::as_str);
        if let Some(problem) = text.strip_prefix("error:") {
            return vec![Act::Fail(EngineError::new(Origin::Engine, problem))];
        }
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let limit = turn.request.max_tokens.unwrap_or(u64::MAX) as usize;
        let mut acts = vec![Act::Prompt(PROMPT_TOKENS, 0)];
        acts.extend(words.iter().take(limit).map(|word| Act::content(*word)));
        acts.push(Act::End(if words.len() > limit { FinishReason::Length } else { FinishReason::Stop }));
        acts
    });
    engine.with_price(Price::per_million_usd(1.0, 1.0, 2.0).unwrap())
}

/// The same for an engine that continues texts.
pub(crate) fn continuing(texts: &[&str]) -> Scripted {
    script(texts).with_capabilities(Capabilities { continuation: Support::Yes, ..Capabilities::default() })
}
