//! `outthink train pretrain`.

use super::curves::{CurveOf, CurveWriter, point};
use super::store::StoreArgs;
use super::train::{CHECKPOINT, train_error};
use crate::error::CliError;
use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use outthink_train::{
    Checkpoint, Corpus, CorpusOptions, Decay, Grid, GridEvent, GridRow, ModelConfig, PretrainConfig, Pretraining,
    Progress, TrainError, Vocabulary,
};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Points of a curve in the store, about.
const CURVE_POINTS: u64 = 500;

#[derive(Debug, Args)]
pub(crate) struct PretrainArgs {
    /// Files and folders of text; files of folders that are not text are passed over.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    corpus: Vec<PathBuf>,
    /// Of folders, take files with these endings only.
    #[arg(long, value_name = "ENDINGS", value_delimiter = ',')]
    endings: Vec<String>,
    /// Megabytes of text at most.
    #[arg(long, value_name = "MB", default_value_t = 64)]
    corpus_mb: u64,
    /// Width and layers of the model; several for a grid.
    #[arg(long, value_name = "WIDTH,LAYERS", value_parser = size, default_value = "64,2")]
    size: Vec<(usize, usize)>,
    /// Width of the heads of attention, which divides all widths: sizes whose heads are not alike do not
    /// make one family. Without it heads are 32 wide, and 16 below width 64.
    #[arg(long, value_name = "N")]
    head_width: Option<usize>,
    /// Tokens that a position sees at most, itself included, in every layer (sliding-window attention) [default: all].
    #[arg(long, value_name = "TOKENS")]
    window: Option<usize>,
    /// Tokens of the vocabulary: 257 for bytes; more for byte pairs that are learnt from the corpus.
    #[arg(long, value_name = "N", default_value_t = 257)]
    vocabulary: usize,
    /// Tokens to train on; several for a grid. `k` and `M` stand for thousands and millions.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = count, default_value = "1M")]
    tokens: Vec<u64>,
    /// The folder of the run; its checkpoint and curve go there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Make a run of each size with each number of tokens, and write the losses to grid.csv, for
    /// `outthink fit pretrain`.
    #[arg(long, conflicts_with = "resume")]
    grid: bool,
    /// Highest learning rate at width 32, times sqrt(32 / width) elsewhere; of several, a grid takes
    /// the best for each size.
    #[arg(long, value_name = "RATE", value_delimiter = ',', default_value = "0.01")]
    lr: Vec<f32>,
    /// How the learning rate falls after the warm-up.
    #[arg(long, value_enum, default_value_t = DecayName::Cosine)]
    schedule: DecayName,
    /// Tokens of a sequence.
    #[arg(long, value_name = "N", default_value_t = 128)]
    context: usize,
    /// Sequences of a step.
    #[arg(long, value_name = "N", default_value_t = 16)]
    batch: usize,
    /// Seed of the first weights and of the order of the text.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads. Only on one thread does a resumed run repeat the same bits.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Go on from the checkpoint in the run's folder.
    #[arg(long)]
    resume: bool,
    /// Steps between checkpoints.
    #[arg(long, value_name = "N", default_value_t = 500)]
    save_every: u64,
    /// The curve of a run goes there, too; see `outthink data curves`.
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DecayName {
    /// Half a cosine, to a tenth.
    Cosine,
    /// Constant, then a line to zero over the last fifth.
    Wsd,
    /// No decay.
    Constant,
}

impl From<DecayName> for Decay {
    fn from(name: DecayName) -> Self {
        match name {
            DecayName::Cosine => Self::Cosine,
            DecayName::Wsd => Self::Wsd,
            DecayName::Constant => Self::Constant,
        }
    }
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let parse = || {
        let (width, layers) = text.split_once(',')?;
        Some((width.trim().parse().ok()?, layers.trim().parse().ok()?))
    };
    parse().ok_or_else(|| "give width and layers, as in 64,2".to_owned())
}

fn count(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    let number = digits.parse::<f64>().ok().filter(|n| *n > 0.0 && n.is_finite());
    number.map(|n| (n * unit) as u64).ok_or_else(|| "give a number above 0, as in 500k or 2M".to_owned())
}

pub(crate) fn run(args: &PretrainArgs) -> Result<ExitCode, CliError> {
    if !args.grid && (args.size.len() > 1 || args.tokens.len() > 1 || args.lr.len() > 1) {
        return Err(CliError::usage("several sizes, numbers of tokens or rates make a grid").hint("add --grid"));
    }
    if args.threads == 0 {
        return Err(CliError::usage("0 threads compute nothing").hint("give at least 1"));
    }
    // Everything that can be refused is refused before the corpus is read.
    for &size in &args.size {
        let config = args.config(args.vocabulary, size, args.tokens[0], args.lr[0]);
        config.and_then(|config| config.check()).map_err(|e| train_error(&e))?;
    }
    let path = args.out.join(CHECKPOINT);
    if !args.grid && !args.resume && path.exists() {
        return Err(CliError::usage(format!("{} holds a run already", args.out.display()))
            .hint("give --resume to go on with it, or another folder"));
    }
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let options =
        CorpusOptions { endings: args.endings.clone(), max_bytes: args.corpus_mb << 20, ..CorpusOptions::default() };
    let begun = if args.resume { Some(Checkpoint::read(&path).map_err(|e| train_error(&e))?) } else { None };
    let vocabulary = match &begun {
        Some(checkpoint) => checkpoint.vocabulary.clone(),
        None => Corpus::learn(&args.corpus, &options, args.vocabulary).map_err(|e| train_error(&e))?,
    };
    let corpus = Corpus::read(&args.corpus, &options, &vocabulary).map_err(|e| train_error(&e))?;
    eprintln!(
        "corpus      {} files, {} tokens to train on, {} to validate on, {} files that are not text",
        corpus.files,
        corpus.train.len(),
        corpus.validation.len(),
        corpus.skipped
    );
    if args.grid { args.run_grid(&corpus, &vocabulary) } else { args.run_one(&corpus, vocabulary, begun) }
}

impl PretrainArgs {
    fn config(
        &self,
        vocabulary: usize,
        (width, layers): (usize, usize),
        tokens: u64,
        rate: f32,
    ) -> Result<PretrainConfig, TrainError> {
        let sized = ModelConfig::sized(vocabulary, self.context, width, layers);
        let model = ModelConfig { window: self.window, ..sized };
        let model = self.head_width.map_or(Ok(model), |head| model.with_heads_of(head))?;
        Ok(PretrainConfig {
            batch: self.batch,
            rate: rate * (32.0 / width as f32).sqrt(),
            decay: self.schedule.into(),
            seed: self.seed,
            ..PretrainConfig::new(model, tokens)
        })
    }

