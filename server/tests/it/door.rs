//! The HTTP front of the program: host names it answers to, connection limits, permissions of its files and cookies, and what
//! it logs about requests.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use danmu::{kinesis::sigv4, session::Session, viewer::Role};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::json;

use crate::{
    program::{Answer, Program},
    rights::Person,
    world::{Failure, Test},
};

/// The outer limit of a wait: it only ends what hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request that puts "hi", signed for that host and path, with these lines besides; whole, as it is sent.
pub fn put(session: &Session, host: &str, path: &str, lines: &[(&str, &str)]) -> Result<(String, String), Failure> {
    put_as(session, host, path, "PutRecord", lines)
}

fn put_as(
    session: &Session,
    host: &str,
    path: &str,
    operation: &str,
    lines: &[(&str, &str)],
) -> Result<(String, String), Failure> {
    let body = json!({ "StreamName": "danmu", "PartitionKey": "demo", "Data": "aGk=" }).to_string();
    let credentials = sigv4::Credentials {
        access_key_id: &session.access_key_id,
        secret_access_key: &session.secret_access_key,
        session_token: Some(&session.session_token),
    };
    let target = format!("Kinesis_20131202.{operation}");
    let headers = [("content-type", "application/x-amz-json-1.1"), ("host", host), ("x-amz-target", target.as_str())];
    let request = sigv4::Request { method: "POST", path, query: "", headers: &headers, body: body.as_bytes() };
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let scope = sigv4::Scope { region: "us-east-1", service: "kinesis", time_ms: i64::try_from(since.as_millis())? };
    let signed = sigv4::sign(&request, &credentials, &scope, sigv4::Settings::default());
    let signed = signed.into_iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let signed: String = signed.chain(lines.iter().map(|(name, value)| format!("{name}: {value}\r\n"))).collect();
    let length = body.len();
    let head = format!(
        "content-type: application/x-amz-json-1.1\r\nx-amz-target: {target}\r\ncontent-length: {length}\r\n{signed}"
    );
    Ok((head, body))
}

/// Whole, to a host that may be another than the one that was signed.
pub fn whole(to: &str, path: &str, (head, body): &(String, String)) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{head}\r\n{body}")
}

