//! Laws of the loss that `fit pretrain --save` writes and `plan --law` reads.

use crate::error::CliError;
use anyhow::Context;
use outthink_law::lifetime::PUBLISHED_DECAYS;
use outthink_law::pretrain::{Chinchilla, PretrainFit, Repeated, RepeatedFit, RunErrors};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the file: since 2 it says how far runs end from the law.
const SCHEMA: u32 = 2;
/// Earlier versions that are still read.
const EARLIER: [u32; 1] = [1];

/// A fitted law with its bootstrap draws, as it lies in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedLaw {
    /// Version of the file.
    schema: u32,
    /// `pretrain`.
    law: String,
    /// The data that it was fitted to.
    pub(crate) data: String,
    /// Runs fitted.
    pub(crate) runs: usize,
    /// Largest compute fitted, in floating-point operations.
    pub(crate) largest_flops: f64,
    /// Level of the fit's own intervals.
    level: f64,
    /// The law, with what repeats are worth.
    pub(crate) best: Repeated,
    /// How far runs end from the law, from its backtests; none in files of schema 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) errors: Option<RunErrors>,
    /// One law for each bootstrap draw.
    pub(crate) draws: Vec<Repeated>,
}

impl SavedLaw {
    /// The law of repeated data where the runs have repeats, else that of fresh data with the published decays.
    pub(crate) fn of(data: &str, errors: RunErrors, fresh: &PretrainFit, repeated: Option<&RepeatedFit>) -> Self {
        let with =
            |law: Chinchilla| Repeated { fresh: law, data_decay: PUBLISHED_DECAYS.0, param_decay: PUBLISHED_DECAYS.1 };
        let (runs, best, draws) = match repeated {
            Some(fit) => (fit.n, fit.law, fit.draws.clone()),
            None => (fresh.n, with(fresh.law), fresh.draws.iter().map(|d| with(*d)).collect()),
        };
        Self {
            schema: SCHEMA,
            law: "pretrain".to_owned(),
            data: data.to_owned(),
            runs,
            largest_flops: errors.largest_flops,
            level: fresh.level,
            best,
            errors: Some(errors),
            draws,
        }
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(self).context("cannot write the law as JSON")?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }

    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let hint = "a law is a file that `outthink fit pretrain DATA --save FILE` wrote, or constants as in \
                    E=1.82,A=482,alpha=0.348,B=2085,beta=0.366";
        let text = std::fs::read_to_string(path)
            .map_err(|e| CliError::usage(format!("cannot read the law {}: {e}", path.display())).hint(hint))?;
        let saved: Self = serde_json::from_str(&text)
            .map_err(|e| CliError::usage(format!("{} is not a saved law: {e}", path.display())).hint(hint))?;
        let known = saved.schema == SCHEMA || EARLIER.contains(&saved.schema);
        if !known || saved.law != "pretrain" {
            return Err(CliError::usage(format!(
                "{} holds a law `{}` of schema {}; this version reads `pretrain` up to schema {SCHEMA}",
                path.display(),
                saved.law,
                saved.schema
            ))
            .hint(hint));
        }
        let positive = |l: &Repeated| {
            let f = l.fresh;
            [f.floor, f.a, f.alpha, f.b, f.beta, l.data_decay, l.param_decay].iter().all(|x| *x > 0.0)
        };
        let errors = |e: &RunErrors| e.scale > 0.0 && e.reach >= 1.0 && e.largest_flops > 0.0;
        if !positive(&saved.best) || !saved.draws.iter().all(positive) || !saved.errors.as_ref().is_none_or(errors) {
            return Err(CliError::usage(format!("{} has a constant that is not above 0", path.display())).hint(hint));
        }
        Ok(saved)
    }
}

/// What `--law` names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LawSource {
    /// A published law.
    Constants(Chinchilla),
    /// A saved fit.
    File(PathBuf),
}

/// Parses `--law`: constants have an equals sign.
pub(crate) fn law_source(text: &str) -> Result<LawSource, String> {
    if !text.contains('=') || Path::new(text).is_file() {
        return Ok(LawSource::File(PathBuf::from(text)));
    }
    let mut found = [None; 5];
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` has no value; write E=1.82"))?;
        let at = ["E", "A", "alpha", "B", "beta"].iter().position(|n| *n == name.trim());
        let at = at.ok_or_else(|| format!("unknown constant `{name}`; a law has E, A, alpha, B and beta"))?;
        let value = value.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
        found[at] = Some(value.ok_or_else(|| format!("`{part}`: give a number above 0"))?);
    }
    match found {
        [Some(floor), Some(a), Some(alpha), Some(b), Some(beta)] => {
            Ok(LawSource::Constants(Chinchilla { floor, a, alpha, b, beta }))
        }
        _ => Err("give all five: E, A, alpha, B and beta".to_owned()),
    }
}
