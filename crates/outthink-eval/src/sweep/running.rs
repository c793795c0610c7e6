//! A sample while it is drawn.

use crate::store::{Cell, LogprobSummary, Problem, SampleRecord};
use outthink_core::{Cost, Finish, Price, SampleEvent, Usage};
use outthink_verify::Grader;
use tokio::time::Instant;

/// What is known of a sample that runs.
pub(super) struct Running {
    pub(super) cell: Cell,
    /// What is held for it.
    pub(super) held: Cost,
    /// Tokens that were generated so far.
    pub(super) tokens: u64,
    seed: u64,
    began: Instant,
    prompt: Option<(u64, u64)>,
    prompt_bytes: u64,
    content: String,
    reasoning: String,
    logprobs: LogprobSummary,
    /// What the engine that works on it charges, where that is another price than the sweep's.
    price: Option<Price>,
    /// Whether an engine works on it, so that its prompt is read.
    started: bool,
    /// What attempts that failed had spent, and what that cost.
    lost: (Usage, Cost),
}

impl Running {
    pub(super) fn new(cell: Cell, seed: u64, held: Cost, prompt_bytes: u64) -> Self {
        Self {
            cell,
            held,
            tokens: 0,
            seed,
            began: Instant::now(),
            prompt: None,
            prompt_bytes,
            content: String::new(),
            reasoning: String::new(),
            logprobs: LogprobSummary::default(),
            price: None,
            started: false,
            lost: (Usage::default(), Cost::ZERO),
        }
    }

    /// Takes an event in and says how many tokens it brought; `price` is that of the sweep's model.
    pub(super) fn take(&mut self, event: SampleEvent, price: &Price) -> u64 {
        match event {
            SampleEvent::Started(source) => {
                self.price = Some(source.price);
                self.started = true;
            }
            SampleEvent::Lost(usage) => {
                self.lost.0 += usage;
                self.lost.1 += self.price.as_ref().unwrap_or(price).cost(&usage);
                self.started = false;
                return usage.completion;
            }
            SampleEvent::Note(words) => tracing::warn!(%words, "a sample of the sweep"),
            SampleEvent::Prompt { tokens, cached } => self.prompt = Some((tokens, cached)),
            SampleEvent::Used(usage) => self.prompt = Some((usage.prompt, usage.cached)),
            SampleEvent::Delta(delta) => {
                self.content.push_str(&delta.content);
                self.reasoning.push_str(&delta.reasoning);
                for logprob in &delta.logprobs {
                    self.logprobs.add(f64::from(*logprob));
                }
                self.tokens += delta.tokens;
                return delta.tokens;
            }
            SampleEvent::Finish(_) => {}
        }
        0
    }

    /// The sample as it is stored.
    pub(super) fn record(self, finish: &Finish, problem: &Problem, price: &Price) -> SampleRecord {
        let mut usage = finish.usage;
        if let (0, Some((tokens, cached))) = (usage.prompt, self.prompt) {
            (usage.prompt, usage.cached) = (tokens, cached);
        }
        if usage.completion == 0 && self.tokens > 0 {
            usage.completion = self.tokens;
            usage.estimated = true;
        }
        // What was cut, filtered or interrupted states no answer.
        let whole = Some(&self.content).filter(|_| finish.reason.is_complete());
        let grader = Grader::new(problem.gold.as_deref().unwrap_or_default(), problem.question.as_deref());
        let graded = whole.map(|text| grader.grade(text));
        SampleRecord {
            cell: self.cell,
            seed: self.seed,
            correct: graded.as_ref().is_some_and(|graded| graded.correct),
            answer: graded.and_then(|graded| graded.answer).map(|answer| answer.text),
            content: self.content,
            reasoning: self.reasoning,
            cost: self.lost.1 + self.price.as_ref().unwrap_or(price).cost(&usage),
            usage: usage + self.lost.0,
            logprobs: self.logprobs,
            score: None,
            finish: Some(finish.reason),
            seconds: self.began.elapsed().as_secs_f64(),
            judge: None,
            credit: None,
        }
    }

    /// What it has cost until now: the prompt, as far as known, and what was generated.
    pub(super) fn cost_so_far(&self, price: &Price) -> Cost {
        let read = self.started || self.tokens > 0 || self.price.is_none();
        let (prompt, cached) = self.prompt.unwrap_or((if read { self.prompt_bytes } else { 0 }, 0));
        let usage = Usage { prompt, cached, completion: self.tokens, ..Usage::default() };
        self.lost.1 + self.price.as_ref().unwrap_or(price).cost(&usage)
    }
}
