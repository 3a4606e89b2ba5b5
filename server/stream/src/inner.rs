//! The state that the endpoint's routers share.

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

/// Everything behind the routers. The fields are dropped in order: the store first, the lock last.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) gates: ReadGates,
    pub(crate) calls: CallLimits,
    pub(crate) counters: Counters,
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) verifier: SignatureVerifier,
    pub(crate) denials: Arc<Denials>,
    /// Rate limit for log lines about requests of denied sessions.
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
    /// The budget for request bodies of a door; each door has its own.
    pub(crate) fn intake(&self, door: Door) -> &Intake {
        match door {
            Door::Own => &self.own_intake,
            Door::Public => &self.public_intake,
        }
    }

    /// The large body that an apparent caller may send: the root key up to [`MAX_BODY`], a session up to its burst and one at
    /// a time, a denied session none.
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
