//! What strategies may use beside the engines: verifiers, a judge of the engine itself, an allocation
//! table.

use super::allowance::Allowance;
use super::judged::Judged;
use crate::config::ITSELF;
use crate::error::ApiError;
use futures_util::future::BoxFuture;
use outthink_core::{AllocationTable, Comparer, Effort, Engine, ProgramRunner, Verifier};
use outthink_verify::Checker;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Makes a verifier of an engine.
pub type MakeJudge = Arc<dyn Fn(&Arc<dyn Engine>) -> Arc<dyn Verifier> + Send + Sync>;
/// Makes a comparer of an engine.
pub type MakeComparer = Arc<dyn Fn(&Arc<dyn Engine>) -> Arc<dyn Comparer> + Send + Sync>;
/// Makes a verifier of the text of unit tests, or says why it cannot.
pub type MakeTests = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Arc<dyn Verifier>, String>> + Send + Sync>;

/// What strategies may use beside the engines.
#[derive(Clone, Default)]
pub struct Resources {
    /// Verifiers by the names under which requests ask for them.
    pub verifiers: BTreeMap<String, Arc<dyn Verifier>>,
    /// The engine as its own judge, asked for as [`ITSELF`].
    pub itself: Option<MakeJudge>,
    /// The engine as the one who says whether two texts mean the same.
    pub comparer: Option<MakeComparer>,
    /// Runs unit tests that requests bring along; `None` refuses them.
    pub python_tests: Option<MakeTests>,
    /// Runs programs that models write for the strategy `program`; `None` refuses it.
    pub programs: Option<Arc<dyn ProgramRunner>>,
    /// What fits tell the strategy `allocate`.
    pub table: Option<Arc<AllocationTable>>,
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources")
            .field("verifiers", &self.verifiers.keys())
            .field("python_tests", &self.python_tests.is_some())
            .field("programs", &self.programs.is_some())
            .field("table", &self.table.is_some())
            .finish_non_exhaustive()
    }
}

/// A verifier that a request asks for.
#[derive(Debug, Clone)]
pub(crate) enum Judge {
    /// By its name here.
    Named(String),
    /// A rule that the request brings along.
    Exact(Checker),
    /// Unit tests that the request brings along.
    Python(String),
}

/// A further way to draw samples that a request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ArmAsked {
    /// The model, perhaps as `MODEL@EFFORT`; that of the request where left out.
    pub(crate) model: Option<String>,
    /// How hard it thinks, where that was said on its own.
    pub(crate) effort: Option<Effort>,
    /// The system message in the place of the request's.
    pub(crate) system: Option<String>,
}

impl Resources {
    /// The verifiers of a request on `engine`, those with a price of their own paid from its allowance.
    pub(super) async fn verifiers(
        &self,
        asked: &[Judge],
        engine: &Arc<dyn Engine>,
        allowance: Option<&Arc<Allowance>>,
    ) -> Result<Vec<Arc<dyn Verifier>>, ApiError> {
        let mut made = Vec::with_capacity(asked.len());
        for (i, judge) in asked.iter().enumerate() {
            made.push(match judge {
                Judge::Exact(checker) => Arc::new(checker.clone()) as Arc<dyn Verifier>,
                Judge::Named(name) => self.named(name, i, (engine, allowance))?,
                Judge::Python(tests) => {
                    let Some(make) = &self.python_tests else {
                        let words = "brings code along, and this gateway runs none: ask its operator to set \
                                     defaults.python_tests, or use another verifier";
                        return Err(wrong("verifiers", i, words));
                    };
                    make(tests.clone()).await.map_err(|why| wrong("verifiers", i, &format!("cannot be used: {why}")))?
                }
            });
        }
        Ok(made)
    }

    fn named(
        &self,
        name: &str,
        i: usize,
        (engine, allowance): (&Arc<dyn Engine>, Option<&Arc<Allowance>>),
    ) -> Result<Arc<dyn Verifier>, ApiError> {
        // The request's own engine is paid for by whoever asks it.
        let itself = self.itself.as_ref().filter(|_| name == ITSELF).map(|make| make(engine));
        let paid = |verifier: &Arc<dyn Verifier>| match allowance {
            Some(allowance) => Arc::new(Judged::new(Arc::clone(verifier), Arc::clone(allowance))) as Arc<dyn Verifier>,
            None => Arc::clone(verifier),
        };
        itself.or_else(|| self.verifiers.get(name).map(paid)).ok_or_else(|| {
            let mut known: Vec<&str> = self.verifiers.keys().map(String::as_str).collect();
            known.extend(self.itself.is_some().then_some(ITSELF));
            let known = if known.is_empty() { "a rule such as numeric".to_owned() } else { known.join(", ") };
            wrong("verifiers", i, &format!("is not known here: use {known}"))
        })
    }
}

/// What is wrong with entry `i` of a list.
pub(crate) fn wrong(list: &str, i: usize, words: &str) -> ApiError {
    let path = format!("outthink.{list}[{i}]");
    ApiError::invalid(&path, format!("{path} {words}"))
}
