//! What the endpoint's routers share.

use std::{fs::File, sync::Arc};

use crate::{
    arn::ArnScope,
    auth::{Caller, Door, denials::Denials, verify::SignatureVerifier},
    clock::Clock,
    error::ApiError,
    intake::{Intake, Vouched},
    kinesis::{calls::CallLimits, iterator::Seals},
    limits::ReadGates,
    meter::Meters,
    metrics::{Counters, add},
    quotas::MAX_BODY,
    root_key::RootKey,
    seldom::Seldom,
    store::Store,
    sts::token::Tokens,
    subscriptions::Subscriptions,
};

/// Everything behind the routers. The store goes first, the lock last.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) gates: ReadGates,
    pub(crate) calls: CallLimits,
    pub(crate) counters: Counters,
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) verifier: SignatureVerifier,
    pub(crate) denials: Arc<Denials>,
    /// Requests of sessions that are denied, for the log.
    pub(crate) denied_asks: Seldom<()>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) sessions_may_control: bool,
    pub(crate) tokens: Tokens,
    pub(crate) seals: Seals,
    pub(crate) place: ArnScope,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) trust_forwarded_host: bool,
    pub(crate) own_intake: Intake,
    pub(crate) public_intake: Intake,
    pub(crate) root: RootKey,
    pub(crate) _lock: File,
}

impl Inner {
    /// Neither door takes the other's room.
    pub(crate) fn intake(&self, door: Door) -> &Intake {
        match door {
            Door::Own => &self.own_intake,
            Door::Public => &self.public_intake,
        }
    }

    /// What a caller may send who seems to be this one: the root key whatever is taken at all, a session no more than it
    /// may put, one large body at a time, and nothing large when it is denied.
    pub(crate) fn vouch(&self, caller: &Caller, action: &str) -> Result<Vouched, ApiError> {
        caller.must_not_be_denied(&self.place, action).inspect_err(|_| add(&self.counters.denied, 1))?;
        match caller {
            Caller::Root => Ok(Vouched { limit: MAX_BODY, slot: None }),
            Caller::Session { session, .. } => {
                let slot = self.meters.occupy(session.metered_as())?;
                Ok(Vouched { limit: self.meters.max_body(), slot })
            }
        }
    }
}
