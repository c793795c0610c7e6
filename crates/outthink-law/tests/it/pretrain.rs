//! The Chinchilla fit on published runs, on made data, and on data that it must refuse.

use outthink_law::LawError;
use outthink_law::pretrain::{
    Chinchilla, Held, LineVerdict, LossForm, Mixture, Newest, PretrainFit, PretrainOptions, Runs, backtest,
    coverage_of_intervals, fit, fit_form, judge_line,
};

#[derive(Default)]
pub(super) struct Table {
    pub(super) params: Vec<f64>,
    pub(super) tokens: Vec<f64>,
    pub(super) loss: Vec<f64>,
}

impl Table {
    pub(super) fn runs(&self) -> Runs<'_> {
        Runs { params: &self.params, tokens: &self.tokens, loss: &self.loss }
    }
}

pub(super) fn published(leave_out: usize) -> Option<Table> {
    let text = super::made::laws_file("chinchilla_epoch.csv")?;
    let mut rows: Vec<[f64; 3]> = text
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            [cells[3], cells[4], cells[6]].map(|c| c.parse().unwrap())
        })
        .collect();
    rows.sort_by(|x, y| x[2].total_cmp(&y[2]));
    rows.truncate(rows.len() - leave_out);
    Some(Table {
        params: rows.iter().map(|r| r[0]).collect(),
        tokens: rows.iter().map(|r| r[1] / 6.0 / r[0]).collect(),
        loss: rows.iter().map(|r| r[2]).collect(),
    })
}

fn near(fit: &PretrainFit, floor: f64, alpha: f64, beta: f64) {
    let law = fit.law;
    assert!((law.floor - floor).abs() < 0.003, "{law:?}");
    assert!((law.alpha - alpha).abs() < 0.003, "{law:?}");
    assert!((law.beta - beta).abs() < 0.003, "{law:?}");
}

#[test]
fn the_replication_of_besiroglu_et_al() {
    let Some(table) = published(5) else { return };
    let clock = std::time::Instant::now();
    let fit = fit(&table.runs(), PretrainOptions::default()).unwrap();
    println!(
        "{:?} {} agree {} in {:?}\n{:?}",
        fit.law,
        fit.objective,
        fit.starts_agreeing,
        clock.elapsed(),
        fit.intervals()
    );
    assert_eq!(fit.n, 240);
    near(&fit, 1.817, 0.347, 0.367);
    // What a quasi-Newton search polished by reweighted least squares ends at, too.
    assert!((fit.objective - 0.001_018_274).abs() < 1e-9, "{}", fit.objective);
    assert!((fit.law.floor - 1.817_218).abs() < 1e-5, "{:?}", fit.law);
    let i = fit.intervals().unwrap();
    for (got, low, high) in [(i.floor, 1.764, 1.874), (i.alpha, 0.318, 0.374), (i.beta, 0.327, 0.410)] {
        let slack = 0.15 * (high - low);
        assert!((got.low - low).abs() < slack, "{got:?} against {low}");
        assert!((got.high - high).abs() < slack, "{got:?} against {high}");
    }
    // About 20 tokens a parameter at Chinchilla's own budget.
    let ratio = fit.law.optimum(5.76e23).tokens_per_param();
    assert!((15.0..30.0).contains(&ratio), "{ratio}");
    let held = fit.optimum_intervals(5.76e23).unwrap().tokens_per_param;
    assert!(held.contains(ratio), "{held:?}");
}

#[test]
fn all_245_runs() {
    let Some(table) = published(0) else { return };
    let options = PretrainOptions { bootstraps: 0, ..PretrainOptions::default() };
    let fit = fit(&table.runs(), options).unwrap();
    near(&fit, 1.891, 0.349, 0.453);
    assert_eq!(fit.intervals(), None);
}

const TRUE_LAW: Chinchilla = Chinchilla { floor: 1.7, a: 400.0, alpha: 0.34, b: 1_200.0, beta: 0.33 };

