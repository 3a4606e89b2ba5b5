//! The origin of a request: the client's address, the host that it asked for, and the site whose page sent it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use danmu_app::{account::AccountError, error::ApiError};
use danmu_stream::{Seldom, quoted};
use http::{HeaderMap, HeaderValue, StatusCode};
use ipnet::IpNet;

use super::{
    AppState,
    forwarded::{SAID_BY_PROXIES, asking_page, client_addr, is_local_name, page_host, public_host},
    public_origin::public_origin,
};
use crate::listen::lan_addr;

/// The answer to a request under a foreign host name, which may come from the operator's own unlisted proxy.
const BENT: &str = "This server is served to its own machine only, under no other name than its address, localhost or a name under that. \
                    If a proxy in front of it passes this name on, list the proxy in http.trusted_proxies.";
/// The answer to a page of another site, which may be our own behind an unlisted proxy.
const FOREIGN: &str = "This address answers pages of its own site only. If it is behind a proxy, the server's settings have to \
                       list the proxy in http.trusted_proxies; the server's log says how.";

/// The client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// The host, with its port, that a request asked for.
#[derive(Clone, Debug)]
struct PublicHost(Option<String>);

/// Warns about proxies that may have to be listed, at most once a minute for each address and kind.
#[derive(Debug, Default)]
pub struct Unlisted(Seldom<(IpAddr, &'static str)>);

impl Unlisted {
    fn say(&self, peer: Option<IpAddr>, headers: &HeaderMap, what: &'static str) {
        let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return };
        let Some(requests) = self.0.note(&(peer, what), Instant::now()) else { return };
        let said =
            |name| headers.get(name).map(|value: &HeaderValue| quoted(&String::from_utf8_lossy(value.as_bytes())));
        let (host, origin) = (said("host").unwrap_or_default(), said("origin").unwrap_or_default());
        let setting = format!("http.trusted_proxies = [\"{}\"]", IpNet::from(peer));
        tracing::warn!(%peer, requests, host, origin, setting, "{what}; if that address is a proxy of yours, write the setting");
    }
}

fn peer(request: &Request) -> Option<IpAddr> {
    // Missing only where a test calls the router without a connection.
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}

/// Adds the client's address ([`ClientAddr`]) and the host that it asked for to the request's extensions, and tells the stream
/// the host as `X-Forwarded-Host`. Forwarding headers from other peers than trusted proxies are removed.
pub async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let peer = peer(&request);
    let trusted = peer.is_some_and(|peer| state.config.trusts(peer));
    if let Some(peer) = peer {
        let client = client_addr(&state.config, peer, request.headers());
        request.extensions_mut().insert(ClientAddr(client));
    }
    let host = public_host(request.headers(), trusted);
    if !trusted {
        if request.headers().contains_key("x-forwarded-for") {
            state.unlisted.say(peer, request.headers(), "clients behind an unlisted proxy count as one network");
        }
        SAID_BY_PROXIES.iter().for_each(|name| drop(request.headers_mut().remove(*name)));
    } else if let Some(host) = host.as_deref().and_then(|host| HeaderValue::from_str(host).ok()) {
        request.headers_mut().insert("x-forwarded-host", host);
    }
    if request.uri().path().starts_with("/wall/") {
        let origin = public_origin(&state.config, host.as_deref(), request.headers(), lan_addr);
        request.extensions_mut().insert(origin);
    }
    request.extensions_mut().insert(PublicHost(host));
    next.run(request).await
}

/// Defence against DNS rebinding: a server that listens on loopback only refuses host names that are not local.
pub async fn refuse_bent_names(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let peer = peer(&request);
    let trusted = peer.is_some_and(|peer| state.config.trusts(peer));
    let only_here = state.config.http.addr.ip().is_loopback() && !trusted;
    let bent = only_here && !asked_for(&request).is_some_and(is_local_name);
    if bent {
        state.unlisted.say(peer, request.headers(), "a request under a name that is not this machine's was refused");
        return refusal(&request, BENT);
    }
    next.run(request).await
}

/// Defence against cross-site requests: refuses requests from pages of other sites. A request without an origin does not come
/// from a page, so it brings no visitor's cookie.
pub async fn refuse_foreign_pages(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if is_foreign(request.headers(), asked_for(&request)) {
        let peer = peer(&request).filter(|peer| !state.config.trusts(*peer));
        state.unlisted.say(peer, request.headers(), "a form of what seems another site's page was refused");
        return refusal(&request, FOREIGN);
    }
    next.run(request).await
}

fn asked_for(request: &Request) -> Option<&str> {
    request.extensions().get::<PublicHost>().and_then(|host| host.0.as_deref())
}

/// The refusal in the form that the caller parses, so that a page can show it.
fn refusal(request: &Request, why: &str) -> Response {
    let body = match request.uri().path() {
        "/api/sign_in" | "/api/sign_out" => Json(AccountError::Refused(why.to_owned())).into_response(),
        path if path.starts_with("/api/") => Json(ApiError::Other(why.to_owned())).into_response(),
        _ => [why, "\n"].concat().into_response(),
    };
    (StatusCode::FORBIDDEN, body).into_response()
}

fn is_foreign(headers: &HeaderMap, host: Option<&str>) -> bool {
    // Browsers send this header to secure origins only, and scripts cannot set it.
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if !matches!(site, None | Some(b"same-origin")) {
        return true;
    }
    if asking_page(headers).is_none() {
        return false;
    }
    let own = page_host(headers).zip(host).is_some_and(|(page, host)| page.eq_ignore_ascii_case(host));
    !own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(lines: &[(&'static str, &str)], trusted: bool) -> bool {
        let headers: HeaderMap =
            lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        is_foreign(&headers, public_host(&headers, trusted).as_deref())
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
    fn behind_a_trusted_proxy_the_public_name_is_the_hosts() {
        let lines =
            [("host", "10.0.0.5:3000"), ("x-forwarded-host", "danmu.example"), ("origin", "https://danmu.example")];
        assert!(!foreign(&lines, true));
        assert!(!foreign(&[("x-forwarded-host", "danmu.example, inner"), lines[2]], true));
        assert!(foreign(&lines, false));
        // Over TLS a browser says what another site's page is, however the proxy hides the name.
        let hidden = [("host", "127.0.0.1:3000"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        assert!(foreign(&hidden, true));
    }
}
