//! Verifies records off the stream before the gate judges them, as the server does, with the browser's Ed25519.

use std::sync::Arc;

use danmu::{
    gate::Evidence,
    kinesis::{Host, Keeper, Record},
    record,
    session::TicketKey,
    ticket::{Bearer, Look, Proof, TicketError, Tickets},
};

use super::super::{host::Browser, identity, vend::ServerVend};

/// How many tickets are cached at least: a room that is read directly is small.
const MOST_TICKETS: usize = 500;
/// The least time between two refreshes of the server's keys, in milliseconds: anybody can name an unknown key.
const RENEW_GAP_MS: i64 = 60_000;

/// The evidence for each record of a batch; `None` where the proof is missing or invalid.
pub type Proven = Vec<Option<Arc<Evidence>>>;

/// The server's ticket keys, from sessions to read, and the tickets that they signed.
pub struct DirectVerifier {
    keeper: Keeper<Browser, ServerVend>,
    keys: Vec<TicketKey>,
    tickets: Tickets,
    renewed_ms: Option<i64>,
}

impl DirectVerifier {
    /// A verifier with the keys of the keeper's sessions.
    pub fn new(keeper: Keeper<Browser, ServerVend>) -> Self {
        Self { keeper, keys: Vec::new(), tickets: Tickets::new(Vec::new(), MOST_TICKETS), renewed_ms: None }
    }

    /// Verifies a batch. If the future is dropped, it can be called again.
    pub async fn verify(&mut self, records: &[Record]) -> Proven {
        if let Some(session) = self.keeper.current() {
            self.take_keys(&session.ticket_keys);
        }
        let (mut proven, unknown) = self.check(records).await;
        let now = Browser.now_ms();
        // The server may have a new key since this session began.
        if unknown && self.renewed_ms.is_none_or(|last| !(0..RENEW_GAP_MS).contains(&(now - last))) {
            self.renewed_ms = Some(now);
            if let Some(session) = self.keeper.current() {
                self.keeper.drop_session(&session);
            }
            if let Ok(session) = self.keeper.session().await {
                self.take_keys(&session.ticket_keys);
                (proven, _) = self.check(records).await;
            }
        }
        proven
    }

    /// Uses these keys. If they are unchanged, the cached tickets stay.
    fn take_keys(&mut self, keys: &[TicketKey]) {
        if self.keys != keys {
            self.keys = keys.to_vec();
            self.tickets.rekey(keys.to_vec());
        }
    }

    /// The evidence for each record, and whether a ticket names an unknown key.
    async fn check(&mut self, records: &[Record]) -> (Proven, bool) {
        let (mut checks, mut unknown) = (Vec::with_capacity(records.len()), false);
        for record in records {
            let check = async {
                let Some((line, proof)) = record::signed(&record.data) else { return Ok(None) };
                let proof = Proof::parse(proof)?;
                let Some(Bearer { key, evidence }) = self.bearer(proof.ticket).await? else { return Ok(None) };
                // Not awaited here, so that the browser verifies many at once.
                Ok(Some((evidence, identity::verify(&proof.check(key, line)))))
            };
            let check: Result<_, TicketError> = check.await;
            unknown |= matches!(check, Err(TicketError::UnknownKey(_)));
            checks.push(check.ok().flatten());
        }
        let mut proven = Proven::with_capacity(checks.len());
        for check in checks {
            proven.push(match check {
                Some((evidence, verified)) => verified.await.then_some(evidence),
                None => None,
            });
        }
        (proven, unknown)
    }

    /// The bearer of a ticket, if it is valid.
    async fn bearer(&mut self, ticket: &str) -> Result<Option<Bearer>, TicketError> {
        let ticket = match self.tickets.look(ticket)? {
            Look::Known(bearer) => return Ok(Some(bearer)),
            Look::New(ticket) => ticket,
        };
        if identity::verify(&ticket.check()).await { self.tickets.learn(&ticket).map(Some) } else { Ok(None) }
    }
}
