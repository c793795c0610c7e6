//! Which entries of a list are wanted, as the query of a request says it.

use crate::error::ApiError;
use crate::run::Caller;
use outthink_ledger::Page;
use serde_json::{Value, json};

/// Entries of a list that does not say how many, and the most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) usual: u64,
    pub(crate) most: u64,
}

/// A list's query.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) page: Page,
    /// Those of one kind alone.
    pub(crate) purpose: Option<String>,
    limit: usize,
}

impl Listing {
    /// Reads a query. A key sees its own entries, an administrator all.
    pub(crate) fn read(query: Option<&str>, caller: &Caller, sizes: Sizes) -> Result<Self, ApiError> {
        let owner = if caller.admin { None } else { Some(caller.owner().unwrap_or_default()) };
        let (mut limit, mut page, mut purpose) = (sizes.usual, Page { owner, ..Page::default() }, None);
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "limit" => {
                    let most = sizes.most;
                    let number = value.parse().ok().filter(|n| (1..=most).contains(n));
                    let words = || format!("limit is not a whole number from 1 to {most}");
                    limit = number.ok_or_else(|| ApiError::invalid("limit", words()))?;
                }
                "order" => match value {
                    "asc" => page.oldest_first = true,
                    "desc" => page.oldest_first = false,
                    _ => return Err(ApiError::invalid("order", "order is not known: use asc or desc")),
                },
                "after" => page.after = Some(value.to_owned()).filter(|id| !id.is_empty()),
                "purpose" => purpose = Some(value.to_owned()).filter(|purpose| !purpose.is_empty()),
                _ => {}
            }
        }
        // One more says whether there are more.
        page.limit = limit + 1;
        Ok(Self { page, purpose, limit: usize::try_from(limit).unwrap_or(usize::MAX) })
    }

    /// The list's object.
    pub(crate) fn object(&self, mut entries: Vec<Value>) -> Value {
        let more = entries.len() > self.limit;
        entries.truncate(self.limit);
        let id = |entry: Option<&Value>| entry.map_or(Value::Null, |entry| entry["id"].clone());
        json!({
            "object": "list",
            "first_id": id(entries.first()),
            "last_id": id(entries.last()),
            "has_more": more,
            "data": entries,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { usual: 20, most: 100 };

    #[test]
    fn a_page_says_whether_there_is_another() {
        let caller = Caller { admin: true, ..Caller::default() };
        let listing = Listing::read(Some("limit=2&after=b&order=asc&purpose=batch"), &caller, SIZES).unwrap();
        assert_eq!((listing.page.limit, listing.page.after.as_deref()), (3, Some("b")));
        assert_eq!((listing.page.owner.as_deref(), listing.purpose.as_deref()), (None, Some("batch")));
        let list = |n: u64| listing.object((0..n).map(|n| json!({"id": n})).collect());
        assert_eq!((list(3)["has_more"].clone(), list(3)["last_id"].clone()), (json!(true), json!(1)));
        assert_eq!(list(2)["has_more"], false);
        for (query, param) in [("limit=0", "limit"), ("limit=101", "limit"), ("order=up", "order")] {
            let error = Listing::read(Some(query), &caller, SIZES).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param));
        }
        let nobody = Listing::read(None, &Caller::default(), SIZES).unwrap();
        assert_eq!(nobody.page.owner.as_deref(), Some(""), "who is nobody's administrator sees nothing of others");
    }
}
