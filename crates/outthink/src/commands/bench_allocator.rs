//! `outthink bench stream`, `two-answers` and `decide`: the allocator measured where the truth is
//! known.

use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use outthink_core::{Arm, Effort, Sample, SampleStatus, State};
use outthink_eval::{StreamOptions, stream, two_answers_table};
use outthink_strategy::StrategySpec;
use std::process::ExitCode;
use std::time::Instant;

/// Simulated problems under a soft target.
#[derive(Debug, Args)]
pub(crate) struct StreamArgs {
    /// Problems.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    problems: u32,
    /// Samples a problem on average, held by the price.
    #[arg(long, value_name = "N", default_value_t = 6.0)]
    average: f64,
    /// Samples of one problem at most.
    #[arg(long, value_name = "N", default_value_t = 40)]
    samples: u32,
    /// Generated tokens of one problem at most.
    #[arg(long, value_name = "N", default_value_t = 12_000)]
    tokens: u64,
    /// Seed of the problems and their samples.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl StreamArgs {
    pub(super) fn run(&self) -> Result<ExitCode, CliError> {
        if self.problems == 0 || self.samples == 0 || !(self.average >= 1.0 && self.average.is_finite()) {
            return Err(CliError::usage("a stream needs problems, and an average of at least one sample each")
                .hint("give --problems, --samples and --average of at least 1"));
        }
        let report = stream(&StreamOptions {
            problems: self.problems,
            target: self.average,
            most: self.samples,
            most_tokens: self.tokens,
            seed: self.seed,
        });
        if self.json {
            println!("{}", serde_json::to_string(&report).context("cannot write JSON")?);
            return Ok(ExitCode::SUCCESS);
        }
        println!("{} problems, {} samples each on average as the target", self.problems, self.average);
        println!("  average           {:.3}", report.samples);
        println!("  worst 1,000       {:.2} % off, over all windows", report.worst_window);
        println!(
            "  each thousand     {}",
            report.thousands.iter().map(|t| format!("{t:.2}")).collect::<Vec<_>>().join(" ")
        );
        println!("  most of one       {} samples, {} tokens", report.most_samples, report.most_tokens);
        println!("  hardest tenth     {:.2} samples", report.hard_samples);
        println!("  easiest tenth     {:.2} samples", report.easy_samples);
        println!("  price             {:.2e} to {:.2e}", report.prices.0, report.prices.1);
        println!("  accuracy          {:.4}, fixed votes {:.4}", report.accuracy, report.fixed_accuracy);
        Ok(ExitCode::SUCCESS)
    }
}

/// Two answers, exactly.
#[derive(Debug, Args)]
pub(crate) struct TwoAnswersArgs {
    /// Shares of the right answer.
    #[arg(long, value_name = "SHARES", value_delimiter = ',', default_value = "0.6,0.65,0.7,0.8")]
    shares: Vec<f64>,
    /// Samples at most.
    #[arg(long, value_name = "N", default_value_t = 40)]
    samples: u32,
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
}

impl TwoAnswersArgs {
    pub(super) fn run(&self) -> Result<ExitCode, CliError> {
        if self.samples == 0 || self.samples > 1_000 || !self.shares.iter().all(|p| (0.0..=1.0).contains(p)) {
            return Err(CliError::usage("shares lie within 0 and 1, samples within 1 and 1,000")
                .hint("give --shares and --samples in their range"));
        }
        let rows = two_answers_table(&self.shares, self.samples);
        if !self.json {
            println!("points lost against the vote over {} samples, exactly", self.samples);
            println!("  share  adaptive-consistency 0.95      the plan at as many   samples for as much");
        }
        for row in rows {
            if self.json {
                println!("{}", serde_json::to_string(&row).context("cannot write JSON")?);
                continue;
            }
            println!(
                "  {:>5}  {:>5.2} points at {:>5.2} samples   {:>5.2} points          {:>5.2}",
                row.p,
                100.0 * row.published.loss,
                row.published.samples,
                100.0 * row.loss_at_equal_samples,
                row.samples_at_equal_loss
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The time of one decision.
#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    /// Finished samples that the decision looks at.
    #[arg(long, value_name = "N", default_value_t = 64)]
    samples: u32,
    /// Decisions to time.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    decisions: u32,
}

impl DecideArgs {
    pub(super) fn run(&self) -> Result<ExitCode, CliError> {
        if self.decisions == 0 || self.samples == 0 {
            return Err(CliError::usage("nothing to time").hint("give --samples and --decisions of at least 1"));
        }
        println!("one decision after {} samples, microseconds over {} decisions", self.samples, self.decisions);
        for (name, scored) in [("adaptive", false), ("allocate", false), ("allocate", true)] {
            let spec = StrategySpec {
                name: name.into(),
                max_samples: self.samples.saturating_mul(2),
                ..StrategySpec::for_effort(Effort::Max)
            };
            let mut strategy = spec.build().map_err(|e| CliError::usage(e.to_string()))?;
            let state = state(self.samples, scored);
            let mut times: Vec<f64> = (0..self.decisions)
                .map(|_| {
                    let began = Instant::now();
                    std::hint::black_box(strategy.step(std::hint::black_box(&state)));
                    began.elapsed().as_secs_f64() * 1e6
                })
                .collect();
            times.sort_by(f64::total_cmp);
            let at = |q: f64| times[(q * (times.len() - 1) as f64) as usize];
            let label = if scored { format!("{name} with scores") } else { name.to_owned() };
            println!("  {label:<22} median {:>7.2}  99 % {:>7.2}", at(0.5), at(0.99));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A state with a close vote over seven classes.
fn state(samples: u32, scored: bool) -> State {
    let sample = |id: u32| Sample {
        id,
        status: SampleStatus::Done,
        class: Some([0, 1, 0, 1, 2, 0, 3, 1, 0, 1, 4, 5, 0, 1, 6, 0][id as usize % 16]),
        score: scored.then(|| f64::from(id % 10) / 10.0),
        ..Sample::default()
    };
    State {
        samples: (0..samples).map(sample).collect(),
        arms: vec![Arm::default()],
        verifiers: u32::from(scored),
        ..State::default()
    }
}
