//! Which member of a pool gets the next sample. Pure.

use super::health::Health;
use outthink_core::derive_seed;
use std::time::Duration;

/// What is known of a member when the choice is made.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) weight: f64,
    /// Members of a later tier get samples only while none before is fit.
    pub(super) tier: u32,
    /// Tokens of the samples that it works on.
    pub(super) outstanding: u64,
    pub(super) health: Health,
}

/// A preferred member gets the sample unless it has more than this times the least load...
const SLACK_FACTOR: f64 = 1.25;
/// ...and these tokens on top.
const SLACK_TOKENS: f64 = 4096.0;

/// The member for a sample of the prompt whose hash is `prompt`: the least outstanding tokens for
/// its weight, except that a prompt goes to the member that its hash prefers (rendezvous hashing,
/// Thaler and Ravishankar 1998) as long as that one is not much busier (bounded loads, Mirrokni et
/// al. 2018), so that the samples of one prompt meet one prefix cache. `tried` are passed over.
pub(super) fn pick(members: &[Standing], prompt: u64, now: Duration, tried: &[usize]) -> Option<usize> {
    let open = || members.iter().enumerate().filter(|(index, member)| !tried.contains(index) && member.weight > 0.0);
    let tier = open().filter(|(_, m)| m.health.is_fit(now)).map(|(_, m)| m.tier).min();
    let Some(tier) = tier else {
        // None is fit: better one that may fail than none.
        return open().min_by_key(|(_, m)| m.health.rests_until()).map(|(index, _)| index);
    };
    let fit: Vec<(usize, &Standing)> = open().filter(|(_, m)| m.tier == tier && m.health.is_fit(now)).collect();
    let load = |member: &Standing| member.outstanding as f64 / member.weight;
    let &(least, least_member) = fit.iter().min_by(|a, b| load(a.1).total_cmp(&load(b.1)))?;
    let liking = |index: usize, member: &Standing| {
        let unit = ((derive_seed(prompt, index as u64) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -unit.ln() / member.weight
    };
    let &(preferred, member) = fit.iter().min_by(|a, b| liking(a.0, a.1).total_cmp(&liking(b.0, b.1)))?;
    let bound = SLACK_FACTOR * load(least_member) + SLACK_TOKENS / member.weight;
    Some(if load(member) <= bound { preferred } else { least })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(weight: f64, tier: u32, outstanding: u64) -> Standing {
        Standing { weight, tier, outstanding, health: Health::default() }
    }

    #[test]
    fn prompts_spread_by_weight_and_stay_where_they_were() {
        let members = [standing(1.0, 0, 0), standing(3.0, 0, 0)];
        let at = |prompt| pick(&members, derive_seed(5, prompt), Duration::ZERO, &[]).unwrap();
        let second = (0..4_000).filter(|&p| at(p) == 1).count();
        // 5 standard errors of 27.
        assert!((2_863..3_137).contains(&second), "{second}");
        assert!((0..100).all(|p| at(p) == at(p)));
    }

    #[test]
    fn the_busy_the_tried_and_the_unfit_are_passed_over() {
        let mut members = vec![standing(1.0, 0, 0), standing(1.0, 0, 0), standing(1.0, 1, 0)];
        let preferred = pick(&members, 1, Duration::ZERO, &[]).unwrap();
        let other = 1 - preferred;
        assert_eq!(pick(&members, 1, Duration::ZERO, &[preferred]), Some(other));
        assert_eq!(pick(&members, 1, Duration::ZERO, &[0, 1]), Some(2), "the fallback");
        members[preferred].outstanding = 100_000;
        assert_eq!(pick(&members, 1, Duration::ZERO, &[]), Some(other));
        for member in &mut members[..2] {
            (0..5).for_each(|_| member.health.failed(Duration::ZERO, 0.0));
        }
        assert_eq!(pick(&members, 1, Duration::ZERO, &[]), Some(2));
        (0..5).for_each(|_| members[2].health.failed(Duration::from_secs(1), 0.0));
        assert_ne!(pick(&members, 1, Duration::from_secs(1), &[]), Some(2), "the one that rested longest");
        assert_eq!(pick(&members, 1, Duration::ZERO, &[0, 1, 2]), None);
    }
}
