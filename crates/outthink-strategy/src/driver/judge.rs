//! Verdicts and comparisons: reserved, given time, tried again, and left out where they fail.

use super::run::Run;
use crate::Judgement;
use futures_util::future::BoxFuture;
use outthink_core::{Bill, Cost, EngineError, SampleId, Score, Verdict, VerifierId};
use std::time::Duration;

/// A judgement that came back.
pub(super) enum Judged {
    Score { sample: SampleId, cost: Judgement, verdict: Result<Score, String> },
    Pair { pair: (SampleId, SampleId), cost: Judgement, same: Result<bool, String> },
}

/// Attempts at one judgement.
const ATTEMPTS: u32 = 2;

/// The attempts at one judgement: it is tried within its patience, and once more where it fails,
/// hangs or gives nonsense. All attempts are on the bill.
struct Attempts {
    patience: Duration,
    made: u32,
    spent: Bill,
}

impl Attempts {
    const fn new(patience: Duration) -> Self {
        Self { patience, made: 0, spent: Bill { tokens: 0, cost: Cost::ZERO } }
    }

    /// Makes one attempt; `None` if there should be another.
    async fn make<T>(
        &mut self,
        attempt: impl Future<Output = Result<(Option<T>, Bill), EngineError>>,
    ) -> Option<Result<T, String>> {
        self.made += 1;
        let problem = match tokio::time::timeout(self.patience, attempt).await {
            Err(_) => format!("no answer within {:.0} s", self.patience.as_secs_f64()),
            Ok(Ok((value, bill))) => {
                self.spent += bill;
                match value {
                    Some(value) => return Some(Ok(value)),
                    None => "what it said is no judgement".to_owned(),
                }
            }
            Ok(Err(error)) if !error.retryable => return Some(Err(error.to_string())),
            Ok(Err(error)) => error.to_string(),
        };
        (self.made >= ATTEMPTS).then_some(Err(problem))
    }
}

/// The score of a verdict; `None` if any of its numbers is none from 0 to 1.
fn score(verdict: Verdict, verifier: VerifierId) -> Option<Score> {
    let sound = verdict.score.iter().chain(&verdict.steps).all(|s| (0.0..=1.0).contains(s));
    verdict.score.filter(|_| sound).map(|value| Score { verifier, value, steps: verdict.steps })
}

/// What all attempts cost at most.
fn for_all_attempts(most: Bill) -> Bill {
    let mut all = Bill::default();
    (0..ATTEMPTS).for_each(|_| all += most);
    all
}

impl Run<'_> {
    /// Has a sample judged; whether it can be.
    pub(super) fn judge(&mut self, id: SampleId, verifier: VerifierId) -> bool {
        let by = self.driver.verifiers.get(verifier as usize).cloned();
        let (Some(by), Some(sample)) = (by, self.table.state.sample(id).cloned()) else { return false };
        let prompt = self.request.prompt.clone();
        let most = for_all_attempts(by.most(&prompt, &sample));
        if !self.table.begin_judging(most) {
            self.table.note(format!("sample {id} has no score: the budget does not pay for {}", by.name()));
            return false;
        }
        let judging: BoxFuture<'static, Judged> = Box::pin(async move {
            let mut attempts = Attempts::new(by.patience());
            let verdict = loop {
                let attempt = async {
                    let verdict = by.score(&prompt, &sample).await?;
                    let bill = verdict.bill;
                    Ok((score(verdict, verifier), bill))
                };
                if let Some(end) = attempts.make(attempt).await {
                    break end;
                }
            };
            let verdict = verdict.map_err(|problem| format!("{}: {problem}", by.name()));
            Judged::Score { sample: id, cost: Judgement { most, bill: attempts.spent }, verdict }
        });
        self.judging.push(judging);
        true
    }

    /// Has two samples compared; whether they can be.
    pub(super) fn compare(&mut self, left: SampleId, right: SampleId) -> bool {
        let samples = (self.table.state.sample(left).cloned(), self.table.state.sample(right).cloned());
        let (Some(by), (Some(a), Some(b))) = (self.driver.comparer.clone(), samples) else { return false };
        let prompt = self.request.prompt.clone();
        let most = for_all_attempts(by.most(&prompt, &a, &b));
        if !self.table.begin_judging(most) {
            self.table.note(format!("samples {left} and {right}: the budget does not pay for a comparison"));
            return false;
        }
        self.judging.push(Box::pin(async move {
            let mut attempts = Attempts::new(by.patience());
            let same = loop {
                if let Some(end) = attempts.make(by.same(&prompt, &a, &b)).await {
                    break end;
                }
            };
            Judged::Pair { pair: (left, right), cost: Judgement { most, bill: attempts.spent }, same }
        }));
        true
    }

    pub(super) fn enter(&mut self, judged: Judged) {
        match judged {
            Judged::Score { sample, cost, verdict } => self.table.judged(sample, cost, verdict),
            Judged::Pair { pair, cost, same } => self.table.compared(pair, cost, same),
        }
    }
}
