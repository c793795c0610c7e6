//! Tables of replies and their grades.

use outthink_verify::{find_answer, is_correct};

/// Rows of reference and reply, each of which must be graded as said; all that are not are named.
pub(crate) fn check(right: bool, rows: &[(&str, &str)]) {
    let graded = |gold: &str, reply: &str| find_answer(reply).is_some_and(|answer| is_correct(&answer.text, gold));
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(gold, reply)| graded(gold, reply) != right)
        .map(|(gold, reply)| format!("{gold:?} {reply:?} found {:?}", find_answer(reply)))
        .collect();
    assert!(wrong.is_empty(), "graded other than {right}:\n{}", wrong.join("\n"));
}
