//! Whom a ban concerns: a viewer or a network.

use std::{fmt, net::IpAddr, str::FromStr};

use danmu::{
    record::{Network, Subject},
    viewer::ViewerId,
};
use ipnet::IpNet;
use thiserror::Error;

/// Whom a ban concerns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whom {
    /// A viewer.
    Viewer(ViewerId),
    /// The guests of a network, while they come from it.
    Network(IpNet),
}

/// Why a text names neither a viewer nor a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no viewer and no network: give a viewer's id (1 to 64 visible ASCII characters), an address, or 192.0.2.0/24"
)]
pub struct WhomError(String);

impl FromStr for Whom {
    type Err = WhomError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.to_canonical().into()));
        }
        text.parse().map(Self::Viewer).map_err(|_| WhomError(text.to_owned()))
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Viewer(viewer) => viewer.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl From<&Whom> for Subject {
    fn from(whom: &Whom) -> Self {
        match whom {
            Whom::Viewer(viewer) => Self::Viewer(viewer.clone()),
            Whom::Network(network) => Self::Network(named(network)),
        }
    }
}

/// A network in the form that decisions use.
pub fn named(network: &IpNet) -> Network {
    // At most 43 characters.
    Network::try_from(network.to_string()).unwrap_or_else(|_| unreachable!("CIDR notation is short and visible"))
}
