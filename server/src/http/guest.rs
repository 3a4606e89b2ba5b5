//! Cookies: finds out which viewer sends a request, a member or a guest; a request without a cookie gets a new guest's.
//!
//! Cookies are `HttpOnly`, so no script reads them. A guest's is `SameSite=Strict`, so requests from other sites do not carry
//! it. If the page came over TLS, cookies are `Secure` and have a name prefix (`__Host-`: no other host of the domain can set
//! it) ([RFC 6265bis, 4.1](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1)).

use std::{net::IpAddr, sync::LazyLock, time::Instant};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use danmu::{rights::Rights, viewer::ViewerId};
use danmu_app::services::Caller;
use danmu_identity::{
    identity::{COOKIE, Identity, MEMBER_COOKIE, Member, STUDIO_COOKIE},
    studio::Studio,
};
use danmu_stream::Seldom;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};

use super::{AppState, client::ClientAddr};

/// A cookie: its name, the prefix of its name where the page came over TLS, and its scope.
#[derive(Clone, Copy, Debug)]
pub struct Cookie {
    name: &'static str,
    secure_prefix: &'static str,
    scope: &'static str,
}

/// The cookie of a guest.
const GUEST: Cookie = Cookie { name: COOKIE, secure_prefix: "__Host-", scope: "Path=/; SameSite=Strict" };
/// The cookie of a member. `Lax`, since the page itself shows who is signed in, also after a link from another site. Posts from
/// other sites are refused.
pub const MEMBER: Cookie = Cookie { name: MEMBER_COOKIE, secure_prefix: "__Host-", scope: "Path=/; SameSite=Lax" };
/// The cookie with a member's ID token, where an identity pool needs it. It is long, so it is sent to the server functions
/// only; with that path it cannot have the prefix `__Host-`.
pub const TOKEN: Cookie =
    Cookie { name: "danmu_id_token", secure_prefix: "__Secure-", scope: "Path=/api; SameSite=Strict" };
/// The cookies of studios, one for each room: the room's id follows the name.
pub const STUDIO: Cookie = Cookie { name: STUDIO_COOKIE, secure_prefix: "__Host-", scope: "Path=/; SameSite=Strict" };
/// A year, in seconds.
const KEPT_S: i64 = 31_536_000;

/// Adds the signed-in [`Member`] to the request's extensions, if its cookie is valid and it has not signed out. If the store
/// cannot say, the request counts as a guest's.
pub async fn recognise_member(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let member = cookies(request.headers(), MEMBER).find_map(|value| state.identity.member(value));
    if let Some(member) = member {
        match state.store.is_signed_out(&member.sign_in).await {
            Ok(ended) if !ended => drop(request.extensions_mut().insert(member)),
            Ok(_) => {}
            Err(error) => {
                static UNKNOWN: LazyLock<Seldom<()>> = LazyLock::new(Seldom::default);
                if let Some(requests) = UNKNOWN.note(&(), Instant::now()) {
                    tracing::error!(requests, %error, "nobody knows whether a member has signed out");
                }
            }
        }
    }
    next.run(request).await
}

