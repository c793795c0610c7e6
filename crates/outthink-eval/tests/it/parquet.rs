//! Exports, read by ourselves and by those that they are made for.

use crate::places::on_both;
use crate::store::{problem, sample, setting, spec};
use outthink_eval::{SampleRecord, each_row};
use serde_json::Value;
use std::process::Command;

#[test]
fn an_export_is_read_by_us_by_duckdb_and_by_pandas() {
    on_both(|place| async move {
        let (store, run) = (place.open().await, place.run("export"));
        store.begin(&spec(run.clone()), &[setting()], &[problem("a"), problem("b")]).await.unwrap();
        let blank = SampleRecord { score: Some(0.5), ..sample(1, 0, false) };
        store.commit(&run, &[sample(0, 0, true), sample(0, 1, false), blank]).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.parquet");
        assert_eq!(store.export(std::slice::from_ref(&run), &path).await.unwrap(), 3);
        let mut rows = Vec::new();
        each_row(&path, |row| {
            rows.push(Value::Object(row.clone()));
            Ok(())
        })
        .unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0]["content"], sample(0, 0, true).content);
        assert_eq!(rows[0]["seed"], u64::MAX);
        assert_eq!((rows[1]["answer"].clone(), rows[2]["score"].clone()), (Value::Null, 0.5.into()));
        assert!(store.export(&["no such run".into()], &folder.path().join("no.parquet")).await.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is half-written");
        for (module, script) in READERS {
            match Command::new(python()).args(["-c", script]).arg(&path).output() {
                Ok(output) if output.status.success() => {
                    assert_eq!(
                        String::from_utf8_lossy(&output.stdout).trim(),
                        "3 1 18446744073709551615 2100",
                        "{module}"
                    );
                }
                Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("ModuleNotFoundError") => {
                    panic!("{module}: {}", String::from_utf8_lossy(&output.stderr));
                }
                _ => println!("skipped: no Python with {module}"),
            }
        }
    });
}

/// Each prints the rows, the right ones, the largest seed and the cost.
const READERS: [(&str, &str); 2] = [
    (
        "duckdb",
        "import sys, duckdb
print(*duckdb.sql(f\"select count(*), sum(correct::int), max(seed), sum(cost_nano_usd) from '{sys.argv[1]}'\").fetchall()[0])",
    ),
    (
        "pandas and pyarrow",
        "import sys, pandas
import pyarrow
t = pandas.read_parquet(sys.argv[1])
print(len(t), t.correct.sum(), t.seed.max(), t.cost_nano_usd.sum())",
    ),
];

fn python() -> String {
    std::env::var("OUTTHINK_TEST_PYTHON").unwrap_or_else(|_| "python3".into())
}
