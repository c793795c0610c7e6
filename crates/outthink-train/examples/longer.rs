//! Does reinforcement find more than fine-tuning with the same compute, and does it do so by longer replies?
//!
//! A base is fine-tuned on short and partly wrong searches: the teacher gives up after each line with probability
//! `stop`, and `noise` of the results are wrong. From it go on, each with at least the tokens and the processor time of
//! reinforcement: more of the same fine-tuning (`more`); rejection fine-tuning on the model's own right replies (`star`,
//! Zelikman et al. 2022); and fine-tuning by a teacher who searches to the end without errors (`patient`), which is what
//! better data would be worth. One seed a run:
//!
//! `cargo run --release -p outthink-train --example longer -- seed=0 out=target/longer/0 [name=value ...]`
//!
//! `out` gets a checkpoint a stage, so that what was broken off goes on with the next stage; one line of JSON a
//! measurement goes to the terminal. `benches/longer.py` runs the seeds and makes the table.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use outthink_train::rl::{Order, Rl, RlConfig, Scaling};
use outthink_train::sft::{Examples, Given, Sft, SftConfig, Worked};
use outthink_train::tasks::{
    CharTokenizer, Problem, Split, Task, Teacher, VOCABULARY, Verdict, draw, level_in, problems, task,
};
use outthink_train::{
    AdamWConfig, Checkpoint, CheckpointRef, Decay, Measured, Measuring, Model, ModelConfig, Rng, Schedule, TrainError,
    measure, replies,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The words of the command line.
struct Words(BTreeMap<String, String>);

impl Words {
    fn number(&self, name: &str, default: f64) -> f64 {
        self.0.get(name).map_or(default, |word| word.parse().unwrap_or(default))
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.0.get(name).map_or(default, String::as_str).to_owned()
    }
}

/// What all stages share.
struct Lab {
    task: Box<dyn Task>,
    levels: RangeInclusive<u32>,
    teacher: Teacher,
    held_out: Vec<Problem>,
    /// Tokens of a reply at most.
    most: usize,
    batch: usize,
    seed: u64,
    out: PathBuf,
}

/// Tokens and seconds of the processor that a stage took, measurements left out. Tokens are those that were generated or
/// read in training, prompts included.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
struct Spent {
    tokens: u64,
    seconds: f64,
}

/// Seconds of the processor that this process has taken (Linux; the clock ticks a hundred times a second).
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

impl Lab {
    fn worked(&self) -> Worked<'_> {
        Worked {
            task: &*self.task,
            levels: self.levels.clone(),
            teacher: self.teacher,
            interrupt: 0.0,
            clip: None,
            excerpts: None,
        }
    }

    /// Prints what a model does on the held-out problems.
    fn show(&self, stage: &str, model: &Model, (step, spent): (u64, Spent)) -> Result<(), TrainError> {
        let greedy = measure(model, &*self.task, &self.held_out, &Measuring::greedy(self.most, 1))?;
        let how = Measuring { samples: 4, temperature: 1.0, max_tokens: self.most, seed: 9, threads: 1 };
        let sampled = measure(model, &*self.task, &self.held_out, &how)?;
        let right = |of: &Measured| of.right.clone();
        println!(
            "{}",
            json!({
                "stage": stage, "seed": self.seed, "step": step, "spent": spent, "sampled": sampled, "greedy": greedy,
                "sampled_right": right(&sampled), "greedy_right": right(&greedy),
            })
        );
        Ok(())
    }

    /// Prints what the teacher's own solutions of the held-out problems are worth: what imitation can reach.
    fn show_teacher(&self) {
        let mut rng = Rng::stream(self.seed, 0x7eac);
        let (mut right, mut tokens) = (Vec::new(), 0);
        for problem in &self.held_out {
            let solved = (0..4).filter_map(|_| self.task.solve(&problem.question, &self.teacher, &mut rng));
            let replies: Vec<String> = solved.map(|solution| solution.reply()).collect();
            tokens +=
                replies.iter().filter_map(|reply| CharTokenizer.encode(reply).ok()).map(|t| t.len() + 1).sum::<usize>();
            right.push(replies.iter().filter(|r| self.task.grade(problem, r).verdict == Verdict::Right).count());
        }
        let n = (4 * self.held_out.len()) as f64;
        let (accuracy, tokens) = (right.iter().sum::<usize>() as f64 / n, tokens as f64 / n);
        println!("{}", json!({"stage": "teacher", "seed": self.seed, "accuracy": accuracy, "tokens": tokens}));
    }

    /// The model of a stage, made by `make` or read from where an earlier run left it.
    fn stage(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<(Model, u64, Spent), Box<dyn std::error::Error>>,
    ) -> Result<(Model, Spent), Box<dyn std::error::Error>> {
        let path = self.out.join(name).with_extension("safetensors");
        if path.exists() {
            let read = Checkpoint::read(&path)?;
            let spent = |key: &str| read.run[key].as_f64().unwrap_or_default();
            return Ok((read.model, Spent { tokens: spent("tokens") as u64, seconds: spent("seconds") }));
        }
        let (model, steps, spent) = make()?;
        self.show(name, &model, (steps, spent))?;
        fs::create_dir_all(&self.out)?;
        let vocabulary = CharTokenizer.vocabulary();
        CheckpointRef { model: &model, optimizer: None, vocabulary: &vocabulary, run: &json!(spent) }.write(&path)?;
        Ok((model, spent))
    }

    /// Fine-tunes for some steps.
    fn fine_tune(
        &self,
        (model, examples): (Model, &mut dyn Examples),
        (rate, steps, seed): (f32, u64, u64),
    ) -> Result<(Model, Spent), TrainError> {
        let config = SftConfig {
            batch: self.batch,
            schedule: Schedule { peak: rate, warmup: 20, steps, decay: Decay::Cosine },
            adam: AdamWConfig { beta2: 0.99, weight_decay: 0.01, ..AdamWConfig::default() },
            seed,
            threads: 1,
        };
        let began = processor_seconds();
        let mut sft = Sft::new(model, examples, config)?;
        let mut tokens = 0;
        while !sft.is_done() {
            let row = sft.step()?;
            tokens = row.tokens;
            if row.step.is_multiple_of(500) {
                eprintln!("seed {} step {} of {steps} loss {:.4}", self.seed, row.step, row.loss);
            }
        }
        Ok((sft.into_model(), Spent { tokens, seconds: processor_seconds() - began }))
    }

    /// Reinforcement with the answer as the only reward.
    fn reinforce(&self, model: Model, (config, every): (RlConfig, u64)) -> Result<(Model, u64, Spent), TrainError> {
        let mut spent = Spent::default();
        self.show("curve", &model, (0, spent))?;
        let mut rl = Rl::new(model, &*self.task, config)?;
        loop {
            let began = processor_seconds();
            let (row, finish) = rl.step()?;
            spent.seconds += processor_seconds() - began;
            // Generated ones; what is learnt from is read once more and not counted again.
            spent.tokens = row.tokens;
            if row.step.is_multiple_of(10) {
                eprintln!(
                    "seed {} rl {} reward {:.3} tokens {:.1} overlong {:.3} false {:.3} norm {:.3} taught {}/{} cpu {:.0}",
                    self.seed,
                    row.step,
                    row.running,
                    row.reply_tokens,
                    row.overlong,
                    row.false_claims,
                    row.norm,
                    row.taught,
                    row.drawn,
                    spent.seconds
                );
            }
            if row.step.is_multiple_of(every) {
                self.show("curve", rl.model(), (row.step, spent))?;
            }
            if let Some(finish) = finish {
                eprintln!("seed {}: {finish}", self.seed);
                return Ok((rl.into_model(&finish), row.step, spent));
            }
        }
    }

    /// Rejection fine-tuning: replies of the model itself, the right ones learnt, round after round.
    fn star(
        &self,
        mut model: Model,
        (rate, rounds, budget): (f32, u64, Spent),
    ) -> Result<(Model, u64, Spent), TrainError> {
        let mut spent = Spent::default();
        let mut steps = 0;
        let (mut round, context) = (0, model.config().context);
        while spent.tokens < budget.tokens || spent.seconds < budget.seconds {
            round += 1;
            let began = processor_seconds();
            let mut rng = Rng::stream(self.seed, 0x57a4 + round);
            let drawn: Vec<Problem> = (0..32 * self.batch)
                .map(|_| draw(&*self.task, level_in(&self.levels, &mut rng), Split::Train, &mut rng))
                .collect();
            let how =
                Measuring { samples: 4, temperature: 1.0, max_tokens: self.most, seed: rng.next_u64(), threads: 1 };
            let mut lines = String::new();
            let mut kept = 0;
            for (problem, group) in drawn.iter().zip(replies(&model, &*self.task, &drawn, &how)?) {
                for reply in group {
                    spent.tokens += reply.tokens.len() as u64;
                    if reply.grade.verdict == Verdict::Right {
                        kept += 1;
                        let line = json!({"prompt": problem.question, "completion": reply.text()});
                        lines.extend([line.to_string(), "\n".to_owned()]);
                    }
                }
            }
            spent.seconds += processor_seconds() - began;
            let mut given = Given::parse(&lines, context)?;
            let round_steps = (kept / self.batch).max(1) as u64;
            let (next, more) = self.fine_tune((model, &mut given), (rate, round_steps, rng.next_u64()))?;
            (model, steps) = (next, steps + round_steps);
            spent = Spent { tokens: spent.tokens, seconds: spent.seconds + more.seconds };
            if round.is_multiple_of(rounds) {
                self.show("star curve", &model, (steps, spent))?;
            }
        }
        Ok((model, steps, spent))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = std::env::args().skip(1).filter_map(|w| w.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())));
    let words = Words(words.collect());
    let task = task(&words.text("task", "countdown:12"))?;
    let seed = words.number("seed", 0.0) as u64;
    let levels = words.number("low", 3.0) as u32..=words.number("high", 3.0) as u32;
    let rl = RlConfig {
        levels: levels.clone(),
        prompts: words.number("prompts", 24.0) as usize,
        group: words.number("group", 16.0) as usize,
        steps: words.number("rl", 120.0) as u64,
        rate: words.number("rl-rate", 5e-4) as f32,
        updates: words.number("updates", 1.0) as usize,
        max_tokens: words.number("most", 240.0) as usize,
        scaling: if words.number("std", 0.0) > 0.0 { Scaling::Std } else { Scaling::None },
        order: if words.number("curriculum", 0.0) > 0.0 { Order::Learnable } else { Order::Even },
        claim_cost: words.number("claim-cost", 0.0),
        seed,
        ..RlConfig::default()
    };
    let lab = Lab {
        // The same problems for all seeds, so that differences can be paired.
        held_out: problems(&*task, &levels, Split::HeldOut, (words.number("problems", 400.0) as usize, 0x5eed)),
        most: rl.reply_tokens(&*task),
        teacher: Teacher {
            label_noise: words.number("noise", 0.05),
            stop: words.number("stop", 0.5),
            ..Teacher::default()
        },
        batch: words.number("batch", 32.0) as usize,
        out: PathBuf::from(words.text("out", "target/longer")),
        levels,
        seed,
        task,
    };
    lab.show_teacher();
    let (width, layers) = (words.number("width", 64.0) as usize, words.number("layers", 2.0) as usize);
    let context = (lab.most.max(lab.task.longest(*lab.levels.end())) + 64).next_multiple_of(32);
    let shape =
        ModelConfig { tied: false, ..ModelConfig::sized(VOCABULARY, context, width, layers).with_heads_of(16)? };
    let steps = words.number("steps", 10_000.0) as u64;
    let (base, taught) = lab.stage("base", || {
        let mut worked = lab.worked();
        let rate = words.number("rate", 5e-3) as f32;
        let (model, spent) = lab.fine_tune((Model::new(shape, seed)?, &mut worked), (rate, steps, seed))?;
        Ok((model, steps, spent))
    })?;
    let stages = words.text("stages", "more,star,patient");
    let every = words.number("every", 12.0) as u64;
    let (_, budget) = lab.stage("rl", || Ok(lab.reinforce(base.clone(), (rl, every))?))?;
    let rate = words.number("more-rate", 2e-3) as f32;
    // Steps that take as many tokens and as much time as reinforcement did, whichever is more.
    let (tokens, seconds) = (budget.tokens as f64 / taught.tokens as f64, budget.seconds / taught.seconds);
    let more = (tokens.max(seconds) * steps as f64 * 1.05).ceil() as u64;
    // The last one is taught by whoever searches to the end and makes no errors: what better data would be worth.
    for (name, teacher) in [("more", lab.teacher), ("patient", Teacher::default())] {
        if !stages.contains(name) {
            continue;
        }
        lab.stage(name, || {
            let mut worked = Worked { teacher, ..lab.worked() };
            let (model, spent) = lab.fine_tune((base.clone(), &mut worked), (rate, more, seed + 1_000))?;
            Ok((model, more, spent))
        })?;
    }
    if stages.contains("star") {
        let rate = words.number("star-rate", 5e-4) as f32;
        lab.stage("star", || Ok(lab.star(base.clone(), (rate, 2, budget))?))?;
    }
    Ok(())
}
