//! What a plan comes to, for people who decide: a headline, a recommendation, what would change it, and the frontier.

use super::plan::dollars;
use super::plan_life::{ALONE, IntervalOf, Law, LifeArgs, TOGETHER};
use crate::error::CliError;
use crate::plot::{Axis, Figure, Ground, Panel, Point, Series};
use crate::report::{escape, table};
use anyhow::Context;
use outthink_law::LawError;
use outthink_law::plan::{Aim, PlanOption, Standing};
use outthink_law::pretrain::FLOP_PER_PARAM_TOKEN;
use outthink_law::sensitivity::{Assured, Swing, assured, frontier, tornado};
use outthink_law::verdict::Outlook;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Inputs that are shown: the tornado knows more, and JSON has them all.
const SHOWN: usize = 3;
/// Sums of dollars on the frontier.
const POINTS: usize = 41;
/// Compute over the largest fitted beyond which a law is far from what it has seen.
const FAR: f64 = 100.0;
/// Probability with which a run that is planned with a margin ends at the loss or below it.
const SURE: f64 = 0.9;

/// What dollars buy: dollars in all, the value, and its interval.
type Bought = (f64, f64, Option<(f64, f64)>);

/// A plan in a sentence, a figure and a few rows.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// One sentence.
    pub(super) headline: String,
    /// What to do, and what to find out first.
    pub(super) recommendation: String,
    /// The inputs, the one that moves the dollars most first.
    pub(super) swings: Vec<Swing>,
    frontier: Vec<Bought>,
    /// The plan itself on the frontier.
    chosen: Option<(f64, f64)>,
    /// What is bought: loss or accuracy.
    what: &'static str,
    /// Level of the intervals.
    level: f64,
    /// What the intervals of the loss hold.
    pub(super) interval_of: IntervalOf,
    /// What the intervals hold, in words.
    held: String,
    /// The plan with a margin.
    margin: Margin,
}

/// The plan that reaches a loss with the probability [`SURE`].
#[derive(Debug, Default)]
enum Margin {
    /// The law does not say how far runs end from it.
    #[default]
    Unknown,
    /// No size is so sure.
    Nowhere,
    /// This one.
    At(Assured),
}

impl Margin {
    /// What it means for a plan of this loss, of which nine runs in ten stay at or below `bound`.
    fn words(&self, loss: f64, bound: f64) -> String {
        let rest = match self {
            Self::Unknown => return String::new(),
            Self::Nowhere => format!("by these runs no size is sure of {loss:.3} with a probability of {SURE}."),
            Self::At(found) => format!(
                "to end at {loss:.3} or below with a probability of {SURE} plan for {:.3}: {} parameters on {} tokens, {}.",
                found.planned_loss,
                many(found.life.params),
                many(found.life.tokens),
                dollars(found.life.usd())
            ),
        };
        format!(" Every second run planned so ends above {loss:.3}, nine in ten at or below {bound:.3}; {rest}")
    }
}

/// What intervals of a plan's loss hold, in words for the page.
fn held_words(of: IntervalOf, level: f64) -> String {
    let level = 100.0 * level;
    match of {
        IntervalOf::Run => {
            format!("Intervals at {level:.0} % are of a run: by backtests {level:.0} % of runs end within.")
        }
        IntervalOf::Mean => format!(
            "Intervals at {level:.0} % are of the fitted mean alone, and runs scatter far more: save the law again with \
             `outthink fit pretrain --save` for those of a run."
        ),
        IntervalOf::Nothing => "Constants as given have no interval; fit the runs for one.".to_owned(),
    }
}

/// A size or a number of tokens as people say it.
fn many(x: f64) -> String {
    match x {
        x if x >= 1e12 => format!("{:.1}T", x / 1e12),
        x if x >= 1e9 => format!("{:.1}B", x / 1e9),
        x if x >= 1e6 => format!("{:.0}M", x / 1e6),
        x => format!("{x:.0}"),
    }
}

/// An input's value in few digits.
fn number(x: f64) -> String {
    match x.abs() {
        x if x >= 1e6 => format!("{x:.1e}"),
        x if x >= 100.0 => format!("{x:.0}"),
        _ => format!("{x:.2}"),
    }
}