/// Adds the [`Caller`] to the request's extensions, and sets the cookie of a new guest on a successful response.
pub async fn recognise(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let Some(ClientAddr(addr)) = request.extensions().get().copied() else {
        // Missing only where a test calls the router without a connection.
        return (StatusCode::BAD_REQUEST, "The address of the client is not known.\n").into_response();
    };
    if let Some(caller) = known_caller(&state, &request, addr) {
        request.extensions_mut().insert(caller);
        return next.run(request).await;
    }
    let (viewer, value) = match state.identity.new_guest() {
        Ok(guest) => guest,
        Err(error) => {
            tracing::error!(%error, "no guest can be let in");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let cookie = GUEST.set(&value, KEPT_S, request.headers());
    request.extensions_mut().insert(Caller { addr, viewer, name: None, rights: Rights::default(), login: None });
    let mut response = next.run(request).await;
    if let Some(cookie) = cookie.filter(|_| response.status().is_success()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Adds the [`Caller`] to the extensions of a request for a page, if its cookies say who it is. Makes no guest.
pub async fn recognise_known(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let addr = request.extensions().get().copied();
    if let Some(caller) = addr.and_then(|ClientAddr(addr)| known_caller(&state, &request, addr)) {
        request.extensions_mut().insert(caller);
    }
    next.run(request).await
}

/// The rights of a viewer at this moment, by the head of its request. Those of a [`Caller`] are from before it was served: keys may have
/// changed since.
pub fn rights_now(studio: &Studio, viewer: &ViewerId, request: &Parts) -> Rights {
    let rights = request.extensions.get::<Member>().map(|member| member.rights.clone()).unwrap_or_default();
    studio.rights(viewer, rights, passes(&request.headers))
}

/// The values of all cookies of studios.
fn passes(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    cookies_by(headers, STUDIO, |name| name.starts_with(STUDIO.name))
}

/// The caller whom the cookies name, with all its rights.
fn known_caller(state: &AppState, request: &Request, addr: IpAddr) -> Option<Caller> {
    let headers = request.headers();
    let (viewer, name, rights, login) = match request.extensions().get::<Member>().cloned() {
        Some(Member { viewer, name, rights, .. }) => {
            let login = cookies(headers, TOKEN).find_map(|token| state.issuers.login(token));
            (viewer, name, rights, login)
        }
        None => (known(&state.identity, headers)?, None, Rights::default(), None),
    };
    let rights = state.studio.rights(&viewer, rights, passes(headers));
    Some(Caller { addr, viewer, name, rights, login })
}

/// The viewer whom the cookies name: for what shows a viewer only what it said itself.
pub fn viewer_of(identity: &Identity, headers: &HeaderMap) -> Option<ViewerId> {
    let member = cookies(headers, MEMBER).find_map(|value| identity.member(value));
    member.map(|member| member.viewer).or_else(|| known(identity, headers))
}

/// The guest whom one of the cookies names.
fn known(identity: &Identity, headers: &HeaderMap) -> Option<ViewerId> {
    cookies(headers, GUEST).find_map(|value| identity.guest(value))
}

/// The values of all cookies with that name.
fn cookies(headers: &HeaderMap, wanted: Cookie) -> impl Iterator<Item = &str> {
    cookies_by(headers, wanted, move |name| name == wanted.name)
}

/// The values of all cookies whose name without the prefix `fits`. Where the page is known to have come over TLS, only prefixed
/// ones count.
fn cookies_by(headers: &HeaderMap, wanted: Cookie, fits: impl Fn(&str) -> bool + Copy) -> impl Iterator<Item = &str> {
    let plain = (!is_secure(headers)).then(|| named(headers, "", fits));
    named(headers, wanted.secure_prefix, fits).chain(plain.into_iter().flatten())
}

fn named<'a>(
    headers: &'a HeaderMap,
    prefix: &'static str,
    fits: impl Fn(&str) -> bool,
) -> impl Iterator<Item = &'a str> {
    // HTTP/2 may split cookies into several lines. A cookie that is not UTF-8, from another program on this host, is skipped.
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let cookies = cookies.filter_map(|cookie| std::str::from_utf8(cookie).ok()?.trim().split_once('='));
    cookies.filter_map(move |(name, value)| fits(name.strip_prefix(prefix)?).then_some(value))
}

/// Whether the page came over TLS, by its origin, which browsers send with every POST, whatever proxies there are. An origin of
/// another site can pass here, but `client::refuse_foreign_pages` refuses its POST.
pub fn is_secure(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

impl Cookie {
    /// The `Set-Cookie` header that keeps the cookie for `seconds`.
    pub fn set(self, value: &str, seconds: i64, headers: &HeaderMap) -> Option<HeaderValue> {
        self.set_for("", value, seconds, headers)
    }

    /// The same where something follows the cookie's name.
    pub fn set_for(self, more: &str, value: &str, seconds: i64, headers: &HeaderMap) -> Option<HeaderValue> {
        let Self { name, secure_prefix, scope } = self;
        let name = [name, more].concat();
        let (prefix, secure) = if is_secure(headers) { (secure_prefix, "; Secure") } else { ("", "") };
        let cookie = format!("{prefix}{name}={value}; {scope}; Max-Age={seconds}; HttpOnly{secure}");
        HeaderValue::try_from(cookie).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_found_among_other_cookies_and_a_forged_one_is_passed_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let identity = Identity::open(&dir.path().join("keys.json")).expect("keys");
        let (viewer, value) = identity.new_guest().expect("a guest");
        let found = |lines: &[String]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).expect("a line"));
            }
            known(&identity, &headers)
        };
        let cookie = format!("{COOKIE}={value}");
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[format!("lang=zh; {cookie}; a=b=c")]), Some(viewer.clone()));
        assert_eq!(found(&["lang=zh".into(), cookie.clone()]), Some(viewer.clone()));
        assert_eq!(found(&[format!("{cookie}; nick=张三")]), Some(viewer.clone()), "another program's name");
        assert_eq!(found(&[format!("{COOKIE}={viewer}.AAAA")]), None);
        assert_eq!(found(&[format!("{COOKIE}={viewer}.AAAA; {cookie}")]), Some(viewer));
        assert_eq!(found(&[format!("x{cookie}")]), None);
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_other_sites_and_plain_http() {
        let page = |origin: &'static str| [(header::ORIGIN, HeaderValue::from_static(origin))].into_iter().collect();
        assert_eq!(
            GUEST.set("g1.x", KEPT_S, &page("https://danmu.example")).expect("a cookie"),
            "__Host-danmu_guest=g1.x; Path=/; SameSite=Strict; Max-Age=31536000; HttpOnly; Secure"
        );
        assert_eq!(
            GUEST.set("g1.x", KEPT_S, &page("http://127.0.0.1:3000")).expect("a cookie"),
            "danmu_guest=g1.x; Path=/; SameSite=Strict; Max-Age=31536000; HttpOnly"
        );
    }

    #[test]
    fn over_tls_no_cookie_counts_that_another_host_could_have_set() {
        let found = |origin: &'static str, cookies: &'static str| -> Vec<String> {
            let lines = [(header::ORIGIN, origin), (header::COOKIE, cookies)];
            let headers = lines.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
            super::cookies(&headers, MEMBER).map(str::to_owned).collect()
        };
        let both = "danmu_member=planted; __Host-danmu_member=ours";
        assert_eq!(found("https://danmu.example", both), ["ours"]);
        assert_eq!(found("http://127.0.0.1:3000", both), ["ours", "planted"]);
        assert!(found("https://danmu.example", "danmu_member=planted").is_empty());
    }
}
