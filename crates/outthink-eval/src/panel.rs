//! Votes over arms of unequal skill, each scored on problems that its skills were not learned from.

use crate::{EvalError, Interval, Pool, PoolProblem, draw, savings::quantiles};
use outthink_strategy::allocator::{ArmVote, Skills};
use serde::Serialize;
use std::collections::HashMap;

/// Parts that the problems are dealt into; each is scored by what the others taught.
const FOLDS: usize = 5;
const ROUNDS: u32 = 30;
const MOST_BEST: usize = 10;

/// A way to choose an answer over arms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PanelRow {
    /// What it is.
    pub rule: String,
    /// Share of right answers; a problem without a vote counts as wrong.
    pub accuracy: f64,
    /// By how much it lies above the arm that is best on the other problems, paired.
    pub above_best: f64,
    /// 95 % interval of it: bootstrap over problems.
    pub interval: Interval,
}

/// Arms of one recording as voters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    /// The recording.
    pub pool: String,
    /// Problems.
    pub problems: u32,
    /// The arms, with how often each is right where it answered, and what the votes alone take its skill for.
    pub arms: Vec<(String, f64, f64)>,
    /// The rules.
    pub rows: Vec<PanelRow>,
}

/// One problem: votes as arm and class, and which classes are right.
#[derive(Default)]
struct Ballot {
    votes: Vec<ArmVote>,
    right: Vec<bool>,
}

/// Compares votes over the first sample of every arm of a recording: plain, weighed by skills that labels or that
/// agreement alone taught, and over the best few arms. Everything is learned on four fifths of the problems and
/// scored on the fifth.
///
/// # Errors
/// If the recording holds fewer than two arms, or too few problems to deal out.
pub fn panel(pool: &Pool) -> Result<Panel, EvalError> {
    let (arms, ballots) = ballots(pool);
    if arms.len() < 2 || ballots.len() < FOLDS {
        return Err(EvalError::Arms { pool: pool.name.clone(), arms: arms.len() });
    }
    let mut by_rule: Vec<(String, Vec<f64>)> = Vec::new();
    let mut score = |rule: &str, place: usize, right: bool| {
        let at = by_rule.iter().position(|r| r.0 == rule).unwrap_or_else(|| {
            by_rule.push((rule.to_owned(), vec![0.0; ballots.len()]));
            by_rule.len() - 1
        });
        by_rule[at].1[place] = f64::from(u8::from(right));
    };
    for fold in 0..FOLDS {
        let taught: Vec<&Ballot> = (0..ballots.len()).filter(|i| i % FOLDS != fold).map(|i| &ballots[i]).collect();
        let learned = Learned::of(&taught, arms.len());
        for (place, ballot) in ballots.iter().enumerate().filter(|(i, _)| i % FOLDS == fold) {
            let right = |class: Option<u32>| class.is_some_and(|c| ballot.right[c as usize]);
            let best = ballot.votes.iter().find(|v| v.0 == learned.order[0]).map(|v| v.1);
            score("best arm", place, right(best));
            score("plain vote", place, right(learned.plain.leader(&ballot.votes)));
            score("weighed, without labels", place, right(learned.unlabelled.leader(&ballot.votes)));
            score("weighed, by labels", place, right(learned.labelled.leader(&ballot.votes)));
            let few = learned.of_best(&ballot.votes, learned.best_few);
            score("best few arms, weighed by labels", place, right(learned.labelled.leader(&few)));
        }
    }
    let whole = Learned::of(&ballots.iter().collect::<Vec<_>>(), arms.len());
    let best = by_rule.first().map(|r| r.1.clone()).unwrap_or_default();
    let rows = by_rule.into_iter().map(|(rule, right)| {
        let mean = |chosen: &[usize], of: &dyn Fn(usize) -> f64| {
            chosen.iter().map(|&i| of(i)).sum::<f64>() / chosen.len().max(1) as f64
        };
        let all: Vec<usize> = (0..right.len()).collect();
        let above = |i: usize| right[i] - best[i];
        let mut resampled: Vec<f64> =
            (0..1_000).map(|r| mean(&draw::with_replacement(right.len(), 3, r), &above)).collect();
        PanelRow {
            rule,
            accuracy: mean(&all, &|i| right[i]),
            above_best: mean(&all, &above),
            interval: quantiles(&mut resampled),
        }
    });
    Ok(Panel {
        pool: pool.name.clone(),
        problems: ballots.len() as u32,
        rows: rows.collect(),
        arms: arms.into_iter().enumerate().map(|(i, n)| (n, whole.labelled.of(i), whole.unlabelled.of(i))).collect(),
    })
}

/// What a set of problems teaches of the arms.
struct Learned {
    plain: Skills,
    labelled: Skills,
    unlabelled: Skills,
    /// Arms by skill, the best first.
    order: Vec<usize>,
    /// How many of them vote best together.
    best_few: usize,
}

