//! Supervised fine-tuning on worked solutions: next-token loss on the reply and not on the prompt.

use crate::error::TrainError;
use crate::measure::{check_vocabulary, prompt_tokens};
use crate::model::Model;
use crate::objective::Weighted;
use crate::optimizer::AdamWConfig;
use crate::rng::Rng;
use crate::schedule::Schedule;
use crate::tasks::{CharTokenizer, END, Split, THOUGHT, Task, Teacher, draw, level_in, prompt};
use crate::trainer::Trainer;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// A prompt with the reply to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The tokens, the reply's end included.
    pub tokens: Vec<u32>,
    /// How many of them are the prompt's.
    pub prompt: usize,
}

/// Where worked solutions come from.
pub trait Examples: Debug {
    /// The next one.
    ///
    /// # Errors
    ///
    /// What stands in a solution that the vocabulary does not hold.
    fn next(&mut self, rng: &mut Rng) -> Result<Example, TrainError>;
}

/// Solutions of a task as its teacher writes them, a new problem each time.
#[derive(Debug)]
pub struct Worked<'a> {
    /// The task.
    pub task: &'a dyn Task,
    /// Levels, drawn evenly.
    pub levels: RangeInclusive<u32>,
    /// The teacher's habits.
    pub teacher: Teacher,
    /// Share of solutions whose thought is cut at a random token and followed by the answer all the same. Only the
    /// answer is learnt from them: so a model can answer from an unfinished thought, and does not learn to
    /// leave its thoughts unfinished. The answer is the one that the thought has reached so far, where the task can
    /// read it, and otherwise the solution's.
    pub interrupt: f64,
    /// Solutions are learnt up to at most this many tokens, the prompt included; what is cut off has no answer and no
    /// end. The length is drawn for each solution, evenly on a logarithmic scale from [`SHORTEST_CLIP`], so that the
    /// beginnings, where nothing can be copied from earlier lines, weigh as much as what follows.
    pub clip: Option<usize>,
    /// Pieces out of the middle of long solutions, for models whose attention has a window.
    pub excerpts: Option<Excerpts>,
}

/// Pieces of solutions that are longer than [`Worked::clip`]. With a window nothing before the piece matters but what
/// the window holds, so a model can learn from pieces what stands in the middle and at the end of any length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excerpts {
    /// Share of solutions of which a piece is taken and not the beginning; every fourth piece is the end.
    pub share: f64,
    /// Tokens at a piece's beginning that are read and not learnt: the model's window.
    pub lead: usize,
}

/// The shortest length that solutions are cut to; see [`Worked::clip`].
pub const SHORTEST_CLIP: usize = 40;

impl Worked<'_> {
    fn draw_clip(&self, rng: &mut Rng) -> Option<usize> {
        let most = self.clip?;
        let ratio = most as f64 / SHORTEST_CLIP as f64;
        Some(if ratio <= 1.0 { most } else { (SHORTEST_CLIP as f64 * ratio.powf(rng.uniform())) as usize })
    }
}

impl Examples for Worked<'_> {
    fn next(&mut self, rng: &mut Rng) -> Result<Example, TrainError> {
        let problem = draw(self.task, level_in(&self.levels, rng), Split::Train, rng);
        let solution = self.task.solve(&problem.question, &self.teacher, rng).ok_or_else(|| {
            TrainError::setting("the task's question", format!("`{}`", problem.question), "one that it can solve")
        })?;
        let example = Example::new(&problem.question, &solution.reply())?;
        // No number is drawn where nothing is cut, so that such runs do not change.
        let cut = self.interrupt > 0.0 && rng.uniform() < self.interrupt;
        let clip = self.draw_clip(rng);
        if let (Some(excerpts), Some(clip)) = (self.excerpts, clip)
            && rng.uniform() < excerpts.share
        {
            let length = clip + excerpts.lead;
            if cut {
                let mut example = example.interrupted(self.task, None, rng)?;
                let most = example.tokens.len() - example.prompt + length;
                example.keep_last(most, 0);
                return Ok(example);
            }
            let mut example = example;
            if rng.below(4) > 0 {
                // A piece begins in the solution or at the prompt, and ends in the solution or at its end.
                let least = (excerpts.lead + 2).min(example.tokens.len());
                let end = least + rng.below(example.tokens.len() - least + 1);
                example.tokens.truncate(end);
            }
            example.keep_last(length, excerpts.lead);
            return Ok(example);
        }
        if cut {
            return example.interrupted(self.task, clip, rng);
        }
        let mut example = example;
        example.tokens.truncate(clip.unwrap_or(usize::MAX).max(example.prompt + 1));
        Ok(example)
    }
}

