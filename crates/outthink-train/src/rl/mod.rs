//! Reinforcement learning with verifiable rewards: group-relative policy optimisation.
//!
//! For each prompt a group of replies is drawn; a reply's advantage is its reward less the group's
//! mean (GRPO, Shao et al. 2024). Departures, all of them settings: the division by the standard
//! deviation and by the reply's length are off (Dr. GRPO, Liu et al. 2025); groups without variance
//! are dropped and refilled, the clip is wider above than below, and replies cut off by the limit can
//! be left out of the loss (DAPO, Yu et al. 2025), though they are wrong unless that is asked for; no
//! divergence from a reference model is charged.
//!
//! The reward is what `outthink-verify` says of the answer, and nothing else judges.

mod advantage;
mod config;
mod curriculum;
mod objective;
mod watch;

pub use advantage::{Scaling, advantages};
pub use config::{Overlong, RlConfig};
pub use curriculum::{Curriculum, Order};
pub use objective::{Clip, Divisor, Lesson, Surrogate};
pub use watch::{Finish, Watch};

use crate::error::TrainError;
use crate::measure::{Measuring, Reply, check_vocabulary, prompt_tokens, replies};
use crate::model::Model;
use crate::optimizer::AdamWConfig;
use crate::rng::Rng;
use crate::tasks::{Split, Task, Verdict, draw};
use crate::trainer::Trainer;
use serde::Serialize;

/// What one step did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RlStep {
    /// The step, from 1.
    pub step: u64,
    /// Mean score of all replies drawn, those of dropped groups included.
    pub reward: f64,
    /// The running reward, all levels counting alike.
    pub running: f64,
    /// Mean tokens of a reply.
    pub reply_tokens: f64,
    /// Share of replies cut off by the limit.
    pub overlong: f64,
    /// Share of replies that claim what is not so.
    pub false_claims: f64,
    /// Groups drawn.
    pub drawn: usize,
    /// Groups whose rewards differ, which is all that a step learns from.
    pub taught: usize,
    /// Generated tokens since the beginning of the run.
    pub tokens: u64,
    /// Norm of the gradient, of the last update; 0 without one.
    pub norm: f64,
    /// Share of tokens outside of the clip, of the last update.
    pub clipped: f64,
}

/// A run.
#[derive(Debug)]
pub struct Rl<'a> {
    task: &'a dyn Task,
    config: RlConfig,
    trainer: Trainer,
    reference: Option<Model>,
    curriculum: Curriculum,
    watch: Watch,
    /// The best running reward at the end of ten steps, and the model then.
    best: (f64, Option<Model>),
    step: u64,
    tokens: u64,
}

/// Steps between copies of the best model.
const KEEP_EVERY: u64 = 10;

/// A batch while it is put together.
#[derive(Default)]
struct Batch {
    sequences: Vec<Vec<u32>>,
    lessons: Vec<Lesson>,
    replies: Vec<Reply>,
    drawn: usize,
    taught: usize,
}

impl<'a> Rl<'a> {
    /// A run that begins with a model.
    ///
    /// # Errors
    ///
    /// Settings that cannot work, a model of another vocabulary, or a context that does not hold the
    /// replies.
    pub fn new(model: Model, task: &'a dyn Task, config: RlConfig) -> Result<Self, TrainError> {
        config.check()?;
        check_vocabulary(&model)?;
        let (need, have) = (config.reply_tokens(task), model.config().context);
        if need >= have {
            let need = format!("more than {need} tokens for a reply and its question, or lower `max_tokens`");
            return Err(TrainError::setting("the model's context", have, need));
        }
        let adam = AdamWConfig { beta2: config.beta2, weight_decay: 0.0, ..AdamWConfig::default() };
        let reference = (config.clip.kl > 0.0).then(|| model.clone());
        Ok(Self {
            task,
            reference,
            curriculum: Curriculum::new(&config.levels, config.order),
            watch: Watch::default(),
            best: (0.0, None),
            trainer: Trainer::new(model, adam, config.threads),
            config,
            step: 0,
            tokens: 0,
        })
    }

