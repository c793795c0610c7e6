//! Every default that a measurement may change, in one place.

use outthink_core::{Effort, Sampling};

/// What the model is told before a question, unless `--system` says otherwise.
///
/// The words are those that Qwen's maths models were tuned with. With "End your reply with one line
/// of the form: The answer is <answer>" the 0.5B model gave that line and no reasoning at all.
/// `outthink-verify` finds the answer in the box.
pub(crate) const SYSTEM_PROMPT: &str = r"Please reason step by step, and put your final answer within \boxed{}.";

/// Softmax temperature of samples that vote on the embedded engine: below 1 because small
/// quantised models lose the thread there, above 0 because equal samples tell nothing.
pub(crate) const VOTE_TEMPERATURE: f64 = 0.7;

/// Softmax temperature of a sample that stands alone on the embedded engine: greedy.
pub(crate) const SINGLE_TEMPERATURE: f64 = 0.0;

/// Nucleus of the embedded engine.
pub(crate) const TOP_P: f64 = 0.95;

/// The seed unless another is given, so that the same command gives the same samples.
pub(crate) const SEED: u64 = 0;

/// How much thinking a question gets on the command line.
pub(crate) const EFFORT: Effort = Effort::Low;

/// How tokens are drawn. A server behind `--upstream` knows its model's defaults better than we
/// do, so that nothing is sent to it unless asked for.
pub(crate) fn sampling(embedded: bool, temperature: Option<f64>, votes: bool) -> Sampling {
    let standard = if votes { VOTE_TEMPERATURE } else { SINGLE_TEMPERATURE };
    Sampling {
        temperature: temperature.or(embedded.then_some(standard)),
        top_p: embedded.then_some(TOP_P),
        ..Sampling::default()
    }
}
