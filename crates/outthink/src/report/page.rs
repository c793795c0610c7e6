//! The page: one file, no scripts, nothing fetched.

use super::html::{escape, percent, table};
use super::{Chapter, frontier_figure};
use crate::plot::{Figure, Ground, Panel};
use outthink_eval::Recording;
use outthink_law::verdict::{Judgement, likelihood_words};
use std::fmt::Write as _;

/// Characters of one sample that are shown.
const SAMPLE_CHARS: usize = 20_000;

/// What a page is made of.
pub(crate) struct Page<'a> {
    /// The recordings, each with the chapters of its settings.
    pub(crate) recordings: &'a [(Recording, Vec<Chapter>)],
    /// The laws' panels.
    pub(crate) panels: &'a [Panel],
    /// What could not be drawn, and how it can.
    pub(crate) notes: &'a [String],
    /// Verdicts on curves that were read from files, by their names.
    pub(crate) judged: &'a [(String, Judgement)],
    /// Further sections: heading and rows.
    pub(crate) sections: &'a [Section],
    /// Samples of a problem that are shown at most.
    pub(crate) samples: usize,
}

/// A table with a heading.
pub(crate) struct Section {
    /// The heading.
    pub(crate) title: String,
    /// What it says, in a sentence.
    pub(crate) text: String,
    /// The columns' names.
    pub(crate) head: Vec<&'static str>,
    /// The cells, as plain text.
    pub(crate) rows: Vec<Vec<String>>,
}

const STYLE: &str = include_str!("page.css");

/// The page as HTML.
pub(crate) fn render(page: &Page<'_>) -> String {
    let mut html = String::new();
    let title = page.recordings.first().map_or("Scaling laws", |(r, _)| r.spec.name.as_str());
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{0}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header><h1>{0}</h1>\n",
        escape(title)
    );
    for (recording, _) in page.recordings {
        facts(&mut html, recording);
    }
    html.push_str("</header>\n");
    verdicts(&mut html, page);
    laws(&mut html, page);
    for section in page.sections {
        let rows: Vec<Vec<String>> =
            section.rows.iter().map(|row| row.iter().map(|cell| escape(cell)).collect()).collect();
        let _ = write!(html, "<section><h2>{}</h2>\n<p>{}</p>\n", escape(&section.title), escape(&section.text));
        html.push_str(&table(&section.head, &[], &rows));
        html.push_str("</section>\n");
    }
    for (recording, chapters) in page.recordings {
        strategies(&mut html, chapters);
        problems(&mut html, recording, chapters, page.samples);
    }
    let _ = write!(html, "<footer>outthink {}</footer>\n</main>\n</body>\n</html>\n", env!("CARGO_PKG_VERSION"));
    html
}

