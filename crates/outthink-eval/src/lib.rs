//! Question sets, the sample store, recorded pools, and the comparison of strategies over them.
//!
//! [`sweep()`] draws samples of a question set into a [`Store`], so that a dead process loses nothing
//! but what was running. A run of the store is a [`Pool`], as is a file of recorded samples. A pool holds many recorded samples of each of its problems; [`replay`] runs strategies over it,
//! so that a thousand of them can be compared for nothing. What runs here is what runs live.
//! Nothing here knows which engine draws the samples, and nothing but [`sweep()`] draws any.
//!
//! ```no_run
//! use outthink_eval::{Pool, ReplayOptions, replay};
//! use outthink_strategy::StrategySpec;
//!
//! let pool = Pool::read("pool.jsonl.gz".as_ref())?;
//! let spec = StrategySpec::for_effort("medium".parse()?);
//! let row = replay(&pool, &spec, &ReplayOptions::default())?;
//! println!("{:.3} with {:.1} samples", row.accuracy, row.samples);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alike;
mod cascade;
mod comparison;
mod draw;
mod error;
mod frontier;
mod import;
mod interval;
mod judgement;
mod learn;
mod lines;
mod panel;
mod pool;
mod recording;
mod replay;
mod rows;
mod savings;
mod set;
mod store;
mod stream;
mod study;
mod sweep;
mod two_answers;
mod votes;

pub use alike::answer_in;
pub use cascade::{Cascade, CascadeRow, cascade, cascade_priced};
pub use comparison::{CompareOptions, MethodRow, compare, votes_of};
pub use error::EvalError;
pub use frontier::{Draws, FrontierPoint, Rule, Walk};
pub use import::{Import, ImportFormat, ImportOptions, is_recording, read_import};
pub use interval::{Interval, wilson};
pub use learn::learn_table;
pub use panel::{Panel, PanelRow, panel};
pub use pool::{Pool, PoolProblem, PoolSample};
pub use recording::Recording;
pub use replay::{ReplayOptions, ReplayRow, ReplayVerifier, one_at_a_time, replay};
pub use rows::each_row;
pub use savings::{PoolSavings, Run, SLACK, Savings, savings};
pub use set::{Columns, Question, QuestionSet};
pub use store::{
    Cell, CurvePoint, CurveSpec, CurveSummary, EarlierJudgement, Hold, LogprobSummary, Loss, OWN_JUDGE, PROMPT_HASH,
    Problem, Rejudged, RunLock, RunSpec, RunSummary, SampleRecord, Setting, Store, StoreError, prompt_sha256,
};
pub use stream::{StreamOptions, StreamReport, stream};
pub use study::{
    ArmStudy, Difference, EffortCurve, Estimates, MOST_VOTES, Rung, STUDY_SCHEMA, Study, StudyProblem, VoteCurve,
};
pub use sweep::{Progress, SweepEnd, SweepError, SweepPlan, Task, sweep};
pub use two_answers::{TwoAnswers, TwoAnswersRow, two_answers, two_answers_table};
pub use votes::VoteCount;
