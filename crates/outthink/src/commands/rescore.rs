//! `outthink data rescore`: recorded samples judged again, without drawing them again.

use super::engine::EngineArgs;
use super::runtime;
use super::store::{StoreArgs, store_error};
use super::verifiers::{self, Plan};
use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use futures_util::{StreamExt, stream};
use outthink_core::{Cost, Prompt, Sample, Verifier};
use outthink_eval::{OWN_JUDGE, Recording, Rejudged, each_row};
use outthink_verify::{CheckerError, Grader, VerifierSpec, find_answer};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(crate) struct RescoreArgs {
    /// A run of the store, or a file of recorded samples.
    #[arg(value_name = "RUN|FILE")]
    given: String,
    /// Who judges: `gold` is the grade of a sweep, against each problem's right answer; `numeric` is the number of that
    /// answer; else a verifier such as numeric:42, schema:FILE, python:FILE, wasm:FILE or judge:MODEL.
    #[arg(long, value_name = "VERIFIER")]
    by: String,
    /// The file to write, where a file is judged; the old judgements are kept in it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The score from which a sample is right [default: 1, and 0.5 of a judge or a reward model].
    #[arg(long, value_name = "SCORE")]
    threshold: Option<f64>,
    /// Keep the old judgement of samples that the verifier gives no score.
    #[arg(long)]
    allow_unjudged: bool,
    /// Judgements at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    parallel: usize,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Who judges.
enum Judge {
    /// The grade against the right answer, as a sweep has it.
    Gold,
    /// A verifier of each problem's right answer.
    EachGold(&'static str),
    /// One verifier for all.
    One { verifier: Arc<dyn Verifier>, reads_answers: bool },
}

/// What is judged of one sample.
struct Given {
    name: String,
    question: Option<String>,
    gold: Option<String>,
    text: String,
    answer: Option<String>,
}

/// A judgement: whether it is right, a share of right, and what it cost.
type Judged = (bool, Option<f64>, Cost);

/// Runs the subcommand.
pub(crate) fn run(args: &RescoreArgs) -> Result<ExitCode, CliError> {
    let by = match args.by.split_once(':') {
        // The short names of two kinds.
        Some(("schema", file)) => format!("json-schema:{file}"),
        Some(("python", file)) => format!("python-tests:{file}"),
        _ => args.by.clone(),
    };
    if args.parallel == 0 {
        return Err(CliError::usage("0 judgements at once judge nothing").hint("give --parallel at least 1"));
    }
    if args.threshold.is_some_and(|t| !(t > 0.0 && t <= 1.0)) {
        return Err(CliError::usage("a threshold is a score above 0, 1 at most").hint("give --threshold 0.5"));
    }
    let (plan, usual) = match by.as_str() {
        "gold" | "numeric" => (None, 1.0),
        other => {
            let spec: VerifierSpec = other.parse().map_err(|e: CheckerError| {
                CliError::usage(e.to_string()).hint("give gold, or see `outthink verifiers`")
            })?;
            let soft = matches!(spec, VerifierSpec::Judge { .. } | VerifierSpec::Reward { .. });
            (Some(verifiers::plan(&spec, &args.engine)?.locate()?), if soft { 0.5 } else { 1.0 })
        }
    };
    let file = Path::new(&args.given);
    let threshold = args.threshold.unwrap_or(usual);
    let label = format!("{OWN_JUDGE}{by}");
    runtime()?.block_on(async {
        let judge = match plan {
            None if by == "gold" => Judge::Gold,
            None => Judge::EachGold("numeric"),
            Some(plan) => {
                let reads_answers = matches!(plan, Plan::Exact(_));
                Judge::One { verifier: plan.make_alone().await?, reads_answers }
            }
        };
        if file.is_file() {
            return of_file(args, file, &judge, (&label, threshold)).await;
        }
        of_run(args, &judge, (&label, threshold)).await
    })
}

/// Judges a run of the store: all of it or nothing.
async fn of_run(args: &RescoreArgs, judge: &Judge, (label, threshold): (&str, f64)) -> Result<ExitCode, CliError> {
    if args.out.is_some() {
        return Err(CliError::usage("--out is of a file, and a run keeps its judgements in the store")
            .hint("leave --out out, or give a file of recorded samples"));
    }
    let run = args.given.strip_prefix("store:").unwrap_or(&args.given);
    let store = args.store.open().await?;
    let recording: Recording = store.recording(run).await.map_err(|e| store_error(&e))?;
    let given: Vec<Given> = (recording.samples().iter())
        .map(|s| {
            let problem = &recording.problems[s.cell.problem as usize];
            Given {
                name: format!("sample {} of `{}`", s.cell.index, problem.id),
                question: problem.question.clone(),
                gold: problem.gold.clone(),
                text: s.content.clone(),
                answer: s.answer.clone(),
            }
        })
        .collect();
    let judged = judge_all(args, judge, &given, threshold).await?;
    let cost = judged.iter().flatten().fold(Cost::ZERO, |sum, judged| sum + judged.2);
    let new: Vec<Rejudged> = (recording.samples().iter().zip(&judged))
        .filter_map(|(s, judged)| judged.map(|(correct, credit, _)| Rejudged { cell: s.cell, correct, credit }))
        .collect();
    let before = recording.samples().iter().filter(|s| s.correct).count();
    let changed = store.rejudge(run, label, &new, cost).await.map_err(|e| store_error(&e))?;
    let after: usize = recording.samples().iter().zip(&judged).filter(|(s, j)| j.map_or(s.correct, |j| j.0)).count();
    store.close().await;
    say(run, (given.len(), judged.iter().flatten().count()), (before, after, changed), cost);
    Ok(ExitCode::SUCCESS)
}

/// Judges a file of recorded samples into another one.
async fn of_file(
    args: &RescoreArgs,
    path: &Path,
    judge: &Judge,
    (label, threshold): (&str, f64),
) -> Result<ExitCode, CliError> {
    let Some(out) = &args.out else {
        return Err(CliError::usage("a file is judged into another one").hint("give --out FILE"));
    };
    // Whatever the reader refuses is refused here, too.
    outthink_eval::Pool::read(path).map_err(|e| {
        CliError::usage(e.to_string()).hint("recordings of other tools are judged in the store: `outthink data import`")
    })?;
    let mut rows: Vec<Map<String, Value>> = Vec::new();
    each_row(path, |row| {
        rows.push(row.clone());
        Ok(())
    })
    .map_err(|e| CliError::usage(e.to_string()))?;
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let mut given = Vec::new();
    for row in &rows {
        let field = |name: &str| row.get(name).and_then(text);
        let samples = row.get("samples").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (number, sample) in (1..).zip(samples) {
            given.push(Given {
                name: format!("sample {number} of `{}`", field("problem_id").unwrap_or_default()),
                question: field("question"),
                gold: field("gold"),
                text: text(&sample["text"]).unwrap_or_default(),
                answer: text(&sample["answer"]).filter(|a| !a.trim().is_empty()),
            });
        }
    }
    let judged = judge_all(args, judge, &given, threshold).await?;
    let (mut before, mut after, mut changed) = (0, 0, 0);
    let mut next = judged.iter();
    for row in &mut rows {
        let Some(samples) = row.get_mut("samples").and_then(Value::as_array_mut) else { continue };
        for sample in samples.iter_mut().filter_map(Value::as_object_mut) {
            let old = sample.get("correct").cloned().unwrap_or_default();
            let was = old.as_bool().unwrap_or_else(|| old.as_f64().is_some_and(|x| x >= 1.0));
            let Some(new) = next.next().copied().flatten() else {
                (before, after) = (before + usize::from(was), after + usize::from(was));
                continue;
            };
            (before, after, changed) =
                (before + usize::from(was), after + usize::from(new.0), changed + u64::from(was != new.0));
            let earlier = json!({ "judge": sample.get("judge").cloned().unwrap_or_default(), "correct": old });
            match sample.get_mut("judgements").and_then(Value::as_array_mut) {
                Some(all) => all.push(earlier),
                None => {
                    sample.insert("judgements".into(), json!([earlier]));
                }
            }
            sample.insert("correct".into(), new.1.map_or(Value::Bool(new.0), Value::from));
            sample.insert("judge".into(), label.into());
        }
    }
    let lines: String = rows.into_iter().map(|row| Value::Object(row).to_string() + "\n").collect();
    let part = out.with_extension("part");
    std::fs::write(&part, lines).with_context(|| format!("cannot write {}", part.display()))?;
    std::fs::rename(&part, out).with_context(|| format!("cannot write {}", out.display()))?;
    let cost = judged.iter().flatten().fold(Cost::ZERO, |sum, judged| sum + judged.2);
    let name = out.display().to_string();
    say(&name, (given.len(), judged.iter().flatten().count()), (before, after, changed), cost);
    Ok(ExitCode::SUCCESS)
}

/// The judgement of each sample; an error unless all have one or that is allowed.
async fn judge_all(
    args: &RescoreArgs,
    judge: &Judge,
    given: &[Given],
    threshold: f64,
) -> Result<Vec<Option<Judged>>, CliError> {
    let asked = given.iter().map(|sample| judge.judge(sample, threshold));
    let judged: Vec<Result<Judged, String>> = stream::iter(asked).buffered(args.parallel).collect().await;
    let faults: Vec<String> = (given.iter().zip(&judged))
        .filter_map(|(sample, judged)| judged.as_ref().err().map(|why| format!("{}: {why}", sample.name)))
        .collect();
    if let (Some(first), false) = (faults.first(), args.allow_unjudged && faults.len() < given.len()) {
        return Err(CliError::failure(format!(
            "{} of {} samples got no judgement, and nothing was changed ({first})",
            faults.len(),
            given.len()
        ))
        .hint("--allow-unjudged keeps the old judgement of such samples"));
    }
    Ok(judged.into_iter().map(Result::ok).collect())
}

impl Judge {
    async fn judge(&self, given: &Given, threshold: f64) -> Result<Judged, String> {
        let gold = || given.gold.as_deref().ok_or("the problem has no right answer");
        let verifier: Arc<dyn Verifier> = match self {
            Self::Gold => {
                let grader = Grader::new(gold()?, given.question.as_deref());
                let right = given
                    .answer
                    .as_deref()
                    .map_or_else(|| grader.grade(&given.text).correct, |answer| grader.is_right(answer));
                return Ok((right, None, Cost::ZERO));
            }
            Self::EachGold(kind) => match format!("{kind}:{}", gold()?).parse() {
                Ok(VerifierSpec::Rule(checker)) => Arc::new(checker),
                Ok(_) => return Err(format!("unknown rule `{kind}`")),
                Err(e) => return Err(e.to_string()),
            },
            Self::One { verifier, .. } => Arc::clone(verifier),
        };
        let reads_answers = !matches!(self, Self::One { reads_answers: false, .. });
        let content = match (given.text.is_empty(), &given.answer) {
            (false, _) => given.text.clone(),
            (true, Some(answer)) if reads_answers => answer.clone(),
            (true, None) if reads_answers => return Ok((false, None, Cost::ZERO)),
            (true, _) => return Err("the recording holds no text of it".to_owned()),
        };
        let sample = Sample { answer: find_answer(&content), content, ..Sample::default() };
        let prompt = Prompt::user(given.question.as_deref().unwrap_or_default());
        let verdict = tokio::time::timeout(verifier.timeout(), verifier.score(&prompt, &sample)).await;
        let verdict = verdict.map_err(|_| "the verifier took too long")?.map_err(|e| e.to_string())?;
        let score = verdict.score.filter(|s| (0.0..=1.0).contains(s)).ok_or("the verifier gave no score")?;
        let right = score >= threshold;
        // Where a part of right is right, the score is a belief and no share.
        let share = !right && score > 0.0 && threshold >= 1.0;
        Ok((right, share.then_some(score), verdict.bill.cost))
    }
}

fn say(name: &str, (all, judged): (usize, usize), (before, after, changed): (usize, usize, u64), cost: Cost) {
    let kept = if all > judged { format!("; {} kept the old judgement", all - judged) } else { String::new() };
    let paid = if cost.is_zero() { String::new() } else { format!("; ${:.6}", cost.usd()) };
    println!("{name}: {judged} samples judged, {before} right before and {after} now, {changed} changed{kept}{paid}");
}
