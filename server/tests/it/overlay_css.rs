//! A style sheet in the address of an overlay page or a wall, in the real program: taken for hostile, as anybody makes links.

use crate::{
    program::Program,
    world::{Failure, Test},
};

/// The directive of that name in a page's policy, and the page.
fn page(program: &Program, path: &str) -> Result<(Vec<(String, String)>, String), Failure> {
    let answer = program.ask(&format!("GET {path}"), &["Accept-Language: en"], "")?;
    let policy = answer.head.lines().find_map(|line| line.strip_prefix("content-security-policy: "));
    let parts = policy.ok_or("no policy")?.split(';').map(|part| part.trim().split_once(' ').unwrap_or((part, "")));
    Ok((parts.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect(), answer.body))
}

fn directive<'a>(policy: &'a [(String, String)], name: &str) -> &'a str {
    policy.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value)
}

const LOADED: [&str; 2] = ["img-src", "font-src"];

#[test]
fn css_of_an_address_loads_nothing_but_itself() -> Test {
    let program = Program::start(&[])?;
    for page_of in ["overlay", "wall"] {
        let path = format!("/{page_of}/demo?css=https%3A%2F%2Fcdn.example%2Fa.css%3Fv%3D1");
        let (policy, body) = page(&program, &path)?;
        for name in LOADED {
            assert_eq!(directive(&policy, name), "'self' data:", "hostile css may load by {name}");
        }
        assert_eq!(directive(&policy, "style-src"), "'self' 'unsafe-inline' https://cdn.example");
        assert!(body.contains("data-sheet=\"https://cdn.example/a.css?v=1\""), "{body}");

        let (policy, body) =
            page(&program, &format!("/{page_of}/demo?css=%40import%20url(https%3A//evil.example)%3Ba%3Eb%7B%7D"))?;
        for name in LOADED {
            assert_eq!(directive(&policy, name), "'self' data:", "hostile css may load by {name}");
        }
        assert_eq!(directive(&policy, "style-src"), "'self' 'unsafe-inline'");
        assert!(body.contains("<style>@import url(https://evil.example);a>b{}</style>"), "{body}");
    }
    Ok(())
}

#[test]
fn no_css_of_an_address_is_html_or_a_rule_of_the_policy_or_reaches_another_page() -> Test {
    let program = Program::start(&[])?;
    let (usual, _) = page(&program, "/overlay/demo")?;
    assert_eq!(directive(&usual, "style-src"), "'self' 'unsafe-inline' https:", "as OBS' own custom CSS needs it");
    let scripts = |policy: &[(String, String)]| {
        let rule = directive(policy, "script-src").split(" 'nonce-").next().unwrap_or_default().to_owned();
        (rule, policy.len())
    };
    for css in [
        "%3C/style%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "https://a.example;script-src%20*//a.css",
        "https://a.example;script-src/a.css",
        "https://*/a.css",
        "http://a.example/a.css",
        "https://a.example/%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let (policy, body) = page(&program, &format!("/overlay/demo?css={css}"))?;
        assert_eq!(scripts(&policy), scripts(&usual), "{css}");
        assert!(!body.contains("<script>alert") && !directive(&policy, "style-src").contains('*'), "{css}: {body}");
    }
    // Pages of people have no such option.
    for path in ["/room/demo", "/", "/studio/demo"] {
        let (policy, body) = page(&program, &format!("{path}?css=.a%7B%7D"))?;
        assert!(directive(&policy, "style-src") == "'self'" && !body.contains("<style>"), "{path}");
    }
    Ok(())
}
