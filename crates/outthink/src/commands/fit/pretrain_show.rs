//! What `outthink fit pretrain` prints.

use super::pretrain::{PretrainArgs, Study};
use super::{brackets, brackets_e, fixed, print_notes};
use outthink_law::pretrain::{Forecast, HeldOut, LineVerdict, Part};
use serde_json::{Value, json};

/// One study as JSON.
pub(super) fn as_json(args: &PretrainArgs, study: &Study) -> Value {
    let Study { chinchilla, kaplan, isoflop, repeated, forecasts, .. } = study;
    let optimum: Vec<Value> = (args.at_flops.iter())
        .map(|&c| {
            let o = chinchilla.law.optimum(c);
            json!({ "flops": c, "params": o.params, "tokens": o.tokens, "loss": o.loss,
                "tokens_per_param": o.tokens_per_param(), "intervals": chinchilla.optimum_intervals(c) })
        })
        .collect();
    let of = |e: &Forecast| {
        json!({ "loss": e.loss, "interval": e.interval, "interval_of_mean": e.mean_interval, "factor": e.factor,
            "beyond_backtests": e.beyond })
    };
    let at: Vec<Value> = (study.at.iter())
        .map(|(all, each)| {
            let mut row = json!({ "params": all.params, "tokens": all.tokens, "mixture": of(all) });
            for (part, e) in study.mixture.parts.iter().zip(each) {
                row[part.fit.form.name()] = of(e);
            }
            row
        })
        .collect();
    let backtests: Vec<Value> = (study.mixture.parts.iter())
        .map(|Part { fit, backtest, weight }| {
            json!({ "form": fit.form.name(), "law": fit.law, "weight": weight, "held_out": backtest.held.len(),
                "mean_absolute_error_ln_loss": backtest.scale, "scatter_ln_loss": backtest.scatter,
                "reach": backtest.reach, "tested": backtest.tested })
        })
        .collect();
    json!({
        "schema": 1,
        "law": "pretrain",
        "data": study.name,
        "notes": study.notes,
        "n": chinchilla.n,
        "backtests": backtests,
        "interval_coverage": study.tested,
        "chinchilla": { "law": chinchilla.law, "objective": chinchilla.objective,
            "starts_agreeing": chinchilla.starts_agreeing, "intervals": chinchilla.intervals() },
        "kaplan": { "law": kaplan.law, "objective": kaplan.objective,
            "alpha_n": kaplan.interval(|l| l.alpha_n), "alpha_d": kaplan.interval(|l| l.alpha_d) },
        "isoflop": isoflop.as_ref().map(|f| json!({ "parabolas": f.parabolas, "left_out": f.left_out, "exponent": f.exponent,
            "exponent_interval": f.exponent_interval })),
        "repeated": repeated.as_ref().map(|f| json!({ "law": f.law, "n": f.n, "fresh": f.fresh,
            "data_decay": f.interval(|l| l.data_decay), "param_decay": f.interval(|l| l.param_decay) })),
        "forecasts": forecasts.iter().map(|f| json!({ "form": f.name, "mean_absolute_error_ln_loss": f.error,
            "score": f.score, "weight": f.weight })).collect::<Vec<_>>(),
        "optimum": optimum,
        "at": at,
        "line": study.line,
    })
}

