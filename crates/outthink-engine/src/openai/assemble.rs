//! From the events of a stream to the events of its samples, and the counting of tokens.

use super::piece::{Piece, Pieces};
use super::{Secret, error};
use outthink_core::{Delta, EngineError, Finish, FinishReason, LOGPROBS, Origin, SampleEvent, Usage};
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// Events in the order in which they came, each with the index of its choice.
pub(super) type Queue = VecDeque<(usize, Result<SampleEvent, EngineError>)>;

/// Counts above this are not believed.
const MOST_TOKENS: u64 = u32::MAX as u64;

#[derive(Debug, Clone, Default)]
struct Choice {
    finish: Option<FinishReason>,
    tokens: u64,
    reasoning: u64,
    with_logprobs: u64,
    met_stop: Option<bool>,
}

/// What was read of one reply so far.
#[derive(Debug)]
pub(super) struct Assembler {
    choices: Vec<Choice>,
    pieces: Pieces,
    usage: Option<Value>,
    prompt_chars: u64,
    max_tokens: u64,
    passed_on: bool,
}

impl Assembler {
    /// For `n` choices of at most `max_tokens` tokens each.
    pub(super) fn new(n: usize, prompt_chars: u64, max_tokens: u64) -> Self {
        Self {
            choices: vec![Choice::default(); n],
            pieces: Pieces::default(),
            usage: None,
            prompt_chars,
            max_tokens,
            passed_on: false,
        }
    }

    /// Whether content was passed on, so that no retry can be made.
    pub(super) const fn passed_on(&self) -> bool {
        self.passed_on
    }

    /// Whether every choice has told why it ended.
    pub(super) fn all_finished(&self) -> bool {
        self.choices.iter().all(|c| c.finish.is_some())
    }

    /// Reads the data of one event.
    pub(super) fn push(&mut self, data: &str, key: Option<&Secret>, out: &mut Queue) -> Result<(), EngineError> {
        if let Some(piece) = self.pieces.read(data) {
            self.piece(piece, out);
            return Ok(());
        }
        let Ok(Value::Object(mut event)) = serde_json::from_str(data) else {
            return Err(EngineError::new(
                Origin::Engine,
                format!(
                    "the engine sent an event that is no JSON object: {}",
                    error::clean(&data.chars().take(80).collect::<String>(), key)
                ),
            ));
        };
        if event.get("error").is_some_and(|e| !e.is_null()) {
            return Err(error::in_stream(&event.into(), self.passed_on, key));
        }
        if let Some(usage) = event.remove("usage").filter(Value::is_object) {
            self.usage = Some(usage);
        }
        let Some(Value::Array(choices)) = event.remove("choices") else {
            return Ok(());
        };
        for choice in choices {
            let Value::Object(choice) = choice else {
                continue;
            };
            self.choice(choice, out)?;
        }
        Ok(())
    }

    /// Takes in a piece of text.
    fn piece(&mut self, piece: Piece<'_>, out: &mut Queue) {
        let Piece { index, content, reasoning } = piece;
        let Some(choice) = self.choices.get_mut(index) else { return };
        if content.is_empty() && reasoning.is_empty() {
            return;
        }
        choice.tokens += 1;
        choice.reasoning += u64::from(content.is_empty());
        self.passed_on = true;
        // What came in one piece of the body is told in one: under load each step of the way is
        // then taken once for many tokens.
        if let Some((before, Ok(SampleEvent::Delta(delta)))) = out.back_mut()
            && *before == index
            && delta.extra.is_empty()
            && delta.logprobs.is_empty()
            && delta.content.is_empty() == content.is_empty()
            && delta.reasoning.is_empty() == reasoning.is_empty()
        {
            delta.content.push_str(&content);
            delta.reasoning.push_str(&reasoning);
            delta.tokens += 1;
            return;
        }
        let (content, reasoning) = (content.into_owned(), reasoning.into_owned());
        let delta = Delta { content, reasoning, tokens: 1, ..Delta::default() };
        out.push_back((index, Ok(SampleEvent::Delta(delta))));
    }

