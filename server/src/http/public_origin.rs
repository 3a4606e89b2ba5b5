//! The origin under which viewers reach the pages, for the QR code of a wall.
//!
//! A setting names it, or the request does: the page is opened under the address that it shows. Where that is this machine's own
//! (`localhost`), which no phone reaches, the machine's address in its network goes in its place, if the server listens there.

use std::net::IpAddr;

use danmu_app::services::PublicOrigin;
use http::HeaderMap;

use super::forwarded::name_of;
use crate::config::Config;

/// The origin, for a request for `host` (with its port, as [`public_host`](super::forwarded::public_host) says). `headers` are
/// those of a trusted proxy, or without forwarding headers. `lan` finds this machine's address in its network.
pub fn public_origin(
    config: &Config,
    host: Option<&str>,
    headers: &HeaderMap,
    lan: impl FnOnce() -> Option<IpAddr>,
) -> PublicOrigin {
    if let Some(origin) = &config.http.public_url {
        return PublicOrigin { origin: origin.clone(), only_here: false };
    }
    // A host that is none is not repeated; the server's own address is at least true.
    let own = || config.http.addr.to_string();
    let host = host.filter(|host| name_of(host).is_some()).map_or_else(own, str::to_owned);
    let here = name_of(&host).is_some_and(is_this_machine);
    if !here {
        let scheme = if came_over_tls(headers) { "https" } else { "http" };
        return PublicOrigin { origin: format!("{scheme}://{host}"), only_here: false };
    }
    let port = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let reachable = config.http.addr.ip().is_unspecified().then(lan).flatten().filter(|addr| !addr.is_loopback());
    match reachable {
        Some(addr) => {
            let addr = if addr.is_ipv6() { format!("[{addr}]") } else { addr.to_string() };
            let port = port.map(|(_, port)| format!(":{port}")).unwrap_or_default();
            PublicOrigin { origin: format!("http://{addr}{port}"), only_here: false }
        }
        None => PublicOrigin { origin: format!("http://{host}"), only_here: true },
    }
}

/// Whether a name is one by which a machine calls itself.
fn is_this_machine(name: &str) -> bool {
    let is_local = name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"));
    is_local || name.parse::<IpAddr>().is_ok_and(|addr| addr.to_canonical().is_loopback() || addr.is_unspecified())
}

/// Whether the page came over TLS: a proxy says so, or the browser sends what it sends to secure origins only
/// ([Fetch Metadata](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)).
fn came_over_tls(headers: &HeaderMap) -> bool {
    let said = headers.get("x-forwarded-proto").and_then(|said| said.to_str().ok());
    let first = said.and_then(|said| said.split(',').next());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case("https")) || headers.contains_key("sec-fetch-site")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(addr: &str, host: &str, headers: &[(&'static str, &'static str)], lan: &str) -> (String, bool) {
        let mut config = Config::default();
        config.http.addr = addr.parse().expect("an address");
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let PublicOrigin { origin, only_here } = public_origin(&config, Some(host), &headers, || lan.parse().ok());
        (origin, only_here)
    }

    #[test]
    fn the_address_is_that_under_which_the_page_was_opened() {
        for (host, headers, wanted) in [
            ("192.168.1.5:3000", &[][..], "http://192.168.1.5:3000"),
            ("danmu.example", &[("x-forwarded-proto", "https")], "https://danmu.example"),
            ("danmu.example", &[("x-forwarded-proto", "https, http")], "https://danmu.example"),
            ("danmu.example", &[("x-forwarded-proto", "http")], "http://danmu.example"),
            // The proxy before the listed one ended TLS, and nobody says so but the browser.
            ("danmu.example", &[("x-forwarded-proto", "http"), ("sec-fetch-site", "none")], "https://danmu.example"),
            ("danmu.example:8443", &[("sec-fetch-site", "none")], "https://danmu.example:8443"),
            ("[2001:db8::1]:3000", &[], "http://[2001:db8::1]:3000"),
        ] {
            assert_eq!(shown("127.0.0.1:3000", host, headers, "10.0.0.9"), (wanted.to_owned(), false));
        }
    }

    #[test]
    fn no_phone_is_sent_to_this_machines_own_name_where_the_server_listens_elsewhere_too() {
        for host in ["localhost", "127.0.0.1", "cam.localhost", "[::1]", "127.1.2.3"] {
            // Browsers send this to their own machine over plain HTTP, too.
            let fetch = [("sec-fetch-site", "none")];
            let host = format!("{host}:3000");
            assert_eq!(shown("0.0.0.0:3000", &host, &fetch, "10.0.0.9"), ("http://10.0.0.9:3000".to_owned(), false));
            assert_eq!(shown("[::]:3000", &host, &fetch, "fd00::9"), ("http://[fd00::9]:3000".to_owned(), false));
            let own = (format!("http://{host}"), true);
            assert_eq!(shown("127.0.0.1:3000", &host, &fetch, "10.0.0.9"), own, "nobody listens there");
            assert_eq!(shown("0.0.0.0:3000", &host, &fetch, "127.0.0.1"), own, "there is no network");
        }
        assert_eq!(shown("0.0.0.0:80", "localhost", &[], "10.0.0.9").0, "http://10.0.0.9");
    }

    #[test]
    fn a_setting_goes_before_what_the_request_says_and_what_is_no_host_is_not_repeated() {
        let mut config = Config::default();
        let lan = || None;
        for host in [None, Some("a/b"), Some("a b"), Some("a\"><script>"), Some("evil@host")] {
            let shown = public_origin(&config, host, &HeaderMap::new(), lan);
            assert_eq!(shown.origin, "http://127.0.0.1:3000", "{host:?}");
        }
        config.http.public_url = Some("https://danmu.example".into());
        let shown = public_origin(&config, Some("localhost:3000"), &HeaderMap::new(), lan);
        assert_eq!(shown, PublicOrigin { origin: "https://danmu.example".into(), only_here: false });
    }
}
