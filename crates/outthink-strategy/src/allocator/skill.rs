//! How good arms are, with labels or without, and votes weighed by it.

/// Votes of an arm that its skill is shrunk by: so many right and so many wrong ones.
const SHRINK: f64 = 1.0;

/// Answers to choose from where nothing is known of it.
const CHOICES: f64 = 4.0;

/// Bounds of a skill: no arm decides alone for ever.
const LEAST: f64 = 0.01;
const MOST: f64 = 0.99;

/// One vote: the arm and the class of its answer.
pub type ArmVote = (usize, u32);

/// The skill of each arm: how often its answer is the right one.
///
/// An arm votes with the log odds of its skill, which is the best rule for arms that err independently of each
/// other (Nitzan and Paroush 1982), plus the logarithm of how many wrong answers there are to choose from: a
/// wrong answer must also hit the same wrong class.
///
/// ```
/// use outthink_strategy::allocator::Skills;
/// let skills = Skills::of_labels(&[(90, 100), (40, 100), (40, 100)], 2.0);
/// // Two weak arms do not outvote a strong one.
/// assert_eq!(skills.leader(&[(0, 7), (1, 3), (2, 3)]), Some(7));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Skills {
    skills: Vec<f64>,
    choices: f64,
}

impl Skills {
    /// From how often each arm was right, of how often, where `choices` answers are as good as any to err with.
    pub fn of_labels(right: &[(u32, u32)], choices: f64) -> Self {
        let skill = |&(right, of): &(u32, u32)| (f64::from(right) + SHRINK) / (f64::from(of) + 2.0 * SHRINK);
        Self::new(right.iter().map(skill).collect(), choices)
    }

    /// Without labels, from the votes of problems: expectation-maximisation over which answer of a problem is the
    /// right one (Dawid and Skene 1979), with one skill an arm and wrong answers spread evenly over as many
    /// as their agreement shows. It starts from the
    /// plain vote, so an arm that disagrees with most is taken for a bad one; arms that err together are taken for
    /// good ones, which no method without labels can tell.
    pub fn of_votes(problems: &[Vec<ArmVote>], arms: usize, rounds: u32) -> Self {
        let mut skills = Self::new(vec![0.6; arms], CHOICES);
        for _ in 0..rounds {
            let mut sums = vec![(SHRINK, 2.0 * SHRINK); arms];
            // Pairs of wrong votes, and those of them that agree: how many wrong answers there are to choose from.
            let (mut pairs, mut agree) = (1.0, 1.0 / (CHOICES - 1.0));
            for votes in problems {
                let beliefs = skills.beliefs(votes);
                let count = |class: u32| votes.iter().filter(|v| v.1 == class).count() as f64;
                let two = |n: f64| n * (n - 1.0) / 2.0;
                let all: f64 = beliefs.iter().map(|b| two(count(b.0))).sum();
                for &(class, belief) in &beliefs {
                    pairs += belief * two(votes.len() as f64 - count(class));
                    agree += belief * (all - two(count(class)));
                }
                for &(arm, class) in votes {
                    let Some(sum) = sums.get_mut(arm) else { continue };
                    sum.0 += beliefs.iter().find(|b| b.0 == class).map_or(0.0, |b| b.1);
                    sum.1 += 1.0;
                }
            }
            skills = Self::new(sums.into_iter().map(|(right, of)| right / of).collect(), 1.0 + pairs / agree);
        }
        skills
    }

    fn new(skills: Vec<f64>, choices: f64) -> Self {
        let skills = skills.into_iter().map(|s| s.clamp(LEAST, MOST)).collect();
        Self { skills, choices: choices.max(2.0) }
    }

    /// How often an arm is right; 0.5 for one that is not known.
    pub fn of(&self, arm: usize) -> f64 {
        self.skills.get(arm).copied().unwrap_or(0.5)
    }