/// One study for people.
pub(super) fn print(args: &PretrainArgs, study: &Study) {
    let Study { chinchilla, kaplan, isoflop, repeated, forecasts, .. } = study;
    let dropped = match args.drop_highest {
        0 => String::new(),
        n => format!(", the {n} highest losses left out"),
    };
    println!("{}: {} runs{dropped}", study.name, chinchilla.n);
    print_notes(&study.notes);
    println!();
    println!(
        "L = E + A/N^alpha + B/D^beta   Huber objective {:.7}, {} of {} starts agree",
        chinchilla.objective, chinchilla.starts_agreeing, args.starts
    );
    let l = chinchilla.law;
    let intervals = chinchilla.intervals();
    for (name, value, interval) in [
        ("E", l.floor, intervals.map(|i| i.floor)),
        ("alpha", l.alpha, intervals.map(|i| i.alpha)),
        ("beta", l.beta, intervals.map(|i| i.beta)),
    ] {
        println!("  {name:<8} {}  {}", fixed(value, 4), interval.map(|i| brackets(i, 4)).unwrap_or_default());
    }
    for (name, value, interval) in [("A", l.a, intervals.map(|i| i.a)), ("B", l.b, intervals.map(|i| i.b))] {
        println!("  {name:<8} {}  {}", fixed(value, 1), interval.map(|i| brackets(i, 1)).unwrap_or_default());
    }
    println!("\nL = ((Nc/N)^(alphaN/alphaD) + Dc/D)^alphaD   Huber objective {:.7}", kaplan.objective);
    let k = kaplan.law;
    for (name, value, interval) in
        [("alphaN", k.alpha_n, kaplan.interval(|l| l.alpha_n)), ("alphaD", k.alpha_d, kaplan.interval(|l| l.alpha_d))]
    {
        println!("  {name:<8} {}  {}", fixed(value, 4), interval.map(|i| brackets(i, 4)).unwrap_or_default());
    }
    println!("  {:<8} {:.3e}\n  {:<8} {:.3e}", "Nc", k.n_c, "Dc", k.d_c);
    if !forecasts.is_empty() {
        println!("\nfitted on the cheaper three quarters, forecasting the most expensive quarter of the runs");
        for f in forecasts {
            println!(
                "  {:<12} mean absolute error of ln loss {:.4}   share by this test alone {:.3}",
                f.name, f.error, f.weight
            );
        }
    }
    match isoflop {
        Some(f) => {
            let interval = f.exponent_interval.map(|i| brackets(i, 3)).unwrap_or_default();
            println!(
                "\nIsoFLOP: {} parabolas ({} groups left out), N* goes as C^{:.3} {interval}",
                f.parabolas.len(),
                f.left_out,
                f.exponent
            );
            for p in &f.parabolas {
                println!(
                    "  C {:.2e}   N* {:.3e}   D* {:.3e}   loss {:.4}   {} runs",
                    p.flops, p.params, p.tokens, p.loss, p.n
                );
            }
        }
        None => println!("\nIsoFLOP: fewer than two budgets with four runs or more about a lowest point"),
    }
    if let Some(f) = repeated {
        println!("\nrepeated data ({} runs, {} of them fresh)", f.n, f.fresh);
        println!(
            "  R*_D     {}  {}",
            decay(f.law.data_decay),
            f.interval(|l| l.data_decay).map(|i| format!("[{}, {}]", decay(i.low), decay(i.high))).unwrap_or_default()
        );
        println!(
            "  R*_N     {}  {}",
            decay(f.law.param_decay),
            f.interval(|l| l.param_decay).map(|i| format!("[{}, {}]", decay(i.low), decay(i.high))).unwrap_or_default()
        );
        for epochs in [1.0, 4.0, 16.0, 40.0] {
            println!(
                "  after {epochs:>2} passes the next one is worth {:.2} of fresh data",
                f.law.worth_of_next_epoch(epochs)
            );
        }
    }
    print_forecasts(study);
    print_line(study);
    println!("\ncompute-optimal by the first law");
    for &c in &args.at_flops {
        let o = chinchilla.law.optimum(c);
        let i = chinchilla.optimum_intervals(c);
        println!(
            "  C {c:.2e}   N* {:.3e} {}   D* {:.3e} {}   tokens per parameter {:.1} {}   loss {:.3}",
            o.params,
            i.map(|i| brackets_e(i.params)).unwrap_or_default(),
            o.tokens,
            i.map(|i| brackets_e(i.tokens)).unwrap_or_default(),
            o.tokens_per_param(),
            i.map(|i| brackets(i.tokens_per_param, 1)).unwrap_or_default(),
            o.loss
        );
    }
}