    fn run_one(
        &self,
        corpus: &Corpus,
        vocabulary: Vocabulary,
        begun: Option<Checkpoint>,
    ) -> Result<ExitCode, CliError> {
        let path = self.out.join(CHECKPOINT);
        // The validation's bytes, so that losses of different vocabularies can be compared.
        let bytes = vocabulary.decode(&corpus.validation).len() as f64 / corpus.validation.len().max(1) as f64;
        let mut run = if let Some(checkpoint) = begun {
            Pretraining::resume(checkpoint, corpus, self.threads)
        } else {
            self.config(vocabulary.len(), self.size[0], self.tokens[0], self.lr[0])
                .and_then(|config| Pretraining::new(config, corpus, vocabulary, self.threads))
        }
        .map_err(|e| train_error(&e))?;
        let model = run.config().model;
        eprintln!(
            "model       width {}, {} layers, {} parameters and {} of embeddings; {:.2} epochs",
            model.d_model,
            model.layers,
            model.body_parameters(),
            model.parameters() - model.body_parameters(),
            run.epochs()
        );
        let curve = self.out.join("curve.csv");
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&curve)
            .with_context(|| format!("cannot write {}", curve.display()))?;
        if !self.resume {
            writeln!(log, "step,tokens,loss,norm,rate").context("cannot write the curve")?;
        }
        let settings = serde_json::to_value(run.config()).context("cannot write the settings")?;
        let (parameters, resume) = (model.parameters(), self.resume);
        let of = CurveOf { folder: &self.out, kind: "pretrain", parameters, settings: &settings, resume };
        let mut kept = CurveWriter::begin(&self.store, of);
        let mut points = Vec::new();
        let mut live = Live::new();
        let mut lines = String::new();
        while !run.is_done() {
            let progress = run.advance().map_err(|e| {
                live.bar.finish_and_clear();
                train_error(&e).hint(format!("the last good checkpoint is {}", path.display()))
            })?;
            live.show(&progress);
            let Progress { step, tokens, loss, norm, rate, .. } = progress;
            let _ = writeln!(lines, "{step},{tokens},{loss:.6},{norm:.4},{rate:.6}");
            if step % progress.steps.div_ceil(CURVE_POINTS) == 0 || run.is_done() {
                points.push(point("loss", (step, tokens), progress.smoothed));
            }
            if step % self.save_every.max(1) == 0 || run.is_done() {
                run.save(&path).map_err(|e| train_error(&e))?;
                log.write_all(lines.as_bytes()).context("cannot write the curve")?;
                lines.clear();
                kept.add(&std::mem::take(&mut points));
            }
        }
        live.bar.finish_and_clear();
        let validation = run.validate().map_err(|e| train_error(&e))?;
        let done = (run.step(), run.step() * run.config().step_tokens());
        kept.add(&[point("validation", done, validation.loss)]);
        println!(
            "loss        {:.4} ± {:.4} nats a token on {} tokens of validation",
            validation.loss,
            1.96 * validation.error,
            validation.tokens
        );
        println!("            {:.4} nats a byte, {bytes:.2} bytes a token", validation.loss / bytes);
        println!("speed       {:.0} tokens/s on {} threads", live.speed(), self.threads);
        println!("checkpoint  {}", path.display());
        Ok(ExitCode::SUCCESS)
    }

