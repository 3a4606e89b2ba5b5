//! One signed call: endpoint, session, signature, reply.
//!
//! A reply's `Date` corrects the clock. It retries once for a wrong clock, and once for a session that expired or was denied
//! (the keeper gets a new one). Everything else is the caller's to decide.

use std::{cell::Cell, rc::Rc};

use serde::de::DeserializeOwned;

use super::{
    api::{self, Operation},
    error::{Error, ErrorKind},
    host::{Clock, Host, Reply},
    keeper::{Keeper, Vend, VendError},
    sigv4, time,
};
use crate::session::Session;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Calls Kinesis with the sessions of a [`Keeper`]. Clones share them.
pub struct Client<H, V> {
    keeper: Keeper<H, V>,
    origin: Rc<str>,
}

impl<H: Host, V: Vend> Client<H, V> {
    /// `origin` (`https://example.org`, no path) completes a session's endpoint that is only a path, such as `/aws/`;
    /// it may be empty where endpoints are always absolute.
    pub fn new(keeper: Keeper<H, V>, origin: &str) -> Self {
        Self { keeper, origin: origin.trim_end_matches('/').into() }
    }

    /// The keeper of this client's sessions.
    pub fn keeper(&self) -> &Keeper<H, V> {
        &self.keeper
    }

    /// The clock that it signs by.
    pub fn clock(&self) -> &Clock<H> {
        self.keeper.clock()
    }

    /// Puts one record.
    ///
    /// # Errors
    /// The service's error, or that no reply came.
    pub async fn put_record(&self, data: &[u8], partition_key: &str) -> Result<api::PutRecordReply, Error> {
        self.put_record_seen(data, partition_key, &Cell::default()).await
    }

    /// The same; for `in_air` see [`Self::send`].
    pub(super) async fn put_record_seen(
        &self,
        data: &[u8],
        partition_key: &str,
        in_air: &Cell<bool>,
    ) -> Result<api::PutRecordReply, Error> {
        self.call(Operation::PutRecord, &|stream| api::put_record(stream, data, partition_key), in_air).await
    }

    /// Puts up to 500 records, given as data and partition key; the reply has the outcome of each.
    ///
    /// # Errors
    /// As [`Self::put_record`]; also when the reply has another number of entries than were sent.
    pub async fn put_records(&self, entries: &[(&[u8], &str)]) -> Result<api::PutRecordsReply, Error> {
        self.put_records_seen(entries, &Cell::default()).await
    }

    /// The same; for `in_air` see [`Self::send`].
    pub(super) async fn put_records_seen(
        &self,
        entries: &[(&[u8], &str)],
        in_air: &Cell<bool>,
    ) -> Result<api::PutRecordsReply, Error> {
        let body = |stream: &str| api::put_records(stream, entries.iter().copied());
        let reply: api::PutRecordsReply = self.call(Operation::PutRecords, &body, in_air).await?;
        if reply.records.len() == entries.len() { Ok(reply) } else { Err(unreadable()) }
    }

    /// One page of shards.
    ///
    /// # Errors
    /// As [`Self::put_record`].
    pub async fn list_shards(&self, next_token: Option<&str>) -> Result<api::ListShardsReply, Error> {
        let body = |stream: &str| api::list_shards(stream, next_token);
        self.call(Operation::ListShards, &body, &Cell::default()).await
    }

    /// A new iterator.
    ///
    /// # Errors
    /// As [`Self::put_record`].
    pub async fn shard_iterator(&self, shard_id: &str, from: &api::From) -> Result<String, Error> {
        let body = |stream: &str| api::get_shard_iterator(stream, shard_id, from);
        let reply: api::ShardIteratorReply = self.call(Operation::GetShardIterator, &body, &Cell::default()).await?;
        Ok(reply.shard_iterator)
    }

    /// Reads up to `limit` (1 to 10,000) records.
    ///
    /// # Errors
    /// As [`Self::put_record`].
    pub async fn get_records(&self, shard_iterator: &str, limit: u32) -> Result<api::GetRecordsReply, Error> {
        self.call(Operation::GetRecords, &|_| api::get_records(shard_iterator, limit), &Cell::default()).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        operation: Operation,
        body: &dyn Fn(&str) -> Vec<u8>,
        in_air: &Cell<bool>,
    ) -> Result<T, Error> {
        let reply = self.signed(operation, body, in_air).await?;
        serde_json::from_slice(&reply).map_err(|_| unreadable())
    }