fn session(program: &Program) -> Result<Session, Failure> {
    Ok(serde_json::from_str(&program.session("demo", "produce", &[])?.body)?)
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// A connection that listens to a room; what it was told first.
fn listen(program: &Program, head: &str) -> Result<(BufReader<TcpStream>, String), Failure> {
    let mut stream = TcpStream::connect(program.authority())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /rooms/demo/events HTTP/1.1\r\nHost: {}\r\n{head}\r\n", program.authority())?;
    let (mut lines, mut first) = (BufReader::new(stream), String::new());
    lines.read_line(&mut first)?;
    Ok((lines, first))
}

#[test]
fn under_a_name_that_is_not_this_machines_nothing_is_answered_but_health() -> Test {
    let program = Program::start(&[])?;
    for name in ["evil.example:3000", "[::1]evil.example", "127.0.0.1.evil.example"] {
        for path in ["/", "/room/demo", "/overlay/demo", "/metrics", "/pkg/danmu.js", "/rooms/demo/events", "/nothing"]
        {
            let answer = program.ask_as(name, &format!("GET {path}"), &[], "")?;
            assert_eq!(answer.status, 403, "{path} under {name}");
            assert!(answer.body.contains("http.trusted_proxies"), "{path} under {name}: {}", answer.body);
        }
        assert_eq!(program.ask_as(name, "GET /healthz", &[], "")?.status, 200);
    }
    let port = program.authority().rsplit_once(':').ok_or("no port")?.1;
    for name in ["localhost", "cam.localhost", "[::1]", "127.0.0.1"] {
        assert_eq!(program.ask_as(&format!("{name}:{port}"), "GET /room/demo", &[], "")?.status, 200, "{name}");
    }
    Ok(())
}

#[test]
fn a_request_has_one_host_and_its_head_whole_line_breaks() -> Test {
    let program = Program::start(&[])?;
    let (host, stream) = (program.authority(), program.stream.trim_start_matches("http://").to_owned());
    for (head, wanted) in [
        (format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n"), "200"),
        ("GET /healthz HTTP/1.0\r\n".to_owned(), "200"),
        ("GET /healthz HTTP/1.1\r\n".to_owned(), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n"), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n"), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost: a@{host}\r\n"), "400"),
        (format!("GET /healthz HTTP/1.1\nHost: {host}\r\n"), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost: {host}\nX-Line: 1\r\n"), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-Line: 1\n"), "400"),
    ] {
        let answer = program.send(&format!("{head}Connection: close\r\n\r\n"))?;
        assert_eq!(status(&answer), wanted, "{head:?}: {answer}");
    }
    // Nor does a second request on the same connection slip through, behind a body that holds anything.
    let first = format!("POST /healthz HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\na\n\n\r\n");
    let second = format!("GET /healthz HTTP/1.1\r\nHost: {host}\nConnection: close\r\n\r\n");
    let answers = program.send(&[first, second].concat())?;
    assert!(answers.contains(" 405 ") && answers.contains(" 400 ") && !answers.contains(" 200 "), "{answers}");
    // The stream's own port is the same kind of door.
    let mut bare = TcpStream::connect(&stream)?;
    bare.set_read_timeout(Some(PATIENCE))?;
    write!(bare, "POST / HTTP/1.1\r\nHost: {stream}\r\nHost: {stream}\r\nContent-Length: 0\r\n\r\n")?;
    let mut answer = String::new();
    bare.read_to_string(&mut answer)?;
    assert_eq!(status(&answer), "400", "{answer}");
    Ok(())
}

#[test]
fn nobody_but_a_listed_proxy_says_which_host_was_signed_for() -> Test {
    for (proxies, wanted) in [("10.0.0.0/8", "400"), ("127.0.0.0/8", "200")] {
        let program = Program::start(&[("DANMU_HTTP__TRUSTED_PROXIES", proxies)])?;
        let request = put(&session(&program)?, "live.example", "/aws/", &[("x-forwarded-host", "live.example")])?;
        let answer = program.send(&whole(program.authority(), "/aws/", &request))?;
        assert_eq!(status(&answer), wanted, "listed: {proxies}: {answer}");
    }
    Ok(())
}

#[test]
fn what_the_stream_answers_is_never_kept_whatever_its_path() -> Test {
    let program = Program::start(&[])?;
    for path in ["/aws/", "/aws/danmu.0534ae2d.js", "/aws/pkg/danmu.js"] {
        let request = put(&session(&program)?, program.authority(), path, &[])?;
        let answer = program.send(&whole(program.authority(), path, &request))?.to_ascii_lowercase();
        assert_eq!(status(&answer), "200", "{path}: {answer}");
        assert!(answer.contains("cache-control: no-store"), "{path}: {answer}");
    }
    Ok(())
}

#[test]
fn the_page_that_an_issuer_sends_people_back_to_is_nobodys_frame() -> Test {
    let program = Program::start(&[])?;
    std::fs::write(program.directory().join("signed-in.html"), "<!doctype html>")?;
    let answer = program.ask("GET /signed-in.html?code=x&state=y", &[], "")?;
    assert_eq!(answer.status, 200);
    let policy = answer.head.lines().find_map(|line| line.strip_prefix("content-security-policy: "));
    let policy = policy.ok_or("it has no policy")?;
    for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    Ok(())
}

#[test]
fn it_is_not_ready_without_the_files_that_its_documents_name_and_says_which() -> Test {
    let program = Program::start(&[])?;
    program.get_ready()?;
    for file in ["pkg/danmu.css", "pkg/danmu.js"] {
        std::fs::remove_file(program.directory().join(file))?;
        let answer = program.ask("GET /readyz", &[], "")?;
        assert_eq!(answer.status, 503);
        assert!(answer.body.contains(file), "{}", answer.body);
    }
    assert_eq!(program.ask("GET /healthz", &[], "")?.status, 200);
    Ok(())
}

#[test]
fn health_and_forms_are_answered_when_viewers_have_taken_every_connection() -> Test {
    let program = Program::start(&[("DANMU_HTTP__MAX_CONNECTIONS", "10"), ("DANMU_HTTP__NETWORK_PERCENT", "100")])?;
    program.get_ready()?;
    let mut viewers = Vec::new();
    for _ in 0..10 {
        let (viewer, first) = listen(&program, "")?;
        assert_eq!(status(&first), "200");
        viewers.push(viewer);
    }
    assert_eq!(program.ask("GET /healthz", &[], "")?.status, 200);
    assert_eq!(program.session("demo", "produce", &[])?.status, 200);
    assert_eq!(status(&listen(&program, "")?.1), "503", "the reserve has no room for viewers");
    drop(viewers);
    let deadline = Instant::now() + PATIENCE;
    while status(&listen(&program, "")?.1) != "200" {
        assert!(Instant::now() < deadline, "what is free again is not given");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[tokio::test]
async fn viewers_who_share_a_connection_are_counted_one_by_one() -> Test {
    let program = Program::start(&[("DANMU_HTTP__MAX_CONNECTIONS", "10"), ("DANMU_HTTP__NETWORK_PERCENT", "100")])?;
    program.get_ready()?;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Empty<Bytes>>();
    let (mut viewers, mut refused) = (Vec::new(), 0);
    for _ in 0..30 {
        let request = Request::get(format!("{}/rooms/demo/events", program.url)).body(Empty::new())?;
        let mut answer = client.request(request).await?;
        match answer.status().as_u16() {
            200 => {
                assert!(answer.frame().await.ok_or("nothing came")??.is_data());
                viewers.push(answer);
            }
            status => {
                assert_eq!(status, 503);
                refused += 1;
            }
        }
    }
    // The connection that they share is one, too; those of `get_ready` may not have ended.
    assert!((1..=9).contains(&viewers.len()) && refused == 30 - viewers.len(), "{} viewers", viewers.len());
    Ok(())
}

#[test]
fn one_network_has_its_share_of_viewers_and_leaves_others_theirs() -> Test {
    let program = Program::start(&[
        ("DANMU_HTTP__MAX_CONNECTIONS", "20"),
        ("DANMU_HTTP__NETWORK_PERCENT", "10"),
        ("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8"),
    ])?;
    program.get_ready()?;
    let from = |client: &str| listen(&program, &format!("X-Forwarded-For: {client}\r\n"));
    let held = [from("2001:db8:1:2::1")?, from("2001:db8:1:2::2")?];
    assert!(held.iter().all(|(_, first)| status(first) == "200"));
    assert_eq!(status(&from("2001:db8:1:2::3")?.1), "503", "one household");
    for other in ["2001:db8:1:3::1", "198.51.100.1"] {
        assert_eq!(status(&from(other)?.1), "200", "{other}");
    }
    Ok(())
}

#[test]
fn what_a_viewer_says_besides_its_request_is_passed_over() -> Test {
    let program = Program::start(&[])?;
    let (mut lines, first) = listen(&program, "")?;
    assert_eq!(status(&first), "200");
    for more in ["\r\n", "GET / HTTP/1.1\r\n", "\r\n"] {
        lines.get_mut().write_all(more.as_bytes())?;
    }
    program.has_viewers(1)?;
    let request = put(&session(&program)?, program.authority(), "/aws/", &[])?;
    assert_eq!(status(&program.send(&whole(program.authority(), "/aws/", &request))?), "200");
    let mut line = String::new();
    while !line.contains("\"hi\"") {
        line.clear();
        assert_ne!(lines.read_line(&mut line)?, 0, "it was cut off");
    }
    Ok(())
}

/// Nothing below is open to anybody but its owner.
fn is_private(path: &Path) -> Test {
    let mode = std::fs::symlink_metadata(path)?.permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            is_private(&entry?.path())?;
        }
    }
    Ok(())
}

#[test]
fn the_data_directory_is_its_owners_alone_however_open_it_was() -> Test {
    let program = Program::start(&[])?;
    let data = program.directory().join("data");
    is_private(&data)?;
    for open in [data.clone(), data.join("log"), data.join("danmu.db"), data.join("lock")] {
        let mode = if open.is_dir() { 0o777 } else { 0o666 };
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(mode))?;
    }
    let program = program.restart(&[])?;
    assert_eq!(program.session("demo", "produce", &[])?.status, 200);
    is_private(&program.directory().join("data"))
}