    /// The model as it is now.
    pub fn model(&self) -> &Model {
        self.trainer.model()
    }

    /// The settings.
    pub fn config(&self) -> &RlConfig {
        &self.config
    }

    /// The model to keep: the one as it is now, or after a fall the best one.
    pub fn into_model(self, finish: &Finish) -> Model {
        match (finish, self.best.1) {
            (Finish::Fell { .. }, Some(best)) => best,
            _ => self.trainer.into_model(),
        }
    }

    /// Makes one step; says how the run finished where this was the last one.
    ///
    /// # Errors
    ///
    /// A loss or gradient that is no number; the model is then as it was before.
    pub fn step(&mut self) -> Result<(RlStep, Option<Finish>), TrainError> {
        let batch = self.collect()?;
        let all =
            |f: &dyn Fn(&Reply) -> f64| batch.replies.iter().map(f).sum::<f64>() / batch.replies.len().max(1) as f64;
        let mut row = RlStep {
            step: self.step + 1,
            reward: all(&|r| r.grade.score),
            running: self.curriculum.reward().unwrap_or_default(),
            reply_tokens: all(&|r| r.tokens.len() as f64),
            overlong: all(&|r| f64::from(u8::from(!r.ended))),
            false_claims: all(&|r| f64::from(u8::from(r.grade.verdict == Verdict::FalseClaim))),
            drawn: batch.drawn,
            taught: batch.taught,
            tokens: self.tokens,
            norm: 0.0,
            clipped: 0.0,
        };
        let taught = batch.taught > 0;
        self.learn(batch, &mut row)?;
        self.step += 1;
        if self.step.is_multiple_of(KEEP_EVERY) && row.running >= self.best.0 {
            self.best = (row.running, Some(self.trainer.model().clone()));
        }
        let finish = self.watch.see(self.step, row.running, taught);
        let finish = finish.or((self.step >= self.config.steps).then_some(Finish::Done));
        Ok((row, finish))
    }

    /// Draws groups until enough of them teach.
    fn collect(&mut self) -> Result<Batch, TrainError> {
        let mut rng = Rng::stream(self.config.seed, self.step + 1);
        let mut batch = Batch::default();
        let most = self.config.prompts * self.config.refills;
        while batch.taught < self.config.prompts && batch.drawn < most {
            let wanted = (self.config.prompts - batch.taught).min(most - batch.drawn);
            let problems: Vec<_> =
                (0..wanted).map(|_| draw(self.task, self.curriculum.draw(&mut rng), Split::Train, &mut rng)).collect();
            let how = Measuring {
                samples: self.config.group,
                temperature: 1.0,
                max_tokens: self.config.reply_tokens(self.task),
                seed: rng.next_u64(),
                threads: self.config.threads,
            };
            let groups = replies(self.trainer.model(), self.task, &problems, &how)?;
            for (problem, group) in problems.iter().zip(groups) {
                let score = group.iter().map(|r| r.grade.score).sum::<f64>() / group.len() as f64;
                self.curriculum.saw(problem.level, score);
                self.tokens += group.iter().map(|r| r.tokens.len() as u64).sum::<u64>();
                batch.take(&self.config, &prompt_tokens(&problem.question)?, group);
            }
        }
        Ok(batch)
    }

