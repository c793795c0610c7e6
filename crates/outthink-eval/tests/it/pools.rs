//! Replay of recorded pools. The recordings are read in place and are no part of the project; where
//! they are absent the tests say so and pass.

use outthink_eval::{EvalError, Pool, QuestionSet, ReplayOptions, one_at_a_time, replay};
use outthink_strategy::StrategySpec;
use std::io::Write;
use std::path::PathBuf;

pub(crate) fn recording(name: &str) -> Option<Pool> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/pools").join(name);
    if !path.exists() {
        println!("skipped: the recording {name} is not here");
        return None;
    }
    Some(Pool::read(&path).expect("a readable pool"))
}

pub(crate) fn spec(name: &str) -> StrategySpec {
    let mut spec = StrategySpec::for_effort(outthink_core::Effort::Medium);
    name.clone_into(&mut spec.name);
    spec.max_samples = 40;
    spec
}

#[test]
fn adaptive_matches_forty_votes_with_no_more_samples_than_the_published_rule() {
    for (name, published) in [("mot_date_llama2_13b.jsonl.gz", 18.3), ("esc_last_letters_gpt35.jsonl.gz", 6.8)] {
        let Some(pool) = recording(name) else { continue };
        let options = ReplayOptions::default();
        let fixed = replay(&pool, &spec("self-consistency"), &options).expect("a known strategy");
        let adaptive = replay(&pool, &spec("adaptive"), &options).expect("a known strategy");
        let rule = one_at_a_time(&pool, 0.95, &options);
        println!(
            "{name}: {:.4}/{:.2} against {:.4}/40 and {:.4}/{:.2}",
            adaptive.accuracy, adaptive.samples, fixed.accuracy, rule.accuracy, rule.samples
        );
        assert!(
            (rule.samples - published).abs() < 0.2,
            "the rule takes {:.2} samples, published are {published}",
            rule.samples
        );
        assert!((adaptive.accuracy - fixed.accuracy).abs() <= 0.003);
        assert!(adaptive.samples <= rule.samples);
    }
}

#[test]
fn replay_is_repeatable() {
    let Some(pool) = recording("esc_last_letters_gpt35.jsonl.gz") else { return };
    let options = ReplayOptions { seeds: 2, ..ReplayOptions::default() };
    let run = || replay(&pool, &spec("adaptive"), &options).expect("a known strategy");
    assert_eq!(run(), run());
}

#[test]
fn a_broken_line_is_named() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(file, r#"{{"problem_id": 1, "samples": [{{"answer": 7, "correct": true, "tokens": 3}}]}}"#)
        .expect("room on disk");
    writeln!(file, r#"{{"problem_id": 2, "samples": []}}"#).expect("room on disk");
    let error = Pool::read(file.path()).expect_err("a problem without samples");
    assert!(matches!(error, EvalError::Line { line: 2, .. }), "{error}");
    assert!(error.to_string().contains("has no samples"), "{error}");
    assert!(QuestionSet::read(file.path()).expect_err("no questions").to_string().contains("rename the fields"));
    assert!(matches!(Pool::read("no-such-file".as_ref()), Err(EvalError::Read { .. })));
}
