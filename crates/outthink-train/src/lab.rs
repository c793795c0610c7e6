//! The three laws on one machine: pre-training over sizes and data, reinforcement learning over
//! steps, and thinking over samples and tokens.
//!
//! A [`Plan`] names every budget in tokens and steps, so that the same plan and seed give the same
//! figures on every machine; only how long that takes differs.

use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::measure::{Measured, Measuring, measure, replies};
use crate::model::Model;
use crate::objective::EveryToken;
use crate::optimizer::AdamWConfig;
use crate::rl::{Finish, Rl, RlConfig};
use crate::rng::Rng;
use crate::schedule::{Decay, Schedule};
use crate::sft::{Sft, SftConfig, Worked};
use crate::tasks::{Problem, Split, Task, Teacher, VOCABULARY, problems};
use crate::thinking::{Choice, Forcing, Point, by_length, by_samples};
use crate::trainer::Trainer;
use serde::Serialize;
use std::ops::RangeInclusive;

/// Tokens of a window of text.
const WINDOW: usize = 64;
/// Windows of a step.
const WINDOWS: usize = 16;
/// Windows of held-out text.
const HELD_OUT: usize = 128;
/// Bytes are the tokens of text.
const BYTES: usize = 256;

/// All budgets of a laboratory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Width and layers of the models of the grid.
    pub sizes: Vec<(usize, usize)>,
    /// Tokens of text that each of them reads.
    pub data: Vec<u64>,
    /// Width, layers and tokens of the model that is forecast.
    pub forecast: (usize, usize, u64),
    /// Width and layers of the model that reasons.
    pub reasoner: (usize, usize),
    /// Levels of the chains that it is taught and measured on.
    pub levels: RangeInclusive<u32>,
    /// How its worked solutions were written.
    pub teacher: Teacher,
    /// Steps of supervised fine-tuning, and solutions of each.
    pub sft: (u64, usize),
    /// Reinforcement learning.
    pub rl: RlConfig,
    /// Steps between its evaluations.
    pub every: u64,
    /// Held-out problems.
    pub problems: usize,
    /// Samples of each for the curves.
    pub samples: usize,
    /// Seed.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

impl Plan {
    /// The plan that takes about this many minutes on two cores of a server of 2023.
    pub fn of_minutes(minutes: u32, seed: u64, threads: usize) -> Self {
        let big = minutes >= 10;
        // Budgets grow in proportion; sizes in steps, because a larger model needs more of everything.
        let scale = f64::from(minutes.clamp(1, 600)) / 3.0;
        let grow = |base: u64| (base as f64 * scale) as u64;
        let rl = RlConfig {
            levels: 2..=3,
            prompts: 16,
            steps: if big { grow(12) } else { 40 },
            rate: 5e-4,
            seed,
            threads,
            ..RlConfig::default()
        };
        Self {
            sizes: if big { vec![(16, 1), (24, 2), (32, 2), (48, 3)] } else { vec![(8, 1), (16, 1), (24, 2), (32, 2)] },
            data: [1, 2, 4, 8].map(|times| times * grow(60_000).min(400_000)).to_vec(),
            forecast: if big { (64, 4, 16 * grow(60_000).min(400_000)) } else { (48, 2, 16 * grow(60_000)) },
            reasoner: (64, 2),
            levels: 1..=3,
            // Label noise makes a reply at temperature 1 wrong now and then, which a vote and reinforcement can fix.
            teacher: Teacher { label_noise: 0.07, ..Teacher::default() },
            sft: (grow(3_000).min(8_000), 16),
            rl,
            every: 10,
            problems: if big { 300 } else { 150 },
            samples: 32,
            seed,
            threads,
        }
    }
}

/// One run of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pretrained {
    /// Parameters without embeddings.
    pub params: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Loss on held-out text, in nats a byte.
    pub loss: f64,
}

/// Accuracy after some steps of reinforcement learning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Learnt {
    /// Steps so far.
    pub step: u64,
    /// Generated tokens so far.
    pub tokens: u64,
    /// At temperature 1.
    pub sampled: Measured,
    /// Greedy.
    pub greedy: Measured,
}

/// Text to read, and text to be measured on.
#[derive(Debug, Clone)]
pub struct Text {
    read: Vec<u8>,
    held_out: Vec<u8>,
}