/// How newer models stand to the line of those fitted.
fn print_line(study: &Study) {
    for j in &study.line {
        let (n, f) = (j.newest, j.forecast);
        println!(
            "\nthe model of {:.3e} parameters and {:.3e} tokens, {:.1}x the largest compute fitted",
            n.params, n.tokens, f.factor
        );
        let words = match j.verdict {
            LineVerdict::Slowing => "the line slows: its loss is above where runs of the line end",
            LineVerdict::OnTheLine => "no slowing: its loss is where runs of the line end",
            LineVerdict::AheadOfTheLine => "ahead of the line: its loss is below where runs of the line end",
        };
        println!("  verdict: {words}");
        println!(
            "  loss {:.4}, forecast {:.4} {}; the interval that just reaches it has a level of {:.2}",
            n.loss,
            f.loss,
            brackets(f.interval, 4),
            j.confidence
        );
        match j.worth {
            Some(worth) => println!("  the line needs {worth:.2}x the compute spent for this loss"),
            None => println!("  no compute gives the line this loss"),
        }
        if f.beyond {
            println!(
                "  further than the backtests reached: only the growth of their errors speaks for the interval, so train a \
                 model on the way before you judge"
            );
        }
    }
}

/// A decay in few digits; one that the data do not bound is called that.
fn decay(value: f64) -> String {
    match value {
        v if !v.is_finite() || v > 1e4 => "no decay seen (above 10,000)".to_owned(),
        v if v < 1e-3 => "below 0.001".to_owned(),
        v => format!("{v:.2}"),
    }
}

fn print_forecasts(study: &Study) {
    println!("\nforecasts, each form backtested on the larger runs (mean absolute error of ln loss)");
    for Part { fit, backtest, weight } in &study.mixture.parts {
        let how = if backtest.tested {
            format!("{} held out, up to {:.1}x the compute fitted", backtest.held.len(), backtest.reach)
        } else {
            "too few runs to hold any out: twice their scatter".to_owned()
        };
        println!("  {:<10} {:.4}   weight in the mixture {weight:.2}   {how}", fit.form.name(), backtest.scale);
    }
    for (all, each) in &study.at {
        println!("  N {:.4e}   D {:.4e}   {:.3}x the largest compute", all.params, all.tokens, all.factor);
        let names = study.mixture.parts.iter().map(|p| p.fit.form.name());
        for (name, e) in std::iter::once("mixture").chain(names).zip(std::iter::once(all).chain(each)) {
            let mean = e.mean_interval.map(|i| format!("   the mean alone {}", brackets(i, 4))).unwrap_or_default();
            let beyond = if e.beyond { "   further than the backtests reached" } else { "" };
            println!("    {name:<10} {:.4} {}{mean}{beyond}", e.loss, brackets(e.interval, 4));
        }
    }
    if let Some(rows) = &study.tested {
        println!("\nintervals of forecasts, tested at four cuts (mixture)");
        print_held(rows);
    }
}

fn print_held(rows: &[HeldOut]) {
    for r in rows {
        println!(
            "  {:.0} %: held {} of {} runs ({:.1} %; the interval of the mean {:.1} %), mean width {:.2} % of the loss, \
             mean error {:.2} %",
            100.0 * r.level,
            r.held,
            r.tried,
            100.0 * r.held as f64 / r.tried as f64,
            100.0 * r.held_by_mean as f64 / r.tried as f64,
            100.0 * r.mean_width,
            100.0 * r.error
        );
    }
}

/// The tests of intervals over all groups, run for run; empty where there is one group or none was tested.
pub(super) fn pooled(studies: &[Study]) -> Vec<HeldOut> {
    let all: Vec<&Vec<HeldOut>> = studies.iter().filter_map(|s| s.tested.as_ref()).collect();
    let levels = if all.len() > 1 { all[0].len() } else { 0 };
    (0..levels)
        .map(|i| {
            let rows = || all.iter().map(|rows| &rows[i]);
            let tried: usize = rows().map(|r| r.tried).sum();
            let mean = |f: fn(&HeldOut) -> f64| rows().map(|r| r.tried as f64 * f(r)).sum::<f64>() / tried as f64;
            HeldOut {
                level: all[0][i].level,
                tried,
                held: rows().map(|r| r.held).sum(),
                held_by_mean: rows().map(|r| r.held_by_mean).sum(),
                mean_width: mean(|r| r.mean_width),
                error: mean(|r| r.error),
            }
        })
        .collect()
}

/// Prints the tests of intervals over all groups.
pub(super) fn print_pooled(studies: &[Study]) {
    let rows = pooled(studies);
    if !rows.is_empty() {
        println!("\n---\nintervals of forecasts over all {} groups", studies.len());
        print_held(&rows);
    }
}