    async fn signed(
        &self,
        operation: Operation,
        body: &dyn Fn(&str) -> Vec<u8>,
        in_air: &Cell<bool>,
    ) -> Result<Vec<u8>, Error> {
        let (mut clock_corrected, mut session_renewed) = (false, false);
        loop {
            let session = self.keeper.session().await.map_err(no_session)?;
            let sending = self.send(operation, &session, body(&session.stream), in_air);
            let (error, date) = match self.keeper.alongside(sending).await {
                Ok(reply) => return Ok(reply),
                Err(failed) => failed,
            };
            match error.kind {
                ErrorKind::ClockSkew if !clock_corrected => {
                    let Some(now) = date.as_deref().and_then(time::http_date) else { return Err(error) };
                    self.clock().learn(now);
                    clock_corrected = true;
                }
                ErrorKind::SessionExpired => {
                    self.keeper.drop_session(&session);
                    if session_renewed {
                        return Err(error);
                    }
                    session_renewed = true;
                }
                // A banned viewer or a revoked session is denied: the vending machine says why, or gives a new session.
                ErrorKind::Denied if !session_renewed => {
                    self.keeper.drop_session(&session);
                    session_renewed = true;
                }
                _ => return Err(error),
            }
        }
    }

    /// One request and its reply; with an error, the reply's `Date`. `in_air` is set when the request is handed to the host,
    /// and cleared by a reply; without a reply it stays set.
    async fn send(
        &self,
        operation: Operation,
        session: &Session,
        body: Vec<u8>,
        in_air: &Cell<bool>,
    ) -> Result<Vec<u8>, (Error, Option<String>)> {
        let url = match session.endpoint.starts_with('/') {
            true => [&*self.origin, &session.endpoint].concat(),
            false => session.endpoint.clone(),
        };
        let (host, path) = host_and_path(&url);
        let named = [("content-type", CONTENT_TYPE), ("host", &host), ("x-amz-target", operation.target())];
        let request = sigv4::Request { method: "POST", path, query: "", headers: &named, body: &body };
        let credentials = sigv4::Credentials {
            access_key_id: &session.access_key_id,
            secret_access_key: &session.secret_access_key,
            session_token: Some(&session.session_token),
        };
        let scope = sigv4::Scope { region: &session.region, service: "kinesis", time_ms: self.clock().now_ms() };
        let mut headers = sigv4::sign(&request, &credentials, &scope, sigv4::Settings::default());
        headers.extend([("content-type", CONTENT_TYPE.to_owned()), ("x-amz-target", operation.target().to_owned())]);

        in_air.set(true);
        let asked = self.clock().host().now_ms();
        let outcome = self.clock().host().post(&url, &headers, body).await;
        in_air.set(outcome.is_err());
        if let Ok(Reply { date: Some(date), .. }) = &outcome
            && let Some(date) = time::http_date(date)
        {
            // `Date` has whole seconds: take the middle.
            self.clock().compare(asked, date + 500);
        }
        match outcome {
            Ok(reply) if reply.status == 200 => Ok(reply.body),
            Ok(reply) => Err((Error::from_reply(reply.status, &reply.body), reply.date)),
            Err(error) => Err((Error::network(error.0), None)),
        }
    }
}

impl<H, V> Clone for Client<H, V> {
    fn clone(&self) -> Self {
        Self { keeper: self.keeper.clone(), origin: Rc::clone(&self.origin) }
    }
}

/// The `Host` header of a URL (no default port, lower case) and its path.
fn host_and_path(url: &str) -> (String, &str) {
    let (scheme, rest) = url.split_once(':').unwrap_or(("https", url));
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let default = if scheme == "http" { ":80" } else { ":443" };
    let host = authority.strip_suffix(default).unwrap_or(authority);
    (host.to_ascii_lowercase(), path)
}

fn no_session(error: VendError) -> Error {
    Error {
        kind: ErrorKind::NoSession,
        code: "NoSession".into(),
        message: error.message,
        retry_after: error.retry_after,
    }
}

fn unreadable() -> Error {
    Error {
        kind: ErrorKind::Server,
        code: "UnreadableReply".into(),
        message: "the reply is not what the operation answers with".into(),
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_what_a_browser_sends() {
        for (url, host, path) in [
            ("https://Kinesis.us-east-1.amazonaws.com", "kinesis.us-east-1.amazonaws.com", ""),
            ("https://example.org:443/aws/", "example.org", "/aws/"),
            ("http://127.0.0.1:3000/aws/", "127.0.0.1:3000", "/aws/"),
            ("http://[::1]:80/", "[::1]", "/"),
        ] {
            assert_eq!(host_and_path(url), (host.to_owned(), path));
        }
    }
}
