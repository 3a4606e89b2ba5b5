//! Settings of an issuer.

use std::collections::BTreeMap;

use danmu::{
    cognito::{UserPool, hosted::Provider},
    rights::Rights,
    room::RoomId,
    viewer::Role,
};
use danmu_app::account::Offer;
use serde::Deserialize;

/// A trusted issuer of ID tokens, and how people sign in there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// `iss` of its tokens, an `https` address. A Cognito user pool's is `https://cognito-idp.REGION.amazonaws.com/POOL`.
    pub issuer: String,
    /// Our client id there: `aud` of its tokens. The client has no secret.
    pub audience: String,
    /// Its display name. Default its host.
    pub title: Option<String>,
    /// Where its keys are. Default what its metadata under `/.well-known/openid-configuration` says.
    pub jwks_uri: Option<String>,
    /// The claim that lists somebody's groups. Default `cognito:groups`.
    #[serde(default = "groups_claim")]
    pub groups_claim: String,
    /// Members of these groups are streamers in every room. Default `["streamer"]`, or none where `rooms` names any room.
    pub streamers: Option<Vec<String>>,
    /// Members of these groups are moderators in every room. Default `["moderator"]`, or none where `rooms` names any room.
    pub moderators: Option<Vec<String>>,
    /// Groups that give a role in a single room, by room id.
    #[serde(default)]
    pub rooms: BTreeMap<RoomId, Groups>,
    /// Whether people sign in to the user pool by name and password on our own page. Default yes, where it is a user pool.
    #[serde(default = "yes")]
    pub password: bool,
    /// The user pool's API endpoint, if not AWS' own.
    pub endpoint: Option<String>,
    /// The sign-in page there: its authorisation endpoint (Cognito: `https://DOMAIN/oauth2/authorize`).
    pub authorize: Option<String>,
    /// Its token endpoint (Cognito: `https://DOMAIN/oauth2/token`). Set both this and `authorize`, or neither.
    pub token: Option<String>,
    /// The page that signs people out there too (Cognito: `https://DOMAIN/logout`).
    pub logout: Option<String>,
}

/// Which groups give which role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Groups {
    /// Members of these groups are streamers.
    pub streamers: Vec<String>,
    /// Members of these groups are moderators.
    pub moderators: Vec<String>,
}

fn groups_claim() -> String {
    "cognito:groups".into()
}

fn yes() -> bool {
    true
}

