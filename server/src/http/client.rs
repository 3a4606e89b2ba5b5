//! Who a request comes from: the client's address, behind trusted proxies too, and the site whose page made it.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};

use super::AppState;
use crate::config::Config;

/// What a request under a foreign name is told; its sender may well be the operator's own proxy.
const BENT: &str = "This server is served to its own machine only, under no other name than its address, localhost or a name under that. \
                    If a proxy in front of it passes this name on, list the proxy in http.trusted_proxies.\n";

/// The address that a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// Tells every handler the client's address, as [`ClientAddr`] among the request's extensions.
pub async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    // Missing only where a test calls the router without a connection.
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    if let Some(peer) = peer {
        let client = client_addr(&state.config, peer, request.headers());
        request.extensions_mut().insert(ClientAddr(client));
    }
    next.run(request).await
}

/// Refuses what a page of another site sends. What says nothing of where it comes from is no page at all, and brings no
/// visitor's cookie with it.
pub async fn refuse_foreign_pages(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let trusted = peer.is_some_and(|peer| state.config.trusts(peer));
    let only_here = state.config.http.addr.ip().is_loopback() && !trusted;
    let bent = only_here && !public_host(request.headers(), false).is_some_and(is_local_name);
    if bent {
        return (StatusCode::FORBIDDEN, BENT).into_response();
    }
    if is_foreign(request.headers(), trusted) {
        return (StatusCode::FORBIDDEN, "This address answers pages of its own site only.\n").into_response();
    }
    next.run(request).await
}

/// The address of the client: of the peer, or, behind trusted proxies, the last one in `X-Forwarded-For` that is not
/// theirs. What stands before that was written by the client, and could be anything.
fn client_addr(config: &Config, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut client = peer.to_canonical();
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        if !config.trusts(client) {
            break;
        }
        let Some(addr) = forwarded_addr(hop.trim()) else { break };
        client = addr.to_canonical();
    }
    client
}

/// An address as proxies write it: with a port or without.
fn forwarded_addr(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|addr| addr.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

fn is_foreign(headers: &HeaderMap, behind_trusted_proxy: bool) -> bool {
    // Browsers send it to secure origins only, and there it cannot be had by a page's script.
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if !matches!(site, None | Some(b"same-origin")) {
        return true;
    }
    // Every browser says where a POST comes from, those before `Sec-Fetch-Site`, too; a few of the oldest by the page's address.
    let Some(page) = headers.get(header::ORIGIN).or_else(|| headers.get(header::REFERER)) else { return false };
    let own = match (page.to_str().ok(), public_host(headers, behind_trusted_proxy)) {
        (Some(page), Some(host)) => {
            let authority = page.split_once("://").and_then(|(_, rest)| rest.split('/').next());
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        }
        _ => false,
    };
    !own
}

/// The name that the client asked for: as the first proxy saw it, where proxies are trusted.
fn public_host(headers: &HeaderMap, behind_trusted_proxy: bool) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let forwarded = text("x-forwarded-host").filter(|_| behind_trusted_proxy);
    forwarded.and_then(|list| list.split(',').next()).map(str::trim).or_else(|| text("host"))
}

/// Whether a name can be this machine's own: an address, `localhost`, or a name under that, which leads nowhere else
/// ([RFC 6761, section 6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3)). Any other name that leads here was bent to it
/// by somebody's DNS, and the page behind it is a foreign one ([DNS rebinding](https://en.wikipedia.org/wiki/DNS_rebinding)).
fn is_local_name(host: &str) -> bool {
    let name = host.strip_prefix('[').map_or_else(
        || host.rsplit_once(':').map_or(host, |(name, _)| name),
        |rest| rest.split(']').next().unwrap_or_default(),
    );
    let top = name.rsplit('.').next().unwrap_or_default();
    name.parse::<IpAddr>().is_ok() || top.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let mut config = Config::default();
        config.http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        config
    }

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        client_addr(&config(), peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_say_who_the_client_is() {
        assert_eq!(client("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn what_the_client_wrote_itself_counts_for_nothing() {
        assert_eq!(client("10.0.0.1", &["203.0.113.9, 198.51.100.1, 10.2.3.4"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1, not an address"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_understood() {
        assert_eq!(client("10.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(client("fd00::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("fd00::1", &["[2001:db8::1]"]), "2001:db8::1");
    }

    fn foreign(lines: &[(&'static str, &str)], trusted: bool) -> bool {
        is_foreign(
            &lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect(),
            trusted,
        )
    }

    #[test]
    fn pages_of_other_sites_are_told_from_our_own() {
        let host = ("host", "danmu.example:3000");
        assert!(!foreign(&[host], false));
        assert!(!foreign(&[host, ("origin", "https://danmu.example:3000")], false));
        assert!(foreign(&[host, ("origin", "https://evil.example")], false));
        assert!(foreign(&[host, ("origin", "https://danmu.example")], false));
        assert!(foreign(&[host, ("origin", "null")], false));
        assert!(foreign(&[host, ("sec-fetch-site", "cross-site")], false));
        assert!(foreign(&[host, ("sec-fetch-site", "same-site")], false));
        assert!(foreign(&[host, ("sec-fetch-site", "none")], false), "no page of ours is typed");
        assert!(!foreign(&[host, ("sec-fetch-site", "same-origin")], false));
        assert!(!foreign(&[host, ("referer", "https://danmu.example:3000/room/demo")], false));
        assert!(foreign(&[host, ("referer", "https://evil.example/danmu.example:3000/")], false));
        assert!(foreign(&[host, ("referer", "https://danmu.example:3000.evil.example/")], false));
        let both = [("origin", "https://evil.example"), ("referer", "https://danmu.example:3000/")];
        assert!(foreign(&[host, both[0], both[1]], false), "the origin counts");
    }

    #[test]
    fn a_name_bent_to_this_machine_is_told_from_its_own() {
        for own in [
            "127.0.0.1:3000",
            "localhost:3000",
            "localhost",
            "[::1]:3000",
            "[::1]",
            "192.168.1.5",
            "danmu.localhost:3000",
            "a.b.LOCALHOST",
        ] {
            assert!(is_local_name(own), "{own}");
        }
        for bent in [
            "evil.example:3000",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "",
        ] {
            assert!(!is_local_name(bent), "{bent}");
        }
    }

    #[test]
    fn behind_a_trusted_proxy_the_public_name_is_the_hosts() {
        let lines =
            [("host", "10.0.0.5:3000"), ("x-forwarded-host", "danmu.example"), ("origin", "https://danmu.example")];
        assert!(!foreign(&lines, true));
        assert!(!foreign(&[("x-forwarded-host", "danmu.example, inner"), lines[2]], true));
        assert!(foreign(&lines, false));
    }
}