    /// Moves the policy.
    fn learn(&mut self, mut batch: Batch, row: &mut RlStep) -> Result<(), TrainError> {
        if batch.lessons.is_empty() {
            return Ok(());
        }
        if let Some(reference) = &self.reference {
            let found = reference.log_probs(&batch.sequences, self.config.threads)?;
            batch.lessons.iter_mut().zip(found).for_each(|(lesson, r)| lesson.reference = r);
        }
        let parts = self.config.updates.min(batch.lessons.len());
        if parts == 1 {
            // Before the first update the policy is the one that drew the replies.
            batch.lessons.iter_mut().for_each(|lesson| lesson.old.clear());
        }
        let warm = ((self.step + 1) as f32 / (self.config.warmup + 1) as f32).min(1.0);
        let most = self.config.reply_tokens(self.task);
        for part in 0..parts {
            // Every `parts`-th reply, so that the replies of a group are spread over the updates.
            let chosen = || (part..batch.lessons.len()).step_by(parts);
            let mut lessons: Vec<Lesson> = chosen().map(|i| batch.lessons[i].clone()).collect();
            let sequences: Vec<&[u32]> = chosen().map(|i| batch.sequences[i].as_slice()).collect();
            weigh(&mut lessons, &sequences, self.config.divisor, most);
            let surrogate = Surrogate { lessons, clip: self.config.clip };
            let step = self.trainer.step(&sequences, &surrogate, self.config.rate * warm)?;
            (row.norm, row.clipped) = (step.norm, surrogate.clipped(&step.log_probs));
        }
        Ok(())
    }
}

impl Batch {
    /// Takes a group; keeps of it what teaches.
    fn take(&mut self, config: &RlConfig, prompt: &[u32], group: Vec<Reply>) {
        self.drawn += 1;
        let reward = |reply: &Reply| match config.overlong {
            Overlong::Mask if !reply.ended => None,
            _ if reply.grade.verdict == Verdict::FalseClaim => Some(reply.grade.score - config.claim_cost),
            _ => Some(reply.grade.score),
        };
        let rewards: Vec<Option<f64>> = group.iter().map(reward).collect();
        if let Some(found) = advantages(&rewards, config.scaling) {
            self.taught += 1;
            for (reply, advantage) in group.iter().zip(found) {
                let Some(advantage) = advantage else { continue };
                let mut old = vec![0.0; prompt.len()];
                old.extend(&reply.log_probs);
                self.sequences.push([prompt, &reply.tokens].concat());
                let lesson = Lesson { prompt: prompt.len(), advantage, weight: 0.0, old, reference: Vec::new() };
                self.lessons.push(lesson);
            }
        }
        self.replies.extend(group);
    }
}

