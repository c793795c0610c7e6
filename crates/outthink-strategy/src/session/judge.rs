//! Verdicts and comparisons: reserved, given time, tried again, and left out where they fail.

use super::{Action, Session};
use crate::Judgement;
use outthink_core::{Bill, EngineError, ProgramOutcome, SampleId, Score, Verdict, VerifierId};
use std::collections::VecDeque;
use std::time::Duration;

/// Names a judgement within its session.
pub type TaskId = u32;

/// Something to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Its name in [`Input::Judged`](super::Input::Judged); a second attempt has the same.
    pub id: TaskId,
    /// What is to be judged.
    pub kind: TaskKind,
}

/// What is to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// A sample, by a verifier.
    Score {
        /// The sample.
        sample: SampleId,
        /// By which.
        verifier: VerifierId,
    },
    /// Whether the answers of two samples mean the same.
    Compare {
        /// One.
        left: SampleId,
        /// The other.
        right: SampleId,
    },
    /// The program of a sample, which is run.
    Run {
        /// The sample.
        sample: SampleId,
    },
}

/// What came of one attempt at a judgement.
#[derive(Debug)]
pub enum Judged {
    /// Of a [`TaskKind::Score`].
    Verdict(Result<Verdict, EngineError>),
    /// Of a [`TaskKind::Compare`]; `None` where what was said is no judgement.
    Same(Result<(Option<bool>, Bill), EngineError>),
    /// Of a [`TaskKind::Run`].
    Ran(Result<ProgramOutcome, EngineError>),
}

/// Attempts at one judgement: once more where it fails, hangs or gives nonsense. All are on the bill.
const ATTEMPTS: u32 = 2;

#[derive(Debug)]
struct Open {
    task: Task,
    timeout: Duration,
    due: Duration,
    attempts: u32,
    most: Bill,
    spent: Bill,
}

/// The judgements that are on their way.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    open: Vec<Open>,
    next: TaskId,
}

impl Tasks {
    pub(super) fn due(&self) -> Option<Duration> {
        self.open.iter().map(|o| o.due).min()
    }

    pub(super) fn abandon_all(&mut self, queue: &mut VecDeque<Action>) {
        queue.extend(self.open.drain(..).map(|o| Action::Abandon(o.task.id)));
    }
}

/// The score of a verdict; `None` if any of its numbers is none from 0 to 1.
fn score(verdict: Verdict, verifier: VerifierId) -> Option<Score> {
    let sound = verdict.score.iter().chain(&verdict.steps).all(|s| (0.0..=1.0).contains(s));
    verdict.score.filter(|_| sound).map(|value| Score { verifier, value, steps: verdict.steps })
}

/// What an attempt said: a score, whether two are the same, what a program gave, or why it is nothing.
enum Said {
    Score(Score),
    Same(bool),
    Ran(ProgramOutcome),
    Nothing { why: String, retry: bool },
}

