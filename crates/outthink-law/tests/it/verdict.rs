//! Verdicts on published curves, on made ones, and on curves that carry none.

use std::path::PathBuf;

use outthink_law::forms::Curve;
use outthink_law::noise::{Noise, USUAL_SHARED};
use outthink_law::verdict::{Judgement, Question, Subject, Verdict, judge, likelihood_words};

use super::made::Draws;

fn of(compute: &[f64], accuracy: &[f64], stderr: &[f64]) -> Judgement {
    let noise = Noise::stated(stderr, USUAL_SHARED).unwrap();
    let got = judge(&Curve { compute, accuracy }, &noise, Question::default()).unwrap();
    println!("{got:#?}");
    got
}

/// Claude 3.7 Sonnet and Claude Sonnet 4 on OTIS mock AIME by token budget (Epoch AI, CC BY 4.0).
#[test]
fn a_published_curve_that_rises_and_one_that_has_flattened() {
    let rising = of(
        &[1_458.9, 14_781.9, 23_838.9, 26_987.3],
        &[0.2194, 0.4667, 0.5333, 0.5778],
        &[0.0482, 0.0752, 0.0752, 0.0745],
    );
    assert_eq!(rising.verdict, Verdict::StillRising);
    let flat = of(
        &[1_372.2, 9_289.0, 17_056.0, 24_266.3],
        &[0.2889, 0.5333, 0.7111, 0.6889],
        &[0.0683, 0.0752, 0.0683, 0.0698],
    );
    assert!(matches!(flat.verdict, Verdict::Slowing | Verdict::AtTheWall), "{flat:?}");
    // Four points of 45 problems: the verdict is a leaning, and says so.
    assert!(likelihood_words(flat.probability.unwrap()).contains("likely"));
    assert!(flat.ceiling.unwrap().interval.width() > 0.1);
}

#[test]
fn o1_mini_past_2_to_the_16() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/laws/o1_mini_aime24.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is absent", path.display());
        return;
    };
    let numbers = |key: &str| -> Vec<f64> {
        text.lines()
            .filter_map(|l| l.trim().strip_prefix(&format!("\"{key}\": ")))
            .map(|v| v.trim_end_matches(',').parse().unwrap())
            .collect()
    };
    let (tokens, accuracy) = (numbers("avg_tokens_used"), numbers("accuracy"));
    assert_eq!((tokens.len(), accuracy.len()), (11, 11));
    let stderr: Vec<f64> = accuracy.iter().map(|a| (a * (1.0 - a) / 30.0).sqrt()).collect();
    let got = of(&tokens, &accuracy, &stderr);
    assert!(matches!(got.verdict, Verdict::Slowing | Verdict::AtTheWall), "{got:?}");
}

#[test]
fn a_study_with_the_former_name_of_the_verdict_is_read() {
    use serde::Deserialize;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};
    for word in ["cannot-be-told", "inconclusive"] {
        let word: StrDeserializer<'_, Error> = word.into_deserializer();
        assert_eq!(Verdict::deserialize(word), Ok(Verdict::Inconclusive));
    }
}

#[test]
fn too_little_data_is_inconclusive() {
    let tokens = [1e3, 2e3, 4e3, 8e3, 16e3];
    let floor = of(&tokens, &[0.0; 5], &[0.01; 5]);
    assert_eq!(floor.verdict, Verdict::Inconclusive);
    assert!(floor.because.contains("floor") && floor.probability.is_none());
    let full = of(&tokens, &[1.0; 5], &[0.01; 5]);
    assert!(full.verdict == Verdict::Saturated && full.probability.is_none(), "{full:?}");
    let thin = of(&[1e3, 4e3, 16e3], &[0.3, 0.5, 0.42], &[0.1; 3]);
    assert_eq!(thin.verdict, Verdict::Inconclusive);
    assert!(thin.next_runs.contains("settings"), "{thin:?}");
    let noisy = of(&tokens, &[0.42, 0.35, 0.5, 0.38, 0.45], &[0.1; 5]);
    assert_eq!(noisy.verdict, Verdict::Inconclusive);
    assert!(noisy.next_runs.contains("x the problems"), "{noisy:?}");
    // Five runs at one setting are one setting.
    let noise = Noise::stated(&[0.1; 5], 0.5).unwrap();
    let one = Curve { compute: &[5.0; 5], accuracy: &[0.1, 0.2, 0.1, 0.2, 0.1] };
    assert!(judge(&one, &noise, Question::default()).is_err());
}

