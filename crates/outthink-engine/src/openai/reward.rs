//! Reward models behind a server, by the shapes that vLLM gives them.

use super::http::{Accept, Place};
use super::wire::{Wire, refusal};
use super::{OpenAiOptions, connect, error};
use outthink_core::{Bill, EngineError, Judging, Origin, Price, Prompt, Sample, Usage, Verdict, Verifier};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of a reply at most.
const REPLY_LIMIT: usize = 8 << 20;
/// Bytes of a template's own words at most.
const TEMPLATE: u64 = 256;

/// How a server is asked for a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewardShape {
    /// `POST /pooling` with the conversation: one number for an outcome model; for a process model
    /// one row for each step, of which the last number is the probability that the step is right.
    Pooling,
    /// `POST /score` with question and reply as two texts: one number.
    Score,
    /// `POST /classify` with question and reply as one text: the probability of the last class.
    Classify,
}

impl RewardShape {
    /// Their names.
    pub const NAMES: [&'static str; 3] = ["pooling", "score", "classify"];

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "pooling" => Some(Self::Pooling),
            "score" => Some(Self::Score),
            "classify" => Some(Self::Classify),
            _ => None,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Pooling => "pooling",
            Self::Score => "score",
            Self::Classify => "classify",
        }
    }
}

/// An outcome or process reward model over HTTP.
///
/// A number outside [0, 1] is taken for a logit and brought there by the logistic function, which
/// keeps the order; what it means as a probability is for calibration to say.
pub struct RewardModel {
    name: String,
    wire: Wire,
    model: String,
    shape: RewardShape,
    price: Price,
}

impl std::fmt::Debug for RewardModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RewardModel").field("model", &self.model).field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl RewardModel {
    /// A reward model; its price is that of its prompt tokens.
    ///
    /// # Errors
    /// If the address is not valid or no model is named.
    pub fn new(options: OpenAiOptions, shape: RewardShape) -> Result<Self, EngineError> {
        let Some(model) = options.model.clone() else {
            return Err(EngineError::new(Origin::Caller, "no reward model is named")
                .with_hint("give its name as the server lists it"));
        };
        let price = options.price;
        Ok(Self { name: format!("reward model {model}"), wire: connect::wire(options)?, model, shape, price })
    }

    /// vLLM has these paths beside its `/v1`.
    fn url(&self) -> String {
        let root = self.wire.endpoint.strip_suffix("/v1").unwrap_or(&self.wire.endpoint);
        format!("{root}/{}", self.shape.path())
    }

    fn body(&self, prompt: &Prompt, sample: &Sample) -> Value {
        let reply = if sample.content.trim().is_empty() { &sample.reasoning } else { &sample.content };
        let question = prompt.last_user_text().unwrap_or_default();
        match self.shape {
            RewardShape::Pooling => {
                let mut messages = prompt.messages.clone();
                messages.push(json!({"role": "assistant", "content": reply}));
                json!({"model": self.model, "messages": messages})
            }
            RewardShape::Score => json!({"model": self.model, "text_1": question, "text_2": reply}),
            RewardShape::Classify => json!({"model": self.model, "input": format!("{question}\n\n{reply}")}),
        }
    }

    async fn ask(&self, prompt: &Prompt, sample: &Sample) -> Result<Value, EngineError> {
        let body = self.body(prompt, sample).to_string().into();
        let reply = self.wire.client.post(&Place::new(&self.url())?, Accept::Anything, body).await;
        let mut response = reply.map_err(|e| error::of_transport(e, false))?;
        if !response.status().is_success() {
            return Err(refusal(response, &self.wire).await.0);
        }
        let text = response.text(REPLY_LIMIT).await.map_err(|e| error::of_transport(e, false))?;
        serde_json::from_str(&text).map_err(|_| error::not_a_stream("something that is not JSON"))
    }

    fn bill(&self, reply: &Value, most: Bill) -> Bill {
        let count = |name: &str| reply["usage"][name].as_u64().filter(|&t| t > 0);
        // A server that counts nothing is billed at the bound.
        let Some(prompt) = count("prompt_tokens").or_else(|| count("total_tokens")) else { return most };
        let usage = Usage { prompt, ..Usage::default() };
        Bill { tokens: prompt, cost: self.price.cost(&usage) }
    }
}

