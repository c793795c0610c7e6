//! What fits tell the allocator.

use crate::Isotonic;
use serde::{Deserialize, Serialize};

/// One component of the prior of agreement: a Pitman-Yor process with this discount and strength.
///
/// Discount 0 is the Dirichlet process; a discount of `-a` with a strength of `K a` is a symmetric
/// Dirichlet over K answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementPart {
    /// Below 1; the larger, the more rare answers.
    pub discount: f64,
    /// Above minus the discount; the larger, the less samples agree.
    pub strength: f64,
    /// Share of the problems, in [0, 1].
    pub weight: f64,
}

/// What records say of a verifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifierTable {
    /// From its score to the probability that the sample is right.
    pub calibration: Isotonic,
    /// The N from which on the best of N by this verifier gets worse; `None` where it never did.
    pub best_of_at_most: Option<u32>,
}

/// What is known beforehand of how often a sample of a given look is confirmed by others: mean and covariance of the
/// weights of its features, learned without labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormTable {
    /// One weight a feature.
    pub weights: Vec<f64>,
    /// The lower triangle of their covariance, row by row.
    pub covariance: Vec<f64>,
}

impl FormTable {
    /// What is impossible in it, in words that say how to fix it.
    pub fn problem(&self) -> Option<String> {
        let (n, given) = (self.weights.len(), self.covariance.len());
        if given != n * (n + 1) / 2 {
            return Some(format!("`form` has {n} weights and {given} covariances, expected {}", n * (n + 1) / 2));
        }
        let variances = (0..n).map(|i| self.covariance[i * (i + 3) / 2]);
        let finite = self.weights.iter().chain(&self.covariance).all(|x| x.is_finite());
        (!finite || variances.into_iter().any(|v| v <= 0.0)).then(|| {
            "`form` has impossible numbers: variances are above 0 and all are finite; fit the table again".to_owned()
        })
    }
}

/// How long samples are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenTable {
    /// Generated tokens of a sample on average.
    pub mean: f64,
    /// The length that nine of ten samples stay below.
    pub p90: f64,
}

/// What fits over recorded samples tell the allocator; a JSON file with a schema version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationTable {
    /// Version of this layout: [`AllocationTable::SCHEMA`].
    pub schema: u32,
    /// The recordings that it was learned from.
    pub learned_from: Vec<String>,
    /// Problems that it was learned from.
    pub problems: u64,
    /// Prior of how much the samples of one problem agree.
    pub agreement: Vec<AgreementPart>,
    /// From the expected share of the leading answer to the probability that it is right.
    #[serde(default)]
    pub share_to_correct: Option<Isotonic>,
    /// What is known of the verifier, if there was one.
    #[serde(default)]
    pub verifier: Option<VerifierTable>,
    /// How often samples of a given look are confirmed, where some problem had two samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<FormTable>,
    /// Lengths of samples, where recorded.
    #[serde(default)]
    pub tokens: Option<TokenTable>,
}

/// An allocation table that cannot be used; the message says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an allocation table: {0}")]
pub struct AllocationTableError(pub String);

impl AllocationTable {
    /// The version of the layout that this code writes and reads.
    pub const SCHEMA: u32 = 1;

    /// Reads a table and checks it.
    ///
    /// # Errors
    /// If the text is no such table, is of another version, or holds impossible values.
    pub fn from_json(text: &str) -> Result<Self, AllocationTableError> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|e| AllocationTableError(format!("not JSON: {e}")))?;
        let schema = &value["schema"];
        if schema.as_u64() != Some(u64::from(Self::SCHEMA)) {
            let problem = format!("schema is {schema}, expected {}: fit the table again", Self::SCHEMA);
            return Err(AllocationTableError(problem));
        }
        let table: Self = serde_json::from_value(value).map_err(|e| AllocationTableError(e.to_string()))?;
        match table.problem() {
            Some(problem) => Err(AllocationTableError(problem)),
            None => Ok(table),
        }
    }

    /// What is impossible in this table, in words that say the mend.
    pub fn problem(&self) -> Option<String> {
        let sum: f64 = self.agreement.iter().map(|p| p.weight).sum();
        let possible = |p: &AgreementPart| {
            (0.0..=1.0).contains(&p.weight) && p.discount < 1.0 && p.strength > -p.discount && p.strength.is_finite()
        };
        if self.agreement.is_empty() || (sum - 1.0).abs() > 1e-3 {
            return Some(format!("the weights of `agreement` sum to {sum}, expected 1"));
        }
        if let Some(part) = self.agreement.iter().find(|p| !possible(p)) {
            return Some(format!(
                "agreement with discount {}, strength {} and weight {} is not possible: discount below 1, strength above minus the discount, weight within 0 and 1",
                part.discount, part.strength, part.weight
            ));
        }
        if let Some(problem) = self.form.as_ref().and_then(FormTable::problem) {
            return Some(problem);
        }
        let curves = [self.share_to_correct.as_ref(), self.verifier.as_ref().map(|v| &v.calibration)];
        curves.into_iter().flatten().find_map(Isotonic::problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> AllocationTable {
        AllocationTable {
            schema: AllocationTable::SCHEMA,
            learned_from: vec!["a".into()],
            problems: 3,
            agreement: vec![
                AgreementPart { discount: 0.0, strength: 0.1, weight: 0.75 },
                AgreementPart { discount: -1.0, strength: 2.0, weight: 0.25 },
            ],
            share_to_correct: Isotonic::fit(&[(0.2, 0.0), (0.9, 1.0)]),
            verifier: None,
            form: Some(FormTable { weights: vec![0.9, -0.2], covariance: vec![0.1, 0.0, 0.3] }),
            tokens: Some(TokenTable { mean: 100.0, p90: 180.0 }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = serde_json::to_string(&table()).unwrap();
        assert_eq!(AllocationTable::from_json(&text).unwrap(), table());
    }

    #[test]
    fn impossible_tables_are_refused_with_the_mend() {
        let refused = |change: &dyn Fn(&mut AllocationTable), says: &str| {
            let mut bad = table();
            change(&mut bad);
            let error = AllocationTable::from_json(&serde_json::to_string(&bad).unwrap()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        refused(&|t| t.schema = 2, "fit the table again");
        refused(&|t| t.agreement[0].weight = 0.1, "expected 1");
        refused(&|t| t.agreement[0].strength = -0.5, "strength above minus the discount");
        refused(&|t| t.share_to_correct.as_mut().unwrap().probabilities[0] = 2.0, "must not fall");
        refused(&|t| t.form.as_mut().unwrap().covariance[0] = -1.0, "variances are above 0");
        refused(&|t| t.form.as_mut().unwrap().weights.truncate(1), "expected 1");
        assert!(AllocationTable::from_json("{}").unwrap_err().to_string().contains("schema is null"));
        let extra = serde_json::to_string(&table()).unwrap().replacen('{', "{\"colour\":1,", 1);
        assert!(AllocationTable::from_json(&extra).unwrap_err().to_string().contains("colour"));
    }
}
