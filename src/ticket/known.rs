//! The tickets that were found true, so that a viewer's ticket costs one signature and not one for every danmu.
//!
//! Tickets are known by their exact text. A forged one is not remembered: its sender makes as many as it likes.

use std::{collections::HashMap, sync::Arc};

use super::{Check, MAX_TICKET_BYTES, PublicKey, Signature, TicketError, claims};
use crate::{base64, gate::Evidence, session::TicketKey};

/// The keys of the server, and the tickets that they were found to have signed; with each its viewer's key as the host
/// computes with it, a `K`.
#[derive(Debug)]
pub struct Tickets<K = PublicKey> {
    keys: Vec<TicketKey>,
    /// How many tickets are in either of the two at the most.
    most: usize,
    /// Those of late.
    young: HashMap<Box<str>, Bearer<K>>,
    /// Those of before; whoever is looked at becomes young again, and the others go when the young ones are too many.
    old: HashMap<Box<str>, Bearer<K>>,
}

/// Whose a ticket is that was found true. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bearer<K = PublicKey> {
    /// The viewer's key, by which the record must be signed.
    pub key: K,
    /// What the ticket says, for the gate.
    pub evidence: Arc<Evidence>,
}

/// What is known of a ticket.
#[derive(Debug)]
pub enum Look<'a, K = PublicKey> {
    /// It was found true.
    Known(Bearer<K>),
    /// It is to be checked first.
    New(Unverified<'a>),
}

/// A ticket that is still to be checked.
#[derive(Debug)]
pub struct Unverified<'a> {
    text: &'a str,
    /// Header and claims, as they were signed.
    message: &'a str,
    claims: &'a str,
    key: PublicKey,
    signature: Signature,
}

impl Unverified<'_> {
    /// What is to be checked of it.
    #[must_use]
    pub fn check(&self) -> Check<'_> {
        Check { key: self.key, message: self.message.as_bytes(), signature: self.signature }
    }
}

impl<K: Clone + TryFrom<PublicKey>> Tickets<K> {
    /// Tickets that these keys sign, of which up to twice `most` are remembered; about 1 kB each.
    #[must_use]
    pub fn new(keys: Vec<TicketKey>, most: usize) -> Self {
        Self { keys, most, young: HashMap::new(), old: HashMap::new() }
    }

    /// Goes by these keys from now on. All that was found true is checked again: its key may be none of them.
    pub fn rekey(&mut self, keys: Vec<TicketKey>) {
        *self = Self::new(keys, self.most);
    }

    /// Looks at a ticket.
    ///
    /// # Errors
    /// What is wrong with it as far as one can see without computing.
    pub fn look<'a>(&mut self, ticket: &'a str) -> Result<Look<'a, K>, TicketError> {
        // Before anything is decoded, hashed or compared.
        if ticket.len() > MAX_TICKET_BYTES {
            return Err(TicketError::TooLong(ticket.len()));
        }
        if let Some(bearer) = self.young.get(ticket) {
            return Ok(Look::Known(bearer.clone()));
        }
        if let Some((text, bearer)) = self.old.remove_entry(ticket) {
            self.keep(text, bearer.clone());
            return Ok(Look::Known(bearer));
        }
        let (message, signature) = ticket.rsplit_once('.').ok_or(TicketError::Parts)?;
        let (header, claims) = message.split_once('.').ok_or(TicketError::Parts)?;
        let header = base64::decode_url(header).ok_or(TicketError::Base64("header"))?;
        let kid = claims::key_id(header)?;
        let Some(key) = self.keys.iter().find(|key| key.kid == kid) else { return Err(TicketError::UnknownKey(kid)) };
        let signature = Signature::parse(signature, "ticket's signature")?;
        Ok(Look::New(Unverified { text: ticket, message, claims, key: key.x, signature }))
    }

    /// Takes in a ticket whose check the host found true, and says whose it is.
    ///
    /// # Errors
    /// [`TicketError::UnknownKey`]: its key was taken back meanwhile. [`TicketError::Base64`], [`TicketError::Claims`],
    /// [`TicketError::Key`], [`TicketError::NoPoint`]: it is none of ours, though our key signed it.
    pub fn learn(&mut self, ticket: &Unverified<'_>) -> Result<Bearer<K>, TicketError> {
        if self.keys.iter().all(|key| key.x != ticket.key) {
            return Err(TicketError::UnknownKey(ticket.key.to_string()));
        }
        let claims = base64::decode_url(ticket.claims).ok_or(TicketError::Base64("claims"))?;
        let (key, evidence) = claims::read(&claims)?;
        let key = key.try_into().map_err(|_| TicketError::NoPoint(key))?;
        let bearer = Bearer { key, evidence: Arc::new(evidence) };
        self.keep(ticket.text.into(), bearer.clone());
        Ok(bearer)
    }

    /// How many tickets are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.young.len() + self.old.len()
    }

    fn keep(&mut self, text: Box<str>, bearer: Bearer<K>) {
        if self.young.len() >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text, bearer);
    }
}
