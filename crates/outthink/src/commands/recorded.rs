//! Recorded samples behind an argument: a run of the store, a file in any format that is imported, or a saved study.

use super::replay::eval_error;
use super::runtime;
use super::store::{StoreArgs, store_error};
use crate::error::CliError;
use outthink_eval::{EvalError, ImportOptions, Pool, Recording, Study, is_recording};
use std::path::Path;

/// The run that an argument names as `store:RUN`.
fn stored(given: &Path) -> Option<&str> {
    given.to_str().and_then(|g| g.strip_prefix("store:"))
}

/// Whether an argument names recorded samples or a study, and no table of other measurements.
pub(crate) fn is_recorded(given: &Path) -> bool {
    stored(given).is_some() || Study::is_study(given) || is_recording(given)
}

/// The recorded pools behind an argument: `store:RUN` is a run of the store, one pool for each of its settings,
/// `store:RUN@SETTING` one of them, and everything else a file.
pub(crate) fn pools(given: &Path, store: &StoreArgs) -> Result<Vec<Pool>, CliError> {
    let Some(run) = stored(given) else {
        if Study::is_study(given) {
            return Err(CliError::usage(format!("{} is a study, which holds counts and no samples", given.display()))
                .hint("give the recording that it was made of"));
        }
        return Ok(vec![Pool::read_any(given, &ImportOptions::default()).map_err(|e| unread(&e))?]);
    };
    runtime()?.block_on(async {
        let store = store.open().await?;
        let (name, label) = match run.rsplit_once('@') {
            Some((name, label)) => (name, Some(label)),
            None => (run, None),
        };
        let pools = store.pools(name).await.map_err(|e| store_error(&e))?;
        let labels: Vec<String> = pools.iter().map(|(setting, _)| format!("`{}`", setting.label())).collect();
        let chosen: Vec<Pool> = pools
            .into_iter()
            .filter(|(setting, _)| label.is_none_or(|l| l == setting.label()))
            .map(|(_, pool)| pool)
            .collect();
        store.close().await;
        if chosen.is_empty() {
            return Err(CliError::usage(format!("the run `{name}` has no setting `{}`", label.unwrap_or_default()))
                .hint(format!("it has {}", labels.join(", "))));
        }
        Ok(chosen)
    })
}

/// What is wrong with a file. Where it must be said which of several judgements counts, an import can.
fn unread(error: &EvalError) -> CliError {
    let words = error.to_string();
    let flag = ["--metric", "--filter", "--set"].into_iter().any(|flag| words.contains(flag));
    let error = eval_error(error);
    if flag {
        error.hint("this is a flag of `outthink data import`: import the file and give store:RUN")
    } else {
        error
    }
}

/// The study behind an argument: a saved one, or that of recorded samples.
pub(crate) fn study(given: &Path, store: &StoreArgs) -> Result<Study, CliError> {
    let study = if Study::is_study(given) { Study::load(given) } else { Study::of(&pools(given, store)?) };
    study.map_err(|e| CliError::usage(e.to_string()))
}

/// Recordings with their texts: a run of the store, or one for each arm of a file.
pub(crate) fn recordings(given: &Path, store: &StoreArgs) -> Result<Vec<Recording>, CliError> {
    let Some(run) = stored(given) else {
        if Study::is_study(given) {
            return Err(CliError::usage(format!("{} is a study, which holds counts and no samples", given.display()))
                .hint("give the recording that it was made of"));
        }
        return Recording::read(given, &ImportOptions::default()).map_err(|e| unread(&e));
    };
    runtime()?.block_on(async {
        let store = store.open().await?;
        let recording = store.recording(run).await.map_err(|e| store_error(&e))?;
        store.close().await;
        Ok(vec![recording])
    })
}