#[test]
fn a_fall_and_a_precise_standstill_are_walls() {
    let tokens = [1e3, 2e3, 4e3, 8e3, 16e3];
    let falling = of(&tokens, &[0.6, 0.55, 0.5, 0.45, 0.4], &[0.03; 5]);
    assert_eq!(falling.verdict, Verdict::AtTheWall);
    assert!(falling.because.contains("falls"), "{falling:?}");
    let still = of(&tokens, &[0.5, 0.505, 0.498, 0.502, 0.5], &[0.005; 5]);
    assert_eq!(still.verdict, Verdict::AtTheWall);
}

#[test]
fn the_threshold_is_the_users() {
    let tokens = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3];
    let accuracy = [0.20, 0.24, 0.28, 0.32, 0.36, 0.40];
    let noise = Noise::stated(&[0.02; 6], 0.5).unwrap();
    let curve = Curve { compute: &tokens, accuracy: &accuracy };
    let ask = |threshold| judge(&curve, &noise, Question { threshold, ..Question::default() }).unwrap();
    assert_eq!(ask(0.02).verdict, Verdict::StillRising);
    assert_eq!(ask(0.10).verdict, Verdict::AtTheWall);
    assert!(judge(&curve, &noise, Question { threshold: 0.0, ..Question::default() }).is_err());
    assert_eq!(ask(0.02), ask(0.02));
}

/// How often the verdict is right on made curves of each kind, with errors as of 45 to 500 problems.
#[test]
fn made_curves_are_told_apart() {
    let straight = |x: f64| 0.2 + 0.08 * x;
    let flattened = |x: f64| 0.2 + 0.16 * x.min(2.5);
    let mut wrong = [0, 0];
    for (settings, stderr) in [(5, 0.06), (6, 0.03), (10, 0.05), (10, 0.02)] {
        for seed in 0..12 {
            let mut draws = Draws::seeded(seed);
            let xs: Vec<f64> = (0..settings).map(|i| 5.0 * f64::from(i) / f64::from(settings - 1)).collect();
            let compute: Vec<f64> = xs.iter().map(|x| 1e3 * x.exp2()).collect();
            let noise = Noise::stated(&vec![stderr; xs.len()], 0.5).unwrap();
            for (kind, f) in [(0, &straight as &dyn Fn(f64) -> f64), (1, &flattened)] {
                // What the settings have in common moves them together.
                let common = draws.normal() * stderr * 0.5_f64.sqrt();
                let accuracy: Vec<f64> = xs
                    .iter()
                    .map(|x| (f(*x) + common + draws.normal() * stderr * 0.5_f64.sqrt()).clamp(0.0, 1.0))
                    .collect();
                let got = judge(&Curve { compute: &compute, accuracy: &accuracy }, &noise, Question::default());
                let rising = got.unwrap().verdict == Verdict::StillRising;
                wrong[kind] += usize::from(rising != (kind == 0));
            }
        }
    }
    println!("taken for flat though straight: {} of 48; for rising though flat: {} of 48", wrong[0], wrong[1]);
    assert!(wrong[0] <= 14 && wrong[1] <= 3, "{wrong:?}");
}

#[test]
#[ignore = "prints how the verdict's probabilities move with the seed"]
fn seeds() {
    for (tokens, accuracy, stderr) in [
        ([1_458.9, 14_781.9, 23_838.9, 26_987.3], [0.2194, 0.4667, 0.5333, 0.5778], [0.0482, 0.0752, 0.0752, 0.0745]),
        ([1_372.2, 9_289.0, 17_056.0, 24_266.3], [0.2889, 0.5333, 0.7111, 0.6889], [0.0683, 0.0752, 0.0683, 0.0698]),
    ] {
        for shared in [0.3, 0.5, 0.7] {
            let noise = Noise::stated(&stderr, shared).unwrap();
            let curve = Curve { compute: &tokens, accuracy: &accuracy };
            let of = |seed| judge(&curve, &noise, Question { seed, ..Question::default() }).unwrap();
            let below: Vec<String> = (0..8).map(|s| format!("{:.3}", of(s).less_than_half_pace.unwrap())).collect();
            println!("{shared} {below:?}");
        }
    }
}