    fn choice(&mut self, mut event: Map<String, Value>, out: &mut Queue) -> Result<(), EngineError> {
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0) as usize;
        let Some(choice) = self.choices.get_mut(index) else {
            return Ok(());
        };
        let raw_logprobs = event.remove("logprobs");
        let confidences = confidences(raw_logprobs.as_ref());
        let logprobs = logprobs(raw_logprobs.as_ref());
        // A server that does not stream sends the whole message at once.
        let fields = event.remove("delta").or_else(|| event.remove("message"));
        if let Some(Value::Object(fields)) = fields {
            let mut delta = delta(fields);
            let is_empty = delta.content.is_empty() && delta.reasoning.is_empty() && delta.extra.is_empty();
            delta.tokens = match logprobs.len() as u64 {
                0 => u64::from(!is_empty),
                known => known,
            };
            if !is_empty || delta.tokens > 0 {
                choice.tokens += delta.tokens;
                choice.with_logprobs += logprobs.len() as u64;
                if delta.content.is_empty() && !delta.reasoning.is_empty() {
                    choice.reasoning += delta.tokens;
                }
                if !logprobs.is_empty() {
                    let tokens = raw_logprobs.and_then(|mut l| l.get_mut("content").map(Value::take));
                    delta.extra.extend(tokens.map(|tokens| (LOGPROBS.to_owned(), tokens)));
                }
                delta.logprobs = logprobs;
                delta.confidences = confidences;
                self.passed_on = true;
                out.push_back((index, Ok(SampleEvent::Delta(delta))));
            }
        }
        if let Some(reason) = event.get("finish_reason").and_then(Value::as_str) {
            choice.finish = Some(finish_reason(reason)?);
            choice.met_stop = met_stop(&event);
        }
        Ok(())
    }

    /// Ends the reply: a [`Finish`] for each choice that told why it ended, an error for others.
    pub(super) fn finish(&self, out: &mut Queue) {
        self.fail(&error::broke_off(self.passed_on), out);
    }

    /// Ends the reply by an error for each choice that had not told why it ended.
    pub(super) fn fail(&self, error: &EngineError, out: &mut Queue) {
        for (index, (choice, usage)) in self.choices.iter().zip(self.usages()).enumerate() {
            let event = match choice.finish {
                Some(reason) => {
                    Ok(SampleEvent::Finish(Finish { reason, word: None, usage, met_stop: choice.met_stop }))
                }
                None => Err(error.clone()),
            };
            out.push_back((index, event));
        }
    }

    fn usages(&self) -> Vec<Usage> {
        let told = |pointer: &str| {
            let count = self.usage.as_ref()?.pointer(pointer)?.as_u64()?;
            (count <= MOST_TOKENS).then_some(count)
        };
        let counted: u64 = self.choices.iter().map(|c| c.tokens).sum();
        let certain: u64 = self.choices.iter().map(|c| c.with_logprobs).sum();
        // A count that is smaller than what was seen is wrong: no piece of text has less than one
        // token, and llama.cpp counts one choice of n. One above the limit is wrong, too.
        let most = self.max_tokens.saturating_mul(self.choices.len() as u64).max(counted);
        let completion = told("/completion_tokens").filter(|told| (counted.max(certain)..=most).contains(told));
        let prompt = told("/prompt_tokens").filter(|&t| t > 0);
        let prompt_tokens = prompt.unwrap_or_else(|| self.prompt_chars.div_ceil(4));
        let cached = told("/prompt_tokens_details/cached_tokens").unwrap_or(0);
        let reasoning = told("/completion_tokens_details/reasoning_tokens");
        let one = self.choices.len() == 1;
        let usage = |(index, choice): (usize, &Choice)| {
            let tokens = match completion {
                Some(told) if one => told,
                Some(told) if told > counted && counted > 0 => {
                    let share = u128::from(told) * u128::from(choice.tokens) / u128::from(counted);
                    u64::try_from(share).unwrap_or(told)
                }
                _ => choice.tokens,
            };
            let exact = prompt.is_some() && completion.is_some_and(|c| one || c == counted);
            Usage {
                prompt: prompt_tokens,
                // The choices after the first share its work on the prompt.
                cached: if index == 0 { cached.min(prompt_tokens) } else { prompt_tokens },
                completion: tokens,
                reasoning: reasoning.filter(|_| one).unwrap_or(choice.reasoning).min(tokens),
                estimated: !exact,
                ..Usage::default()
            }
        };
        self.choices.iter().enumerate().map(usage).collect()
    }
}

fn logprobs(field: Option<&Value>) -> Vec<f32> {
    let tokens = field.and_then(|l| l["content"].as_array()).map(Vec::as_slice);
    let tokens = tokens.unwrap_or_default().iter();
    tokens.filter_map(|t| t["logprob"].as_f64()).map(|p| p as f32).collect()
}

