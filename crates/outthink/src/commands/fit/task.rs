//! `outthink fit task`: accuracy of tasks against parameters and tokens, by way of the loss.

use super::pretrain::{Columns, point};
use super::{DataArgs, Table, brackets, law_error, print_json, print_notes};
use crate::error::CliError;
use clap::Args;
use outthink_law::estimate::Resampling;
use outthink_law::pretrain::{Forecast, LossForm, PretrainOptions, Runs, backtest, fit_form};
use outthink_law::task::{Measured, TaskFit, fit_task, loss_draws};
use outthink_law::verdict::Ranged;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct TaskArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Columns whose values each are a task [default: benchmark or task].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    by: Vec<String>,
    /// A run whose accuracy is forecast, such as 7e9,4e12; may be repeated.
    #[arg(long = "at", value_name = "PARAMS,TOKENS", value_parser = point)]
    at: Vec<(f64, f64)>,
    /// Bootstrap draws of each step.
    #[arg(long, value_name = "N", default_value_t = 300)]
    bootstraps: usize,
}

/// One task with both of its steps.
struct Task {
    name: String,
    fit: TaskFit,
    form: LossForm,
    /// Each run asked for: its loss and its accuracy.
    at: Vec<(Forecast, Ranged)>,
    /// The dearest quarter of the models, forecast by both steps from the rest: mean absolute error and models.
    held_out: Option<(f64, usize)>,
}

pub(super) fn run(args: &TaskArgs) -> Result<(), CliError> {
    let table = args.data.read()?;
    let by: Vec<String> =
        if args.by.is_empty() { table.find("benchmark").into_iter().collect() } else { args.by.clone() };
    let groups = if by.is_empty() { vec![(table.name.clone(), table)] } else { table.split(&by)? };
    let mut tasks = Vec::new();
    let mut notes = Vec::new();
    for (name, table) in groups {
        tasks.push(task(args, name, table, &mut notes)?);
    }
    if args.data.json {
        let rows: Vec<Value> = tasks.iter().map(as_json).collect();
        print_json(&json!({ "schema": 1, "law": "task", "notes": notes, "tasks": rows }));
        return Ok(());
    }
    print_notes(&notes);
    for t in &tasks {
        print(t);
    }
    Ok(())
}