/// Low, medium and high: where the errors allow it, three settings say that the last step gained little.
#[test]
fn three_settings_say_what_the_last_step_gained() {
    let tokens = [1e3, 4e3, 16e3];
    let little = of(&tokens, &[0.60, 0.70, 0.702], &[0.008; 3]);
    assert_eq!(little.verdict, Verdict::AtTheWall);
    assert!(little.probability.unwrap() > 0.9 && little.because.contains("last step"), "{little:?}");
    // Errors of a few problems do not allow it, and a step that gained much is no wall.
    assert_eq!(of(&tokens, &[0.60, 0.70, 0.702], &[0.07; 3]).verdict, Verdict::Inconclusive);
    assert_eq!(of(&tokens, &[0.40, 0.55, 0.70], &[0.008; 3]).verdict, Verdict::Inconclusive);
    let falling = of(&tokens, &[0.70, 0.66, 0.60], &[0.01; 3]);
    assert!(falling.verdict == Verdict::AtTheWall && falling.because.contains("falls"), "{falling:?}");
}

/// A benchmark that is nearly full is not the model's wall, and a vote is not the model.
#[test]
fn the_verdict_names_its_question() {
    let tokens = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3];
    let full = of(&tokens, &[0.80, 0.90, 0.95, 0.965, 0.97, 0.97], &[0.01; 6]);
    assert!(full.saturated && full.because.contains("little room left"), "{full:?}");
    // Its verdict is not the wall's, and nothing is sold as certain.
    for full in [full, of(&tokens, &[0.985, 0.99, 0.99, 0.99, 0.99, 0.99], &[0.003; 6])] {
        assert!(full.verdict == Verdict::Saturated && full.probability.is_none(), "{full:?}");
    }
    assert_eq!(of(&[1e3, 4e3, 16e3], &[0.98, 0.99, 0.99], &[0.003; 3]).verdict, Verdict::Saturated);
    let noise = Noise::stated(&[0.01; 6], USUAL_SHARED).unwrap();
    let curve = Curve { compute: &tokens, accuracy: &[0.3, 0.5, 0.62, 0.64, 0.65, 0.645] };
    let vote = judge(&curve, &noise, Question { subject: Subject::Voting, ..Question::default() }).unwrap();
    assert!(vote.question.contains("vote") && vote.question.contains("coverage") && !vote.saturated);
}

/// What less than a doubling gained or lost is not sold as that of a doubling.
#[test]
fn less_than_a_doubling_says_nothing_of_one() {
    // The last step is 0.47 doublings; over all three settings accuracy does not fall by more than its errors.
    let step = of(&[4e3, 13e3, 18e3], &[0.66, 0.72, 0.67], &[0.012; 3]);
    assert!(step.verdict == Verdict::Inconclusive && step.next_doubling.is_none(), "{step:?}");
    // Over more than a doubling all settings show the fall, and not the short step alone.
    let falls = of(&[4e3, 13e3, 18e3], &[0.80, 0.70, 0.645], &[0.012; 3]);
    let lost = falls.next_doubling.unwrap().value;
    assert!(falls.verdict == Verdict::AtTheWall && (-0.08..-0.05).contains(&lost), "{falls:?}");
    let near = of(&[1e3, 1.1e3, 1.2e3, 1.3e3, 1.4e3], &[0.5, 0.51, 0.505, 0.51, 0.515], &[0.01; 5]);
    assert!(near.verdict == Verdict::Inconclusive && near.because.contains("doublings"), "{near:?}");
}

/// A humped curve: the next doubling may lose, and no ceiling is sold.
#[test]
fn a_hump_is_a_fall() {
    let tokens = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3];
    let humped = of(&tokens, &[0.40, 0.55, 0.66, 0.70, 0.66, 0.60, 0.52], &[0.015; 7]);
    let fall = humped.fall.unwrap();
    assert_eq!((fall.from, fall.top, fall.to, fall.low), (8e3, 0.70, 64e3, 0.52));
    assert!(humped.ceiling.is_none() && humped.next_doubling.unwrap().value < -0.02, "{humped:?}");
    assert!(humped.verdict == Verdict::AtTheWall && humped.because.contains("falls"), "{humped:?}");
    let falling = of(&tokens[..4], &[0.70, 0.66, 0.60, 0.50], &[0.015; 4]);
    assert!(falling.next_doubling.unwrap().value < -0.02 && falling.ceiling.is_none(), "{falling:?}");
}
