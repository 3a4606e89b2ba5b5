//! Which viewer a request is from, by its cookie: who signed in, or a guest; whoever has none is a new guest, and gets one.
//!
//! The cookie is never read by scripts (`HttpOnly`), never sent with what pages of other sites ask for (`SameSite=Strict`), and
//! never over plain HTTP where the page itself came over TLS (`Secure`)
//! ([RFC 6265bis, 4.1.2](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.2)).

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use danmu::{rights::Rights, viewer::ViewerId};
use danmu_app::services::Caller;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{AppState, client::ClientAddr};
use crate::identity::{COOKIE, Identity, MEMBER_COOKIE, Member};

/// The cookie that has a member's ID token, where an identity pool wants to see it. It goes to the server functions only, and no
/// script reads it.
pub const TOKEN_COOKIE: &str = "danmu_id_token";
/// A year, in seconds.
const KEPT_S: u32 = 31_536_000;

/// Tells the handler who is asking, as [`Caller`] among the request's extensions, and a new guest who it is from now on.
pub async fn recognise(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let Some(ClientAddr(addr)) = request.extensions().get().copied() else {
        // Only where a test calls the router without a connection.
        return (StatusCode::BAD_REQUEST, "The address of the client is not known.\n").into_response();
    };
    if let Some(Member { viewer, name, rights, .. }) = member(&state.identity, request.headers()) {
        let login = cookies(request.headers(), TOKEN_COOKIE).find_map(|token| state.issuers.login(token));
        request.extensions_mut().insert(Caller { addr, viewer, name, rights, login });
        return next.run(request).await;
    }
    let (viewer, cookie) = match known(&state.identity, request.headers()) {
        Some(viewer) => (viewer, None),
        None => match state.identity.new_guest() {
            Ok((viewer, value)) => (viewer, Some(cookie(&value, is_secure(request.headers())))),
            Err(error) => {
                tracing::error!(%error, "no guest can be let in");
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
        },
    };
    request.extensions_mut().insert(Caller { addr, viewer, name: None, rights: Rights::default(), login: None });
    let mut response = next.run(request).await;
    if let Some(cookie) = cookie.filter(|_| response.status().is_success())
        && let Ok(cookie) = HeaderValue::try_from(cookie)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The viewer whom one of the cookies names.
fn known(identity: &Identity, headers: &HeaderMap) -> Option<ViewerId> {
    cookies(headers, COOKIE).find_map(|value| identity.guest(value))
}

/// Who signed in, by one of the cookies.
pub fn member(identity: &Identity, headers: &HeaderMap) -> Option<Member> {
    cookies(headers, MEMBER_COOKIE).find_map(|value| identity.member(value))
}

/// The values of all cookies of that name.
fn cookies<'a>(headers: &'a HeaderMap, wanted: &'a str) -> impl Iterator<Item = &'a str> {
    // HTTP/2 may send a line for each. Another program on this host may have set one that is no ASCII: it is passed over alone.
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let cookies = cookies.filter_map(|cookie| std::str::from_utf8(cookie).ok()?.trim().split_once('='));
    cookies.filter_map(move |(name, value)| (name == wanted).then_some(value))
}

/// Whether the page that asks came over TLS. The browser says so itself, whatever proxies there are: with everything that is
/// posted comes the page's origin, and it is known to be ours by now.
pub fn is_secure(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

fn cookie(value: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; Max-Age={KEPT_S}; HttpOnly; SameSite=Strict{secure}")
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
        assert_eq!(
            cookie("g1.x", true),
            "danmu_guest=g1.x; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(!cookie("g1.x", false).contains("Secure"));
        let page = |origin: &'static str| [(header::ORIGIN, HeaderValue::from_static(origin))].into_iter().collect();
        assert!(is_secure(&page("https://danmu.example")) && !is_secure(&page("http://127.0.0.1:3000")));
    }
}