fn end(usd: Option<f64>) -> String {
    usd.map_or_else(|| "out of reach".to_owned(), dollars)
}

/// One row of the tornado in words.
fn swing_cells(s: &Swing) -> [String; 4] {
    let range = s
        .values
        .map_or_else(String::new, |[low, at, high]| format!("{} ({} to {})", number(at), number(low), number(high)));
    [s.input.clone(), range, end(s.at_low), end(s.at_high)]
}

/// The board of a model that is trained from scratch; empty where no option of that kind is there.
///
/// # Errors
///
/// Costs that cannot be.
pub(super) fn of_life(
    args: &LifeArgs,
    law: &Law,
    standing: &Standing,
    options: &[PlanOption],
) -> Result<Board, CliError> {
    let bad = |e: LawError| super::fit::law_error(&e);
    let found = |name: &str| options.iter().find(|o| o.name == name);
    let empty = || Board { interval_of: law.interval_of(), ..Board::default() };
    let Some(together) = found(TOGETHER) else { return Ok(empty()) };
    let Some(loss) = together.loss.filter(|_| together.usd().is_finite()) else {
        return Ok(Board {
            headline: format!("Out of reach: {}.", together.note),
            recommendation: "Find more unique data, or settle for a higher loss; dollars alone do not reach this one."
                .to_owned(),
            ..empty()
        });
    };
    let (costs, serving) = (args.costs(standing), args.serving(standing));
    let plan = law.planned(&costs, &serving);
    let swings = tornado(&plan, loss.value).map_err(bad)?;
    let life = outthink_law::lifetime::cheapest(&law.supply, &costs, &serving, loss.value).map_err(bad)?;
    let Some(life) = life else { return Ok(empty()) };
    let usd = life.usd();
    let lives = frontier(&plan, (usd / 100.0, usd * 100.0), POINTS).map_err(bad)?;
    let of = law.interval_of();
    let bought = lives.iter().map(|l| {
        let i = plan.loss(l.params, l.tokens, law.level).interval;
        (l.usd(), l.loss, (of != IntervalOf::Nothing).then_some((i.low, i.high)))
    });
    let interval = match of {
        IntervalOf::Run => format!(" [{:.3}, {:.3}]", loss.interval.low, loss.interval.high),
        IntervalOf::Mean => format!(" (mean of the law [{:.3}, {:.3}])", loss.interval.low, loss.interval.high),
        IntervalOf::Nothing => String::new(),
    };
    let margin = match of {
        IntervalOf::Run => assured(&plan, loss.value, SURE).map_err(bad)?.map_or(Margin::Nowhere, Margin::At),
        _ => Margin::Unknown,
    };
    let passes = if life.epochs > 1.0 { format!(", {:.1} passes over the data", life.epochs) } else { String::new() };
    let headline = format!(
        "{} buys a loss of {:.3}{interval}: {} parameters on {} tokens{passes}; {} of it is training.",
        dollars(usd),
        loss.value,
        many(life.params),
        many(life.tokens),
        dollars(life.training_usd),
    );
    let mut recommendation = match found(ALONE).filter(|a| a.usd().is_finite()) {
        Some(alone) if alone.usd() > 1.05 * usd && alone.loss.is_some_and(|l| (l.value - loss.value).abs() < 5e-4) => {
            format!(
                "Train the size for the queries that it will serve: the split that looks at training alone costs {} \
                 for the same loss, {:.1}x as much.",
                dollars(alone.usd()),
                alone.usd() / usd
            )
        }
        Some(alone) if alone.usd() < 0.95 * usd => format!(
            "Spend it where serving is cheap; the split that looks at training alone stops at {} with a loss of {}.",
            dollars(alone.usd()),
            alone.loss.map_or_else(|| "unknown size".to_owned(), |l| format!("{:.3}", l.value))
        ),
        _ => "Take the split of the training bill: serving is a small part of the dollars.".to_owned(),
    };
    if !matches!(margin, Margin::Unknown) {
        let bound = plan.loss(life.params, life.tokens, 2.0 * SURE - 1.0).interval.high;
        recommendation += &margin.words(loss.value, bound);
    }
    if let Some(first) = swings.first() {
        let _ = write!(
            recommendation,
            " Settle first: {} ({} to {} over its range).",
            first.input,
            end(first.at_low),
            end(first.at_high)
        );
    }
    if let Some((runs, most)) = law.fitted {
        let factor = FLOP_PER_PARAM_TOKEN * life.params * life.tokens / most;
        if factor > FAR {
            let _ = write!(
                recommendation,
                " The law has seen {runs} runs up to {most:.1e} FLOP, and this is {factor:.0}x that: buy a run on \
                 the way before all of it."
            );
        }
    }
    Ok(Board {
        headline,
        recommendation,
        swings,
        frontier: bought.collect(),
        chosen: Some((usd, loss.value)),
        what: "loss",
        level: law.level,
        interval_of: of,
        held: held_words(of, law.level),
        margin,
    })
}

