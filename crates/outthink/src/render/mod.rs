//! What people see: the live vote, the answer, the trace, a sweep.

pub(crate) mod sweep;

use indicatif::{ProgressBar, ProgressStyle};
use outthink_core::{Outcome, StopReason};
use outthink_strategy::Update;
use std::fmt::Write as _;
use std::time::Duration;

/// The line on stderr that shows the vote while samples come in; hidden where stderr is no terminal.
pub(crate) struct Live {
    bar: ProgressBar,
    max_samples: u32,
}

impl Live {
    /// Starts the line.
    pub(crate) fn new(max_samples: u32) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_message("thinking");
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, max_samples }
    }

    /// Shows what happened.
    pub(crate) fn show(&self, update: &Update) {
        if let Update::Vote { votes, finished, running, tokens } = update {
            self.bar.set_message(format!(
                "{} | {finished} of at most {}, {running} running, {tokens} tokens",
                votes_line(votes),
                self.max_samples
            ));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn votes_line(votes: &[(String, u32)]) -> String {
    if votes.is_empty() {
        return "no answer yet".into();
    }
    let shown: Vec<String> =
        votes.iter().take(4).map(|(answer, count)| format!("{} ×{count}", short(answer, 20))).collect();
    shown.join("  ")
}

/// The beginning of a text in one line.
pub(crate) fn short(text: &str, chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= chars {
        return line;
    }
    let head: String = line.chars().take(chars.saturating_sub(1)).collect();
    format!("{head}…")
}

/// Prints the answer and what is known of it.
pub(crate) fn outcome(outcome: &Outcome, priced: bool) {
    let content = outcome.content.trim();
    if content.is_empty() {
        println!("(no answer)");
    } else {
        println!("{content}");
    }
    println!();
    for (name, value) in facts(outcome, priced) {
        println!("{name:<11} {value}");
    }
}

/// The lines under the answer.
fn facts(outcome: &Outcome, priced: bool) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(answer) = &outcome.answer {
        facts.push(("answer", answer.text.clone()));
    }
    facts.push(("confidence", confidence(outcome)));
    facts.push(("bought", bought(outcome)));
    if outcome.usage.verifier > 0 {
        facts.push(("judged", format!("{} tokens of verifiers, counted as generated", outcome.usage.verifier)));
    }
    if outcome.arms.len() > 1 {
        facts.push(("arms", arms(outcome)));
    }
    facts.push(("stopped", format!("{} ({})", outcome.stop.words(), outcome.strategy)));
    facts.push(("took", format!("{:.1} s", outcome.seconds)));
    if priced {
        facts.push(("cost", outcome.cost.to_string()));
    }
    facts
}

fn confidence(outcome: &Outcome) -> String {
    let mut parts = Vec::new();
    if let Some(share) = outcome.confidence.vote_share {
        parts.push(format!("{:.0} % of the votes", share * 100.0));
    }
    if let Some(posterior) = outcome.confidence.posterior_leader {
        parts.push(format!("{:.1} % that more samples would not change the leader", posterior * 100.0));
    }
    if parts.is_empty() {
        return "unknown: nothing voted".into();
    }
    parts.join(", ")
}

fn bought(outcome: &Outcome) -> String {
    let samples = match outcome.samples_drawn {
        1 => "1 sample".to_owned(),
        n => format!("{n} samples"),
    };
    let usage = &outcome.usage;
    let mut text = format!("{samples}, {} generated and {} prompt tokens", usage.generated(), usage.prompt);
    if usage.cached > 0 {
        let _ = write!(text, " ({} of them cached)", usage.cached);
    }
    if usage.estimated {
        text.push_str(", partly estimated");
    }
    text
}

fn arms(outcome: &Outcome) -> String {
    let arm = |a: &outthink_core::ArmBill| format!("{} x {} ({} tokens)", a.samples, a.name, a.usage.generated());
    outcome.arms.iter().map(arm).collect::<Vec<_>>().join(", ")
}

/// Prints each decision with its reason.
pub(crate) fn trace(outcome: &Outcome) {
    for event in &outcome.trace {
        let votes: Vec<String> = event.votes.iter().map(u32::to_string).collect();
        println!(
            "{:>7.2} s  {:>3} done  votes [{}]  {}",
            event.seconds,
            event.finished,
            votes.join(" "),
            event.decision.why
        );
        for note in &event.notes {
            println!("{:>7.2} s            {note}", event.seconds);
        }
    }
    if outcome.stop == StopReason::Cancelled {
        println!("{:>7.2} s  cancelled", outcome.seconds);
    }
    println!();
}

/// A size for people.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.0} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_are_cut_at_characters() {
        assert_eq!(short("42", 20), "42");
        assert_eq!(short("ä\nb", 20), "ä b");
        assert_eq!(short(&"ä".repeat(30), 5), "ääää…");
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes(491_400_064), "491 MB");
        assert_eq!(bytes(1_117_320_768), "1.12 GB");
    }
}
