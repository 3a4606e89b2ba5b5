//! Settings of the pages: address, proxies and limits.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use http::uri::Authority;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error as _};

/// The pages.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// The address to listen on. Default `127.0.0.1:3000`.
    #[serde(deserialize_with = "address")]
    pub addr: SocketAddr,
    /// Networks of trusted proxies, in CIDR notation. Only their `X-Forwarded-For`, `X-Forwarded-Host`, `X-Forwarded-Port` and
    /// `X-Forwarded-Proto` are believed, which say who the client is and which address it asked for. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// How many connections may be open at once, on each port; viewers who share a connection count one by one. A reserve on
    /// top serves short requests. Default 10,000.
    pub max_connections: usize,
    /// The share of these that one network (an IPv4 address, or an IPv6 /64) may have, in percent. Default 25.
    pub network_percent: u8,
    /// Idle timeout of a connection, in seconds, 1 to 3,600: longer than that of a load balancer in front. Default 75.
    pub keep_alive_s: u64,
    /// How long, after SIGTERM, `/readyz` says "draining" while connections are still accepted, in seconds, so that a load
    /// balancer notices in time. Default 0.
    pub drain_delay_s: u64,
    /// The origin under which viewers reach the pages, as in `https://danmu.example`, for QR codes. Default the address under
    /// which a page with a code was opened.
    pub public_url: Option<String>,
}

/// An address to listen on.
///
/// # Errors
/// Why it is invalid, as text for the operator.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if text.contains('/') {
        return Err(format!(
            "{text:?} is no address and port: pages are served at the root of a name, over plain HTTP; a path below another site \
             cannot be theirs. Give them a name of their own in the proxy"
        ));
    }
    text.parse().map_err(|_| format!("{text:?} is no address and port, as 127.0.0.1:3000 is; a name cannot stand here"))
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parse_address(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Whether a text is the origin of a page.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| !host.host().is_empty() && !host.as_str().contains('@') && text.len() <= 200)
}

impl Default for Http {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            trusted_proxies: Vec::new(),
            max_connections: 10_000,
            network_percent: 25,
            keep_alive_s: 75,
            drain_delay_s: 0,
            public_url: None,
        }
    }
}

impl Http {
    /// How long an idle connection is kept.
    #[must_use]
    pub const fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive_s)
    }

    /// Validates the settings.
    ///
    /// # Errors
    /// The setting's name, its value, and what it should be.
    pub(super) fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        let wrong = |name, value: &dyn ToString, reason| Err((name, value.to_string(), reason));
        if !(10..=1_000_000).contains(&self.max_connections) {
            return wrong("http.max_connections", &self.max_connections, "10 to 1000000");
        }
        if !(1..=100).contains(&self.network_percent) {
            return wrong("http.network_percent", &self.network_percent, "1 to 100 percent of http.max_connections");
        }
        if !(1..=3_600).contains(&self.keep_alive_s) {
            return wrong("http.keep_alive_s", &self.keep_alive_s, "1 to 3600 seconds");
        }
        if self.drain_delay_s > 300 {
            return wrong("http.drain_delay_s", &self.drain_delay_s, "0 to 300 seconds");
        }
        if let Some(origin) = self.public_url.as_ref().filter(|origin| !is_origin(origin)) {
            return wrong(
                "http.public_url",
                origin,
                "an origin as https://danmu.example or http://192.168.1.5:3000, no path",
            );
        }
        Ok(())
    }
}