fn task(args: &TaskArgs, name: String, table: Table, notes: &mut Vec<String>) -> Result<Task, CliError> {
    let column = table.need("accuracy")?;
    let loss = table.need("loss")?;
    let table = table.without_gaps(&[column.clone(), loss])?;
    let accuracy = table.full(&column, "a number from 0 to 1", |a| (0.0..=1.0).contains(&a))?;
    let columns = Columns::of(table, 0)?;
    if accuracy.len() != columns.loss.len() {
        return Err(CliError::usage("some rows have an accuracy and no parameters or tokens")
            .hint("leave them out by --where, or give them"));
    }
    for note in &columns.notes {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    let options = PretrainOptions {
        bootstraps: args.bootstraps,
        starts: 100,
        seed: args.data.seed,
        level: args.data.level,
        ..PretrainOptions::default()
    };
    let how = Resampling { draws: args.bootstraps, seed: args.data.seed, level: args.data.level };
    let runs = columns.runs();
    let mut best = None;
    for form in [LossForm::Tied, LossForm::Chinchilla] {
        if let Ok(test) = backtest(form, &runs, options)
            && best.as_ref().is_none_or(|(_, b): &(LossForm, outthink_law::pretrain::Backtest)| test.scale < b.scale)
        {
            best = Some((form, test));
        }
    }
    let Some((form, test)) = best else {
        return Err(fit_form(LossForm::Tied, &runs, options).map_or_else(
            |e| law_error(&e),
            |_| CliError::usage(format!("the loss of `{name}` could not be backtested")),
        ));
    };
    let step_one = fit_form(form, &runs, options).map_err(|e| law_error(&e))?;
    let fit = fit_task(&Measured { loss: runs.loss, accuracy: &accuracy }, how).map_err(|e| law_error(&e))?;
    let most = runs.params.iter().zip(runs.tokens).map(|(n, d)| 6.0 * n * d).fold(0.0, f64::max);
    let mut at = Vec::new();
    for &run in &args.at {
        let loss = test.forecast(&step_one, most, run, args.data.level).map_err(|e| law_error(&e))?;
        let draws = loss_draws(&test, &step_one, most, run, (2_000, args.data.seed));
        at.push((loss, fit.through(loss.loss, &draws, args.data.level, args.data.seed)));
    }
    let held_out = held_out(&runs, &accuracy, form, options);
    Ok(Task { name, fit, form, at, held_out })
}

/// Both steps fitted to the cheaper three quarters, forecasting the dearest quarter.
fn held_out(runs: &Runs<'_>, accuracy: &[f64], form: LossForm, options: PretrainOptions) -> Option<(f64, usize)> {
    let n = accuracy.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| (runs.params[i] * runs.tokens[i]).total_cmp(&(runs.params[j] * runs.tokens[j])));
    let (cheap, dear) = order.split_at(n - n / 4);
    let pick = |column: &[f64]| cheap.iter().map(|&i| column[i]).collect::<Vec<f64>>();
    let (params, tokens, loss, right) = (pick(runs.params), pick(runs.tokens), pick(runs.loss), pick(accuracy));
    let options = PretrainOptions { bootstraps: 0, ..options };
    let early = fit_form(form, &Runs { params: &params, tokens: &tokens, loss: &loss }, options).ok()?;
    let how = Resampling { draws: 0, ..Resampling::default() };
    let step_two = fit_task(&Measured { loss: &loss, accuracy: &right }, how).ok()?;
    let gap = |&i: &usize| (step_two.at(early.law.loss(runs.params[i], runs.tokens[i])) - accuracy[i]).abs();
    (!dear.is_empty()).then(|| (dear.iter().map(gap).sum::<f64>() / dear.len() as f64, dear.len()))
}

fn as_json(t: &Task) -> Value {
    let at: Vec<Value> = (t.at.iter())
        .map(|(loss, accuracy)| {
            json!({ "params": loss.params, "tokens": loss.tokens, "loss": loss.loss, "loss_interval": loss.interval,
                "accuracy": accuracy.value, "interval": accuracy.interval, "factor": loss.factor,
                "beyond_backtests": loss.beyond })
        })
        .collect();
    json!({ "task": t.name, "n": t.fit.n, "step_one": t.form.name(), "step_two": { "constants": t.fit.law.constants,
        "scatter": t.fit.scatter }, "at": at,
        "held_out": t.held_out.map(|(error, n)| json!({ "mean_absolute_error": error, "models": n })) })
}

fn print(t: &Task) {
    let c = |name: &str| t.fit.law.constant(name).unwrap_or(f64::NAN);
    println!(
        "{} ({} models): accuracy from {:.3} to {:.3}, half way at a loss of {:.3}; scatter {:.1} points",
        t.name,
        t.fit.n,
        c("floor"),
        c("ceiling"),
        -c("midpoint"),
        100.0 * t.fit.scatter
    );
    if let Some((error, n)) = t.held_out {
        println!(
            "  the {n} most expensive models, forecast by both steps from the rest: off by {:.1} points",
            100.0 * error
        );
    }
    for (loss, accuracy) in &t.at {
        let beyond = if loss.beyond { "   further than the backtests reached" } else { "" };
        println!(
            "  N {:.3e}   D {:.3e}   loss {:.4} {}   accuracy {:.3} {}{beyond}",
            loss.params,
            loss.tokens,
            loss.loss,
            brackets(loss.interval, 4),
            accuracy.value,
            brackets(accuracy.interval, 3)
        );
    }
}
