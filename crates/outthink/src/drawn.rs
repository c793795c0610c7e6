//! Reports brought into the form that the page draws: figures with series, and verdicts in words.
//!
//! Known are the rows of `outthink replay --json`, and objects with `figures` and `verdicts` of their own:
//! `{"figures": [{"title", "x", "y", "log_x", "log_y", "series": [{"name", "line", "points": [[x, y, low, high]]}]}],
//! "verdicts": [{"name", "text"}]}`.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The figures and verdicts of a report; `None` if it is none.
pub(crate) fn figures(text: &str) -> Option<Value> {
    let values: Vec<Value> = serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().ok()?;
    if let [object] = &values[..]
        && object["figures"].is_array()
    {
        let verdicts = object.get("verdicts").filter(|v| v.is_array()).cloned().unwrap_or_else(|| json!([]));
        return Some(json!({ "figures": object["figures"], "verdicts": verdicts }));
    }
    let rows: Vec<&Value> =
        values.iter().flat_map(|v| v.as_array().map_or_else(|| vec![v], |a| a.iter().collect())).collect();
    frontier(&rows)
}

/// Accuracy over tokens, one figure a pool, one series a strategy.
fn frontier(rows: &[&Value]) -> Option<Value> {
    let mut pools: BTreeMap<&str, BTreeMap<&str, Vec<Value>>> = BTreeMap::new();
    for row in rows {
        let point = json!([
            row["tokens"].as_f64()?,
            row["accuracy"].as_f64()?,
            row["interval"]["low"],
            row["interval"]["high"]
        ]);
        pools.entry(row["pool"].as_str()?).or_default().entry(row["strategy"].as_str()?).or_default().push(point);
    }
    let figures: Vec<Value> = pools
        .into_iter()
        .map(|(pool, strategies)| {
            let series: Vec<Value> = strategies
                .into_iter()
                .map(|(name, points)| json!({ "name": name, "line": false, "points": points }))
                .collect();
            json!({ "title": format!("{pool}: accuracy over tokens"), "x": "tokens a problem", "y": "accuracy", "log_x": true, "log_y": false, "series": series })
        })
        .collect();
    (!figures.is_empty()).then(|| json!({ "figures": figures, "verdicts": [] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_replay_become_a_frontier() {
        let rows = "{\"pool\":\"a\",\"strategy\":\"single\",\"accuracy\":0.5,\"interval\":{\"low\":0.4,\"high\":0.6},\"tokens\":10.0}\n\
                    {\"pool\":\"a\",\"strategy\":\"adaptive\",\"accuracy\":0.6,\"interval\":{\"low\":0.5,\"high\":0.7},\"tokens\":40.0}\n";
        let report = figures(rows).unwrap();
        assert_eq!(report["figures"][0]["series"][0]["points"][0], json!([40.0, 0.6, 0.5, 0.7]));
        assert!(figures("{}").is_none() && figures("[1]").is_none() && figures("no json").is_none());
    }
}
