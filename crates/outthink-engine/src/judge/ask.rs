//! One closed question to a model, and its answer or nothing.

use futures_util::StreamExt as _;
use outthink_core::{
    Bill, Cost, Engine, EngineError, Origin, Price, Prompt, SampleEvent, SampleRequest, Sampling, Usage,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Generated tokens of one answer at most: the schema needs about ten.
const ANSWER_TOKENS: u64 = 48;
/// Bytes of a chat template's own words at most.
const TEMPLATE: u64 = 512;

/// A question with two possible answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    pub(super) system: String,
    pub(super) user: String,
    /// The one key of the answer.
    pub(super) key: &'static str,
    /// Its two values.
    pub(super) options: [&'static str; 2],
}

/// Asks closed questions.
pub(super) struct Ask {
    engine: Arc<dyn Engine>,
    pub(super) timeout: Duration,
}

impl Ask {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, timeout: Duration::from_mins(2) }
    }

    /// What a question costs at most: no text has more tokens than bytes.
    pub(super) fn most(&self, question: &Question) -> Bill {
        let prompt = question.system.len() as u64 + question.user.len() as u64 + TEMPLATE;
        let usage = Usage { prompt, completion: ANSWER_TOKENS, ..Usage::default() };
        Bill { tokens: prompt + ANSWER_TOKENS, cost: self.engine.price_bound().cost(&usage) }
    }

    /// Whether the answer is the first option; `None` if it is neither.
    ///
    /// # Errors
    /// If the engine fails.
    pub(super) async fn ask(&self, question: Question, seed: u64) -> Result<(Option<bool>, Bill), EngineError> {
        let mut prompt = Prompt::user(&question.user).with_system(&question.system);
        let schema = json!({
            "type": "object",
            "properties": { question.key: { "enum": question.options } },
            "required": [question.key],
            "additionalProperties": false
        });
        let format =
            json!({"type": "json_schema", "json_schema": {"name": "answer", "strict": true, "schema": schema}});
        prompt.extra.insert("response_format".into(), format);
        let request = SampleRequest {
            prompt: prompt.into(),
            seeds: vec![seed],
            max_tokens: Some(ANSWER_TOKENS),
            sampling: Sampling { temperature: Some(0.0), ..Sampling::default() },
            ..SampleRequest::default()
        };
        let nothing = || EngineError::new(Origin::Engine, "the judge gave no answer").retryable();
        let mut stream = self.engine.start(request).into_iter().next().ok_or_else(nothing)?;
        let (mut text, mut price) = (String::new(), self.engine.model().price);
        let (mut tokens, mut cost) = (0, Cost::ZERO);
        let mut spend = |usage: &Usage, price: Price| {
            tokens += usage.prompt + usage.completion;
            cost += price.cost(usage);
            Bill { tokens, cost }
        };
        while let Some(event) = stream.next().await {
            match event? {
                SampleEvent::Delta(delta) => text.push_str(&delta.content),
                SampleEvent::Started(source) => price = source.price,
                SampleEvent::Lost(usage) => drop(spend(&usage, price)),
                SampleEvent::Finish(finish) => return Ok((choice(&text, &question), spend(&finish.usage, price))),
                SampleEvent::Prompt { .. } | SampleEvent::Used(_) | SampleEvent::Note(_) => {}
            }
        }
        Err(nothing())
    }
}

/// The answer, if it is an object with the one key and one of its values; a code fence is allowed.
fn choice(text: &str, question: &Question) -> Option<bool> {
    let text = text.trim();
    let text = text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).unwrap_or(text);
    let text = text.strip_suffix("```").unwrap_or(text).trim();
    let Value::Object(object) = serde_json::from_str(text).ok()? else { return None };
    let given = object.get(question.key)?.as_str().filter(|_| object.len() == 1)?;
    question.options.iter().position(|option| *option == given).map(|at| at == 0)
}
