//! Estimators against enumeration, known values and properties.

use outthink_law::estimate::{Ballots, Resampling, maj_at_k, mean_over_problems, paired_difference, pass_at_k, wilson};
use proptest::prelude::*;

/// Walks all ordered draws without replacement: the definition of maj@k.
fn vote_by_enumeration(left: &mut [u64], votes: &mut [u64], right: usize, k: u64) -> f64 {
    if k == 0 {
        let top = *votes[..votes.len() - 1].iter().max().unwrap();
        if top == 0 || votes[right] < top {
            return 0.0;
        }
        let ties = votes[..votes.len() - 1].iter().filter(|&&v| v == top).count();
        return 1.0 / ties as f64;
    }
    let total: u64 = left.iter().sum();
    let mut sum = 0.0;
    for i in 0..left.len() {
        if left[i] == 0 {
            continue;
        }
        let weight = left[i] as f64 / total as f64;
        left[i] -= 1;
        votes[i] += 1;
        sum += weight * vote_by_enumeration(left, votes, right, k - 1);
        left[i] += 1;
        votes[i] -= 1;
    }
    sum
}

#[test]
fn pass_at_k_at_large_counts() {
    assert!((pass_at_k(10_000, 1, 100).unwrap() - 0.01).abs() < 1e-12);
    assert_eq!(pass_at_k(10, 3, 8).unwrap(), 1.0);
    assert_eq!(pass_at_k(10, 0, 10).unwrap(), 0.0);
    let tiny = pass_at_k(1_000_000_000_000, 1, 1).unwrap();
    assert!((tiny - 1e-12).abs() < 1e-24);
    for bad in [(10, 11, 1), (10, 1, 0), (10, 1, 11)] {
        assert!(pass_at_k(bad.0, bad.1, bad.2).is_err());
    }
}

#[test]
fn a_long_vote_goes_to_the_modal_answer() {
    let ballots = Ballots { counts: &[520, 480], correct: Some(0), blank: 0 };
    assert_eq!(maj_at_k(&ballots, 1_000).unwrap(), 1.0);
    let one = maj_at_k(&ballots, 1).unwrap();
    assert!((one - 0.52).abs() < 1e-12);
    let none = Ballots { correct: None, ..ballots };
    assert_eq!(maj_at_k(&none, 5).unwrap(), 0.0);
    let beyond = Ballots { correct: Some(2), ..ballots };
    assert!(maj_at_k(&beyond, 5).is_err());
}

#[test]
fn wilson_at_a_textbook_value() {
    let e = wilson(9, 10, 0.95).unwrap();
    assert!((e.interval.low - 0.5958).abs() < 1e-4, "{e:?}");
    assert!((e.interval.high - 0.9821).abs() < 1e-4, "{e:?}");
    assert!(e.warnings[0].contains("10.0 points"), "{e:?}");
    assert!(wilson(0, 0, 0.95).is_err());
    assert!(wilson(3, 2, 0.95).is_err());
}

#[test]
fn pairing_narrows_the_interval() {
    let hard: Vec<f64> = (0..200).map(|i| f64::from(i) / 200.0).collect();
    let better: Vec<f64> =
        (0..200).map(|i| (f64::from(i) / 200.0 + if i % 2 == 0 { 0.04 } else { 0.0 }).min(1.0)).collect();
    let how = Resampling::default();
    let d = paired_difference(&better, &hard, how).unwrap();
    assert!(d.interval.low > 0.0 && d.warnings.is_empty(), "{d:?}");
    let m = mean_over_problems(&hard, how).unwrap();
    assert!(m.interval.width() > 5.0 * d.interval.width());
    assert!(paired_difference(&hard, &better[1..], how).is_err());
    assert!(mean_over_problems(&[0.5, f64::NAN], how).is_err());
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let values: Vec<f64> = (0..60).map(|i| f64::from(i * i % 7) / 7.0).collect();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| mean_over_problems(&values, Resampling::default()).unwrap())
    };
    assert_eq!(run(1), run(5));
}

#[test]
fn all_right_still_has_an_interval() {
    let e = mean_over_problems(&[1.0; 30], Resampling::default()).unwrap();
    assert!(e.interval.low < 0.9 && e.interval.high == 1.0, "{e:?}");
}

proptest! {
    #[test]
    fn maj_at_k_is_its_definition(
        counts in prop::collection::vec(0_u64..4, 1..4), blank in 0_u64..3, k in 1_u64..6,
    ) {
        let total = counts.iter().sum::<u64>() + blank;
        prop_assume!(k <= total);
        let exact = maj_at_k(&Ballots { counts: &counts, correct: Some(0), blank }, k).unwrap();
        let mut left = counts.clone();
        left.push(blank);
        let mut votes = vec![0; left.len()];
        let slow = vote_by_enumeration(&mut left, &mut votes, 0, k);
        prop_assert!((exact - slow).abs() < 1e-10, "{exact} {slow}");
    }

    #[test]
    fn the_shares_of_a_vote_sum_to_the_votes_cast(
        counts in prop::collection::vec(1_u64..30, 1..6), k in 1_u64..20,
    ) {
        prop_assume!(k <= counts.iter().sum::<u64>());
        let sum: f64 = (0..counts.len())
            .map(|i| maj_at_k(&Ballots { counts: &counts, correct: Some(i), blank: 0 }, k).unwrap())
            .sum();
        prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn pass_at_k_rises_with_k_and_starts_at_the_mean(n in 1_u64..400, share in 0.0..=1.0_f64) {
        let c = (share * n as f64) as u64;
        let all: Vec<f64> = (1..=n).map(|k| pass_at_k(n, c, k).unwrap()).collect();
        prop_assert!((all[0] - c as f64 / n as f64).abs() < 1e-12);
        prop_assert!(all.windows(2).all(|w| w[0] <= w[1] + 1e-12));
        prop_assert!(all.iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn wilson_holds_its_own_estimate(n in 1_u64..5_000, share in 0.0..=1.0_f64) {
        let e = wilson((share * n as f64) as u64, n, 0.9).unwrap();
        prop_assert!(e.interval.contains(e.value));
        prop_assert!(e.interval.low >= 0.0 && e.interval.high <= 1.0);
    }
}
