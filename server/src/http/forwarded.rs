//! Forwarding headers: the client's address and the host that it asked for, behind proxies. Only the proxies that the operator
//! lists are believed.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue, header};

use crate::config::Config;

/// Headers that only a listed proxy may set.
pub const SAID_BY_PROXIES: [&str; 4] = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"];

/// The client's address: the peer's, or, behind trusted proxies, the last address in `X-Forwarded-For` that is not a trusted
/// proxy's. Anything before it was written by the client and cannot be believed.
pub fn client_addr(config: &Config, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
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

/// An address as proxies write it, with or without a port.
fn forwarded_addr(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|addr| addr.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

/// The host, with its port, that the client asked for, as the outermost trusted proxy says. Some proxies hide the port (nginx'
/// `$host`) or the whole name (its bare `proxy_pass`); then the page's origin, which browsers send with a POST, fills it in.
pub fn public_host(headers: &HeaderMap, behind_trusted_proxy: bool) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host");
    if !behind_trusted_proxy {
        return host.map(str::to_owned);
    }
    let first =
        |name| text(name).and_then(|list| list.split(',').next()).map(str::trim).filter(|said| !said.is_empty());
    let forwarded = first("x-forwarded-host");
    let said = forwarded.or(host)?;
    let page = page_host(headers);
    let (name, port) = parts(said)?;
    // Browsers set this header, and scripts cannot forge it.
    let is_own = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    let hides_name = forwarded.is_none() && (is_own || !name.contains('.') || is_local_name(said));
    match (page, first("x-forwarded-port")) {
        (Some(page), _) if hides_name => Some(page.to_owned()),
        (_, Some(port @ ("80" | "443"))) if parts(said) == Some((name, Some(port))) => Some(name.to_owned()),
        (_, Some(forwarded)) if port.is_none() && !matches!(forwarded, "80" | "443") => {
            Some([said, ":", forwarded].concat())
        }
        (Some(page), _) if port.is_none() && parts(page).is_some_and(|(other, _)| other.eq_ignore_ascii_case(name)) => {
            Some(page.to_owned())
        }
        _ => Some(said.to_owned()),
    }
}

/// The page that sends the request: browsers name it in `Origin` of every POST, very old ones in `Referer`.
pub fn asking_page(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(header::ORIGIN).or_else(|| headers.get(header::REFERER))
}

/// The host of that page, with its port.
pub fn page_host(headers: &HeaderMap) -> Option<&str> {
    asking_page(headers)?.to_str().ok()?.split_once("://")?.1.split('/').next()
}

/// Whether a host name can be this machine's own: an IP address, `localhost`, or a name below it. Any other name that resolves
/// to this machine belongs to a foreign site ([DNS rebinding](https://en.wikipedia.org/wiki/DNS_rebinding)).
pub fn is_local_name(host: &str) -> bool {
    let Some((name, _)) = parts(host) else { return false };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.parse::<IpAddr>().is_ok() || last.eq_ignore_ascii_case("localhost")
}

/// The name of a host, without brackets and port, if it is one: a name or an IP address, without what else a URL has.
pub fn name_of(host: &str) -> Option<&str> {
    let (name, _) = parts(host)?;
    let is_address = name.parse::<IpAddr>().is_ok();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    (is_address || is_name).then_some(name)
}

/// Splits a host into its name, without brackets, and its port.
fn parts(host: &str) -> Option<(&str, Option<&str>)> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match rest.strip_prefix(':') {
        Some(port) => is_port(port).then_some((name, Some(port))),
        None => rest.is_empty().then_some((name, None)),
    }
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

    #[test]
    fn a_name_bent_to_this_machine_is_told_from_its_own() {
        for own in ["127.0.0.1:3000", "localhost:3000", "localhost", "[::1]:3000", "[::1]", "192.168.1.5"] {
            assert!(is_local_name(own), "{own}");
        }
        for own in ["cam.localhost:3000", "LOCALHOST"] {
            assert!(is_local_name(own), "{own}");
        }
        for bent in ["evil.example:3000", "evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example"] {
            assert!(!is_local_name(bent), "{bent}");
        }
        for bent in ["[::1]evil.example", "[::1].evil.example:3000", "[::1", "127.0.0.1:3000:evil", "localhost:", "::1"]
        {
            assert!(!is_local_name(bent), "{bent}");
        }
    }

    fn host(lines: &[(&'static str, &str)], trusted: bool) -> String {
        let headers = lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        public_host(&headers, trusted).unwrap_or_default()
    }

    #[test]
    fn what_a_trusted_proxy_forwards_or_hides_of_the_name_is_understood() {
        let inner = ("host", "127.0.0.1:3000");
        let (forwarded, origin) = (("x-forwarded-host", "danmu.example"), ("origin", "http://danmu.example:8080"));
        assert_eq!(host(&[inner, ("x-forwarded-host", "danmu.example, inner")], true), "danmu.example");
        assert_eq!(host(&[inner, forwarded], false), "127.0.0.1:3000", "of anybody");
        assert_eq!(host(&[inner, forwarded, ("x-forwarded-port", "8080")], true), "danmu.example:8080");
        assert_eq!(host(&[inner, forwarded, ("x-forwarded-port", "443")], true), "danmu.example");
        // `proxy_set_header Host $host`, on whatever port.
        assert_eq!(host(&[("host", "danmu.example"), origin], true), "danmu.example:8080");
        assert_eq!(host(&[("host", "danmu.example"), origin], false), "danmu.example");
        assert_eq!(host(&[("host", "danmu.example"), ("origin", "http://evil.example:8080")], true), "danmu.example");
        // A bare `proxy_pass`: the name is that of the upstream.
        for inner in ["127.0.0.1:3000", "localhost:3000", "danmu:3000", "backend"] {
            assert_eq!(host(&[("host", inner), origin], true), "danmu.example:8080", "{inner}");
            assert_eq!(host(&[("host", inner), origin], false), inner);
        }
        let over_tls = [("host", "danmu.internal:3000"), ("origin", "https://danmu.example")];
        assert_eq!(host(&over_tls, true), "danmu.internal:3000");
        assert_eq!(host(&[over_tls[0], over_tls[1], ("sec-fetch-site", "same-origin")], true), "danmu.example");
    }
}