#[test]
fn a_banned_session_that_goes_on_asking_is_one_line_of_the_log_and_none_of_its_own_words() -> Test {
    let program = Program::start_telling(&[])?;
    let asked = program.session("demo", "produce", &[])?;
    let viewer = asked.cookie("danmu_guest").and_then(|cookie| cookie.split('.').next()).ok_or("no guest")?;
    let session: Session = serde_json::from_str(&asked.body)?;
    program.order(&["ban", viewer, "--yes"])?;
    let operation = "x".repeat(4_000);
    let ask = |operation: &str| -> Result<String, Failure> {
        let request = put_as(&session, program.authority(), "/aws/", operation, &[])?;
        program.send(&whole(program.authority(), "/aws/", &request))
    };
    let deadline = Instant::now() + PATIENCE;
    while !ask("PutRecord")?.contains("AccessDenied") {
        assert!(Instant::now() < deadline, "the ban does not reach the stream");
    }
    for _ in 0..200 {
        assert_eq!(status(&ask(&operation)?), "400");
    }
    let counted = program.figure("danmu_stream_denied_total")?;
    assert!(counted >= 200, "{counted}");
    let (_, log) = program.terminate_and_tell()?;
    assert_eq!(log.lines().filter(|line| line.contains("denied sessions")).count(), 1, "{log}");
    assert!(!log.contains(&operation) && log.len() < 20_000, "{} bytes", log.len());
    Ok(())
}

