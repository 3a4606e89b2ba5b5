//! A cache of verified tickets, so that a viewer's ticket costs one verification and not one per danmu.
//!
//! The cache's key is a ticket's exact text. Forged tickets are not cached: their sender can make any number.

use std::{collections::HashMap, sync::Arc};

use super::{Check, MAX_TICKET_BYTES, PublicKey, Signature, TicketError, claims};
use crate::{base64, gate::Evidence, session::TicketKey};

/// The server's keys, and a cache of verified tickets; with each its viewer's key in the form that the host computes with, a
/// `K`.
#[derive(Debug)]
pub struct Tickets<K = PublicKey> {
    keys: Vec<TicketKey>,
    /// The most tickets in either generation.
    most: usize,
    /// The young generation.
    young: HashMap<Box<str>, Bearer<K>>,
    /// The old generation: a ticket used again becomes young, and the rest is dropped when the young one is full.
    old: HashMap<Box<str>, Bearer<K>>,
}

/// The bearer of a verified ticket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bearer<K = PublicKey> {
    /// The viewer's key, which must have signed the record.
    pub key: K,
    /// The ticket's claims, for the gate.
    pub evidence: Arc<Evidence>,
}

/// The result of looking up a ticket.
#[derive(Debug)]
pub enum Look<'a, K = PublicKey> {
    /// It is verified.
    Known(Bearer<K>),
    /// It has to be verified first.
    New(Unverified<'a>),
}

/// A ticket that has to be verified.
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
    /// The signature check to be made.
    #[must_use]
    pub fn check(&self) -> Check<'_> {
        Check { key: self.key, message: self.message.as_bytes(), signature: self.signature }
    }
}

impl<K: Clone + TryFrom<PublicKey>> Tickets<K> {
    /// For tickets signed by these keys; caches up to twice `most`, about 1 kB each.
    #[must_use]
    pub fn new(keys: Vec<TicketKey>, most: usize) -> Self {
        Self { keys, most, young: HashMap::new(), old: HashMap::new() }
    }

    /// Replaces the keys, and clears the cache: a cached ticket's key may be none of these.
    pub fn rekey(&mut self, keys: Vec<TicketKey>) {
        *self = Self::new(keys, self.most);
    }

    /// Looks up a ticket.
    ///
    /// # Errors
    /// What is wrong with it, as far as that shows without verifying the signature.
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

    /// Caches a ticket whose signature the host found true, and returns its bearer.
    ///
    /// # Errors
    /// [`TicketError::UnknownKey`]: its key was removed meanwhile. [`TicketError::Base64`], [`TicketError::Claims`],
    /// [`TicketError::Key`], [`TicketError::NoPoint`]: not a valid ticket, though our key signed it.
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

    /// How many tickets are cached.
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
