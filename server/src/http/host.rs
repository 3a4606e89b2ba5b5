//! The host of a request: exactly one, in whichever way the version of HTTP names it
//! ([RFC 9112, section 3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)).

use axum::body::Body;
use http::{HeaderValue, Request, StatusCode, Version, header::HOST, uri::Authority};

/// Normalizes the host into `Host`. It is overwritten by HTTP/2's `:authority`, which it must equal (RFC 9113, section 8.3.1),
/// and by the host of an absolute URI in HTTP/1.1 (RFC 9112, section 3.2.2).
///
/// # Errors
/// The response if there is no host, more than one, or an invalid one.
pub fn name_host(request: &mut Request<Body>) -> Result<(), (StatusCode, &'static str)> {
    let named = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    let is_http2 = request.version() == Version::HTTP_2;
    let is_named = is_http2 && named.is_some();
    if !is_named && !has_one_host(request) {
        return Err((StatusCode::BAD_REQUEST, "A request has one Host, and that is a name.\n"));
    }
    if let Some(host) = named {
        request.headers_mut().insert(HOST, host);
    }
    Ok(())
}

fn has_one_host(request: &Request<Body>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let is_name =
        |host: &HeaderValue| Authority::try_from(host.as_bytes()).is_ok_and(|host| !host.as_str().contains('@'));
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.is_empty() || is_name(host),
        // HTTP/1.0 does not require a host.
        (None, None) => request.version() < Version::HTTP_11,
        _ => false,
    }
}