/// The board of more thinking: what dollars of serving buy in accuracy.
pub(super) fn of_thinking(standing: &Standing, outlook: &Outlook, aim: Aim, options: &[PlanOption]) -> Board {
    let usd = |tokens: f64| standing.queries * standing.serving_usd(standing.params, tokens);
    let today = standing.tokens_per_query;
    let frontier: Vec<Bought> = (0..POINTS)
        .map(|i| {
            let tokens = today * 10_f64.powf(-1.0 + 3.0 * i as f64 / (POINTS - 1) as f64);
            let at = outlook.measured(tokens);
            (usd(tokens), at.value, Some((at.interval.low, at.interval.high)))
        })
        .collect();
    let meets = |o: &&PlanOption| {
        o.usd().is_finite()
            && match aim {
                Aim::Accuracy(target) => o.accuracy.is_some_and(|a| a.value >= target - 5e-4),
                Aim::Usd(_) => o.accuracy.is_some(),
            }
    };
    let value = |o: &PlanOption| o.accuracy.map_or(0.0, |a| a.value);
    let best = match aim {
        Aim::Accuracy(_) => options.iter().filter(meets).min_by(|x, y| x.usd().total_cmp(&y.usd())),
        Aim::Usd(_) => options.iter().filter(meets).max_by(|x, y| value(x).total_cmp(&value(y))),
    };
    let now = outlook.today(today);
    let (headline, recommendation, chosen) = match best {
        Some(o) => {
            let a = o.accuracy.unwrap_or(now);
            let headline = format!(
                "{} buys an accuracy of {:.3} [{:.3}, {:.3}], by {}; today {:.3} for {}.",
                dollars(o.usd()),
                a.value,
                a.interval.low,
                a.interval.high,
                o.name,
                now.value,
                dollars(usd(today))
            );
            let sure = o.probability.map_or_else(String::new, |p| {
                if p < 0.8 {
                    format!(" The target is met with probability {p:.2}: measure longer thinking before all of it.")
                } else {
                    format!(" The target is met with probability {p:.2}.")
                }
            });
            (headline, format!("{}{}: {}.{sure}", o.name[..1].to_uppercase(), &o.name[1..], o.note), Some((o.usd(), a.value)))
        }
        None => (
            format!("No option reaches this accuracy; today it is {:.3} for {}.", now.value, dollars(usd(today))),
            "More likely than not the ceiling lies below the target: a better model, another prompt or a verifier come \
             before more tokens."
                .to_owned(),
            None,
        ),
    };
    let mut recommendation = recommendation;
    if let (Aim::Accuracy(target), true) = (aim, best.is_some())
        && now.value >= target
    {
        let _ = write!(recommendation, " Today's {today:.0} tokens a query reach it already.");
    }
    if let Some(m) = outlook.misses() {
        let _ = write!(
            recommendation,
            " No smooth curve goes through these points ({:.3} measured at {:.0} tokens, {:.3} drawn): go by the \
             measured lengths, not by what lies between or beyond them.",
            m.measured, m.compute, m.drawn
        );
    }
    let mut swings = Vec::new();
    if let (Some(o), Aim::Accuracy(_)) = (best, aim) {
        let of = |input: &str, value: f64, factor: f64| Swing {
            input: input.to_owned(),
            values: Some([value / factor, value, value * factor]),
            at_low: Some(o.once_usd + o.serving_usd / factor),
            at_high: Some(o.once_usd + o.serving_usd * factor),
            sizes: [None, None],
        };
        swings.push(of("queries", standing.queries, 3.0));
        swings.push(match standing.usd_per_million_tokens {
            Some(price) => of("dollars for a million generated tokens", price, 1.5),
            None => of("dollars for an accelerator hour", standing.hardware.usd_per_hour, 1.5),
        });
        let thinking = options.iter().find_map(|o| o.usd_interval.filter(|_| o.name.contains("thinking")));
        if let Some(i) = thinking {
            let finite = |x: f64| Some(x).filter(|x| x.is_finite());
            swings.push(Swing {
                input: "the curve of thinking (its interval)".to_owned(),
                values: None,
                at_low: finite(i.low),
                at_high: finite(i.high),
                sizes: [None, None],
            });
        }
        swings.sort_by(|x, y| y.size().total_cmp(&x.size()));
    }
    let level = now.interval.level;
    let held =
        format!("Intervals at {:.0} % are of an accuracy as it would be measured on as many problems.", 100.0 * level);
    Board { headline, recommendation, swings, frontier, chosen, what: "accuracy", level, held, ..Board::default() }
}