fn facts(html: &mut String, recording: &Recording) {
    let spec = &recording.spec;
    let settings: Vec<String> = recording.settings.iter().map(outthink_eval::Setting::label).collect();
    let right = recording.samples().iter().filter(|s| s.correct).count();
    let tokens: u64 = recording.samples().iter().map(|s| s.usage.completion).sum();
    let facts = [
        ("model", spec.model.clone()),
        ("questions", format!("{} of {}", recording.problems.len(), spec.dataset)),
        ("samples", format!("{}, {right} of them right", recording.samples().len())),
        ("tokens", tokens.to_string()),
        ("settings", settings.join("; ")),
        ("seed", spec.seed.to_string()),
        ("recorded by", format!("outthink {}, {}", spec.version, spec.source)),
    ];
    html.push_str("<dl class=\"facts\">");
    for (name, value) in facts {
        let _ = write!(html, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
    }
    html.push_str("</dl>\n");
}

fn verdicts(html: &mut String, page: &Page<'_>) {
    html.push_str("<section><h2>Is it at a wall?</h2>\n");
    for chapter in page.recordings.iter().flat_map(|(_, chapters)| chapters) {
        let Some(judgement) = &chapter.judgement else {
            let _ = writeln!(
                html,
                "<p>{}: the answers of this recording cannot be compared, so no vote is judged.</p>",
                escape(&chapter.label)
            );
            continue;
        };
        let last = chapter.rungs.last().and_then(|r| r.vote.as_ref());
        verdict(html, &chapter.label, judgement, last.map(|v| v.warnings.as_slice()).unwrap_or_default());
    }
    for (name, judgement) in page.judged {
        verdict(html, name, judgement, &[]);
    }
    let none = page.judged.is_empty() && page.recordings.iter().all(|(_, chapters)| chapters.is_empty());
    if none {
        html.push_str(
            "<p>No curve of accuracy was given (a recording, --rl or --inference), so nothing is judged.</p>\n",
        );
    }
    html.push_str("</section>\n");
}

fn verdict(html: &mut String, label: &str, j: &Judgement, warnings: &[String]) {
    let sure = j.probability.map(|p| format!(" <small>({}, {})</small>", likelihood_words(p), percent(p)));
    let _ = write!(
        html,
        "<div class=\"verdict {}\"><p class=\"big\">{}: <strong>{}</strong>{}</p>\n<p>{}</p>\n<p>{}.</p>\n",
        word(j),
        escape(label),
        j.verdict.words(),
        sure.unwrap_or_default(),
        escape(&capital(&j.question)),
        escape(capital(&j.because).trim_end_matches('.'))
    );
    html.push_str(&numbers(j));
    let _ = writeln!(html, "<p>{}.</p>", escape(capital(&j.next_runs).trim_end_matches('.')));
    for warning in warnings {
        let _ = writeln!(html, "<p class=\"warning\">{}.</p>", escape(&capital(warning)));
    }
    html.push_str("</div>\n");
}

fn numbers(j: &Judgement) -> String {
    let mut rows = Vec::new();
    let mut row = |name: String, ranged: &outthink_law::verdict::Ranged, points: bool| {
        let show = |x: f64| if points { format!("{:+.1} points", 100.0 * x) } else { percent(x) };
        let interval = format!("{} to {}", show(ranged.interval.low), show(ranged.interval.high));
        rows.push(vec![name, show(ranged.value), interval]);
    };
    if let Some(gain) = &j.next_doubling {
        row("gain of the next doubling of tokens".into(), gain, true);
    }
    if let Some(pace) = &j.pace {
        row("gain of a doubling so far".into(), pace, true);
    }
    if let Some(ceiling) = &j.ceiling {
        row("ceiling".into(), ceiling, false);
    }
    if let Some(p) = j.less_than_threshold {
        let name = format!("probability that the next doubling gains less than {:.1} points", 100.0 * j.threshold);
        rows.push(vec![name, percent(p), String::new()]);
    }
    if rows.is_empty() { String::new() } else { table(&["", "expected", "90 % interval"], &[1, 2], &rows) }
}

fn word(j: &Judgement) -> &'static str {
    use outthink_law::verdict::Verdict;
    match j.verdict {
        Verdict::StillRising => "rising",
        Verdict::Slowing => "slowing",
        Verdict::AtTheWall => "wall",
        Verdict::Saturated => "saturated",
        Verdict::Inconclusive => "inconclusive",
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn laws(html: &mut String, page: &Page<'_>) {
    html.push_str("<section><h2>The laws</h2>\n<div class=\"figures\">\n");
    for panel in page.panels {
        figure(html, &Figure::of(panel.clone()), &panel.title);
    }
    html.push_str("</div>\n");
    for note in page.notes {
        let _ = writeln!(html, "<p class=\"note\">{}</p>", escape(note));
    }
    for chapter in page.recordings.iter().flat_map(|(_, chapters)| chapters) {
        let _ = writeln!(html, "<h3>{}</h3>", escape(&chapter.label));
        let range = |e: &outthink_law::estimate::Estimate| {
            format!("{} <small>[{}, {}]</small>", percent(e.value), percent(e.interval.low), percent(e.interval.high))
        };
        let rows: Vec<Vec<String>> = (chapter.rungs.iter())
            .map(|r| {
                vec![
                    r.k.to_string(),
                    format!("{:.0}", r.tokens),
                    r.vote.as_ref().map_or_else(String::new, range),
                    range(&r.coverage),
                ]
            })
            .chain(chapter.forecasts.iter().filter(|f| f.extrapolated).map(|f| {
                let interval = format!("[{}, {}]", percent(f.interval.low), percent(f.interval.high));
                let coverage = format!("{} <small>{interval} forecast</small>", percent(f.coverage));
                vec![f.k.to_string(), format!("{:.0}", chapter.mean_tokens * f.k as f64), String::new(), coverage]
            }))
            .collect();
        html.push_str(&table(&["samples", "tokens", "a vote is right", "one of them is right"], &[0, 1, 2, 3], &rows));
        if let Some(why) = &chapter.no_forecast {
            let _ = writeln!(html, "<p class=\"note\">No forecast of coverage: {}.</p>", escape(why));
        }
    }
    html.push_str("</section>\n");
}

/// A figure for both grounds; the page shows the one that fits.
fn figure(html: &mut String, figure: &Figure, name: &str) {
    let _ = writeln!(
        html,
        "<figure role=\"img\" aria-label=\"{}\"><div class=\"on-light\">{}</div><div class=\"on-dark\">{}</div></figure>",
        escape(name),
        figure.svg(Ground::Light),
        figure.svg(Ground::Dark)
    );
}

fn strategies(html: &mut String, chapters: &[Chapter]) {
    for chapter in chapters {
        let _ = write!(
            html,
            "<section><h2>Strategies</h2>\n<p>{}, replayed over the recorded samples: what each way of spending reaches, and for how many tokens.</p>\n<div class=\"figures\">\n",
            escape(&chapter.label)
        );
        figure(html, &frontier_figure(chapter), "Strategies");
        html.push_str("<div>");
        let rows: Vec<Vec<String>> = (chapter.strategies.iter())
            .map(|s| {
                let interval = &s.row.interval;
                vec![
                    escape(&s.name),
                    format!(
                        "{} <small>[{}, {}]</small>",
                        percent(s.row.accuracy),
                        percent(interval.low),
                        percent(interval.high)
                    ),
                    format!("{:.2}", s.row.samples),
                    format!("{:.0}", s.row.tokens),
                ]
            })
            .collect();
        html.push_str(&table(&["strategy", "accuracy", "samples", "tokens"], &[1, 2, 3], &rows));
        html.push_str("</div></div></section>\n");
    }
}

fn problems(html: &mut String, recording: &Recording, chapters: &[Chapter], most: usize) {
    html.push_str("<section><h2>Problems</h2>\n<div class=\"filter\">");
    for (value, name) in
        [("all", "all"), ("never", "never right"), ("partly", "now and then"), ("always", "always right")]
    {
        let checked = if value == "all" { " checked" } else { "" };
        let _ = write!(html, "<label><input type=\"radio\" name=\"show\" id=\"show-{value}\"{checked}> {name}</label>");
    }
    html.push_str("</div>\n<div class=\"problems\">\n");
    for (number, problem) in recording.problems.iter().enumerate() {
        let votes: Vec<_> = chapters.iter().filter_map(|s| s.votes.get(number)?.as_ref()).collect();
        let Some(first) = votes.first() else { continue };
        let right: u64 = votes.iter().map(|v| v.right.0).sum();
        let all: u64 = votes.iter().map(|v| v.right.1).sum();
        let class = match right {
            0 => "never",
            n if n == all => "always",
            _ => "partly",
        };
        let share = right as f64 / all.max(1) as f64;
        let question = problem.question.as_deref().unwrap_or("(the question was not recorded)");
        let _ = writeln!(
            html,
            "<details class=\"problem {class}\"><summary><span class=\"bar\" aria-hidden=\"true\"><i style=\"width:{:.0}%\"></i></span>\
             <span class=\"count\">{right}/{all}</span><span class=\"id\">{}</span><span class=\"q\">{}</span></summary>",
            share * 100.0,
            escape(&problem.id),
            escape(question)
        );
        let _ = write!(
            html,
            "<p class=\"question\">{}</p>\n<p>right answer <code>{}</code>, most frequent <code class=\"{}\">{}</code>, {:.0} tokens a sample</p>\n",
            escape(question),
            escape(problem.gold.as_deref().unwrap_or("unknown")),
            if first.top_right { "right" } else { "wrong" },
            escape(first.top.as_deref().unwrap_or("none")),
            first.tokens
        );
        samples(html, recording, number, most);
        html.push_str("</details>\n");
    }
    html.push_str("</div></section>\n");
}

fn samples(html: &mut String, recording: &Recording, number: usize, most: usize) {
    let of = recording.of_problem(number);
    for sample in of.iter().take(most) {
        let mark = if sample.correct { ("right", "✓") } else { ("wrong", "✗") };
        let setting = match recording.settings.get(sample.cell.setting as usize) {
            Some(s) if recording.settings.len() > 1 => format!("{}, ", s.label()),
            _ => String::new(),
        };
        let confidence = sample.logprobs.mean.map(|m| format!(", mean log-probability {m:.3}")).unwrap_or_default();
        let _ = writeln!(
            html,
            "<details class=\"sample\"><summary><b class=\"{}\">{}</b> <code>{}</code> <small>{}sample {}, {} tokens, {:.1} s, seed {}{confidence}</small></summary>",
            mark.0,
            mark.1,
            escape(sample.answer.as_deref().unwrap_or("no answer")),
            escape(&setting),
            sample.cell.index,
            sample.usage.completion,
            sample.seconds,
            sample.seed
        );
        for (class, text) in [("thought", &sample.reasoning), ("reply", &sample.content)] {
            if !text.is_empty() {
                let _ = writeln!(html, "<pre class=\"{class}\">{}</pre>", escape(&cut(text)));
            }
        }
        html.push_str("</details>\n");
    }
    if of.len() > most {
        let _ = writeln!(html, "<p class=\"note\">{} more samples are in the store.</p>", of.len() - most);
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SAMPLE_CHARS) {
        None => text.to_owned(),
        Some((at, _)) => format!("{} [{} more characters are in the store]", &text[..at], text[at..].chars().count()),
    }
}
