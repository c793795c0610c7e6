//! How often a sample of this look is confirmed by the other samples of its problem.

use super::{FEATURES, Look};
use outthink_core::FormTable;
use serde::{Deserialize, Serialize};

/// Bounds of a predicted confirmation.
const LEAST: f64 = 0.02;
const MOST: f64 = 0.997;

/// Where the gate opens and over what it is fully open, in area under the curve.
const GATE_FROM: f64 = 0.50;
const GATE_OVER: f64 = 0.08;
/// What the gate believes beforehand: so much area over so many problems.
const GATE_AREA: f64 = 3.0;
const GATE_PROBLEMS: f64 = 6.0;

/// Weight of a problem whose second sample was drawn by the dice, over that of another.
const FORCED: f64 = 5.0;

/// Precision and mean of the weights where nothing is known beforehand.
const PRECISION: f64 = 3.0;
const PRECISION_CONSTANT: f64 = 5.0;
const MEAN_CONSTANT: f64 = 0.85;

/// Problems that a prior of other recordings counts as.
const PRIOR_PROBLEMS: f64 = 60.0;

/// One sample as the model sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// The class of its answer; `None` where it states none.
    pub class: Option<u32>,
    /// What the answer looks like.
    pub look: Look,
}

/// What one problem is decided with: the model as it stands before it, and what its host chose for it.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreementContext {
    /// The model.
    pub model: AgreementModel,
    /// The question, of which an answer may be a literal part.
    pub question: String,
    /// Whether a second sample is drawn where one would be enough, so that easy problems teach something. A host
    /// draws this with a seed, with a probability of .1.
    pub explore: bool,
}

/// An online model, without labels, of how often a sample of a given look is confirmed by the others.
///
/// Bayesian linear regression (Bishop 2006, section 3.3) of the share of the other samples that agree
/// with a sample on the sample's [`Look`]. Votes are weighed by what it predicts, so that an answer that
/// looks like those that others of its kind confirm counts more. A gate compares the prediction with what
/// clear votes decided, on problems that the model had not learned from, and closes where it says nothing:
/// with a closed gate every vote weighs 1 and the masses are the counts.
///
/// It is a value: a host keeps one for a stream of problems of one kind, asks it for [`masses`](Self::masses) and
/// has it [`learn`](Self::learn) when a problem has ended. The same problems in the same order give the same model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct AgreementModel {
    weights: Vec<f64>,
    /// Covariance of the weights, row by row.
    covariance: Vec<f64>,
    /// Areas under the curve, summed, and the problems that they are of.
    area: f64,
    problems: f64,
}

/// A model as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    weights: Vec<f64>,
    covariance: Vec<f64>,
    area: f64,
    problems: f64,
}

impl From<AgreementModel> for Written {
    fn from(model: AgreementModel) -> Self {
        let AgreementModel { weights, covariance, area, problems } = model;
        Self { weights, covariance, area, problems }
    }
}

impl TryFrom<Written> for AgreementModel {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { weights, covariance, area, problems } = written;
        if weights.len() != FEATURES || covariance.len() != FEATURES * FEATURES {
            return Err(format!(
                "an agreement model of {} weights, expected {FEATURES}: delete it, and it is learned again",
                weights.len()
            ));
        }
        let finite = weights.iter().chain(&covariance).all(|x| x.is_finite());
        if !finite || !(0.0..=problems).contains(&area) || !problems.is_finite() {
            return Err("an agreement model with impossible numbers: delete it, and it is learned again".to_owned());
        }
        Ok(Self { weights, covariance, area, problems })
    }
}

impl Default for AgreementModel {
    /// A model that knows nothing beforehand.
    fn default() -> Self {
        let mut model =
            Self { weights: vec![0.0; FEATURES], covariance: vec![0.0; FEATURES * FEATURES], area: 0.0, problems: 0.0 };
        model.weights[0] = MEAN_CONSTANT;
        for i in 0..FEATURES {
            model.covariance[i * FEATURES + i] = 1.0 / if i == 0 { PRECISION_CONSTANT } else { PRECISION };
        }
        model
    }
}