impl Learned {
    fn of(taught: &[&Ballot], arms: usize) -> Self {
        let mut counts = vec![(0, 0); arms];
        let (mut wrong_pairs, mut wrong_agree) = (1.0, 0.0);
        for ballot in taught {
            let wrong: Vec<u32> = ballot.votes.iter().map(|v| v.1).filter(|&c| !ballot.right[c as usize]).collect();
            for (i, a) in wrong.iter().enumerate() {
                wrong_pairs += (wrong.len() - 1 - i) as f64;
                wrong_agree += wrong[i + 1..].iter().filter(|b| *b == a).count() as f64;
            }
            for &(arm, class) in &ballot.votes {
                counts[arm].0 += u32::from(ballot.right[class as usize]);
                counts[arm].1 += 1;
            }
        }
        // A wrong answer hits a given wrong class as often as two wrong ones agree.
        let choices = 1.0 + wrong_pairs / f64::max(wrong_agree, 1.0);
        let labelled = Skills::of_labels(&counts, choices);
        let votes: Vec<Vec<ArmVote>> = taught.iter().map(|b| b.votes.clone()).collect();
        let mut order: Vec<usize> = (0..arms).collect();
        order.sort_by(|&a, &b| labelled.of(b).total_cmp(&labelled.of(a)));
        let mut learned = Self {
            plain: Skills::of_labels(&vec![(6, 8); arms], 2.0),
            unlabelled: Skills::of_votes(&votes, arms, ROUNDS),
            labelled,
            order,
            best_few: 1,
        };
        let accuracy = |few: usize| {
            let right = |b: &&&Ballot| {
                learned.labelled.leader(&learned.of_best(&b.votes, few)).is_some_and(|c| b.right[c as usize])
            };
            taught.iter().filter(right).count()
        };
        let few = (1..=arms.min(MOST_BEST)).max_by_key(|&few| (accuracy(few), std::cmp::Reverse(few)));
        learned.best_few = few.unwrap_or(1);
        learned
    }

    fn of_best(&self, votes: &[ArmVote], few: usize) -> Vec<ArmVote> {
        votes.iter().copied().filter(|v| self.order[..few].contains(&v.0)).collect()
    }
}

/// The arms by name, and each problem's votes in the order in which the recording has them.
fn ballots(pool: &Pool) -> (Vec<String>, Vec<Ballot>) {
    let mut arms: Vec<String> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut classes: Vec<HashMap<&str, u32>> = Vec::new();
    let mut ballots: Vec<Ballot> = Vec::new();
    for problem in pool.problems.iter().filter(|p| p.vote_ok) {
        let name = name_of(problem);
        let arm = arms.iter().position(|a| *a == name).unwrap_or_else(|| {
            arms.push(name);
            arms.len() - 1
        });
        let place = *places.entry(&problem.problem_id).or_insert_with(|| {
            ballots.push(Ballot::default());
            classes.push(HashMap::new());
            ballots.len() - 1
        });
        let Some(sample) = problem.samples.first() else { continue };
        let Some(answer) = sample.answer.as_deref() else { continue };
        let next = classes[place].len() as u32;
        let class = *classes[place].entry(answer).or_insert(next);
        if class as usize == ballots[place].right.len() {
            ballots[place].right.push(false);
        }
        ballots[place].right[class as usize] |= sample.correct;
        ballots[place].votes.push((arm, class));
    }
    (arms, ballots)
}

fn name_of(problem: &PoolProblem) -> String {
    problem.run.as_deref().or(problem.model.as_deref()).unwrap_or("recorded").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PoolSample;
    use outthink_core::derive_seed;

    #[test]
    fn a_strong_arm_is_not_outvoted_by_two_weak_ones_that_err_alone() {
        let mut problems = Vec::new();
        for i in 0..400u32 {
            // Right .9, .5 and .5 of the time, independently; wrong answers differ.
            let right = |arm: u64, often: u64| derive_seed(arm, u64::from(i)) % 10 < often;
            let arms = [("strong", right(1, 9)), ("weak", right(2, 5)), ("other", right(3, 5))];
            for (arm, right) in arms {
                let answer = if right { "1".to_owned() } else { format!("{arm}{}", i % 3) };
                let sample = PoolSample { answer: Some(answer), correct: right, ..PoolSample::default() };
                problems.push(PoolProblem {
                    problem_id: i.to_string(),
                    run: Some(arm.into()),
                    samples: vec![sample],
                    ..PoolProblem::default()
                });
            }
        }
        let found = panel(&Pool { name: "made".into(), problems }).unwrap();
        let accuracy = |rule: &str| found.rows.iter().find(|r| r.rule == rule).unwrap().accuracy;
        assert!((accuracy("best arm") - 0.9).abs() < 0.04, "{found:?}");
        assert!(accuracy("weighed, by labels") >= accuracy("best arm"), "{found:?}");
        // Three arms are the fewest that show anything without labels: it finds the strong one.
        assert!(accuracy("weighed, without labels") >= accuracy("best arm"), "{found:?}");
        assert!(found.arms[0].2 > found.arms[1].2, "{:?}", found.arms);
    }

    #[test]
    fn one_arm_is_no_panel() {
        let pool = Pool { name: "one".into(), problems: vec![PoolProblem::default(); 9] };
        assert!(panel(&pool).unwrap_err().to_string().contains("1 arm(s)"));
    }
}