impl Board {
    /// This board, with what another one recommends after it.
    pub(super) fn after(mut self, other: &Self) -> Self {
        let _ = write!(self.recommendation, " Next to it: {}", other.headline);
        self
    }

    /// Prints headline, recommendation and the inputs that matter most.
    pub(super) fn print(&self) {
        if self.headline.is_empty() {
            return;
        }
        println!("{}\n{}\n", self.headline, self.recommendation);
        if !self.swings.is_empty() {
            println!("what would change it (dollars in all)");
            for s in self.swings.iter().take(SHOWN) {
                let [input, range, low, high] = swing_cells(s);
                println!("  {input:<48} {range:<28} {low} to {high}");
            }
            println!();
        }
    }

    /// The plan with a margin for JSON; null where nothing says how far runs end from the law.
    pub(super) fn margin_json(&self) -> Value {
        let found = match &self.margin {
            Margin::Unknown => return Value::Null,
            Margin::Nowhere => None,
            Margin::At(found) => Some(found),
        };
        json!({ "probability": SURE, "reachable": found.is_some(), "planned_loss": found.map(|a| a.planned_loss),
            "life": found.map(|a| a.life), "usd": found.map(|a| a.life.usd()) })
    }

    /// The frontier for JSON.
    pub(super) fn frontier_json(&self) -> Value {
        let rows = self.frontier.iter().map(|(usd, value, band)| {
            json!({ "usd": usd, self.what: value, "interval": band.map(|b| json!({ "low": b.0, "high": b.1, "level": self.level })) })
        });
        rows.collect()
    }

    /// The frontier: what dollars buy.
    ///
    /// # Errors
    ///
    /// A plan without an aim has none.
    pub(super) fn figure(&self) -> Result<Figure, CliError> {
        if self.frontier.is_empty() {
            return Err(CliError::usage("this plan has no frontier to draw")
                .hint("give a goal and a law: --goal loss=1.92 with --law or --pretrain, --goal accuracy=0.7 with --inference"));
        }
        let mut series = Vec::new();
        let band: Vec<(f64, f64, f64)> =
            self.frontier.iter().filter_map(|(x, _, b)| b.map(|(low, high)| (*x, low, high))).collect();
        if !band.is_empty() {
            series.push(Series::band(0, band));
        }
        series.push(Series::line("the best for its dollars", 0, self.frontier.iter().map(|b| (b.0, b.1)).collect()));
        if let Some((x, y)) = self.chosen {
            series.push(Series::points("the plan", 1, vec![Point { x, y, interval: None }]));
        }
        let y = if self.what == "accuracy" { Axis::share("accuracy") } else { Axis::linear("loss, nats a token") };
        Ok(Figure::of(Panel {
            title: format!("What dollars buy in {}", self.what),
            x: Axis::log(if self.what == "accuracy" {
                "dollars of serving"
            } else {
                "dollars of training and serving"
            }),
            y,
            series,
        }))
    }
}

