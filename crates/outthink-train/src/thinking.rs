//! Accuracy against thinking: more samples, or longer thoughts.

use crate::error::TrainError;
use crate::measure::{Measuring, Reply, prompt_tokens};
use crate::model::Model;
use crate::sample::{Ending, SampleOptions};
use crate::tasks::{ANSWER, CharTokenizer, END, Grade, Problem, THOUGHT, Task, Verdict};
use outthink_core::{Answer, AnswerKind};
use outthink_law::estimate::{Ballots, Resampling, maj_at_k, mean_over_problems, pass_at_k};
use outthink_verify::{Comparison, Grouper};
use serde::Serialize;

/// Tokens in which an answer is stated once the thought is closed.
const ANSWER_TOKENS: usize = 32;

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// What was turned up: samples, or tokens of thought at most.
    pub setting: f64,
    /// Mean generated tokens a problem.
    pub tokens: f64,
    /// Share of problems answered rightly.
    pub accuracy: f64,
    /// Lower end of the 95 % interval, over problems.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Problems.
    pub n: usize,
}

/// How one answer is made of several samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The most frequent answer; ties are broken evenly.
    Vote,
    /// An answer that passes the exact check, if one does.
    Check,
    /// The answer of the sample with the highest mean log-probability.
    LogProb,
}

fn law(error: &outthink_law::LawError) -> TrainError {
    TrainError::setting("a curve", "not to be had", error.to_string())
}

fn point(setting: f64, tokens: f64, values: &[f64]) -> Result<Point, TrainError> {
    let found = mean_over_problems(values, Resampling::default()).map_err(|e| law(&e))?;
    let (low, high) = (found.interval.low, found.interval.high);
    Ok(Point { setting, tokens, accuracy: found.value, low, high, n: values.len() })
}

/// Accuracy at each number of samples, from replies that were drawn once: the exact mean over all
/// ways to take `k` of a problem's replies.
///
/// # Errors
///
/// Fewer than two problems, or a number of samples that is 0 or above those drawn.
pub fn by_samples(groups: &[Vec<Reply>], choice: Choice, counts: &[u64]) -> Result<Vec<Point>, TrainError> {
    let replies = groups.iter().flatten().count().max(1) as f64;
    let each = groups.iter().flatten().map(|r| r.tokens.len() as f64).sum::<f64>() / replies;
    let tallies: Vec<Tally> = groups.iter().map(|group| Tally::new(group)).collect();
    counts
        .iter()
        .map(|&k| {
            let values = tallies.iter().map(|tally| tally.at(choice, k)).collect::<Result<Vec<_>, _>>()?;
            point(k as f64, each * k as f64, &values)
        })
        .collect()
}

/// What the replies to one problem came to.
struct Tally {
    counts: Vec<u64>,
    correct: Option<usize>,
    blank: u64,
    right: u64,
    /// Mean log-probability and whether it is right, the best first.
    ranked: Vec<(f64, bool)>,
}

impl Tally {
    fn new(group: &[Reply]) -> Self {
        let mut grouper = Grouper::new(Comparison::Math);
        let mut tally = Self { counts: Vec::new(), correct: None, blank: 0, right: 0, ranked: Vec::new() };
        for reply in group {
            let right = reply.grade.verdict == Verdict::Right;
            tally.right += u64::from(right);
            let mean = reply.log_probs.iter().map(|l| f64::from(*l)).sum::<f64>() / reply.log_probs.len().max(1) as f64;
            // Without an answer a sample is passed over while there is one with an answer.
            let answered = !matches!(reply.grade.verdict, Verdict::NoAnswer | Verdict::GaveUp);
            tally.ranked.push((if answered { mean } else { mean - 1e6 }, right));
            let Some(text) = reply.grade.answer.clone().filter(|_| answered) else {
                tally.blank += 1;
                continue;
            };
            let class = grouper.class_of(&Answer { text, kind: AnswerKind::Stated }) as usize;
            tally.counts.resize(tally.counts.len().max(class + 1), 0);
            tally.counts[class] += 1;
            if right {
                tally.correct = Some(class);
            }
        }
        tally.ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        tally
    }

