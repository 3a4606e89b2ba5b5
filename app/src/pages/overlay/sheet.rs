//! A style sheet of the streamer's own in an overlay page's address: the address of one, or CSS itself.
//!
//! Whoever follows a link opens what stands in it, so the CSS is taken for hostile. It runs no script, and can do nothing but
//! style a page that shows a room's public danmu. What CSS could do besides is to send something away, by loading images and
//! fonts depending on what the page has; so the page's policy lets it load none but from this server and from the sheet itself
//! (`data:`), and sheets from nowhere but the origin of its own.

use http::uri::Authority;

/// The longest address of a sheet, and the longest CSS, in bytes.
const MOST: (usize, usize) = (500, 2_000);

/// A style sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// By its address, and the origin of that.
    At {
        /// The address, as it was given.
        url: String,
        /// The origin, `https://` and a host of letters, digits, dots and hyphens, perhaps with a port: no other character
        /// could stand in a policy.
        origin: String,
    },
    /// Written into the address.
    Text(String),
}

impl Sheet {
    /// From the value of the option.
    ///
    /// # Errors
    /// What is allowed, for a person.
    pub fn parse(value: &str) -> Result<Self, String> {
        let (most_url, most_text) = MOST;
        if value.contains("://") && !value.contains('{') {
            let allowed = || format!("an address that begins with https://, of {most_url} characters at most, or CSS");
            let whole = value.len() <= most_url && value.bytes().all(|byte| byte.is_ascii_graphic());
            let origin = value.strip_prefix("https://").filter(|_| whole).and_then(origin).ok_or_else(allowed)?;
            return Ok(Self::At { url: value.to_owned(), origin });
        }
        if value.len() > most_text {
            return Err(format!(
                "{} bytes of CSS; {most_text} are allowed, more stand in a file (css=https://…)",
                value.len()
            ));
        }
        // The end of the element would be the beginning of HTML.
        if value.contains('<') {
            return Err(
                "CSS without “<”: write min-width and max-width, or put it into a file (css=https://…)".to_owned()
            );
        }
        Ok(Self::Text(value.to_owned()))
    }

    /// The directives of the page's policy about images, fonts and sheets, while this sheet applies.
    pub fn policy(&self) -> String {
        let from = match self {
            Self::At { origin, .. } => origin,
            Self::Text(_) => "",
        };
        format!("img-src 'self' data:; font-src 'self' data:; style-src 'self' 'unsafe-inline' {from}")
    }
}

/// The origin of an address, which is given without `https://`.
fn origin(rest: &str) -> Option<String> {
    let authority = rest.split(['/', '?', '#']).next()?;
    let named: Authority = authority.parse().ok()?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let is_host = !named.host().is_empty() && plain(named.host()) && !named.host().starts_with(['.', '-']);
    // No user, no IPv6 address, and no port but a number.
    let rest = authority.strip_prefix(named.host())?;
    let is_port = rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    (is_host && is_port).then(|| ["https://", authority].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_an_address_or_css() {
        let url = "https://cdn.example:8443/a/b.css?v=1,2;3#x".to_owned();
        let sheet = Sheet::At { url: url.clone(), origin: "https://cdn.example:8443".into() };
        assert_eq!(Sheet::parse(&url), Ok(sheet.clone()));
        assert_eq!(
            sheet.policy(),
            "img-src 'self' data:; font-src 'self' data:; style-src 'self' 'unsafe-inline' https://cdn.example:8443"
        );
        for css in [".danmu-text{color:red}", "@import url(https://a.example/x.css);.a{}", "a > b{}", ""] {
            let sheet = Sheet::Text(css.to_owned());
            assert_eq!(Sheet::parse(css), Ok(sheet.clone()), "{css}");
            assert!(!sheet.policy().contains("https:"), "nothing is loaded from elsewhere");
        }
    }

    #[test]
    fn no_address_widens_the_policy() {
        for hostile in [
            "http://cdn.example/a.css",
            "ftp://cdn.example/a.css",
            "javascript://cdn.example/a.css",
            "https://",
            "https:///a.css",
            "https://*/a.css",
            "https://*.example/a.css",
            "https://a.example;script-src *//a.css",
            "https://a.example;script-src/a.css",
            "https://a.example,b/a.css",
            "https://'unsafe-eval'/a.css",
            "https://user@a.example/a.css",
            "https://user:pass@a.example/a.css",
            "https://[::1]/a.css",
            "https://a.example:*/a.css",
            "https://a.example:/a.css",
            "https://a.example:99999/a.css",
            "https://a.example/a b.css",
            "https://a.example/\"onload=x",
            "https://ä.example/a.css",
            "https://.example/a.css",
            &format!("https://a.example/{}", "x".repeat(500)),
        ] {
            match Sheet::parse(hostile) {
                // A quote in a path is text like all others.
                Ok(Sheet::At { origin, .. }) => assert_eq!(origin, "https://a.example", "{hostile}"),
                other => assert!(other.is_err_and(|why| why.contains("https://")), "{hostile}"),
            }
        }
    }

    #[test]
    fn css_is_bounded_and_ends_no_element() {
        assert!(Sheet::parse(&"x".repeat(2_000)).is_ok());
        let why = Sheet::parse(&"x".repeat(2_001)).expect_err("too long");
        assert!(why.starts_with("2001 bytes of CSS; 2000 are allowed"), "{why}");
        for hostile in ["</style><script>alert(1)</script>", "a{}<!--"] {
            assert!(Sheet::parse(hostile).is_err(), "{hostile}");
        }
    }
}