/// A fixed set of solutions in random order.
#[derive(Debug, Clone)]
pub struct Given {
    examples: Vec<Example>,
}

/// A line of a user's file.
#[derive(Debug, Deserialize)]
struct Line {
    prompt: String,
    completion: String,
}

impl Given {
    /// Reads JSON lines `{"prompt": .., "completion": ..}`; a completion is what follows `<think>`:
    /// the thought, `</think>`, `#### ` and the answer. Without `</think>` all of it is the answer's
    /// thought and stands as it is.
    ///
    /// # Errors
    ///
    /// The line that is broken, empty or longer than the model's context; an empty text.
    pub fn parse(text: &str, context: usize) -> Result<Self, TrainError> {
        let mut examples = Vec::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let bad =
                |need: String| TrainError::setting("the set of solutions", format!("broken at line {number}"), need);
            let line: Line = serde_json::from_str(line)
                .map_err(|e| bad(format!("an object with the texts `prompt` and `completion` ({e})")))?;
            let example = Example::new(&line.prompt, &line.completion).map_err(|e| bad(e.to_string()))?;
            if example.tokens.len() > context {
                return Err(bad(format!("at most the context of {context} tokens; it has {}", example.tokens.len())));
            }
            examples.push(example);
        }
        if examples.is_empty() {
            return Err(TrainError::setting("the set of solutions", "empty", "at least one line"));
        }
        Ok(Self { examples })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Never: an empty set is refused.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }
}

impl Examples for Given {
    fn next(&mut self, rng: &mut Rng) -> Result<Example, TrainError> {
        Ok(self.examples[rng.below(self.examples.len())].clone())
    }
}

impl Example {
    /// A question with the reply that follows its prompt.
    ///
    /// # Errors
    ///
    /// A character outside of the vocabulary.
    pub fn new(question: &str, reply: &str) -> Result<Self, TrainError> {
        let mut tokens = prompt_tokens(question)?;
        let prompt_len = tokens.len();
        let reply = CharTokenizer
            .encode(reply)
            .map_err(|e| TrainError::setting("a reply", format!("to `{}`", prompt(question)), e.to_string()))?;
        tokens.extend(reply);
        tokens.push(END);
        Ok(Self { tokens, prompt: prompt_len })
    }

    /// Keeps the last tokens, `length` of them at most. Where the beginning is lost, at least `lead` tokens are the
    /// prompt's.
    fn keep_last(&mut self, length: usize, lead: usize) {
        let lost = self.tokens.len().saturating_sub(length.max(2));
        if lost > 0 {
            self.tokens.drain(..lost);
            let last = self.tokens.len() - 1;
            self.prompt = self.prompt.saturating_sub(lost).max(lead).clamp(1, last);
        }
    }

    /// The same with the thought cut at a random token before `clip`, and all before the answer as the prompt.
    fn interrupted(mut self, task: &dyn Task, clip: Option<usize>, rng: &mut Rng) -> Result<Self, TrainError> {
        let Some(end) = self.tokens.iter().rposition(|t| *t == THOUGHT).filter(|end| *end > self.prompt) else {
            return Ok(self);
        };
        let last = clip.map_or(end, |clip| end.min(clip.max(self.prompt + 1)));
        let cut = self.prompt + rng.below(last - self.prompt);
        let thought = CharTokenizer.decode(&self.tokens[self.prompt..cut]);
        if let Some(answer) = task.answer_so_far(&thought) {
            self.tokens.truncate(cut);
            let rest = CharTokenizer
                .encode(&format!("</think>#### {answer}"))
                .map_err(|e| TrainError::setting("an answer", answer, e.to_string()))?;
            self.tokens.extend(rest);
            self.tokens.push(END);
        } else {
            self.tokens.drain(cut..end);
        }
        self.prompt = cut + 1;
        Ok(self)
    }
}

/// Settings of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftConfig {
    /// Solutions of a step.
    pub batch: usize,
    /// Learning rates.
    pub schedule: Schedule,
    /// The optimizer.
    pub adam: AdamWConfig,
    /// Seed.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SftStep {
    /// The step, from 1.
    pub step: u64,
    /// Mean loss of a reply's token, in nats.
    pub loss: f64,
    /// Norm of the gradient.
    pub norm: f64,
    /// Tokens read since the beginning, prompts included.
    pub tokens: u64,
}