#[test]
fn a_page_behind_a_proxy_that_nobody_listed_is_told_why_and_the_log_says_once_what_to_write() -> Test {
    let program = Program::start_telling(&[])?;
    let refused =
        || program.session("demo", "produce", &["Origin: http://danmu.example", "X-Forwarded-For: 192.0.2.1"]);
    for _ in 0..50 {
        let answer = refused()?;
        assert_eq!(answer.status, 403);
        // As the page reads it: an error of the app with a sentence in it.
        let error: danmu_app::error::ApiError = serde_json::from_str(&answer.body)?;
        assert!(error.to_string().contains("http.trusted_proxies"), "{error}");
    }
    let log = program.log()?;
    let said = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!((said("another site's page"), said("count as one network")), (1, 1), "{log}");
    assert!(log.contains(r#"http.trusted_proxies = [\"127.0.0.1/32\"]"#), "{log}");
    // As it was told to: whatever that proxy hides.
    let listed = Program::start(&[("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.1/32")])?;
    assert_eq!(listed.session("demo", "produce", &["Origin: http://danmu.example"])?.status, 200);
    Ok(())
}

#[test]
fn a_cookie_that_was_copied_before_its_member_signed_out_is_worth_nothing_after() -> Test {
    let program = Program::start(&[])?;
    let member = Person::with(&program, "amy", &[("demo", Role::Streamer)])?;
    let other = Person::with(&program, "bob", &[("demo", Role::Streamer)])?;
    let cookies = (member.cookie.clone(), other.cookie.clone());
    assert_eq!((member.role("demo")?, other.role("demo")?), (Role::Streamer, Role::Streamer));
    let out: Answer = program.ask("POST /api/sign_out", &[&member.cookie], "")?;
    assert_eq!(out.status, 204, "{}", out.body);
    assert_eq!((member.role("demo")?, other.role("demo")?), (Role::Viewer, Role::Streamer));
    // Whoever starts anew knows it, too.
    let program = program.restart(&[])?;
    let role = |cookie: String| Person { program: &program, cookie }.role("demo");
    assert_eq!((role(cookies.0)?, role(cookies.1)?), (Role::Viewer, Role::Streamer));
    Ok(())
}
