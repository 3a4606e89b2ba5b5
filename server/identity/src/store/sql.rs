//! Queries: one SQL text for both databases, with numbered parameters ($1, $2 …).
//!
//! sqlx's own builder writes `?` for a database that is known at run time only, which PostgreSQL does not take.

use std::{borrow::Cow, collections::HashSet, hash::Hash};

use sqlx::{
    Any, AssertSqlSafe, Decode, Executor, Type,
    any::{AnyArguments, AnyRow},
};

/// A query and the values of its parameters.
pub(super) struct Query {
    sql: Cow<'static, str>,
    values: AnyArguments,
    /// Whether the database should keep the prepared statement: not one whose text depends on a number of rows.
    keep: bool,
}

/// A query for one value in each row.
pub(super) struct Scalar(Query);

/// A query with that text. Values go into parameters, never into the text.
pub(super) fn query(sql: impl Into<Cow<'static, str>>) -> Query {
    Query { sql: sql.into(), values: AnyArguments::default(), keep: true }
}

/// The same, for one value in each row.
pub(super) fn query_scalar(sql: impl Into<Cow<'static, str>>) -> Scalar {
    Scalar(query(sql))
}

/// A value of a parameter.
pub(super) trait Value {
    fn add_to(self, values: &mut AnyArguments);
}

/// Encoding a number or a text cannot fail.
macro_rules! value {
    ($($type:ty),*) => {
        $(impl Value for $type {
            fn add_to(self, values: &mut AnyArguments) {
                let _ = sqlx::Arguments::add(values, self);
            }
        })*
    };
}
value!(i64, Option<i64>);

impl Value for &str {
    fn add_to(self, values: &mut AnyArguments) {
        self.to_owned().add_to(values);
    }
}

impl Value for String {
    fn add_to(self, values: &mut AnyArguments) {
        Some(self).add_to(values);
    }
}

impl Value for Option<String> {
    fn add_to(self, values: &mut AnyArguments) {
        // PostgreSQL takes no NUL in a text. One that somebody sent us is no failure of the store.
        let text = self.map(|text| if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text });
        let _ = sqlx::Arguments::add(values, text);
    }
}

impl<T: Value + Clone> Value for &T {
    fn add_to(self, values: &mut AnyArguments) {
        self.clone().add_to(values);
    }
}

impl Query {
    /// Adds the value of the next parameter.
    pub(super) fn bind(mut self, value: impl Value) -> Self {
        value.add_to(&mut self.values);
        self
    }

    /// Adds text.
    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.to_mut().push_str(sql);
        self
    }

    /// Adds a parameter to the text, with its value.
    pub(super) fn push_bind(&mut self, value: impl Value) -> &mut Self {
        value.add_to(&mut self.values);
        let number = sqlx::Arguments::len(&self.values);
        self.push(&format!("${number}"))
    }

    /// Adds lists of parameters with their values: `($1, $2), ($3, $4)`; one for each row, of what `cells` adds.
    pub(super) fn push_rows<T>(&mut self, rows: impl IntoIterator<Item = T>, cells: impl Fn(T, &mut Cells<'_>)) {
        self.keep = false;
        for (at, row) in rows.into_iter().enumerate() {
            self.push(if at > 0 { ", (" } else { "(" });
            cells(row, &mut Cells { query: self, first: true });
            self.push(")");
        }
    }

    /// Runs it; returns how many rows it changed.
    pub(super) async fn execute<'c>(self, on: impl Executor<'c, Database = Any>) -> Result<u64, sqlx::Error> {
        let query = sqlx::query_with(AssertSqlSafe(self.sql), self.values).persistent(self.keep);
        Ok(query.execute(on).await?.rows_affected())
    }

    /// All rows.
    pub(super) async fn fetch_all<'c>(self, on: impl Executor<'c, Database = Any>) -> Result<Vec<AnyRow>, sqlx::Error> {
        sqlx::query_with(AssertSqlSafe(self.sql), self.values).persistent(self.keep).fetch_all(on).await
    }

    /// The first row, if there is one.
    pub(super) async fn fetch_optional<'c>(
        self,
        on: impl Executor<'c, Database = Any>,
    ) -> Result<Option<AnyRow>, sqlx::Error> {
        sqlx::query_with(AssertSqlSafe(self.sql), self.values).persistent(self.keep).fetch_optional(on).await
    }
}

impl Scalar {
    /// As [`Query::bind`].
    pub(super) fn bind(self, value: impl Value) -> Self {
        Self(self.0.bind(value))
    }

    /// The value of each row.
    pub(super) async fn fetch_all<'c, T>(self, on: impl Executor<'c, Database = Any>) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> Decode<'r, Any> + Type<Any>,
    {
        self.0.fetch_all(on).await?.iter().map(|row| sqlx::Row::try_get(row, 0)).collect()
    }

    /// The value of the first row, if there is one.
    pub(super) async fn fetch_optional<'c, T>(
        self,
        on: impl Executor<'c, Database = Any>,
    ) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> Decode<'r, Any> + Type<Any>,
    {
        self.0.fetch_optional(on).await?.map(|row| sqlx::Row::try_get(&row, 0)).transpose()
    }

    /// The value of the first row.
    ///
    /// # Errors
    /// [`sqlx::Error::RowNotFound`] too.
    pub(super) async fn fetch_one<'c, T>(self, on: impl Executor<'c, Database = Any>) -> Result<T, sqlx::Error>
    where
        T: for<'r> Decode<'r, Any> + Type<Any>,
    {
        self.fetch_optional(on).await?.ok_or(sqlx::Error::RowNotFound)
    }
}

/// The values of a row.
pub(super) struct Cells<'a> {
    query: &'a mut Query,
    first: bool,
}

impl Cells<'_> {
    /// Adds a value.
    pub(super) fn bind(&mut self, value: impl Value) -> &mut Self {
        if !std::mem::take(&mut self.first) {
            self.query.push(", ");
        }
        self.query.push_bind(value);
        self
    }
}

/// Splits rows into parts of up to `most`, each with no key twice, in their order: in PostgreSQL, `ON CONFLICT` may touch a row
/// once in a statement.
pub(super) fn parts<'a, T, K: Eq + Hash>(rows: &'a [T], most: usize, key: impl Fn(&'a T) -> K) -> Vec<&'a [T]> {
    let (mut parts, mut begin, mut seen) = (Vec::new(), 0, HashSet::new());
    for (at, row) in rows.iter().enumerate() {
        let key = key(row);
        if at - begin == most || seen.contains(&key) {
            parts.push(&rows[begin..at]);
            begin = at;
            seen.clear();
        }
        seen.insert(key);
    }
    if begin < rows.len() {
        parts.push(&rows[begin..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_in_order_and_have_no_key_twice_and_no_more_than_fit() {
        let split = |rows: &str, most| {
            let rows: Vec<_> = rows.chars().collect();
            parts(&rows, most, |row| *row).into_iter().map(|part| part.iter().collect::<String>()).collect::<Vec<_>>()
        };
        assert_eq!(split("", 3), [""; 0]);
        assert_eq!(split("abcabba", 3), ["abc", "ab", "ba"]);
        assert_eq!(split("abcdefg", 3), ["abc", "def", "g"]);
    }

    #[test]
    fn parameters_are_numbered_through() {
        let mut query = query("SELECT $1").bind(1);
        query.push(" WHERE a = ").push_bind("x").push(" IN ");
        query.push_rows([1, 2], |row, cells| _ = cells.bind(row).bind(None::<String>));
        assert_eq!(query.sql, "SELECT $1 WHERE a = $2 IN ($3, $4), ($5, $6)");
    }
}
