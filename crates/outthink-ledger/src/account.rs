//! What the accounts are called that are not a key's.
//!
//! A key's account has its identifier, which has no colon.

use crate::secret::hash;

/// Letters of a hash that stand for a session. Its name may be long, and may name a person.
const LETTERS: usize = 32;

/// The account of all keys of a team.
pub(crate) fn of_team(name: &str) -> String {
    format!("team:{name}")
}

/// The account of one session of a key. Keys share no session.
pub(crate) fn of_session(key: &str, name: &str) -> String {
    let hash = hash(name);
    format!("session:{key}:{}", hash.get(..LETTERS).unwrap_or(&hash))
}