impl IssuerSettings {
    /// Validates the settings.
    ///
    /// # Errors
    /// A setting, its value, and what it should be: an empty text, an address without TLS, or only one of `authorize` and
    /// `token`.
    pub fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        let wrong = |name, value: &str, reason| Err((name, value.to_owned(), reason));
        if self.audience.is_empty() {
            return wrong("identity.issuers.audience", "", "it is the id of our client at the issuer");
        }
        if self.groups_claim.is_empty() {
            return wrong("identity.issuers.groups_claim", "", "it is the name of a claim");
        }
        let addresses = [
            ("identity.issuers.issuer", Some(&self.issuer)),
            ("identity.issuers.jwks_uri", self.jwks_uri.as_ref()),
            ("identity.issuers.endpoint", self.endpoint.as_ref()),
            ("identity.issuers.authorize", self.authorize.as_ref()),
            ("identity.issuers.token", self.token.as_ref()),
            ("identity.issuers.logout", self.logout.as_ref()),
        ];
        for (name, address) in addresses.into_iter().filter_map(|(name, address)| Some((name, address?))) {
            if !is_safe(address) {
                return wrong(name, address, "an https address is needed; http does on this machine alone");
            }
        }
        match (&self.authorize, &self.token) {
            (Some(address), None) => wrong("identity.issuers.authorize", address, "it needs token beside it"),
            (None, Some(address)) => wrong("identity.issuers.token", address, "it needs authorize beside it"),
            _ => Ok(()),
        }
    }

    /// The user pool, if the issuer is one and people may sign in to it by name and password.
    #[must_use]
    pub fn user_pool(&self) -> Option<UserPool> {
        let id = self.issuer.rsplit('/').next().unwrap_or_default().to_owned();
        let pool = UserPool { id, client_id: self.audience.clone(), endpoint: self.endpoint.clone() };
        (self.password && pool.check().is_ok() && pool.issuer() == self.issuer).then_some(pool)
    }

    /// Its provider name for an identity pool ([`Login::provider`](danmu::cognito::identity_pool::Login)).
    #[must_use]
    pub fn pool_provider(&self) -> &str {
        self.issuer.trim_start_matches("https://")
    }

    /// The hosted sign-in page, if there is one.
    #[must_use]
    pub fn provider(&self) -> Option<Provider> {
        let (authorize, token) = (self.authorize.clone()?, self.token.clone()?);
        Some(Provider { client_id: self.audience.clone(), authorize, token, logout: self.logout.clone() })
    }

    /// What a sign-in page needs to offer it.
    #[must_use]
    pub fn offer(&self) -> Offer {
        let (issuer, title) = (self.issuer.clone(), self.title().to_owned());
        Offer { issuer, title, pool: self.user_pool(), provider: self.provider() }
    }

    /// The origins that a page connects to when somebody signs in there.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        let pool = self.user_pool().map(|pool| pool.endpoint());
        let addresses = pool.into_iter().chain(self.provider().map(|provider| provider.token));
        addresses.filter_map(|address| origin(&address)).collect()
    }

    /// Its display name: the title, or else the host.
    #[must_use]
    pub fn title(&self) -> &str {
        let host = || host(&self.issuer).unwrap_or(&self.issuer);
        self.title.as_deref().unwrap_or_else(host)
    }

    /// The rights that membership of these groups gives here.
    #[must_use]
    pub fn rights(&self, groups: &[String]) -> Rights {
        let everywhere = Rights::everywhere(self.everywhere().role(groups));
        self.rooms.iter().fold(everywhere, |rights, (room, list)| rights.and_in(room.clone(), list.role(groups)))
    }

    /// The groups that give a role in every room. The defaults do not apply once any room has groups of its own.
    fn everywhere(&self) -> Groups {
        let or = |list: &Option<Vec<String>>, default: &str| {
            let default = || if self.rooms.is_empty() { vec![default.to_owned()] } else { Vec::new() };
            list.clone().unwrap_or_else(default)
        };
        Groups { streamers: or(&self.streamers, "streamer"), moderators: or(&self.moderators, "moderator") }
    }

    /// Which groups give which rights in which rooms, as text for a person.
    #[must_use]
    pub fn explain_rights(&self) -> String {
        let rooms = self.rooms.iter().map(|(room, groups)| (format!("in room {room}"), groups.explain()));
        let everywhere = [("in every room".to_owned(), self.everywhere().explain())];
        let places = everywhere.into_iter().chain(rooms).filter(|(_, groups)| !groups.is_empty());
        let places: Vec<_> = places.map(|(place, groups)| format!("{place}: {groups}")).collect();
        let places = if places.is_empty() { "none but a member's".to_owned() } else { places.join("; ") };
        format!("{}: {places}", self.title())
    }
}

impl Groups {
    fn role(&self, groups: &[String]) -> Role {
        let is_in = |list: &[String]| groups.iter().any(|group| list.contains(group));
        if is_in(&self.streamers) {
            Role::Streamer
        } else if is_in(&self.moderators) {
            Role::Moderator
        } else {
            Role::Member
        }
    }

    fn explain(&self) -> String {
        let lists = [("streamers", &self.streamers), ("moderators", &self.moderators)];
        let lists = lists.into_iter().filter(|(_, groups)| !groups.is_empty());
        lists.map(|(what, groups)| format!("{} are {what}", groups.join(", "))).collect::<Vec<_>>().join(", ")
    }
}

/// The origin of an address.
fn origin(address: &str) -> Option<String> {
    let uri: http::Uri = address.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// The host of an address, without a port.
fn host(address: &str) -> Option<&str> {
    let rest = address.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(authority.rsplit_once(':').map_or(authority, |(host, _)| host))
}

/// Whether nobody on the network can forge the answer: an `https` address, or `http` to this machine.
#[must_use]
pub fn is_safe(address: &str) -> bool {
    let Ok(uri) = address.parse::<http::Uri>() else { return false };
    let here = |host: &str| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => here(host),
        _ => false,
    }
}
