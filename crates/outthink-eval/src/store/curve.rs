//! Curves of training: what a run measured while it went on.

use super::{Store, StoreError, count, int, now};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, Row};

/// What a curve was measured on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurveSpec {
    /// Its name in the store: the folder of the run that made it.
    pub name: String,
    /// What was trained how: `pretrain`, `sft` or `rl`.
    pub kind: String,
    /// Parameters of the model.
    pub parameters: u64,
    /// The settings of the run, as JSON.
    pub settings: String,
    /// The version of outthink that recorded it.
    pub version: String,
}

/// A value at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// What was measured, such as `loss` or `greedy`.
    pub series: String,
    /// Steps made.
    pub step: u64,
    /// Tokens that these steps learnt from.
    pub tokens: u64,
    /// The value; a finite number.
    pub value: f64,
}

/// A curve and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurveSummary {
    /// What it was measured on.
    #[serde(flatten)]
    pub spec: CurveSpec,
    /// When it was begun, in seconds since 1970.
    pub created: u64,
    /// The last step.
    pub steps: u64,
    /// Tokens until then.
    pub tokens: u64,
    /// The last value of each series, by name.
    pub last: Vec<(String, f64)>,
}

impl Store {
    /// Begins a curve anew, or with `resume` goes on with the one of this name where there is one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin_curve(&self, spec: &CurveSpec, resume: bool) -> Result<(), StoreError> {
        let failed = || StoreError::database("begin a curve");
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.place.kind.begin()).await.map_err(failed())?;
        if !resume {
            sqlx::query("DELETE FROM curves WHERE name = $1")
                .bind(&spec.name)
                .execute(&mut *tx)
                .await
                .map_err(failed())?;
        }
        sqlx::query(
            "INSERT INTO curves (name, created, kind, parameters, settings, version) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (name) DO UPDATE SET settings = $5, version = $6",
        )
        .bind(&spec.name)
        .bind(now())
        .bind(&spec.kind)
        .bind(int(spec.parameters))
        .bind(&spec.settings)
        .bind(&spec.version)
        .execute(&mut *tx)
        .await
        .map_err(failed())?;
        tx.commit().await.map_err(failed())
    }

    /// Adds points to a curve, all or nothing. A point that is there already is replaced: a run that was
    /// killed measures its last steps again. Values that are no numbers are left out.
    ///
    /// # Errors
    /// If there is no such curve, or the database fails.
    pub async fn add_points(&self, curve: &str, points: &[CurvePoint]) -> Result<(), StoreError> {
        let failed = || StoreError::database("write a curve");
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.place.kind.begin()).await.map_err(failed())?;
        for point in points.iter().filter(|point| point.value.is_finite()) {
            sqlx::query(
                "INSERT INTO curve_points (curve, series, step, tokens, value) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (curve, series, step) DO UPDATE SET tokens = $4, value = $5",
            )
            .bind(curve)
            .bind(&point.series)
            .bind(int(point.step))
            .bind(int(point.tokens))
            .bind(point.value)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        }
        tx.commit().await.map_err(failed())
    }

    /// All curves, the newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn curves(&self) -> Result<Vec<CurveSummary>, StoreError> {
        let mut curves = Vec::new();
        for name in self.curve_names().await? {
            curves.push(self.curve(&name).await?);
        }
        Ok(curves)
    }

    async fn curve_names(&self) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar("SELECT name FROM curves ORDER BY created DESC, name")
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::database("list its curves"))
    }

    async fn no_curve(&self, name: &str) -> StoreError {
        match self.curve_names().await {
            Ok(known) => StoreError::NoRun { name: name.to_owned(), known },
            Err(error) => error,
        }
    }

    /// One curve and how far it has come.
    ///
    /// # Errors
    /// If there is no such curve, or the database fails.
    pub async fn curve(&self, name: &str) -> Result<CurveSummary, StoreError> {
        let failed = || StoreError::database("read a curve");
        let found = sqlx::query("SELECT created, kind, parameters, settings, version FROM curves WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed())?;
        let Some(row) = found else { return Err(self.no_curve(name).await) };
        let spec = CurveSpec {
            name: name.to_owned(),
            kind: row.try_get(1).map_err(failed())?,
            parameters: count(row.try_get(2).map_err(failed())?),
            settings: row.try_get(3).map_err(failed())?,
            version: row.try_get(4).map_err(failed())?,
        };
        let created = count(row.try_get(0).map_err(failed())?);
        let ends: Vec<(String, i64, i64, f64)> = sqlx::query_as(
            "SELECT series, step, tokens, value FROM curve_points AS p WHERE curve = $1 AND step =
             (SELECT MAX(step) FROM curve_points WHERE curve = p.curve AND series = p.series) ORDER BY series",
        )
        .bind(name)
        .fetch_all(&self.pool)
        .await
        .map_err(failed())?;
        let steps = ends.iter().map(|end| count(end.1)).max().unwrap_or(0);
        let tokens = ends.iter().map(|end| count(end.2)).max().unwrap_or(0);
        let last = ends.into_iter().map(|(series, _, _, value)| (series, value)).collect();
        Ok(CurveSummary { spec, created, steps, tokens, last })
    }

    /// The points of a curve, by series and step.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn curve_points(&self, name: &str) -> Result<Vec<CurvePoint>, StoreError> {
        let rows: Vec<(String, i64, i64, f64)> = sqlx::query_as(
            "SELECT series, step, tokens, value FROM curve_points WHERE curve = $1 ORDER BY series, step",
        )
        .bind(name)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::database("read a curve"))?;
        let point =
            |(series, step, tokens, value)| CurvePoint { series, step: count(step), tokens: count(tokens), value };
        Ok(rows.into_iter().map(point).collect())
    }

    /// Removes a curve with its points.
    ///
    /// # Errors
    /// If there is no such curve, or the database fails.
    pub async fn remove_curve(&self, name: &str) -> Result<(), StoreError> {
        let gone = sqlx::query("DELETE FROM curves WHERE name = $1")
            .bind(name)
            .execute(&self.pool)
            .await
            .map_err(StoreError::database("remove a curve"))?;
        if gone.rows_affected() == 0 {
            return Err(self.no_curve(name).await);
        }
        Ok(())
    }
}