/// A run.
#[derive(Debug)]
pub struct Sft<'a> {
    trainer: Trainer,
    examples: &'a mut dyn Examples,
    config: SftConfig,
    step: u64,
    tokens: u64,
}

impl<'a> Sft<'a> {
    /// A run that begins with a model.
    ///
    /// # Errors
    ///
    /// Settings that cannot work, or a model of another vocabulary.
    pub fn new(model: Model, examples: &'a mut dyn Examples, config: SftConfig) -> Result<Self, TrainError> {
        check_vocabulary(&model)?;
        config.schedule.check()?;
        if config.batch == 0 {
            return Err(TrainError::setting("the batch", 0, "at least 1"));
        }
        let trainer = Trainer::new(model, config.adam, config.threads);
        Ok(Self { trainer, examples, config, step: 0, tokens: 0 })
    }

    /// The model as it is now.
    pub fn model(&self) -> &Model {
        self.trainer.model()
    }

    /// The model at the end.
    pub fn into_model(self) -> Model {
        self.trainer.into_model()
    }

    /// Whether all steps were made.
    pub fn is_done(&self) -> bool {
        self.step >= self.config.schedule.steps
    }

    /// Makes one step.
    ///
    /// # Errors
    ///
    /// A solution that the model cannot read, or a loss that is no number.
    pub fn step(&mut self) -> Result<SftStep, TrainError> {
        let mut rng = Rng::stream(self.config.seed, self.step + 1);
        let examples = (0..self.config.batch).map(|_| self.examples.next(&mut rng)).collect::<Result<Vec<_>, _>>()?;
        let learnt: usize = examples.iter().map(|e| e.tokens.len() - e.prompt).sum();
        let weight = 1.0 / learnt.max(1) as f32;
        let weights: Vec<Vec<f32>> = (examples.iter())
            .map(|e| (0..e.tokens.len()).map(|at| if at < e.prompt { 0.0 } else { weight }).collect())
            .collect();
        let sequences: Vec<&[u32]> = examples.iter().map(|e| e.tokens.as_slice()).collect();
        let rate = self.config.schedule.rate(self.step);
        let found = self.trainer.step(&sequences, &Weighted { weights: &weights }, rate)?;
        self.step += 1;
        self.tokens += sequences.iter().map(|s| s.len() as u64).sum::<u64>();
        Ok(SftStep { step: self.step, loss: found.loss, norm: found.norm, tokens: self.tokens })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::task;

    fn worked(task: &dyn Task, interrupt: f64) -> Worked<'_> {
        let excerpts = Some(Excerpts { share: 1.0, lead: 96 });
        Worked { task, levels: 1..=3, teacher: Teacher::default(), interrupt, clip: Some(300), excerpts }
    }

    #[test]
    fn pieces_are_short_and_come_from_everywhere() {
        let task = task("recheck:5:999").unwrap();
        let mut rng = Rng::stream(4, 0);
        let (mut begins, mut ends, mut middles) = (0, 0, 0);
        for _ in 0..400 {
            let piece = worked(&*task, 0.0).next(&mut rng).unwrap();
            assert!(piece.tokens.len() <= 396 && piece.prompt < piece.tokens.len());
            let text = CharTokenizer.decode(&piece.tokens);
            let (begin, end) = (text.contains("<think>"), piece.tokens.last() == Some(&END));
            // What the window may not hold is not learnt.
            assert!(begin || piece.prompt >= 96.min(piece.tokens.len() - 1), "{text}");
            begins += u32::from(begin);
            ends += u32::from(end);
            middles += u32::from(!begin && !end);
        }
        assert!(begins > 20 && ends > 60 && middles > 60, "{begins} {ends} {middles}");
    }

    #[test]
    fn of_interrupted_pieces_the_answer_alone_is_learnt() {
        let task = task("recheck:5:999").unwrap();
        let mut rng = Rng::stream(5, 0);
        for _ in 0..200 {
            let piece = worked(&*task, 1.0).next(&mut rng).unwrap();
            let learnt = CharTokenizer.decode(&piece.tokens[piece.prompt..]);
            assert!(learnt.starts_with("#### "), "{learnt}");
            assert!(CharTokenizer.decode(&piece.tokens[..piece.prompt]).ends_with("</think>"), "{piece:?}");
        }
    }
}