impl From<&FormTable> for AgreementModel {
    fn from(table: &FormTable) -> Self {
        if table.weights.len() != FEATURES || table.covariance.len() != FEATURES * (FEATURES + 1) / 2 {
            return Self::default();
        }
        let mut model = Self { weights: table.weights.clone(), ..Self::default() };
        let mut given = table.covariance.iter();
        for i in 0..FEATURES {
            for j in 0..=i {
                let x = given.next().copied().unwrap_or(0.0);
                model.covariance[i * FEATURES + j] = x;
                model.covariance[j * FEATURES + i] = x;
            }
        }
        model
    }
}

impl AgreementModel {
    /// How often a sample of this look is expected to be confirmed by another one, in (0, 1).
    pub fn confirmed(&self, look: Look) -> f64 {
        look.features().map(|f| self.weights[f]).sum::<f64>().clamp(LEAST, MOST)
    }

    /// How far the gate is open, in [0, 1]; 0 where looks tell nothing.
    pub fn gate(&self) -> f64 {
        let area = (GATE_AREA + self.area) / (GATE_PROBLEMS + self.problems);
        ((area - GATE_FROM) / GATE_OVER).clamp(0.0, 1.0)
    }

    /// The classes by the sum of their votes' weights, the heaviest first, equal ones in order of first sight. A
    /// vote weighs `(a / mean a)^g`, with `a` its expected confirmation and `g` the [`gate`](Self::gate).
    pub fn masses(&self, votes: &[Vote]) -> Vec<(u32, f64)> {
        let gate = self.gate();
        let voting = || votes.iter().filter_map(|v| v.class.map(|class| (class, v.look)));
        let (sum, n) = voting().fold((0.0, 0.0), |(sum, n), (_, look)| (sum + self.confirmed(look), n + 1.0));
        let mut masses: Vec<(u32, f64)> = Vec::new();
        for (class, look) in voting() {
            let weight = if gate > 0.0 { (self.confirmed(look) * n / sum).powf(gate) } else { 1.0 };
            match masses.iter_mut().find(|m| m.0 == class) {
                Some(mass) => mass.1 += weight,
                None => masses.push((class, weight)),
            }
        }
        masses.sort_by(|a, b| b.1.total_cmp(&a.1));
        masses
    }

    /// Learns from the samples of a problem that has ended; fewer than two say nothing. `forced` says that the
    /// second one was drawn by the dice where the first would have ended it.
    pub fn learn(&mut self, votes: &[Vote], forced: bool) {
        if votes.len() < 2 {
            return;
        }
        // What the gate compares was predicted before these votes were learned.
        self.judge(votes);
        let n = votes.len() as f64;
        let omega = 2.0 / n * if forced { FORCED } else { 1.0 };
        for (look, share, times) in observations(votes) {
            self.update(look, share, omega * times);
        }
    }