fn made(noise: impl Fn(usize) -> f64) -> Table {
    let mut table = Table { params: vec![], tokens: vec![], loss: vec![] };
    for i in 0..60 {
        let n = 1e8 * 1.6_f64.powi(i % 10);
        let d = 2e9 * 2.3_f64.powi(i / 10);
        table.params.push(n);
        table.tokens.push(d);
        table.loss.push(TRUE_LAW.loss(n, d) * noise(i as usize).exp());
    }
    table
}

#[test]
fn exact_data_give_the_law_back() {
    let fit = fit(&made(|_| 0.0).runs(), PretrainOptions { bootstraps: 0, ..Default::default() });
    let law = fit.unwrap().law;
    assert!((law.floor - 1.7).abs() < 1e-3, "{law:?}");
    assert!((law.alpha - 0.34).abs() < 1e-3, "{law:?}");
    assert!((law.beta - 0.33).abs() < 1e-3, "{law:?}");
}

#[test]
fn the_optimum_is_one() {
    let best = TRUE_LAW.optimum(1e22);
    assert!((6.0 * best.params * best.tokens / 1e22 - 1.0).abs() < 1e-9);
    for step in [0.9, 1.1] {
        assert!(TRUE_LAW.loss(best.params * step, best.tokens / step) > best.loss);
    }
}

#[test]
fn the_same_on_any_number_of_threads() {
    let table = made(|i| 0.003 * ((i * 37 % 11) as f64 - 5.0) / 5.0);
    let options = PretrainOptions { starts: 20, bootstraps: 20, ..PretrainOptions::default() };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&table.runs(), options).unwrap())
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn refuses_what_it_cannot_fit() {
    let good = made(|_| 0.0);
    let of = |change: &dyn Fn(&mut Table)| {
        let mut t = made(|_| 0.0);
        change(&mut t);
        fit(&t.runs(), PretrainOptions::default()).unwrap_err()
    };
    let negative = of(&|t| t.loss[7] = -2.0);
    assert_eq!(negative.to_string(), "loss at row 7 is -2; need a finite number above 0");
    let nan = of(&|t| t.tokens[3] = f64::NAN);
    assert!(matches!(nan, LawError::BadValue { what: "tokens", row: 3, .. }));
    let one_size = of(&|t| t.params.fill(1e9));
    assert!(matches!(one_size, LawError::OneValueOnly { what: "params", .. }));
    let short = of(&|t| t.params.truncate(5));
    assert!(matches!(short, LawError::LengthMismatch { .. }));
    let few = Runs { params: &good.params[..5], tokens: &good.tokens[..5], loss: &good.loss[..5] };
    let few = fit(&few, PretrainOptions::default()).unwrap_err();
    assert!(matches!(few, LawError::TooFewPoints { points: 5, need: 6, .. }));
}

/// A grid of runs of a known law, with normal errors of `sigma` in ln loss.
fn grid_of(law: &Chinchilla, sigma: f64, seed: u64) -> Table {
    let mut draws = super::made::Draws::mixed(seed);
    let mut table = Table { params: vec![], tokens: vec![], loss: vec![] };
    for i in 0..8 {
        for j in 0..6 {
            let (n, d) = (2e7 * 1.9_f64.powi(i), 8.0 * 2e7 * 1.9_f64.powi(i) * 2_f64.powi(j));
            table.params.push(n);
            table.tokens.push(d);
            table.loss.push(law.loss(n, d) * (sigma * draws.normal()).exp());
        }
    }
    table
}

const LAW: Chinchilla = Chinchilla { floor: 1.7, a: 400.0, alpha: 0.34, b: 1_500.0, beta: 0.36 };

