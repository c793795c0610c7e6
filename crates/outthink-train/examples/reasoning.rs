//! Teaches a small model to reason, and measures it: fine-tuning with care, a little fine-tuning on
//! hurried solutions, reinforcement learning, and accuracy against samples and tokens of thought.
//!
//! `cargo run --release -p outthink-train --example reasoning -- [seed=0] [task=chain:11] ...`; every
//! setting below is a word of the form `name=value`. Prints one line of JSON a stage.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use outthink_train::lab::{Plan, held_out, reinforce, think};
use outthink_train::rl::{Order, Overlong, RlConfig, Scaling};
use outthink_train::sft::{Sft, SftConfig, Worked};
use outthink_train::tasks::{Problem, Task, Teacher, VOCABULARY, task};
use outthink_train::{AdamWConfig, Decay, Measuring, Model, ModelConfig, Schedule, TrainError, measure};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

/// The words of the command line.
struct Words(BTreeMap<String, String>);

impl Words {
    fn number(&self, name: &str, default: f64) -> f64 {
        self.0.get(name).map_or(default, |word| word.parse().unwrap_or(default))
    }
}

/// One stage of fine-tuning.
struct Stage<'a> {
    task: &'a dyn Task,
    levels: (u32, u32),
    teacher: Teacher,
    batch: usize,
    rate: f32,
    steps: u64,
    seed: u64,
}

impl Stage<'_> {
    fn run(&self, model: Model) -> Result<Model, TrainError> {
        if self.steps == 0 {
            return Ok(model);
        }
        let mut worked = Worked {
            task: self.task,
            levels: self.levels.0..=self.levels.1,
            teacher: self.teacher,
            interrupt: 0.0,
            clip: None,
            excerpts: None,
        };
        let config = SftConfig {
            batch: self.batch,
            schedule: Schedule { peak: self.rate, warmup: 20, steps: self.steps, decay: Decay::Cosine },
            adam: AdamWConfig { beta2: 0.99, weight_decay: 0.01, ..AdamWConfig::default() },
            seed: self.seed,
            threads: 1,
        };
        let mut sft = Sft::new(model, &mut worked, config)?;
        while !sft.is_done() {
            let row = sft.step()?;
            if row.step.is_multiple_of(250) {
                eprintln!("sft step {} loss {:.4}", row.step, row.loss);
            }
        }
        Ok(sft.into_model())
    }
}

fn show(
    stage: &str,
    (model, task): (&Model, &dyn Task),
    (problems, most): (&[Problem], usize),
    began: Instant,
) -> Result<(), TrainError> {
    let greedy = measure(model, task, problems, &Measuring::greedy(most, 1))?;
    let how = Measuring { samples: 4, temperature: 1.0, max_tokens: most, seed: 9, threads: 1 };
    let sampled = measure(model, task, problems, &how)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{}", json!({"stage": stage, "seconds": seconds, "greedy": greedy, "sampled": sampled}));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let began = Instant::now();
    let words = std::env::args().skip(1).filter_map(|w| w.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())));
    let words = Words(words.collect());
    let name = words.0.get("task").cloned().unwrap_or_else(|| "chain:11".to_owned());
    let task = task(&name)?;
    let seed = words.number("seed", 0.0) as u64;
    let levels = (words.number("low", 1.0) as u32, words.number("high", 3.0) as u32);
    let rl_levels = (words.number("rl-low", 2.0) as u32, words.number("rl-high", 3.0) as u32);
    let rl = RlConfig {
        levels: rl_levels.0..=rl_levels.1,
        prompts: words.number("prompts", 24.0) as usize,
        group: words.number("group", 8.0) as usize,
        refills: words.number("refills", 3.0) as usize,
        steps: words.number("rl", 60.0) as u64,
        rate: words.number("rl-rate", 5e-4) as f32,
        updates: words.number("updates", 1.0) as usize,
        scaling: if words.number("std", 0.0) > 0.0 { Scaling::Std } else { Scaling::None },
        order: if words.number("learnable", 0.0) > 0.0 { Order::Learnable } else { Order::Even },
        overlong: Overlong::Wrong,
        claim_cost: words.number("claim-cost", 0.0),
        seed,
        ..RlConfig::default()
    };
    let most = rl.reply_tokens(&*task);
    let plan = Plan {
        rl: rl.clone(),
        every: words.number("every", 10.0) as u64,
        problems: words.number("problems", 200.0) as usize,
        samples: words.number("samples", 32.0) as usize,
        levels: levels.0..=levels.1,
        ..Plan::of_minutes(3, seed, 1)
    };
    let problems = held_out(&*task, &plan);
    let context = (task.longest(levels.1.max(rl_levels.1)) * 2 + 64).next_multiple_of(32);
    let (width, layers) = (words.number("width", 64.0) as usize, words.number("layers", 2.0) as usize);
    let shape = ModelConfig { heads: 4, tied: false, ..ModelConfig::sized(VOCABULARY, context, width, layers) };
    let careful = Stage {
        task: &*task,
        levels,
        teacher: Teacher { label_noise: words.number("label-noise", words.number("slip", 0.0)), ..Teacher::default() },
        batch: words.number("batch", 32.0) as usize,
        rate: words.number("rate", 4e-3) as f32,
        steps: words.number("careful", 2_400.0) as u64,
        seed,
    };
    let mut model = careful.run(Model::new(shape, seed)?)?;
    show("careful", (&model, &*task), (&problems, most), began)?;
    let hurried = Stage {
        teacher: Teacher {
            answer_only: words.number("answer-only", words.number("hurry", 0.65)),
            ..Teacher::default()
        },
        rate: 2e-3,
        steps: words.number("hurried", 80.0) as u64,
        seed: seed + 100,
        ..careful
    };
    model = hurried.run(model)?;
    show("sft", (&model, &*task), (&problems, most), began)?;
    if words.number("thinking", 1.0) > 0.0 {
        println!("{}", json!({"stage": "thinking before", "curves": think(&model, &*task, (&plan, &problems))?}));
    }
    if rl.steps == 0 {
        return Ok(());
    }
    let (model, curve, finish) = reinforce(model, &*task, (&plan, &problems), &mut |at| {
        println!("{}", json!({"stage": "rl", "seconds": began.elapsed().as_secs_f64(), "at": at}));
    })?;
    println!("{}", json!({"stage": "end", "steps": curve.last().map(|c| c.step), "finish": finish.to_string()}));
    if words.number("thinking", 1.0) > 0.0 {
        println!("{}", json!({"stage": "thinking after", "curves": think(&model, &*task, (&plan, &problems))?}));
    }
    Ok(())
}
