//! How many cells of the KV cache a sample holds, and who pauses when they run out: pure arithmetic.
//!
//! A sample that nobody limits may fill the whole context, but few do. So cells are reserved in stretches:
//! a sample starts once its prompt and a first stretch fit, and grows while cells are free. When they run
//! out, the youngest samples pause: they give their cells back, keep their text, and are read again later.
//! The oldest sample never pauses, so that something always comes to its end.

/// Cells to reserve next, `stretch` at once, for a sample that holds `held` of the `limit` that it may use.
pub(crate) fn next_stretch(stretch: usize, held: usize, limit: usize) -> usize {
    limit.saturating_sub(held).min(stretch)
}

/// What a sample that runs holds, and what it needs before the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    /// When it came: the smaller, the older.
    pub(crate) age: u64,
    /// Cells that it would give back.
    pub(crate) held: usize,
    /// Further cells that it needs; 0 while its stretch lasts.
    pub(crate) need: usize,
}

/// The samples that must pause, the youngest first, so that `spare` cells suffice for the others. Never the
/// oldest one.
pub(crate) fn to_pause(claims: &[Claim], mut spare: usize) -> Vec<usize> {
    let mut need: usize = claims.iter().map(|c| c.need).sum();
    let mut by_age: Vec<usize> = (0..claims.len()).collect();
    by_age.sort_unstable_by_key(|&i| claims[i].age);
    let mut paused = Vec::new();
    while need > spare && by_age.len() > 1 {
        let Some(youngest) = by_age.pop() else { break };
        need -= claims[youngest].need;
        spare += claims[youngest].held;
        paused.push(youngest);
    }
    paused
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::derive_seed;

    #[test]
    fn a_stretch_ends_at_the_limit() {
        assert_eq!(next_stretch(256, 0, 10), 10);
        assert_eq!(next_stretch(256, 0, 10_000), 256);
        assert_eq!(next_stretch(256, 9_900, 10_000), 100);
        assert_eq!(next_stretch(256, 10_000, 10_000), 0);
    }

    #[test]
    fn the_youngest_pause_and_no_more_than_needed() {
        for round in 0..2_000_u64 {
            let draw = |i: u64, below: u64| (derive_seed(round, i) % below) as usize;
            let claims: Vec<Claim> = (0..=draw(0, 9) as u64)
                .map(|i| Claim {
                    age: derive_seed(round, 100 + i),
                    held: draw(200 + i, 900),
                    need: if draw(300 + i, 2) == 0 { 0 } else { draw(400 + i, 257) },
                })
                .collect();
            let spare = draw(1, 800);
            let paused = to_pause(&claims, spare);
            let oldest = (0..claims.len()).min_by_key(|&i| claims[i].age).unwrap();
            assert!(!paused.contains(&oldest));
            let enough = |paused: &[usize]| {
                let stays = |i: &usize| !paused.contains(i);
                let need: usize = (0..claims.len()).filter(stays).map(|i| claims[i].need).sum();
                need <= spare + paused.iter().map(|&i| claims[i].held).sum::<usize>()
            };
            assert!(enough(&paused) || paused.len() + 1 == claims.len());
            if let Some((_, fewer)) = paused.split_last() {
                assert!(!enough(fewer), "one more than needed paused");
            }
            for i in (0..claims.len()).filter(|i| !paused.contains(i)) {
                assert!(paused.iter().all(|&p| claims[p].age >= claims[i].age), "an older one paused");
            }
        }
    }

    /// Samples of all lengths on few cells: each comes to its end, whatever the order.
    #[test]
    fn nobody_waits_for_ever() {
        for round in 0..200_u64 {
            let cells = 600 + (derive_seed(round, 0) % 2_000) as usize;
            // (age, length, written, held)
            let mut waiting: Vec<(u64, usize, usize)> =
                (0..8).map(|i| (i, 1 + (derive_seed(round, 10 + i) % cells as u64) as usize, 0)).collect();
            let mut live: Vec<(u64, usize, usize, usize)> = Vec::new();
            let mut steps = 0;
            while !waiting.is_empty() || !live.is_empty() {
                steps += 1;
                assert!(steps < 1_000_000, "no end in round {round}");
                waiting.sort_unstable();
                while let Some(&(age, length, written)) = waiting.first() {
                    let used: usize = live.iter().map(|l| l.3).sum();
                    let first = written + next_stretch(256, written, cells);
                    if used + first > cells {
                        break;
                    }
                    waiting.remove(0);
                    live.push((age, length, written, first));
                }
                assert!(!live.is_empty());
                let claims: Vec<Claim> = live
                    .iter()
                    .map(|&(age, _, written, held)| Claim {
                        age,
                        held,
                        need: if written < held { 0 } else { next_stretch(256, held, cells) },
                    })
                    .collect();
                let spare = cells - live.iter().map(|l| l.3).sum::<usize>();
                let mut paused = to_pause(&claims, spare);
                for (l, claim) in live.iter_mut().zip(&claims) {
                    l.3 += claim.need;
                }
                paused.sort_unstable();
                for index in paused.into_iter().rev() {
                    let (age, length, written, _) = live.remove(index);
                    waiting.push((age, length, written));
                }
                assert!(live.iter().map(|l| l.3).sum::<usize>() <= cells);
                for l in &mut live {
                    l.2 += 1;
                }
                live.retain(|l| l.2 < l.1);
            }
        }
    }
}