    fn at(&self, choice: Choice, k: u64) -> Result<f64, TrainError> {
        let n = self.ranked.len() as u64;
        match choice {
            Choice::Vote => maj_at_k(&Ballots { counts: &self.counts, correct: self.correct, blank: self.blank }, k)
                .map_err(|e| law(&e)),
            Choice::Check => pass_at_k(n, self.right, k).map_err(|e| law(&e)),
            Choice::LogProb => {
                // Any k of n in which the best one is number i: C(n-1-i, k-1) / C(n, k), by recurrence.
                pass_at_k(n, self.right, k).map_err(|e| law(&e))?;
                let mut chance = k as f64 / n as f64;
                let mut sum = 0.0;
                for (i, &(_, right)) in (0_u64..).zip(&self.ranked) {
                    sum += if right { chance } else { 0.0 };
                    let left = n - 1 - i;
                    if left < k {
                        break;
                    }
                    chance *= (left + 1 - k) as f64 / left as f64;
                }
                Ok(sum)
            }
        }
    }
}

/// Bounds on one thought, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forcing {
    /// The thought may not end before this.
    pub floor: usize,
    /// At this it is closed, and the model answers.
    pub cap: usize,
}

impl Forcing {
    /// What is turned up: the floor where there is one, otherwise the cap.
    fn setting(self) -> usize {
        if self.floor > 0 { self.floor } else { self.cap }
    }
}

/// Replies whose thoughts are kept between two lengths: budget forcing (Muennighoff et al. 2025, s1).
/// Where a thought would end too early its closing mark is not drawn and it goes on by itself; where it
/// is too long the mark is put in, and the answer is read greedily.
///
/// # Errors
///
/// As [`crate::replies`].
pub fn forced(
    model: &Model,
    task: &dyn Task,
    problems: &[Problem],
    (forcing, how): (Forcing, &Measuring),
) -> Result<Vec<Vec<Reply>>, TrainError> {
    let mut prompts = Vec::with_capacity(problems.len() * how.samples);
    for problem in problems {
        let tokens = prompt_tokens(&problem.question)?;
        prompts.extend((0..how.samples).map(|_| tokens.clone()));
    }
    let room = model.config().context.saturating_sub(ANSWER_TOKENS + 2);
    let longest = prompts.iter().map(Vec::len).max().unwrap_or_default();
    if longest + forcing.cap > room {
        let need = format!("at most {} with a context of {}", room.saturating_sub(longest), model.config().context);
        return Err(TrainError::setting("the cap on the reasoning", forcing.cap, need));
    }
    let options = SampleOptions {
        temperature: how.temperature,
        max_tokens: forcing.cap,
        min_tokens: forcing.floor,
        stop: Some(THOUGHT),
        seed: how.seed,
        threads: how.threads,
        ..SampleOptions::default()
    };
    let thoughts = if forcing.cap == 0 { Vec::new() } else { model.sample(&prompts, &options)? };
    let mut opened = prompts.clone();
    let mut closed = vec![true; prompts.len()];
    for (index, thought) in thoughts.iter().enumerate() {
        opened[index].extend(&thought.tokens);
        closed[index] = thought.ending != Ending::Stop;
    }
    for (tokens, close) in opened.iter_mut().zip(&closed) {
        if *close {
            tokens.push(THOUGHT);
        }
        tokens.push(ANSWER);
    }
    let answering =
        SampleOptions { temperature: 0.0, max_tokens: ANSWER_TOKENS, min_tokens: 0, stop: Some(END), ..options };
    let answers = model.sample(&opened, &answering)?;
    let mut done = opened.iter().zip(&prompts).zip(answers).map(|((opened, prompt), answer)| {
        let mut tokens = opened[prompt.len()..].to_vec();
        tokens.extend(&answer.tokens);
        let grade = Grade { score: 0.0, answer: None, verdict: Verdict::NoAnswer };
        // Forced tokens were not drawn and have no probability.
        Reply { tokens, log_probs: Vec::new(), ended: answer.ending == Ending::Stop, grade }
    });
    let grouped = problems.iter().map(|problem| {
        let group = done.by_ref().take(how.samples).map(|mut reply| {
            if reply.ended {
                reply.grade = task.grade(problem, &reply.text());
            }
            reply
        });
        group.collect()
    });
    Ok(grouped.collect())
}