impl Session<'_> {
    /// Has something judged; whether it can be.
    pub(super) fn judge(&mut self, now: Duration, kind: TaskKind) -> bool {
        let prompt = &self.request.prompt;
        let sample = |id| self.table.state.sample(id);
        let asked = match kind {
            TaskKind::Score { sample: id, verifier } => {
                let Some((by, sample)) = self.setup.verifiers.get(verifier as usize).zip(sample(id)) else {
                    return false;
                };
                (by.most(prompt, sample), by.timeout(), format!("sample {id} has no score"), by.name().to_owned())
            }
            TaskKind::Compare { left, right } => {
                let (Some(by), Some(a), Some(b)) = (&self.setup.comparer, sample(left), sample(right)) else {
                    return false;
                };
                let what = format!("samples {left} and {right} are not compared");
                (by.most(prompt, a, b), by.timeout(), what, "a comparison".to_owned())
            }
            TaskKind::Run { sample: id } => {
                let (Some(by), Some(_)) = (&self.setup.programs, sample(id).filter(|s| s.is_done())) else {
                    return false;
                };
                (Bill::default(), by.timeout(), String::new(), String::new())
            }
        };
        let (one, timeout, what, name) = asked;
        let mut most = Bill::default();
        (0..ATTEMPTS).for_each(|_| most += one);
        if matches!(kind, TaskKind::Run { .. }) {
            self.table.begin_run();
        } else if !self.table.begin_judging(most) {
            self.table.note(format!("{what}: the budget does not pay for {name}"));
            return false;
        }
        let task = Task { id: self.tasks.next, kind };
        self.tasks.next += 1;
        let due = now.saturating_add(timeout);
        self.tasks.open.push(Open { task, timeout, due, attempts: 1, most, spent: Bill::default() });
        self.queue.push_back(Action::Judge(task));
        true
    }

    /// Takes in what came of an attempt.
    pub(super) fn judged(&mut self, now: Duration, id: TaskId, judged: Judged) {
        let Some(index) = self.tasks.open.iter().position(|o| o.task.id == id) else { return };
        let open = &mut self.tasks.open[index];
        let said = match (judged, open.task.kind) {
            (Judged::Verdict(Ok(verdict)), TaskKind::Score { verifier, .. }) => {
                open.spent += verdict.bill;
                score(verdict, verifier).map(Said::Score)
            }
            (Judged::Same(Ok((same, bill))), TaskKind::Compare { .. }) => {
                open.spent += bill;
                same.map(Said::Same)
            }
            (Judged::Ran(Ok(outcome)), TaskKind::Run { .. }) => Some(Said::Ran(outcome)),
            (Judged::Verdict(Err(error)) | Judged::Same(Err(error)) | Judged::Ran(Err(error)), _) => {
                Some(Said::Nothing { why: error.to_string(), retry: error.retryable })
            }
            _ => None,
        };
        let none = || Said::Nothing { why: "what it said is not a judgement".to_owned(), retry: true };
        self.settle(now, index, said.unwrap_or_else(none));
    }

    /// Gives up attempts that took too long.
    pub(super) fn expire(&mut self, now: Duration) {
        while let Some(index) = self.tasks.open.iter().position(|o| o.due <= now) {
            let open = &self.tasks.open[index];
            self.queue.push_back(Action::Abandon(open.task.id));
            let why = format!("no answer within {:.0} s", open.timeout.as_secs_f64());
            self.settle(now, index, Said::Nothing { why, retry: true });
        }
    }

    fn settle(&mut self, now: Duration, index: usize, said: Said) {
        let open = &mut self.tasks.open[index];
        if let Said::Nothing { retry: true, .. } = said
            && open.attempts < ATTEMPTS
        {
            open.attempts += 1;
            open.due = now.saturating_add(open.timeout);
            self.queue.push_back(Action::Judge(open.task));
            return;
        }
        let open = self.tasks.open.swap_remove(index);
        let cost = Judgement { most: open.most, bill: open.spent };
        match (open.task.kind, said) {
            (TaskKind::Score { sample, .. }, Said::Score(score)) => self.table.judged(sample, cost, Ok(score)),
            (TaskKind::Compare { left, right }, Said::Same(same)) => self.table.compared((left, right), cost, Ok(same)),
            (TaskKind::Run { sample }, Said::Ran(outcome)) => self.table.ran(sample, Ok(outcome)),
            (TaskKind::Run { sample }, said) => self.table.ran(sample, Err(said.why())),
            (TaskKind::Score { sample, verifier }, said) => {
                let name = self.setup.verifiers.get(verifier as usize).map_or("", |v| v.name());
                self.table.judged(sample, cost, Err(format!("{name}: {}", said.why())));
            }
            (TaskKind::Compare { left, right }, said) => {
                self.table.compared((left, right), cost, Err(said.why()));
            }
        }
        self.ended();
    }
}

impl Said {
    fn why(self) -> String {
        match self {
            Self::Nothing { why, .. } => why,
            Self::Score(_) | Self::Same(_) | Self::Ran(_) => "what it said is not a judgement".to_owned(),
        }
    }
}