impl Text {
    /// Splits a text: its last tenth is held out.
    ///
    /// # Errors
    ///
    /// A text too short to hold both.
    pub fn new(text: &[u8]) -> Result<Self, TrainError> {
        let need = 10 * WINDOW * 4;
        if text.len() < need {
            return Err(TrainError::setting(
                "the text",
                format!("{} bytes long", text.len()),
                format!("at least {need}"),
            ));
        }
        let (read, held_out) = text.split_at(text.len() / 10 * 9);
        Ok(Self { read: read.to_vec(), held_out: held_out.to_vec() })
    }

    /// Bytes that can be read.
    pub fn len(&self) -> usize {
        self.read.len()
    }

    /// Never: a text too short is refused.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty()
    }
}

fn window(text: &[u8], at: usize) -> Vec<u32> {
    text[at..=at + WINDOW].iter().map(|b| u32::from(*b)).collect()
}

/// Pre-trains one model on text and measures its loss on text that it has not read.
///
/// # Errors
///
/// A shape that cannot be computed, or a loss that is no number.
pub fn pretrain(
    text: &Text,
    (d_model, layers): (usize, usize),
    tokens: u64,
    (seed, threads): (u64, usize),
) -> Result<Pretrained, TrainError> {
    let config = ModelConfig::sized(BYTES, WINDOW, d_model, layers);
    let steps = tokens.div_ceil((WINDOW * WINDOWS) as u64).max(1);
    // Wider models want smaller steps (Yang et al. 2022).
    let peak = 6e-3 * (32.0 / d_model as f32).sqrt();
    let schedule = Schedule { peak, warmup: steps / 10, steps, decay: Decay::Cosine };
    let mut trainer = Trainer::new(Model::new(config, seed)?, AdamWConfig::default(), threads);
    let weight = 1.0 / (WINDOW * WINDOWS) as f32;
    for step in 0..steps {
        let mut rng = Rng::stream(seed, step + 1);
        let windows: Vec<Vec<u32>> =
            (0..WINDOWS).map(|_| window(&text.read, rng.below(text.read.len() - WINDOW))).collect();
        trainer.step(&windows, &EveryToken { weight }, schedule.rate(step))?;
    }
    let most = (text.held_out.len() - 1) / WINDOW;
    let windows: Vec<Vec<u32>> = (0..most.min(HELD_OUT)).map(|i| window(&text.held_out, i * WINDOW)).collect();
    let found = trainer.model().log_probs(&windows, threads)?;
    let loss = -found.iter().flatten().map(|l| f64::from(*l)).sum::<f64>() / (windows.len() * WINDOW) as f64;
    Ok(Pretrained { params: config.body_parameters(), tokens: steps * (WINDOW * WINDOWS) as u64, loss })
}

/// Teaches a fresh model on worked solutions of a task.
///
/// # Errors
///
/// As [`Sft`].
pub fn teach(task: &dyn Task, plan: &Plan, progress: &mut dyn FnMut(u64, f64)) -> Result<Model, TrainError> {
    let (d_model, layers) = plan.reasoner;
    let context = (task.longest(*plan.levels.end()) * 2 + 64).next_multiple_of(32);
    // Four heads look at the value so far, the operator, the operand and the place.
    let config = ModelConfig { heads: 4, tied: false, ..ModelConfig::sized(VOCABULARY, context, d_model, layers) };
    let mut worked =
        Worked { task, levels: plan.levels.clone(), teacher: plan.teacher, interrupt: 0.0, clip: None, excerpts: None };
    let sft = SftConfig {
        batch: plan.sft.1,
        schedule: Schedule { peak: 5e-3, warmup: 20, steps: plan.sft.0, decay: Decay::Cosine },
        adam: AdamWConfig { beta2: 0.99, weight_decay: 0.01, ..AdamWConfig::default() },
        seed: plan.seed,
        threads: plan.threads,
    };
    let mut sft = Sft::new(Model::new(config, plan.seed)?, &mut worked, sft)?;
    while !sft.is_done() {
        let row = sft.step()?;
        progress(row.step, row.loss);
    }
    Ok(sft.into_model())
}

