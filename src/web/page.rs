//! Paging: newest first, by an opaque cursor that stays valid while rows are added.
//!
//! The cursor is the time and id of the last row shown, so a page never repeats or skips a row that was there before.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Error;
use crate::time::Timestamp;

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// `?limit=&cursor=` as sent.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
pub struct PageParams {
    /// How many items, 1 to 100; 20 when left out.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A checked page request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most.
    pub limit: i64,
    /// Rows strictly older than this position.
    pub before: Option<Position>,
}

/// Where a row stands in newest-first order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The row's time.
    pub at: Timestamp,
    /// The row's id, between rows of the same millisecond.
    pub id: Uuid,
}

impl PageParams {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `limit` or `cursor`.
    pub fn check(&self) -> Result<PageRequest, Error> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Error::invalid("limit", limit, format_args!("is out of range 1..={LIMIT_MAX}")));
        }
        let before = match self.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
            Some(cursor) => {
                let parsed = Position::parse(cursor);
                Some(parsed.ok_or_else(|| Error::invalid("cursor", cursor, "is not a cursor of this API"))?)
            }
            None => None,
        };
        Ok(PageRequest { limit: i64::from(limit), before })
    }
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('_')?;
        let at = i64::from_str_radix(at, 16).ok()?;
        Some(Self { at: Timestamp::from_millis(at), id: Uuid::parse_str(id).ok()? })
    }

    /// The cursor of this position.
    pub fn text(self) -> String {
        format!("{:x}_{}", self.at.as_millis(), self.id.simple())
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Send as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page out of up to `limit + 1` rows (ask the database for one more than the page holds, to know whether there
    /// is a next page).
    pub fn new(mut rows: Vec<T>, request: &PageRequest, position: impl Fn(&T) -> Position) -> Self {
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| position(row).text());
        Self { items: rows, next_cursor }
    }

    /// The same page with its items converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next_cursor: self.next_cursor }
    }
}

/// A short list that is always whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct Items<T> {
    /// The items.
    pub items: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_round_trip() {
        let position = Position { at: Timestamp::from_millis(1_790_000_000_123), id: Uuid::from_u128(42) };
        let params = PageParams { limit: None, cursor: Some(position.text()) };
        assert_eq!(params.check().expect("valid"), PageRequest { limit: 20, before: Some(position) });
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let check = |limit, cursor: Option<&str>| {
            let params = PageParams { limit, cursor: cursor.map(str::to_owned) };
            params.check().expect_err("nonsense").faults()[0].field.clone()
        };
        assert_eq!(check(Some(0), None), "limit");
        assert_eq!(check(Some(101), None), "limit");
        assert_eq!(check(None, Some("zz")), "cursor");
    }

    #[test]
    fn only_a_page_with_more_behind_it_has_a_next() {
        let request = PageRequest { limit: 2, before: None };
        let position = |n: &i64| Position { at: Timestamp::from_millis(*n), id: Uuid::nil() };
        assert!(Page::new(vec![3, 2], &request, position).next_cursor.is_none());
        let page = Page::new(vec![3, 2, 1], &request, position);
        assert_eq!(page.items, [3, 2]);
        assert!(page.next_cursor.is_some());
    }
}