/// Sets the weight of each reply's tokens.
fn weigh(lessons: &mut [Lesson], sequences: &[&[u32]], divisor: Divisor, most: usize) {
    let n = lessons.len() as f32;
    let lengths: Vec<usize> = lessons.iter().zip(sequences).map(|(l, s)| s.len() - l.prompt).collect();
    let total = lengths.iter().sum::<usize>() as f32;
    for (lesson, length) in lessons.iter_mut().zip(lengths) {
        lesson.weight = match divisor {
            Divisor::Reply => 1.0 / (n * length.max(1) as f32),
            Divisor::Batch => 1.0 / total.max(1.0),
            Divisor::Constant => 1.0 / (n * most.max(1) as f32),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelConfig;
    use crate::measure::measure;
    use crate::schedule::{Decay, Schedule};
    use crate::sft::{Sft, SftConfig, Worked};
    use crate::tasks::{Chain, Teacher, VOCABULARY, problems, task};

    /// A model that was taught chains modulo 3 with care, and then a little by a teacher who mostly states the answer alone.
    fn taught(task: &dyn Task) -> Model {
        let shape = ModelConfig { heads: 4, tied: false, ..ModelConfig::sized(VOCABULARY, 96, 32, 2) };
        let mut model = Model::new(shape, 1).unwrap();
        for (answer_only, steps) in [(0.0, 1500), (0.65, 40)] {
            let mut worked = Worked {
                task,
                levels: 2..=3,
                teacher: Teacher { answer_only, ..Teacher::default() },
                interrupt: 0.0,
                clip: None,
                excerpts: None,
            };
            let config = SftConfig {
                batch: 16,
                schedule: Schedule { peak: 6e-3, warmup: 10, steps, decay: Decay::Cosine },
                adam: AdamWConfig { beta2: 0.99, weight_decay: 0.01, ..AdamWConfig::default() },
                seed: 1,
                threads: 1,
            };
            let mut sft = Sft::new(model, &mut worked, config).unwrap();
            let first = sft.step().unwrap().loss;
            let mut last = first;
            while !sft.is_done() {
                last = sft.step().unwrap().loss;
            }
            assert!(last < first / 2.0, "{first} {last}");
            model = sft.into_model();
        }
        model
    }

    #[test]
    fn reinforcement_finds_out_that_thinking_pays() {
        let task = task("chain:3").unwrap();
        let model = taught(&*task);
        let held_out = problems(&*task, &(2..=3), Split::HeldOut, (100, 5));
        let config = RlConfig { levels: 2..=3, steps: 25, prompts: 16, rate: 5e-4, ..RlConfig::default() };
        let greedy = Measuring::greedy(config.reply_tokens(&*task), 1);
        let before = measure(&model, &*task, &held_out, &greedy).unwrap();
        let mut rl = Rl::new(model, &*task, config).unwrap();
        let finish = loop {
            let (row, finish) = rl.step().unwrap();
            assert!(row.taught <= row.drawn && row.norm.is_finite());
            if let Some(finish) = finish {
                break finish;
            }
        };
        let after = measure(&rl.into_model(&finish), &*task, &held_out, &greedy).unwrap();
        assert!(after.accuracy > before.accuracy + 0.2, "{finish} {before:?} {after:?}");
        assert!(after.tokens > before.tokens, "{before:?} {after:?}");
    }

    #[test]
    fn a_model_that_knows_nothing_ends_as_barren() {
        let task = Chain::default();
        let model = Model::new(ModelConfig::sized(VOCABULARY, 64, 16, 1), 1).unwrap();
        let config = RlConfig { levels: 1..=1, prompts: 2, group: 2, refills: 1, max_tokens: 8, ..RlConfig::default() };
        let mut rl = Rl::new(model.clone(), &task, config).unwrap();
        let finish = (0..10).find_map(|_| rl.step().unwrap().1).unwrap();
        assert!(matches!(finish, Finish::Barren { reward: 0.0 }), "{finish}");
        assert_eq!(rl.into_model(&finish).weights(), model.weights());
    }

    #[test]
    fn replies_that_were_cut_off_count_for_nothing_or_are_wrong() {
        let reply = |score: f64, ended| Reply {
            tokens: vec![7, 8],
            log_probs: vec![-0.5; 2],
            ended,
            grade: crate::tasks::Grade { score, answer: None, verdict: Verdict::NoAnswer },
        };
        let group = vec![reply(1.0, true), reply(0.0, true), reply(0.0, false)];
        for (overlong, kept) in [(Overlong::Mask, 2), (Overlong::Wrong, 3)] {
            let mut batch = Batch::default();
            batch.take(&RlConfig { overlong, ..RlConfig::default() }, &[1, 2, 3], group.clone());
            assert_eq!((batch.taught, batch.lessons.len()), (1, kept));
            assert_eq!(batch.sequences[0], [1, 2, 3, 7, 8]);
            assert_eq!(batch.lessons[0].old, [0.0, 0.0, 0.0, -0.5, -0.5]);
        }
        let mut batch = Batch::default();
        batch.take(&RlConfig::default(), &[1], vec![reply(0.0, true), reply(0.0, true), reply(0.0, false)]);
        assert_eq!((batch.taught, batch.drawn, batch.lessons.len(), batch.replies.len()), (0, 1, 0, 3));
    }

    #[test]
    fn weights_of_a_batch_add_up_as_their_divisor_says() {
        let lesson = Lesson { prompt: 1, advantage: 1.0, weight: 0.0, old: Vec::new(), reference: Vec::new() };
        let sequences: [&[u32]; 2] = [&[1, 2, 3], &[1, 2, 3, 4, 5]];
        for (divisor, expected) in
            [(Divisor::Reply, [0.25, 0.125]), (Divisor::Batch, [1.0 / 6.0; 2]), (Divisor::Constant, [0.05; 2])]
        {
            let mut lessons = vec![lesson.clone(), lesson.clone()];
            weigh(&mut lessons, &sequences, divisor, 10);
            assert_eq!(lessons.iter().map(|l| l.weight).collect::<Vec<_>>(), expected);
        }
    }
}
