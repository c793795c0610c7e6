//! `outthink report`: a recording and its laws on one page.

use super::fit::Words;
use super::recorded::recordings;
use super::store::StoreArgs;
use crate::error::CliError;
use crate::plot::{Figure, Panel};
use crate::report::{self, Chapter, Drawn, Page, Section};
use anyhow::Context;
use clap::Args;
use outthink_eval::{Pool, Recording, Study};
use outthink_law::verdict::Judgement;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Runs of the store as store:RUN, or files of recorded samples.
    #[arg(value_name = "RUN")]
    inputs: Vec<PathBuf>,
    /// The page to write.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Write each figure as SVG and PNG into this folder, too, the study as `study.json`, and the curve of thinking as CSV.
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Write the study of the recordings, which `fit inference` and `plan` read, to this JSON file.
    #[arg(long, value_name = "FILE")]
    study: Option<PathBuf>,
    /// Training runs for the first panel: a table with params, tokens or flops, and loss.
    #[arg(long, value_name = "FILE")]
    pretrain: Option<PathBuf>,
    /// Curves of reinforcement learning for the second panel: a table with step or compute, accuracy
    /// and model or size, or a column a model.
    #[arg(long, value_name = "FILE")]
    rl: Option<PathBuf>,
    /// Effort curves for the third panel: a table with tokens, accuracy and, if known, stderr and
    /// model.
    #[arg(long, value_name = "FILE")]
    inference: Option<PathBuf>,
    /// A column of these files by another name, as `loss=final_loss`, or of one of them, as `rl:step=update`.
    #[arg(long = "map", value_name = "NAME=COLUMN")]
    maps: Vec<String>,
    /// Rows of these files to keep, as `model=gpt-5` or `pretrain:params>=1e8`.
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    filters: Vec<String>,
    /// Problems behind each accuracy, where the files do not say.
    #[arg(long, value_name = "N")]
    problems: Option<u64>,
    /// A plan to show, as `outthink plan --json` prints it.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Gain of a doubling, as a share of questions, below which it is not worth having.
    #[arg(long, value_name = "SHARE", default_value_t = 0.02)]
    threshold: f64,
    /// Dollars for a million generated tokens, for the table of the next doublings.
    #[arg(long, value_name = "USD")]
    price_output: Option<f64>,
    /// Samples of a problem that the page shows at most.
    #[arg(long, value_name = "N", default_value_t = 32)]
    samples: usize,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &ReportArgs) -> Result<ExitCode, CliError> {
    check(args)?;
    let (shown, study) = read(args)?;
    let chapters: Vec<Chapter> = shown.iter().flat_map(|(_, chapters)| chapters.clone()).collect();
    let (panels, notes, judged) = panels(args, &chapters)?;
    let mut sections = next_doublings(args, &chapters);
    sections.extend(plan(args)?);
    let page = Page {
        recordings: &shown,
        panels: &panels,
        notes: &notes,
        judged: &judged,
        sections: &sections,
        samples: args.samples,
    };
    let html = report::render(&page);
    write(&args.out, html.as_bytes())?;
    println!("{} ({})", args.out.display(), crate::render::bytes(html.len() as u64));
    if let Some(folder) = &args.figures {
        figures(folder, panels, &chapters)?;
        if let Some(study) = &study {
            save(study, &folder.join("study.json"))?;
        }
    }
    match (&args.study, &study) {
        (Some(path), Some(study)) => save(study, path)?,
        (Some(_), None) => {
            return Err(CliError::usage("there is no recording to study").hint("name a run as store:RUN, or a file"));
        }
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// A recording with what is said of each of its settings.
type Told = (Recording, Vec<Chapter>);

/// The recordings with what is said of each setting, and the study of all of them.
fn read(args: &ReportArgs) -> Result<(Vec<Told>, Option<Study>), CliError> {
    let mut pools: Vec<Pool> = Vec::new();
    let mut all: Vec<(Recording, Vec<(usize, usize)>)> = Vec::new();
    for input in &args.inputs {
        for recording in recordings(input, &args.store)? {
            let mut sampled = Vec::new();
            for setting in 0..recording.settings.len() {
                let pool = recording.pool(setting);
                if !pool.problems.is_empty() {
                    sampled.push((setting, pools.len()));
                    pools.push(pool);
                }
            }
            all.push((recording, sampled));
        }
    }
    if pools.is_empty() {
        return Ok((Vec::new(), None));
    }
    // One arm a pool: a setting of a recording is one.
    let study = Study::of(&pools).map_err(|e| CliError::failure(e.to_string()))?;
    let mut shown = Vec::with_capacity(all.len());
    for (recording, sampled) in all {
        let chapter = |&(setting, at): &(usize, usize)| {
            Chapter::of(&recording, setting, (&pools[at], &study.arms[at]), args.threshold)
        };
        let chapters: Result<Vec<Chapter>, CliError> = sampled.iter().map(chapter).collect();
        shown.push((recording, chapters?));
    }
    Ok((shown, Some(study)))
}

fn save(study: &Study, path: &Path) -> Result<(), CliError> {
    study.save(path).map_err(|e| CliError::failure(e.to_string()))?;
    println!("{}", path.display());
    Ok(())
}

fn check(args: &ReportArgs) -> Result<(), CliError> {
    if args.inputs.is_empty() && args.pretrain.is_none() && args.rl.is_none() && args.inference.is_none() {
        return Err(CliError::usage("there is nothing to report")
            .hint("name a run (`outthink data list`) as store:RUN, or give --pretrain, --rl or --inference a table"));
    }
    if !(args.threshold > 0.0 && args.threshold < 1.0) {
        return Err(CliError::usage(format!("a threshold of {} is not a share of questions", args.threshold))
            .hint("give a number between 0 and 1, such as 0.02 for two points"));
    }
    match args.price_output {
        Some(usd) if !(usd.is_finite() && usd >= 0.0) => {
            Err(CliError::usage(format!("a price of {usd} dollars is not possible")).hint("give a number of 0 or more"))
        }
        _ => Ok(()),
    }
}

/// The panels, what to say of them, and the verdicts on curves from files.
type Panels = (Vec<Panel>, Vec<String>, Vec<(String, Judgement)>);

fn panels(args: &ReportArgs, chapters: &[Chapter]) -> Result<Panels, CliError> {
    let (mut panels, mut notes, mut judged) = (Vec::new(), Vec::new(), Vec::new());
    let given = [("pretrain", &args.pretrain), ("rl", &args.rl), ("inference", &args.inference)];
    let given: Vec<(&str, &Path)> = given.iter().filter_map(|(f, p)| p.as_deref().map(|p| (*f, p))).collect();
    let words = Words { maps: &args.maps, filters: &args.filters };
    words.check(&given)?;
    let mut take = |drawn: Drawn| {
        panels.push(drawn.panel);
        notes.push(drawn.note);
        judged.extend(drawn.judged);
    };
    let mut without = Vec::new();
    match &args.pretrain {
        Some(path) => take(report::pretrain_panel(&words.table(path, "pretrain")?)?),
        None => without.push("No training runs were given (--pretrain): the law of pre-training is left out."),
    }
    match &args.rl {
        Some(path) => take(report::rl_panel(&words.table(path, "rl")?, args.problems, args.threshold)?),
        None => without.push("No curves of reinforcement learning were given (--rl): that law is left out."),
    }
    notes.extend(without.into_iter().map(str::to_owned));
    let mut thinking = report::thinking_panel(chapters);
    if let Some(path) = &args.inference {
        let table = words.table(path, "inference")?;
        let (series, more) = report::effort_series(&table, args.problems, args.threshold, 2)?;
        thinking.series.extend(series);
        judged.extend(more);
    }
    if thinking.series.is_empty() {
        notes.push("No samples were given: the law of inference is left out.".into());
    } else {
        panels.push(thinking);
    }
    Ok((panels, notes, judged))
}

/// What the next doublings of thinking bring, for each setting that can tell.
fn next_doublings(args: &ReportArgs, chapters: &[Chapter]) -> Vec<Section> {
    let section = |chapter: &Chapter| {
        let outlook = chapter.outlook.as_ref()?;
        let last = chapter.rungs.last()?.tokens;
        let row = |times: u32| {
            let tokens = last * f64::from(times);
            let at = outlook.at(tokens);
            let per_million = args.price_output.map_or("unknown".to_owned(), |usd| format!("${:.0}", tokens * usd));
            vec![
                format!("{times} × ({tokens:.0} tokens)"),
                format!("{:.1} %", 100.0 * at.value),
                format!("{:.1} % to {:.1} %", 100.0 * at.interval.low, 100.0 * at.interval.high),
                per_million,
            ]
        };
        Some(Section {
            title: "The next doublings of thinking".into(),
            text: format!(
                "{}: a vote over more samples of the same kind, by the S-curve of the verdict.",
                chapter.label
            ),
            head: vec![
                "tokens a question",
                "accuracy expected",
                "90 % interval",
                "generated tokens of a million questions",
            ],
            rows: [1, 2, 4, 8, 16].map(row).to_vec(),
        })
    };
    chapters.iter().filter_map(section).collect()
}

fn plan(args: &ReportArgs) -> Result<Option<Section>, CliError> {
    let Some(path) = &args.plan else { return Ok(None) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let broken = |e: serde_json::Error| {
        CliError::usage(format!("{} is not a plan: {e}", path.display())).hint("write one with `outthink plan --json`")
    };
    let value: Value = serde_json::from_str(&text).map_err(broken)?;
    let Some(options) = value["options"].as_array() else {
        return Err(CliError::usage(format!("{} holds no `options`", path.display()))
            .hint("write it with `outthink plan --json`, with --target-accuracy or --budget-usd"));
    };
    let row = |o: &Value| {
        let ranged = |r: &Value, scale: f64, digits: usize| {
            let of = |v: &Value| v.as_f64().map(|x| format!("{:.digits$}", x * scale));
            Some(format!("{} [{}, {}]", of(&r["value"])?, of(&r["interval"]["low"])?, of(&r["interval"]["high"])?))
        };
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        // An option that never meets the aim has no amount.
        let usd = |v: &Value| v.as_f64().map_or("no amount".to_owned(), |x| format!("${x:.2}"));
        let accuracy = ranged(&o["accuracy"], 100.0, 1).map(|a| format!("{a} %"));
        let loss = ranged(&o["loss"], 1.0, 3).map(|l| format!("loss {l}"));
        vec![
            text(&o["name"]),
            accuracy.or(loss).unwrap_or_else(|| "not stated".into()),
            usd(&o["once_usd"]),
            usd(&o["serving_usd"]),
            o["probability"].as_f64().map_or_else(String::new, |p| format!("{:.0} %", 100.0 * p)),
            text(&o["note"]),
        ]
    };
    Ok(Some(Section {
        title: "The next dollar".into(),
        text: "Ways to spend it, side by side.".into(),
        head: vec!["option", "brings", "once", "serving", "meets the aim", "reckoned"],
        rows: options.iter().map(row).collect(),
    }))
}

fn figures(folder: &Path, panels: Vec<Panel>, chapters: &[Chapter]) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut all: Vec<(String, Figure)> = vec![("laws".into(), report::laws_figure(panels.clone()))];
    for panel in panels {
        let name = panel.title.to_lowercase().replace(' ', "-");
        all.push((name, Figure::of(panel)));
    }
    for (number, chapter) in chapters.iter().enumerate() {
        let name = if chapters.len() > 1 { format!("strategies-{}", number + 1) } else { "strategies".into() };
        all.push((name, report::frontier_figure(chapter)));
    }
    for (name, figure) in all {
        for ending in ["svg", "png"] {
            let path = folder.join(format!("{name}.{ending}"));
            figure.write(&path)?;
            println!("{}", path.display());
        }
    }
    for (number, chapter) in chapters.iter().enumerate() {
        let name = if chapters.len() > 1 { format!("curve-{}", number + 1) } else { "curve".into() };
        let path = folder.join(format!("{name}.csv"));
        write(&path, curve(chapter).as_bytes())?;
        println!("{}", path.display());
    }
    Ok(())
}

/// The points of the curve of thinking as a table. It has each point's own error and no longer how the points err
/// together, and says so: a fit or a plan goes by the study.
fn curve(chapter: &Chapter) -> String {
    let mut table = String::from("tokens,k,accuracy,stderr,low,high,coverage,covariance\n");
    for rung in &chapter.rungs {
        let Some(vote) = &rung.vote else { continue };
        let interval = &vote.interval;
        // The interval is of 95 %, 3.92 standard errors wide.
        let stderr = (interval.high - interval.low) / 3.92;
        let _ = writeln!(
            table,
            "{},{},{},{stderr},{},{},{},lost: see study.json",
            rung.tokens, rung.k, vote.value, interval.low, interval.high, rung.coverage.value
        );
    }
    table
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let beside = path.with_extension("part");
    std::fs::write(&beside, bytes).with_context(|| format!("cannot write {}", beside.display()))?;
    std::fs::rename(&beside, path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