/// Accuracy at each pair of bounds.
///
/// # Errors
///
/// As [`forced`]; fewer than two problems.
pub fn by_length(
    model: &Model,
    task: &dyn Task,
    problems: &[Problem],
    (forcings, how): (&[Forcing], &Measuring),
) -> Result<Vec<Point>, TrainError> {
    forcings
        .iter()
        .map(|&forcing| {
            let groups = forced(model, task, problems, (forcing, how))?;
            let values: Vec<f64> = (groups.iter())
                .map(|group| group.iter().map(|r| r.grade.score).sum::<f64>() / group.len().max(1) as f64)
                .collect();
            let all = groups.iter().flatten().count().max(1) as f64;
            let tokens = groups.iter().flatten().map(|r| r.tokens.len() as f64).sum::<f64>() / all;
            point(forcing.setting() as f64, tokens, &values)
        })
        .collect()
}

/// The text of a reply's thought, without its answer.
pub fn thought_of(reply: &Reply) -> String {
    let end = reply.tokens.iter().position(|t| *t == THOUGHT).unwrap_or(reply.tokens.len());
    CharTokenizer.decode(&reply.tokens[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply with a verdict, an answer and the same log-probability for each of four tokens.
    fn reply(verdict: Verdict, answer: &str, log_prob: f32) -> Reply {
        let answer = Some(answer.to_owned()).filter(|a| !a.is_empty());
        let grade = Grade { score: f64::from(u8::from(verdict == Verdict::Right)), answer, verdict };
        Reply { tokens: vec![END; 4], log_probs: vec![log_prob; 4], ended: true, grade }
    }

    fn problem() -> Vec<Reply> {
        vec![
            reply(Verdict::Right, "7", -0.1),
            reply(Verdict::Right, "7.0", -0.5),
            reply(Verdict::Wrong, "8", -0.2),
            reply(Verdict::NoAnswer, "", -0.05),
        ]
    }

    fn values(choice: Choice) -> Vec<f64> {
        let groups = vec![problem(), vec![reply(Verdict::Wrong, "1", -0.1); 4]];
        let points = by_samples(&groups, choice, &[1, 2, 4]).unwrap();
        assert!(points.iter().all(|p| p.n == 2 && p.tokens == 4.0 * p.setting));
        assert!(points.iter().all(|p| p.low <= p.accuracy && p.accuracy <= p.high));
        points.iter().map(|p| p.accuracy * 2.0).collect()
    }

    #[test]
    fn samples_are_chosen_by_vote_check_and_log_probability() {
        let near = |found: Vec<f64>, expected: [f64; 3]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?} {expected:?}");
        };
        // Of the six pairs, one is 7 twice, two are 7 and 8 (a tie), two are 7 and nothing, one is 8
        // and nothing.
        near(values(Choice::Vote), [0.5, (1.0 + 1.0 + 2.0) / 6.0, 1.0]);
        near(values(Choice::Check), [0.5, 5.0 / 6.0, 1.0]);
        // The surest one wins: right in the three pairs with the first, and in the pair of the second
        // with nothing; not in that of the second with 8.
        near(values(Choice::LogProb), [0.5, 4.0 / 6.0, 1.0]);
        assert!(by_samples(&[problem(), problem()], Choice::Vote, &[5]).is_err());
        assert!(by_samples(&[problem()], Choice::Check, &[1]).is_err());
    }
}