/// Reinforcement learning with an evaluation on held-out problems every so often; gives the model
/// to keep, the curve and how it finished.
///
/// # Errors
///
/// As [`Rl`].
pub fn reinforce(
    model: Model,
    task: &dyn Task,
    (plan, held_out): (&Plan, &[Problem]),
    progress: &mut dyn FnMut(&Learnt),
) -> Result<(Model, Vec<Learnt>, Finish), TrainError> {
    let most = plan.rl.reply_tokens(task);
    let at = |model: &Model, step, tokens| -> Result<Learnt, TrainError> {
        let how = Measuring { samples: 4, temperature: 1.0, max_tokens: most, seed: 9, threads: plan.threads };
        let sampled = measure(model, task, held_out, &how)?;
        let greedy = measure(model, task, held_out, &Measuring::greedy(most, plan.threads))?;
        Ok(Learnt { step, tokens, sampled, greedy })
    };
    let mut curve = vec![at(&model, 0, 0)?];
    progress(&curve[0]);
    let mut rl = Rl::new(model, task, plan.rl.clone())?;
    loop {
        let (row, finish) = rl.step()?;
        if row.step.is_multiple_of(plan.every) || finish.is_some() {
            let point = at(rl.model(), row.step, row.tokens)?;
            progress(&point);
            curve.push(point);
        }
        if let Some(finish) = finish {
            return Ok((rl.into_model(&finish), curve, finish));
        }
    }
}

/// Accuracy against thinking of one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Thought {
    /// Against samples, by vote.
    pub vote: Vec<Point>,
    /// Against samples, by the exact check.
    pub check: Vec<Point>,
    /// Against samples, by the mean log-probability.
    pub log_prob: Vec<Point>,
    /// Against tokens of thought: forced short, as they come, and forced longer.
    pub length: Vec<Point>,
}

/// Measures a model against samples and against tokens of thought.
///
/// # Errors
///
/// As [`replies`]; fewer than two problems.
pub fn think(model: &Model, task: &dyn Task, (plan, held_out): (&Plan, &[Problem])) -> Result<Thought, TrainError> {
    let natural = task.longest(*plan.levels.end());
    let how = Measuring {
        samples: plan.samples,
        temperature: 1.0,
        max_tokens: natural * 3 / 2,
        seed: 11,
        threads: plan.threads,
    };
    let drawn = replies(model, task, held_out, &how)?;
    let counts: Vec<u64> = (0..32).map(|i| 1 << i).take_while(|k| *k <= plan.samples as u64).collect();
    // Thoughts cut to parts of the longest worked solution, as they come, and held open beyond.
    let room = natural * 3 / 2;
    let mut forcings: Vec<Forcing> =
        [0, 1, 2, 3, 4, 6].map(|part| Forcing { floor: 0, cap: natural * part / 8 }).to_vec();
    forcings.push(Forcing { floor: 0, cap: room });
    forcings.extend([5, 6, 8].map(|part| Forcing { floor: natural * part / 8 + 1, cap: room }));
    let greedy = Measuring::greedy(room, plan.threads);
    Ok(Thought {
        vote: by_samples(&drawn, Choice::Vote, &counts)?,
        check: by_samples(&drawn, Choice::Check, &counts)?,
        log_prob: by_samples(&drawn, Choice::LogProb, &counts)?,
        length: by_length(model, task, held_out, (&forcings, &greedy))?,
    })
}

/// The held-out problems of a plan.
pub fn held_out(task: &dyn Task, plan: &Plan) -> Vec<Problem> {
    problems(task, &plan.rl.levels, Split::HeldOut, (plan.problems, plan.seed ^ 0x5eed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_minutes_buy_more_of_everything() {
        let (small, large) = (Plan::of_minutes(3, 0, 1), Plan::of_minutes(30, 0, 1));
        assert!(small.data.len() >= 4 && small.sizes.len() >= 4);
        assert!(small.data.iter().zip(&large.data).all(|(a, b)| a < b));
        assert!(small.sft.0 < large.sft.0 && small.rl.steps < large.rl.steps && small.problems < large.problems);
        for plan in [small, large] {
            plan.rl.check().unwrap();
            let compute = |(d, layers): (usize, usize), tokens: u64| {
                ModelConfig::sized(BYTES, WINDOW, d, layers).body_parameters() * tokens
            };
            let top = plan.sizes.iter().map(|s| compute(*s, *plan.data.last().unwrap())).max().unwrap();
            let (d, layers, tokens) = plan.forecast;
            assert!(compute((d, layers), tokens) >= 4 * top);
        }
    }

    #[test]
    fn text_is_learnt_and_measured_on_what_was_not_read() {
        let text: Vec<u8> = b"the scarcest one is the bottleneck. ".iter().copied().cycle().take(6_000).collect();
        let text = Text::new(&text).unwrap();
        let run = |tokens| pretrain(&text, (16, 1), tokens, (1, 1)).unwrap();
        let (little, more) = (run(1_000), run(60_000));
        assert!(more.loss < little.loss - 0.5, "{little:?} {more:?}");
        assert!(Text::new(b"too short").is_err());
    }
}
