//! What can be wrong with data.

use std::path::PathBuf;

/// A file that cannot be used; the message says where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{path}, line {line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what is wanted.
        problem: String,
    },
    /// The file holds nothing.
    #[error("{path} holds no {what}: give a file with one JSON object a line")]
    Empty {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// A pool does not hold a run that was asked for.
    #[error(
        "{pool} holds no run or model `{run}` with problems of the other one: give one of its `run` or `model` fields"
    )]
    Run {
        /// The pool.
        pool: String,
        /// What was looked for.
        run: String,
    },
    /// Strategies that compare answers were asked for over answers that cannot be compared.
    #[error(
        "the answers of `{pool}` cannot be compared (`vote_ok` is false, first for problem `{problem}`): replay `single` \
         over it, or give a recording with answers"
    )]
    NoVotes {
        /// The pool.
        pool: String,
        /// The first such problem.
        problem: String,
    },
    /// A recording holds too little to compare votes over arms.
    #[error(
        "{pool} holds {arms} arm(s): a panel needs two or more `run`s or `model`s that answered the same five problems or more"
    )]
    Arms {
        /// The recording.
        pool: String,
        /// Its arms.
        arms: usize,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no study.
    #[error("{path} is not a study that can be read: {problem}")]
    Study {
        /// The file.
        path: PathBuf,
        /// What is wrong and what is needed.
        problem: String,
    },
    /// The numbers carry no estimate.
    #[error(transparent)]
    Law(#[from] outthink_law::LawError),
    /// The strategy cannot be built.
    #[error(transparent)]
    Strategy(#[from] outthink_strategy::StrategyError),
}
