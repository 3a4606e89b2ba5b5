//! The wall in the real program: its code, its address, and who may frame it.

use danmu_app::qr;

use crate::{
    program::{Answer, Program},
    world::{Failure, Test},
};

const TYPED: &str = "class=\"wall-address\"";

fn open(program: &Program, host: &str, path: &str, head: &[&str]) -> Result<Answer, Failure> {
    program.ask_as(host, &format!("GET {path}"), &[&["Accept-Language: en"], head].concat(), "")
}

/// Whether a page has the code of that address, and the address as it is typed.
fn invites_to(page: &Answer, address: &str) -> bool {
    let Some((side, path)) = qr::path(address) else { return false };
    let (_, typed) = address.split_once("://").unwrap_or_default();
    let code = format!("viewBox=\"0 0 {side} {side}\"");
    let shown = page.body.split_once(TYPED).map(|(_, after)| after.split('<').next().unwrap_or_default());
    [&code, &format!("d=\"{path}\""), &format!("QR code of {address}")].iter().all(|part| page.body.contains(*part))
        && shown.is_some_and(|shown| shown.trim().ends_with(&format!(">{typed}")))
}

#[test]
fn a_wall_invites_to_the_address_under_which_it_was_opened() -> Test {
    let program = Program::start(&[("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8")])?;
    let page = open(&program, "danmu.example", "/wall/demo", &[])?;
    assert_eq!(page.status, 200);
    assert!(invites_to(&page, "http://danmu.example/room/demo"), "{}", page.body);
    for text in ["Scan and type", "<h1>", "/wall.css?danmu-build-", "<body style=\"--code:24;\""] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("This address works on this computer only") && !page.body.contains("data-note"));
    let page = open(
        &program,
        "10.0.0.7:3000",
        "/wall/demo",
        &["X-Forwarded-Host: live.example", "X-Forwarded-Proto: https", "Sec-Fetch-Site: none"],
    )?;
    assert!(invites_to(&page, "https://live.example/room/demo"), "{}", page.body);
    let chinese = program.ask_as("a.example", "GET /wall/demo", &["Accept-Language: zh"], "")?;
    assert!(chinese.body.contains("扫码发弹幕"), "{}", chinese.body);
    Ok(())
}

#[test]
fn on_this_machine_alone_a_wall_says_that_no_phone_comes_by_its_address() -> Test {
    let program = Program::start(&[])?;
    // Nobody but a listed proxy says how the page was opened.
    let forged = ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"];
    let page = open(&program, program.authority(), "/wall/demo", &forged)?;
    assert!(invites_to(&page, &format!("{}/room/demo", program.url)), "{}", page.body);
    assert!(page.body.contains("This address works on this computer only"));
    let program = Program::start(&[("DANMU_HTTP__PUBLIC_URL", "https://danmu.example")])?;
    let page = open(&program, program.authority(), "/wall/demo", &[])?;
    assert!(invites_to(&page, "https://danmu.example/room/demo"), "{}", page.body);
    Ok(())
}

#[test]
fn a_wall_takes_options_and_there_is_none_of_a_room_that_there_is_not() -> Test {
    let program = Program::start(&[])?;
    let page = open(&program, program.authority(), "/wall/demo?background=ffeedd&code=0&size=900", &[])?;
    assert!(page.body.contains("<body style=\"--code:0;--wall:#ffeedd;--wall-ink:#000;\""), "{}", page.body);
    assert!(!page.body.contains("<svg class=\"wall-code\"") && page.body.contains("size=900: 50 to 200"));
    for path in ["/wall/nowhere", "/wall/nowhere?background=ffeedd", "/wall/", "/wall/demo/more"] {
        let page = open(&program, program.authority(), path, &[])?;
        assert_eq!(page.status, 404, "{path}");
        assert!(!page.body.contains("wall"), "{path}: {}", page.body);
    }
    // What is typed is text, wherever it is repeated.
    let page = open(&program, program.authority(), "/wall/demo?code=%3Cscript%3Ealert(1)%3C/script%3E", &[])?;
    assert!(!page.body.contains("<script>alert") && page.body.contains("&lt;script&gt;alert(1)"), "{}", page.body);
    Ok(())
}

#[test]
fn in_a_network_a_wall_shows_the_machines_address_there_and_believes_no_client() -> Test {
    let program = Program::start(&[("DANMU_HTTP__ADDR", "0.0.0.0:0")])?;
    let port = program.authority().rsplit_once(':').ok_or("no port")?.1.to_owned();
    // As the start shows it: phones reach that.
    let page = open(&program, &format!("localhost:{port}"), "/wall/demo", &[])?;
    assert!(invites_to(&page, &format!("{}/room/demo", program.url)), "{}", page.body);
    let forged = ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"];
    let page = open(&program, &format!("danmu.example:{port}"), "/wall/demo", &forged)?;
    let told = format!("http://danmu.example:{port}/room/demo");
    assert!(invites_to(&page, &told), "a client says how viewers come: {}", page.body);
    Ok(())
}
