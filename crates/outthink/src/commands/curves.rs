//! Curves of training in the store: written while a run goes on, and shown by `outthink data curves`.

use super::runtime;
use super::store::{StoreArgs, store_error};
use crate::error::CliError;
use crate::plot::{Axis, Figure, Panel, Series};
use anyhow::Context;
use clap::Args;
use outthink_eval::{CurvePoint, CurveSpec, CurveSummary, Store, StoreError};
use serde_json::json;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// Writes the curve of a run. A store that fails stops no training: it is said once, and the run's folder
/// has the curve all the same.
pub(super) struct CurveWriter {
    open: Option<(Runtime, Store)>,
    name: String,
}

/// What a curve is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct CurveOf<'a> {
    /// The folder of the run, by which the curve is named.
    pub(super) folder: &'a Path,
    /// `pretrain`, `sft` or `rl`.
    pub(super) kind: &'a str,
    /// Parameters of the model.
    pub(super) parameters: u64,
    /// The run's settings.
    pub(super) settings: &'a serde_json::Value,
    /// Whether the run goes on with one that was stopped.
    pub(super) resume: bool,
}

impl CurveWriter {
    pub(super) fn begin(args: &StoreArgs, of: CurveOf<'_>) -> Self {
        let folder = std::path::absolute(of.folder).unwrap_or_else(|_| of.folder.to_path_buf());
        let name = folder.to_string_lossy().into_owned();
        let spec = CurveSpec {
            name: name.clone(),
            kind: of.kind.to_owned(),
            parameters: of.parameters,
            settings: of.settings.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let begun = runtime().and_then(|runtime| {
            let store = runtime.block_on(async {
                let store = args.open().await?;
                store.begin_curve(&spec, of.resume).await.map_err(|e| store_error(&e))?;
                Ok::<_, CliError>(store)
            })?;
            Ok((runtime, store))
        });
        let mut writer = Self { open: None, name };
        match begun {
            Ok(open) => writer.open = Some(open),
            Err(error) => warn(&error),
        }
        writer
    }

    pub(super) fn add(&mut self, points: &[CurvePoint]) {
        let Some((runtime, store)) = &self.open else { return };
        if let Err(error) = runtime.block_on(store.add_points(&self.name, points)) {
            warn(&store_error(&error));
            self.open = None;
        }
    }
}

fn warn(error: &CliError) {
    eprintln!("warning: the curve is kept in the run's folder and not in the store: {}", error.message);
}

/// A point of a curve.
pub(super) fn point(series: &str, (step, tokens): (u64, u64), value: f64) -> CurvePoint {
    CurvePoint { series: series.to_owned(), step, tokens, value }
}

#[derive(Debug, Args)]
pub(crate) struct CurvesArgs {
    /// The curve, by the folder of its run; without one all are listed.
    run: Option<PathBuf>,
    /// Print JSON: a line a curve, or one curve with its points.
    #[arg(long)]
    json: bool,
    /// Draw the curve to this .svg or .png.
    #[arg(long, value_name = "FILE", requires = "run")]
    figure: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs `data curves`.
pub(super) async fn show(args: &CurvesArgs) -> Result<(), CliError> {
    let store = args.store.open().await?;
    let Some(run) = &args.run else {
        let curves = store.curves().await.map_err(|e| store_error(&e))?;
        store.close().await;
        return list(&curves, args.json);
    };
    let curve = find(&store, run).await.map_err(|e| store_error(&e))?;
    let points = store.curve_points(&curve.spec.name).await.map_err(|e| store_error(&e))?;
    store.close().await;
    if let Some(path) = &args.figure {
        figure(&curve, &points).write(path)?;
    }
    if args.json {
        let mut value = serde_json::to_value(&curve).context("cannot write JSON")?;
        value["points"] = json!(points);
        println!("{value}");
        return Ok(());
    }
    println!("{}: {}, {} parameters", curve.spec.name, curve.spec.kind, curve.spec.parameters);
    println!("{:>8}  {:>11}  {:<14}  value", "step", "tokens", "series");
    let mut rows: Vec<&CurvePoint> = points.iter().collect();
    rows.sort_by_key(|p| p.step);
    for point in thinned(&rows) {
        println!("{:>8}  {:>11}  {:<14}  {:.4}", point.step, point.tokens, point.series, point.value);
    }
    Ok(())
}

/// A curve by its folder, as it was given or from here.
pub(super) async fn find(store: &Store, run: &Path) -> Result<CurveSummary, StoreError> {
    match store.curve(&run.to_string_lossy()).await {
        Err(StoreError::NoRun { .. }) => {
            let folder = std::path::absolute(run).unwrap_or_else(|_| run.to_path_buf());
            store.curve(&folder.to_string_lossy()).await
        }
        found => found,
    }
}

fn list(curves: &[CurveSummary], as_json: bool) -> Result<(), CliError> {
    if as_json {
        for curve in curves {
            println!("{}", serde_json::to_string(curve).context("cannot write JSON")?);
        }
        return Ok(());
    }
    if curves.is_empty() {
        println!("no curves yet: `outthink train` writes them");
        return Ok(());
    }
    println!("{:<8}  {:>10}  {:>7}  {:>11}  {:<44}  run", "kind", "parameters", "steps", "tokens", "last");
    for curve in curves {
        let last: Vec<String> = curve.last.iter().map(|(series, value)| format!("{series} {value:.3}")).collect();
        let CurveSpec { kind, parameters, name, .. } = &curve.spec;
        println!(
            "{kind:<8}  {parameters:>10}  {:>7}  {:>11}  {:<44}  {name}",
            curve.steps,
            curve.tokens,
            last.join(", ")
        );
    }
    Ok(())
}

/// At most some forty rows, the first and the last among them.
fn thinned<'a>(rows: &[&'a CurvePoint]) -> Vec<&'a CurvePoint> {
    let stride = rows.len().div_ceil(40).max(1);
    let last = rows.len().saturating_sub(1);
    rows.iter().enumerate().filter(|(i, _)| i % stride == 0 || *i == last).map(|(_, row)| *row).collect()
}

fn figure(curve: &CurveSummary, points: &[CurvePoint]) -> Figure {
    let series = curve.last.iter().enumerate().map(|(colour, (name, _))| {
        let of = points.iter().filter(|p| p.series == *name).map(|p| (p.step as f64, p.value)).collect();
        Series::line(name.clone(), colour, of)
    });
    let y = if curve.spec.kind == "rl" { "share, or reward" } else { "value" };
    let title = format!("{} of {} parameters", curve.spec.kind, curve.spec.parameters);
    Figure::of(Panel { title, x: Axis::linear("steps"), y: Axis::linear(y), series: series.collect() })
}