    /// One observation of so much precision.
    fn update(&mut self, look: Look, y: f64, precision: f64) {
        let mut vx = [0.0; FEATURES];
        for f in look.features() {
            let row = &self.covariance[f * FEATURES..(f + 1) * FEATURES];
            vx.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        let (mut variance, mut mean) = (0.0, 0.0);
        for f in look.features() {
            variance += vx[f];
            mean += self.weights[f];
        }
        let scale = 1.0 / (1.0 / precision + variance);
        for i in 0..FEATURES {
            let k = scale * vx[i];
            self.weights[i] += k * (y - mean);
            let row = &mut self.covariance[i * FEATURES..(i + 1) * FEATURES];
            row.iter_mut().zip(&vx).for_each(|(v, x)| *v -= k * x);
        }
    }

    /// Compares what was predicted with a clear vote.
    fn judge(&mut self, votes: &[Vote]) {
        let mut counts: Vec<(u32, u32)> = Vec::new();
        for class in votes.iter().filter_map(|v| v.class) {
            match counts.iter_mut().find(|c| c.0 == class) {
                Some(count) => count.1 += 1,
                None => counts.push((class, 1)),
            }
        }
        counts.sort_by_key(|c| std::cmp::Reverse(c.1));
        let [leader, second, ..] = counts[..] else { return };
        if votes.len() < 3 || leader.1 < 2 * second.1 {
            return;
        }
        let of = |leads: bool| votes.iter().filter(move |v| v.class.is_some_and(|c| (c == leader.0) == leads));
        let (mut above, mut pairs) = (0.0, 0.0);
        for a in of(true).map(|v| self.confirmed(v.look)) {
            for b in of(false).map(|v| self.confirmed(v.look)) {
                above += if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
                pairs += 1.0;
            }
        }
        self.area += above / pairs;
        self.problems += 1.0;
    }
}

/// Looks with the share of the other samples that confirm them, and how many samples had both: equal observations
/// are one of so many times the precision.
fn observations(votes: &[Vote]) -> Vec<(Look, f64, f64)> {
    let others = votes.len().saturating_sub(1).max(1) as f64;
    let mut seen: Vec<(Vote, f64)> = Vec::new();
    for vote in votes {
        match seen.iter_mut().find(|s| s.0 == *vote) {
            Some(entry) => entry.1 += 1.0,
            None => seen.push((*vote, 1.0)),
        }
    }
    let of_class = |class: u32| seen.iter().filter(|s| s.0.class == Some(class)).map(|s| s.1).sum::<f64>();
    seen.iter()
        .map(|&(vote, times)| (vote.look, vote.class.map_or(0.0, |class| (of_class(class) - 1.0) / others), times))
        .collect()
}

/// A prior for [`AgreementModel`] learned from recordings, without labels: each holds the votes of its problems
/// and counts as much as every other one, all together as 60 problems. `None` where no problem has two samples.
pub fn learn_form(recordings: &[Vec<Vec<Vote>>]) -> Option<FormTable> {
    let usable: Vec<Vec<&Vec<Vote>>> = recordings
        .iter()
        .map(|r| r.iter().filter(|votes| votes.len() >= 2).collect::<Vec<_>>())
        .filter(|r| !r.is_empty())
        .collect();
    if usable.is_empty() {
        return None;
    }
    // A sequence of observations with these precisions is the ridge regression over all of them.
    let mut model = AgreementModel::default();
    for recording in &usable {
        let weight = PRIOR_PROBLEMS / usable.len() as f64 / recording.len() as f64;
        for votes in recording {
            for (look, share, times) in observations(votes) {
                model.update(look, share, weight * 2.0 / votes.len() as f64 * times);
            }
        }
    }
    let lower = (0..FEATURES).flat_map(|i| (0..=i).map(move |j| i * FEATURES + j));
    Some(FormTable { covariance: lower.map(|at| model.covariance[at]).collect(), weights: model.weights })
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::derive_seed;
    use proptest::prelude::*;

    fn unit(seed: u64, n: u64) -> f64 {
        (derive_seed(seed, n) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Problems of five samples: class 0 with probability .6, else one of many; where `tells`, a wrong
    /// one looks wrong four times of five.
    fn stream(tells: bool, problems: u64) -> Vec<Vec<Vote>> {
        let vote = |p: u64, s: u64| {
            let right = unit(p, 3 * s) < 0.6;
            let class = if right { 0 } else { 1 + (unit(p, 3 * s + 1) * 4.0) as u32 };
            let odd = unit(p, 3 * s + 2) < if tells && !right { 0.8 } else { 0.3 };
            Vote { class: Some(class), look: Look::with(odd.then_some(7)) }
        };
        (0..problems).map(|p| (0..5).map(|s| vote(p, s)).collect()).collect()
    }

    #[test]
    fn the_gate_opens_where_looks_tell_and_stays_shut_where_they_do_not() {
        let gate = |tells| {
            let mut model = AgreementModel::default();
            for votes in &stream(tells, 600) {
                model.learn(votes, false);
            }
            (model.gate(), model.confirmed(Look::with([])) - model.confirmed(Look::with([7])))
        };
        let (open, shut) = (gate(true), gate(false));
        assert!(open.0 > 0.9 && open.1 > 0.1, "{open:?}");
        assert!(shut.0 < 0.25 && shut.1.abs() < 0.1, "{shut:?}");
    }

    #[test]
    fn a_shut_gate_leaves_the_counts() {
        let votes = [0, 1, 1, 2].map(|class| Vote { class: Some(class), look: Look::with([class as usize]) });
        assert_eq!(AgreementModel::default().masses(&votes), [(1, 2.0), (0, 1.0), (2, 1.0)]);
    }

    #[test]
    fn it_decides_a_tie_by_what_was_confirmed_elsewhere() {
        let mut model = AgreementModel::default();
        for votes in &stream(true, 600) {
            model.learn(votes, false);
        }
        let odd = Vote { class: Some(0), look: Look::with([7]) };
        let plain = Vote { class: Some(1), look: Look::with([]) };
        assert_eq!(model.masses(&[odd, plain])[0].0, 1);
    }

    #[test]
    fn a_sequence_is_the_regression_over_all() {
        // One feature apart from the constant: solved by hand from the normal equations.
        let (a, b) = (Look::with([]), Look::with([5]));
        let mut model = AgreementModel::default();
        model.update(a, 0.9, 2.0);
        model.update(b, 0.2, 4.0);
        let [p00, p01, p11] = [PRECISION_CONSTANT + 6.0, 4.0, PRECISION + 4.0];
        let [r0, r1] = [PRECISION_CONSTANT * MEAN_CONSTANT + 2.0 * 0.9 + 4.0 * 0.2, 4.0 * 0.2];
        let whole = p00 * p11 - p01 * p01;
        assert!((model.weights[0] - (p11 * r0 - p01 * r1) / whole).abs() < 1e-9);
        assert!((model.weights[5] - (p00 * r1 - p01 * r0) / whole).abs() < 1e-9);
    }

    #[test]
    fn what_is_written_is_read_and_nonsense_is_refused() {
        let mut model = AgreementModel::default();
        for votes in &stream(true, 50) {
            model.learn(votes, true);
        }
        let text = serde_json::to_string(&model).unwrap();
        let read: AgreementModel = serde_json::from_str(&text).unwrap();
        assert!((read.gate() - model.gate()).abs() < 1e-12);
        let short = text.replacen("\"weights\":[", "\"weights\":[0.0,", 1);
        assert!(serde_json::from_str::<AgreementModel>(&short).unwrap_err().to_string().contains("expected 35"));
    }

    #[test]
    fn a_prior_of_other_recordings_knows_what_they_showed() {
        let table = learn_form(&[stream(true, 300), stream(true, 100)]).unwrap();
        let model = AgreementModel::from(&table);
        assert!(model.confirmed(Look::with([7])) < model.confirmed(Look::with([])));
        assert!(model.gate() == 0.0, "a prior says nothing of whether it fits this stream");
        assert_eq!(table.problem(), None);
        assert!(learn_form(&[]).is_none());
    }

    prop_compose! {
        fn votes()(all in proptest::collection::vec((proptest::option::of(0u32..5), proptest::collection::vec(0usize..FEATURES, 0..6)), 0..12)) -> Vec<Vote> {
            all.into_iter().map(|(class, features)| Vote { class, look: Look::with(features) }).collect()
        }
    }

    proptest! {
        #[test]
        fn masses_are_positive_and_the_gate_is_a_share(problems in proptest::collection::vec(votes(), 1..30)) {
            let mut model = AgreementModel::default();
            for (i, votes) in problems.iter().enumerate() {
                let masses = model.masses(votes);
                prop_assert!(masses.iter().all(|m| m.1.is_finite() && m.1 > 0.0), "{masses:?}");
                prop_assert!(masses.windows(2).all(|w| w[0].1 >= w[1].1));
                model.learn(votes, i % 3 == 0);
                prop_assert!((0.0..=1.0).contains(&model.gate()));
            }
        }

        #[test]
        fn samples_in_any_order_teach_alike(first in votes(), second in votes()) {
            let model = |turn: bool| {
                let mut model = AgreementModel::default();
                for votes in [&first, &second] {
                    let mut votes = votes.clone();
                    if turn { votes.reverse(); }
                    model.learn(&votes, false);
                }
                model
            };
            let (a, b) = (model(false), model(true));
            for f in 0..FEATURES {
                prop_assert!((a.confirmed(Look::with([f])) - b.confirmed(Look::with([f]))).abs() < 1e-9);
            }
        }
    }
}
