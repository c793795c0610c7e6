//! Teams: keys that share budgets.

use crate::account::of_team;
use crate::batch::{int, json};
use crate::key::check_name;
use crate::status::{Spending, spending, standing};
use crate::{LedgerError, TeamLimits, TeamStatus};
use sqlx::{AnyPool, Row};

/// Makes a team, or changes its limits.
pub(crate) async fn set(pool: &AnyPool, name: &str, limits: TeamLimits, now: u64) -> Result<(), LedgerError> {
    check_name("team", name)?;
    if let Some(words) = limits.problem() {
        return Err(LedgerError::Asked(words.into()));
    }
    let limits = serde_json::to_string(&limits)
        .map_err(|e| LedgerError::Asked(format!("the limits cannot be written down: {e}")))?;
    sqlx::query(
        "INSERT INTO ledger_teams (name, limits, created) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET limits = excluded.limits",
    )
    .bind(name.to_owned())
    .bind(limits)
    .bind(int(now))
    .execute(pool)
    .await
    .map_err(LedgerError::database("set a team"))?;
    Ok(())
}

/// A team's limits.
pub(crate) async fn find(pool: &AnyPool, name: &str) -> Result<Option<TeamLimits>, LedgerError> {
    let failed = || LedgerError::database("look a team up");
    let row = sqlx::query("SELECT limits FROM ledger_teams WHERE name = $1")
        .bind(name.to_owned())
        .fetch_optional(pool)
        .await
        .map_err(failed())?;
    row.map(|row| json(&row.try_get::<String, _>(0)?)).transpose().map_err(failed())
}

/// All of them, by name.
pub(crate) async fn list(pool: &AnyPool, now: u64) -> Result<Vec<TeamStatus>, LedgerError> {
    let failed = || LedgerError::database("list its teams");
    let standing = standing(pool, now).await?;
    let rows = sqlx::query(
        "SELECT t.name, t.limits, COUNT(k.id) FROM ledger_teams t
            LEFT JOIN ledger_keys k ON k.team = t.name AND k.revoked IS NULL
            GROUP BY t.name, t.limits ORDER BY t.name",
    )
    .fetch_all(pool)
    .await
    .map_err(failed())?;
    let read = |row: &sqlx::any::AnyRow| -> Result<TeamStatus, sqlx::Error> {
        let name: String = row.try_get(0)?;
        let Spending { today, month } = spending(&standing, &of_team(&name));
        let keys = u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
        Ok(TeamStatus {
            limits: json(&row.try_get::<String, _>(1)?)?,
            keys,
            spent: today.balance.spent,
            reserved: today.balance.reserved,
            month,
            name,
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(failed())
}