/// Style of the page beyond that of the report: one screen, and one sheet of paper.
const STYLE: &str = "
main { max-width: 1080px; }
.sentence { font-size: 1.35rem; line-height: 1.35; font-weight: 600; max-width: none; }
.board { display: grid; grid-template-columns: minmax(300px, 5fr) minmax(320px, 6fr); gap: 24px; align-items: start; }
.board h2 { margin-top: 0; }
@media (max-width: 760px) { .board { grid-template-columns: 1fr; } }
@media print {
  :root { --page: #fff; --ink: #000; --soft: #444; --line: #bbb; --panel: #fff; --accent: #0072b2; }
  .on-dark { display: none !important; } .on-light { display: block !important; }
  main { padding: 0; } @page { size: A4 landscape; margin: 14mm; } section, figure, tr { break-inside: avoid; }
}
";

/// The page: a sentence, a figure, a table.
fn page(board: &Board, options: &[PlanOption], hardware: &str) -> String {
    let figure = board.figure();
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Plan</title>\n<style>{}{STYLE}</style></head>\n<body><main>\n",
        include_str!("../report/page.css")
    );
    let _ = writeln!(
        html,
        "<h1 class=\"sentence\">{}</h1>\n<p class=\"verdict big\">{}</p>\n<div class=\"board\">",
        escape(&board.headline),
        escape(&board.recommendation)
    );
    html.push_str("<section>");
    if let Ok(figure) = figure {
        let _ = write!(
            html,
            "<figure role=\"img\" aria-label=\"What dollars buy\"><div class=\"on-light\">{}</div><div class=\"on-dark\">{}</div></figure>",
            figure.svg(Ground::Light),
            figure.svg(Ground::Dark)
        );
    }
    html.push_str("</section>\n<section>");
    let rows: Vec<Vec<String>> = (options.iter())
        .map(|o| {
            let reached = match (o.accuracy, o.loss) {
                (Some(a), _) => {
                    format!("{:.3} <small>[{:.3}, {:.3}]</small>", a.value, a.interval.low, a.interval.high)
                }
                (None, Some(l)) if l.interval.width() > 0.0 => {
                    format!("{:.3} <small>[{:.3}, {:.3}]</small>", l.value, l.interval.low, l.interval.high)
                }
                (None, Some(l)) => format!("{:.3}", l.value),
                (None, None) => "out of reach".to_owned(),
            };
            vec![
                format!("{}<br><small>{}</small>", escape(&o.name), escape(&o.note)),
                reached,
                dollars(o.once_usd),
                dollars(o.serving_usd),
                dollars(o.usd()),
            ]
        })
        .collect();
    html.push_str("<h2>Options</h2>");
    html.push_str(&table(&["option", "accuracy or loss", "once", "serving", "in all"], &[1, 2, 3, 4], &rows));
    let swings: Vec<Vec<String>> =
        board.swings.iter().take(SHOWN).map(|s| swing_cells(s).map(|c| escape(&c)).to_vec()).collect();
    if !swings.is_empty() {
        html.push_str("<h2>What would change it</h2>");
        html.push_str(&table(&["input", "value (range)", "at its low end", "at its high end"], &[1, 2, 3], &swings));
    }
    html.push_str("</section></div>\n");
    let _ = writeln!(
        html,
        "<footer>Hardware: {}. Estimates, not a bill. {}</footer>\n</main></body></html>",
        escape(hardware),
        escape(&board.held)
    );
    html
}

/// Writes the page.
pub(super) fn write_page(path: &Path, board: &Board, options: &[PlanOption], hardware: &str) -> Result<(), CliError> {
    if board.headline.is_empty() {
        return Err(CliError::usage("this plan has nothing for a page").hint(
            "give a goal and a law: --goal loss=1.92 with --law or --pretrain, --goal accuracy=0.7 with --inference",
        ));
    }
    let html = page(board, options, hardware);
    std::fs::write(path, html).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