#[test]
fn constants_that_are_held_stay_and_tied_exponents_are_one() {
    let table = grid_of(&LAW, 0.002, 1);
    let of = |held: Held| {
        let options = PretrainOptions { held, bootstraps: 4, starts: 60, ..PretrainOptions::default() };
        fit(&table.runs(), options).unwrap()
    };
    let tied = of(Held { tied: true, ..Held::default() });
    assert_eq!(tied.law.alpha, tied.law.beta);
    assert!((tied.law.floor - 1.7).abs() < 0.15, "{:?}", tied.law);
    assert!(tied.draws.iter().all(|d| d.alpha == d.beta));
    let held = of(Held { floor: Some(1.7), alpha: Some(0.34), ..Held::default() });
    assert!((held.law.floor - 1.7).abs() < 1e-9 && held.law.alpha == 0.34, "{:?}", held.law);
    assert!((held.law.beta - 0.36).abs() < 0.02, "{:?}", held.law);
    let bad = PretrainOptions { held: Held { floor: Some(-1.0), ..Held::default() }, ..PretrainOptions::default() };
    assert!(matches!(fit(&table.runs(), bad), Err(LawError::BadValue { what: "floor", .. })));
}

#[test]
fn forecasts_widen_with_distance_and_level() {
    let table = grid_of(&LAW, 0.004, 2);
    let options = PretrainOptions { bootstraps: 60, starts: 60, ..PretrainOptions::default() };
    let runs = table.runs();
    let (test, fitted) =
        (backtest(LossForm::Tied, &runs, options).unwrap(), fit_form(LossForm::Tied, &runs, options).unwrap());
    assert!(test.tested && test.held.len() > 10 && test.scale >= test.scatter);
    let most = runs.params.iter().zip(runs.tokens).map(|(n, d)| 6.0 * n * d).fold(0.0, f64::max);
    let at = |scale: f64, level: f64| {
        let side = (most * scale / 6.0 / 40.0).sqrt();
        test.forecast(&fitted, most, (side, 40.0 * side), level).unwrap()
    };
    let (near, far) = (at(2.0, 0.9), at(1e4, 0.9));
    assert!(!near.beyond && far.beyond && far.factor > 9e3);
    assert!(near.interval.width() / near.loss < far.interval.width() / far.loss);
    assert!(at(2.0, 0.95).interval.width() > near.interval.width());
    assert!(near.interval.contains(LAW.loss(near.params, near.tokens)), "{near:?}");
    assert!(test.forecast(&fitted, most, (0.0, 1.0), 0.9).is_err());
}

#[test]
fn a_line_slows_where_a_run_leaves_the_interval_of_runs() {
    let table = grid_of(&LAW, 0.004, 3);
    let options = PretrainOptions { bootstraps: 60, starts: 60, ..PretrainOptions::default() };
    let runs = table.runs();
    let line = Mixture::new(&runs, options).unwrap();
    let (params, tokens) = (3e9, 3e11);
    let of = |share: f64| {
        let newest = Newest { params, tokens, loss: LAW.loss(params, tokens) * share };
        judge_line(&line, newest, 0.95).unwrap()
    };
    assert_eq!(of(1.0).verdict, LineVerdict::OnTheLine);
    let slow = of(1.08);
    assert_eq!(slow.verdict, LineVerdict::Slowing);
    assert!(slow.confidence > 0.95 && slow.worth.unwrap() < 0.6, "{slow:?}");
    assert_eq!(of(0.92).verdict, LineVerdict::AheadOfTheLine);
    assert!(of(1.02).confidence < slow.confidence);
    // Below the floor of the law no compute gives the loss.
    assert!(of(0.5).worth.is_none());
}

/// The larger runs of the published set lie within intervals that saw the smaller ones only.
#[test]
fn forecast_intervals_hold_published_runs() {
    let options = PretrainOptions { bootstraps: 100, starts: 40, ..PretrainOptions::default() };
    for leave_out in [0, 5] {
        let Some(table) = published(leave_out) else { return };
        let rows = coverage_of_intervals(None, &table.runs(), options, &[0.9, 0.95]).unwrap();
        println!("{rows:?}");
        let share = |i: usize| rows[i].held as f64 / rows[i].tried as f64;
        assert!(share(0) > 0.88 && share(1) > 0.93, "{rows:?}");
        assert!((rows[1].held_by_mean as f64) < 0.5 * rows[1].tried as f64, "the mean's interval is another thing");
    }
}