    fn run_grid(&self, corpus: &Corpus, vocabulary: &Vocabulary) -> Result<ExitCode, CliError> {
        let grid = Grid {
            sizes: self.size.clone(),
            tokens: self.tokens.clone(),
            rates: self.lr.clone(),
            head_width: self.head_width,
            base: self
                .config(vocabulary.len(), self.size[0], self.tokens[0], self.lr[0])
                .map_err(|e| train_error(&e))?,
        };
        let mut live = Live::new();
        let rows = grid
            .run(corpus, vocabulary, self.threads, &mut |event| match event {
                GridEvent::Step(progress) => live.show(&progress),
                GridEvent::Run(row) => {
                    let at = format!("{},{}", row.width, row.layers);
                    live.bar.suspend(|| {
                        println!(
                            "{at:>7} {:>9} parameters {:>10} tokens  rate {:.4}  loss {:.4} ± {:.4}",
                            row.params,
                            row.tokens,
                            row.rate,
                            row.loss,
                            1.96 * row.loss_error
                        );
                    });
                    live = Live::new();
                }
            })
            .map_err(|e| train_error(&e))?;
        live.bar.finish_and_clear();
        for (name, rejected) in [("grid.csv", false), ("rejected.csv", true)] {
            let path = self.out.join(name);
            let rows = rows.iter().filter(|row| row.rejected == rejected);
            fs::write(&path, table(rows)).with_context(|| format!("cannot write {}", path.display()))?;
        }
        println!("grid        {}", self.out.join("grid.csv").display());
        println!("next        outthink fit pretrain {}", self.out.join("grid.csv").display());
        Ok(ExitCode::SUCCESS)
    }
}

fn table<'a>(rows: impl Iterator<Item = &'a GridRow>) -> String {
    let mut text = "params,tokens,loss,loss_error,all_params,width,layers,rate\n".to_owned();
    for row in rows {
        let GridRow { params, tokens, loss, loss_error, all_params, width, layers, rate, .. } = row;
        let _ = writeln!(text, "{params},{tokens},{loss:.6},{loss_error:.6},{all_params},{width},{layers},{rate}");
    }
    text
}

/// The line that is shown while a run goes on.
struct Live {
    bar: ProgressBar,
    start: Instant,
    first: Option<u64>,
    tokens: u64,
}

impl Live {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} steps  {msg}") {
            bar.set_style(style);
        }
        Self { bar, start: Instant::now(), first: None, tokens: 0 }
    }

    fn show(&mut self, progress: &Progress) {
        let first = *self.first.get_or_insert(progress.tokens);
        self.tokens = progress.tokens - first;
        self.bar.set_length(progress.steps);
        self.bar.set_position(progress.step);
        let left = (progress.steps - progress.step) as f64 * progress.tokens as f64 / progress.step as f64;
        let eta = HumanDuration(Duration::from_secs_f64((left / self.speed().max(1.0)).min(1e9)));
        self.bar.set_message(format!("loss {:.3}  {:.0} tokens/s  {eta} left", progress.smoothed, self.speed()));
    }

    fn speed(&self) -> f64 {
        self.tokens as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }
}