fn unit(x: f64) -> f64 {
    if (0.0..=1.0).contains(&x) { x } else { 1.0 / (1.0 + (-x).exp()) }
}

/// The score, and those of the steps, in a server's reply.
fn read(reply: &Value, shape: RewardShape) -> Option<(f64, Vec<f64>)> {
    let first = &reply["data"][0];
    let finite = |v: &Value| v.as_f64().filter(|x| x.is_finite()).map(unit);
    match shape {
        RewardShape::Score => finite(&first["score"]).map(|s| (s, Vec::new())),
        RewardShape::Classify => finite(first["probs"].as_array()?.last()?).map(|s| (s, Vec::new())),
        RewardShape::Pooling => {
            let data = &first["data"];
            let Some(rows) = data.as_array() else { return finite(data).map(|s| (s, Vec::new())) };
            if rows.first().is_some_and(Value::is_array) {
                let last = |row: &Value| finite(row.as_array()?.last()?);
                let steps = rows.iter().map(last).collect::<Option<Vec<f64>>>()?;
                return match steps[..] {
                    [only] => Some((only, Vec::new())),
                    _ => steps.last().copied().map(|s| (s, steps.clone())),
                };
            }
            // One number; of several the last is the class of right replies.
            finite(rows.last()?).map(|s| (s, Vec::new()))
        }
    }
}

impl Verifier for RewardModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn most(&self, prompt: &Prompt, sample: &Sample) -> Bill {
        let prompt = self.body(prompt, sample).to_string().len() as u64 + TEMPLATE;
        Bill { tokens: prompt, cost: self.price.bound().cost(&Usage { prompt, ..Usage::default() }) }
    }

    fn timeout(&self) -> Duration {
        self.wire.timeouts.first_token
    }

    fn score<'a>(&'a self, prompt: &'a Prompt, sample: &'a Sample) -> Judging<'a, Verdict> {
        Box::pin(async move {
            let _place = self.wire.permits.acquire().await;
            let limit = self.wire.timeouts.first_token;
            let reply = timeout(limit, self.ask(prompt, sample)).await;
            let reply = reply.map_err(|_| error::timeout("the reward model gave no score", limit, false))??;
            let bill = self.bill(&reply, self.most(prompt, sample));
            let (score, steps) = read(&reply, self.shape).map_or((None, Vec::new()), |(s, steps)| (Some(s), steps));
            Ok(Verdict { score, steps, bill })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_from_each_shape_and_from_nothing_else() {
        use RewardShape::{Classify, Pooling, Score};
        for (reply, shape, score) in [
            (json!({"data": [{"score": 0.75}]}), Score, Some((0.75, vec![]))),
            (json!({"data": [{"label": "x", "probs": [0.25, 0.75]}]}), Classify, Some((0.75, vec![]))),
            (json!({"data": [{"data": [0.5]}]}), Pooling, Some((0.5, vec![]))),
            (json!({"data": [{"data": [[0.5]]}]}), Pooling, Some((0.5, vec![]))),
            (json!({"data": [{"data": [[0.25, 0.75], [0.5, 0.5]]}]}), Pooling, Some((0.5, vec![0.75, 0.5]))),
            (json!({"data": [{"data": [0.0]}]}), Pooling, Some((0.0, vec![]))),
            (json!({"data": [{"data": []}]}), Pooling, None),
            (json!({"data": [{"data": [["x"]]}]}), Pooling, None),
            (json!({"error": "no"}), Score, None),
            (json!({"data": [{"score": null}]}), Score, None),
        ] {
            assert_eq!(read(&reply, shape), score, "{reply}");
        }
        let (logit, _) = read(&json!({"data": [{"score": -3.0}]}), Score).unwrap();
        assert!((logit - 0.0474).abs() < 1e-3);
    }
}