    /// What a vote of an arm weighs; below 0 for an arm that is right less often than chance.
    pub fn weight(&self, arm: usize) -> f64 {
        let skill = self.of(arm);
        (skill * (self.choices - 1.0) / (1.0 - skill)).ln()
    }

    /// The classes with their weights, the heaviest first; equal ones in order of first sight.
    pub fn masses(&self, votes: &[ArmVote]) -> Vec<(u32, f64)> {
        let mut masses: Vec<(u32, f64)> = Vec::new();
        for &(arm, class) in votes {
            let weight = self.weight(arm);
            match masses.iter_mut().find(|m| m.0 == class) {
                Some(mass) => mass.1 += weight,
                None => masses.push((class, weight)),
            }
        }
        masses.sort_by(|a, b| b.1.total_cmp(&a.1));
        masses
    }

    /// The class that the votes make likeliest.
    pub fn leader(&self, votes: &[ArmVote]) -> Option<u32> {
        self.masses(votes).first().map(|m| m.0)
    }

    /// The probability of each class that was voted for to be the right one, if one of them is.
    pub fn beliefs(&self, votes: &[ArmVote]) -> Vec<(u32, f64)> {
        let mut masses = self.masses(votes);
        let top = masses.first().map_or(0.0, |m| m.1);
        let sum: f64 = masses.iter().map(|m| (m.1 - top).exp()).sum();
        for mass in &mut masses {
            mass.1 = (mass.1 - top).exp() / sum;
        }
        masses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::derive_seed;
    use proptest::prelude::*;

    /// Votes of arms that are right as often as `truth` says, over four choices; class 0 is right.
    fn votes(truth: &[f64], problems: u64) -> Vec<Vec<ArmVote>> {
        let unit = |seed: u64, n: u64| (derive_seed(seed, n) >> 11) as f64 / (1u64 << 53) as f64;
        let one = |p: u64, arm: usize| {
            let wrong = 1 + (unit(p, 100 + arm as u64) * 3.0) as u32;
            (arm, if unit(p, arm as u64) < truth[arm] { 0 } else { wrong })
        };
        (0..problems).map(|p| (0..truth.len()).map(|arm| one(p, arm)).collect()).collect()
    }

    #[test]
    fn skills_are_found_without_labels() {
        let truth = [0.9, 0.7, 0.4, 0.4, 0.3];
        let skills = Skills::of_votes(&votes(&truth, 4_000), truth.len(), 30);
        for (arm, truth) in truth.iter().enumerate() {
            assert!((skills.of(arm) - truth).abs() < 0.03, "{arm}: {} for {truth}", skills.of(arm));
        }
    }

    #[test]
    fn weighed_votes_beat_plain_ones_and_the_best_arm() {
        let truth = [0.75, 0.7, 0.7, 0.3, 0.3];
        let problems = votes(&truth, 4_000);
        let skills = Skills::of_votes(&problems, truth.len(), 30);
        let accuracy = |skills: &Skills| {
            problems.iter().filter(|v| skills.leader(v) == Some(0)).count() as f64 / problems.len() as f64
        };
        let plain = accuracy(&Skills::new(vec![0.6; truth.len()], 4.0));
        let weighed = accuracy(&skills);
        let best = problems.iter().filter(|v| v[0].1 == 0).count() as f64 / problems.len() as f64;
        assert!(weighed > plain + 0.02 && weighed > best + 0.02, "{weighed} {plain} {best}");
    }

    proptest! {
        #[test]
        fn beliefs_are_probabilities(votes in proptest::collection::vec((0usize..6, 0u32..5), 1..20)) {
            let skills = Skills::of_labels(&[(99, 100), (0, 100), (5, 10), (0, 0)], 4.0);
            let beliefs = skills.beliefs(&votes);
            prop_assert!((beliefs.iter().map(|b| b.1).sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(beliefs.iter().all(|b| (0.0..=1.0).contains(&b.1)));
        }
    }
}
