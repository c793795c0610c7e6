//! Judging recorded samples again: the new judgement takes the old one's place, and the old one is kept.

use super::read::cell;
use super::{Cell, Loss, SampleRecord, Store, StoreError, insert_loss, now};
use outthink_core::Cost;
use sqlx::Connection;

/// A new judgement of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejudged {
    /// The sample.
    pub cell: Cell,
    /// Whether it is right.
    pub correct: bool,
    /// The share of right in (0, 1), where it is right in part.
    pub credit: Option<f64>,
    /// The answer that the judge found, for samples that hold none.
    pub answer: Option<String>,
}

/// A judgement that another one took the place of.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierJudgement {
    /// How many times its run had been judged before, from 0.
    pub number: u32,
    /// The sample.
    pub cell: Cell,
    /// Who judged; `None` where that was the run's own checker.
    pub judge: Option<String>,
    /// Whether it was right.
    pub correct: bool,
    /// The share of right, where it was right in part.
    pub credit: Option<f64>,
}

impl Store {
    /// Puts new judgements in the place of those of a run and keeps the old ones, all in one transaction: a run is
    /// judged by one judge or by the other, whenever a process dies. `judge` is what the column of that name says.
    /// Returns how many samples changed between right and not.
    ///
    /// # Errors
    /// If a sample is not there or comes twice, another process adds to the run, or the database fails.
    pub async fn rejudge(&self, run: &str, judge: &str, judged: &[Rejudged], cost: Cost) -> Result<u64, StoreError> {
        let failed = || StoreError::database("judge samples again");
        let _lock = self.lock(run).await?;
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.place.kind.begin()).await.map_err(failed())?;
        let number: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(number), -1) + 1 FROM judgements WHERE run = $1")
            .bind(run)
            .fetch_one(&mut *tx)
            .await
            .map_err(failed())?;
        let mut changed = 0;
        for new in judged {
            let at = (i64::from(new.cell.problem), i64::from(new.cell.setting), i64::from(new.cell.index));
            let old: Option<i64> = sqlx::query_scalar(
                "SELECT correct FROM samples WHERE run = $1 AND problem = $2 AND setting = $3 AND idx = $4",
            )
            .bind(run)
            .bind(at.0)
            .bind(at.1)
            .bind(at.2)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed())?;
            let Some(old) = old else {
                return Err(StoreError::Caller(format!("the run `{run}` has no sample {:?}", new.cell)));
            };
            changed += u64::from((old != 0) != new.correct);
            sqlx::query(
                "INSERT INTO judgements (run, number, problem, setting, idx, judge, correct, credit, replaced)
                 SELECT run, $5, problem, setting, idx, judge, correct, credit, $6 FROM samples
                 WHERE run = $1 AND problem = $2 AND setting = $3 AND idx = $4",
            )
            .bind(run)
            .bind(at.0)
            .bind(at.1)
            .bind(at.2)
            .bind(number)
            .bind(now())
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
            sqlx::query(
                "UPDATE samples SET correct = $5, credit = $6, judge = $7, answer = COALESCE(answer, $8)
                 WHERE run = $1 AND problem = $2 AND setting = $3 AND idx = $4",
            )
            // See `insert_sample`.
            .persistent(false)
            .bind(run)
            .bind(at.0)
            .bind(at.1)
            .bind(at.2)
            .bind(i64::from(new.correct))
            .bind(new.credit)
            .bind(judge)
            .bind(new.answer.as_deref())
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        }
        if let (false, Some(first)) = (cost.is_zero(), judged.first()) {
            // What the judge cost is on the run's bill.
            let loss = Loss { cell: first.cell, cost, tokens: 0, reason: format!("judged again by {judge}") };
            insert_loss(&mut tx, run, &loss).await?;
        }
        tx.commit().await.map_err(failed())?;
        Ok(changed)
    }

    /// The judgements of a run that others took the place of, the first ones first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn earlier_judgements(&self, run: &str) -> Result<Vec<EarlierJudgement>, StoreError> {
        type Row = (i64, i64, i64, i64, Option<String>, i64, Option<f64>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT number, problem, setting, idx, judge, correct, credit FROM judgements WHERE run = $1
             ORDER BY number, problem, setting, idx",
        )
        .bind(run)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::database("read earlier judgements"))?;
        let earlier = |(number, problem, setting, index, judge, correct, credit): Row| EarlierJudgement {
            number: super::count(number) as u32,
            cell: cell(problem, setting, index),
            judge,
            correct: correct != 0,
            credit,
        };
        Ok(rows.into_iter().map(earlier).collect())
    }
}

impl SampleRecord {
    /// Whether its answer was found by `outthink-verify`, so that answers that mean the same are one: of samples that
    /// were drawn here, and of those that a verifier of ours judged.
    pub fn is_own(&self) -> bool {
        self.judge.as_deref().is_none_or(|judge| judge.starts_with(OWN_JUDGE))
    }
}

/// How the judges of `outthink rescore` begin, before the verifier's name.
pub const OWN_JUDGE: &str = "outthink:";
