//! Replies of a model to problems, and how many of them are right.

use crate::error::TrainError;
use crate::model::Model;
use crate::sample::{Ending, SampleOptions};
use crate::tasks::{CharTokenizer, END, Grade, Problem, Task, TaskError, VOCABULARY, Verdict, prompt};
use serde::Serialize;

/// How replies are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measuring {
    /// Replies to each problem; with temperature 0 they are all the same.
    pub samples: usize,
    /// Softmax temperature; 0 is greedy.
    pub temperature: f64,
    /// Tokens of a reply at most; what is longer has no answer.
    pub max_tokens: usize,
    /// Seed.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

impl Measuring {
    /// One greedy reply to each problem.
    pub fn greedy(max_tokens: usize, threads: usize) -> Self {
        Self { samples: 1, temperature: 0.0, max_tokens, seed: 0, threads }
    }
}

/// One reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Its tokens, the one that ends it included.
    pub tokens: Vec<u32>,
    /// The log-probability of each under the model at temperature 1.
    pub log_probs: Vec<f32>,
    /// Whether it ended by itself.
    pub ended: bool,
    /// What it deserves: a reply that did not end has no answer.
    pub grade: Grade,
}

impl Reply {
    /// Its text, without the mark that ends it.
    pub fn text(&self) -> String {
        CharTokenizer.decode(self.tokens.strip_suffix(&[END]).unwrap_or(&self.tokens))
    }
}

/// What a model did on a set of problems.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measured {
    /// Problems.
    pub problems: usize,
    /// Replies to each.
    pub samples: usize,
    /// Share of replies that are right.
    pub accuracy: f64,
    /// Mean tokens of a reply.
    pub tokens: f64,
    /// Share of replies that did not end or hold no answer.
    pub unanswered: f64,
    /// Share of replies that claim what is not so.
    pub false_claims: f64,
    /// Right replies of each problem.
    #[serde(skip)]
    pub right: Vec<u64>,
}

/// Checks that a model speaks the vocabulary of generated tasks.
///
/// # Errors
///
/// A model of another vocabulary.
pub fn check_vocabulary(model: &Model) -> Result<(), TrainError> {
    if model.config().vocab == VOCABULARY {
        return Ok(());
    }
    let need = format!("{VOCABULARY}, the characters of generated tasks: train the model with the character tokenizer");
    Err(TrainError::setting("the model's vocabulary", model.config().vocab, need))
}

/// The tokens of a question's prompt.
///
/// # Errors
///
/// A question with characters outside of the vocabulary.
pub(crate) fn prompt_tokens(question: &str) -> Result<Vec<u32>, TrainError> {
    CharTokenizer
        .encode(&prompt(question))
        .map_err(|e: TaskError| TrainError::setting("a question", format!("`{question}`"), e.to_string()))
}

/// Draws `samples` replies to each problem and grades them.
///
/// # Errors
///
/// A model of another vocabulary, or a context too short for the prompts.
pub fn replies(
    model: &Model,
    task: &dyn Task,
    problems: &[Problem],
    how: &Measuring,
) -> Result<Vec<Vec<Reply>>, TrainError> {
    check_vocabulary(model)?;
    let mut prompts = Vec::with_capacity(problems.len() * how.samples);
    for problem in problems {
        let tokens = prompt_tokens(&problem.question)?;
        prompts.extend((0..how.samples).map(|_| tokens.clone()));
    }
    let options = SampleOptions {
        temperature: how.temperature,
        max_tokens: how.max_tokens,
        stop: Some(END),
        seed: how.seed,
        threads: how.threads,
        ..SampleOptions::default()
    };
    let mut sampled = model.sample(&prompts, &options)?.into_iter();
    let graded = problems.iter().map(|problem| {
        sampled
            .by_ref()
            .take(how.samples)
            .map(|sampled| {
                let ended = sampled.ending == Ending::Stop;
                let reply = Reply {
                    tokens: sampled.tokens,
                    log_probs: sampled.log_probs,
                    ended,
                    grade: Grade { score: 0.0, answer: None, verdict: Verdict::NoAnswer },
                };
                let grade = if ended { task.grade(problem, &reply.text()) } else { return reply };
                Reply { grade, ..reply }
            })
            .collect()
    });
    Ok(graded.collect())
}

/// How many replies of a model to a set of problems are right.
///
/// # Errors
///
/// As [`replies`].
pub fn measure(model: &Model, task: &dyn Task, problems: &[Problem], how: &Measuring) -> Result<Measured, TrainError> {
    let drawn = replies(model, task, problems, how)?;
    let all = || drawn.iter().flatten();
    let n = all().count().max(1) as f64;
    let share = |verdict| all().filter(|r| r.grade.verdict == verdict).count() as f64 / n;
    Ok(Measured {
        problems: problems.len(),
        samples: how.samples,
        accuracy: share(Verdict::Right),
        tokens: all().map(|r| r.tokens.len() as f64).sum::<f64>() / n,
        unanswered: share(Verdict::NoAnswer),
        false_claims: share(Verdict::FalseClaim),
        right: drawn
            .iter()
            .map(|group| group.iter().filter(|r| r.grade.verdict == Verdict::Right).count() as u64)
            .collect(),
    })
}