/// Minus the mean log-probability of each token's most probable candidates; nothing where the
/// server gives no more than one of them.
fn confidences(field: Option<&Value>) -> Vec<f32> {
    let tokens = field.and_then(|l| l["content"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let one = |token: &Value| {
        let candidates: Vec<f64> =
            token["top_logprobs"].as_array()?.iter().filter_map(|c| c["logprob"].as_f64()).collect();
        (candidates.len() > 1).then(|| (-candidates.iter().sum::<f64>() / candidates.len() as f64) as f32)
    };
    // All or none, so that they can be compared.
    tokens.iter().map(one).collect::<Option<Vec<f32>>>().unwrap_or_default()
}

/// Whether a stop text ended the sample: vLLM tells it as `stop_reason`, `SGLang` as `matched_stop`;
/// a text is a stop text, a number is a token of the model's own. vLLM's null is the model's end.
fn met_stop(event: &Map<String, Value>) -> Option<bool> {
    let told = event.get("matched_stop").or_else(|| event.get("stop_reason"))?;
    Some(told.is_string())
}

fn delta(mut fields: Map<String, Value>) -> Delta {
    fields.remove("role");
    let mut text = |name: &str| match fields.get(name) {
        Some(Value::String(_)) => match fields.shift_remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        },
        _ => String::new(),
    };
    let content = text("content");
    let (reasoning, twin) = (text("reasoning_content"), text("reasoning"));
    fields.retain(|_, v| !(v.is_null() || v.as_array().is_some_and(Vec::is_empty)));
    Delta { content, reasoning: if reasoning.is_empty() { twin } else { reasoning }, extra: fields, ..Delta::default() }
}

fn finish_reason(reason: &str) -> Result<FinishReason, EngineError> {
    match reason {
        "length" | "max_tokens" => Ok(FinishReason::Length),
        "tool_calls" | "function_call" => Ok(FinishReason::ToolCalls),
        "content_filter" => Ok(FinishReason::ContentFilter),
        "abort" | "error" => Err(EngineError::new(
            Origin::Engine,
            format!("the engine ended the sample with the finish reason {reason}"),
        )),
        _ => Ok(FinishReason::Stop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_choice_that_ended_keeps_its_end_when_another_fails() {
        let mut assembler = Assembler::new(2, 8, 100);
        let mut out = Queue::new();
        let event = r#"{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}"#;
        assembler.push(event, None, &mut out).unwrap();
        assembler.finish(&mut out);
        assert!(matches!(out[1], (0, Err(_))));
        assert!(matches!(out[2], (1, Ok(SampleEvent::Finish(_)))));
    }

    #[test]
    fn stop_texts_and_confidences_are_told_apart_where_the_server_tells() {
        let read = |event: &str| {
            let mut assembler = Assembler::new(1, 8, 100);
            let mut out = Queue::new();
            assembler.push(event, None, &mut out).unwrap();
            assembler.finish(&mut out);
            let (mut confidences, mut met_stop) = (Vec::new(), None);
            for (_, event) in out {
                match event.unwrap() {
                    SampleEvent::Delta(delta) => confidences = delta.confidences,
                    SampleEvent::Finish(finish) => met_stop = finish.met_stop,
                    _ => {}
                }
            }
            (confidences, met_stop)
        };
        let event = r#"{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"logprob":-0.5,"top_logprobs":
            [{"logprob":-0.5},{"logprob":-1.5}]}]},"finish_reason":"stop","stop_reason":"\\n\\n"}]}"#;
        assert_eq!(read(event), (vec![1.0], Some(true)));
        let event = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop","matched_stop":151645}]}"#;
        assert_eq!(read(event), (vec![], Some(false)));
        let event = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop","stop_reason":null}]}"#;
        assert_eq!(read(event).1, Some(false));
        assert_eq!(read(r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#).1, None);
    }

    #[test]
    fn both_names_of_the_thought_are_read_once() {
        let fields = r#"{"reasoning":"hm","reasoning_content":"hm","content":null,"refusal":"no","tool_calls":[]}"#;
        let delta = delta(serde_json::from_str(fields).unwrap());
        assert_eq!((delta.reasoning.as_str(), delta.content.as_str()), ("hm", ""));
        assert_eq!(delta.extra.keys().collect::<Vec<_>>(), ["refusal"]);
    }

    proptest! {
        #[test]
        fn no_event_makes_it_panic_and_counts_stay_sane(
            events in prop::collection::vec(
                r#"\{("choices":\[(\{("index":[012],)?"delta":(null|7|\{"content":("x"|null|\[\])\})(,"finish_reason":"[a-z]{4}")?\}|3)?\],?)?("usage":(null|1|\{"completion_tokens":(-1|1\.5|[0-9]{1,20})\}))?\}|.{0,20}"#,
                0..8,
            ),
        ) {
            let mut assembler = Assembler::new(2, 8, 100);
            let mut out = Queue::new();
            for event in &events {
                let _ = assembler.push(event, None, &mut out);
            }
            assembler.finish(&mut out);
            for (index, event) in out {
                prop_assert!(index < 2);
                if let Ok(SampleEvent::Finish(finish)) = event {
                    prop_assert!(finish.usage.completion <= MOST_TOKENS);
                }
            }
        }
    }
}
