//! The program `danmu-server` itself, started as users start it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::world::{Failure, Test};

/// Where one writes its log that is asked for it.
const LOG: &str = "log";

/// The program, on ports of its own, over a directory of its own.
pub struct Program {
    child: Child,
    /// Where its pages are, without a slash at the end.
    pub url: String,
    /// Where its stream is for programs, likewise.
    pub stream: String,
    dir: TempDir,
    /// Whose stream it reads, where it is another's.
    bus: Option<Box<Program>>,
}

impl Program {
    /// Starts it with these variables besides those that keep it to itself, and waits until it tells its addresses.
    pub fn start(variables: &[(&str, &str)]) -> Result<Self, Failure> {
        Self::start_with("", variables)
    }

    /// The same with a `danmu.toml`.
    pub fn start_with(settings: &str, variables: &[(&str, &str)]) -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("danmu.toml"), settings)?;
        Self::start_in(dir, variables, Stdio::inherit())
    }

    /// What it has logged, if it was [started so](Self::start_telling).
    pub fn log(&self) -> Result<String, Failure> {
        Ok(std::fs::read_to_string(self.dir.path().join(LOG))?)
    }

    /// Starts it so that its log can be read.
    pub fn start_telling(variables: &[(&str, &str)]) -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let log = std::fs::File::create(dir.path().join(LOG))?;
        Self::start_in(dir, variables, log.into())
    }

    /// Kills it as it stands (`kill -9`), and starts it again over what it left, on other ports.
    pub fn crash(mut self, variables: &[(&str, &str)]) -> Result<Self, Failure> {
        self.child.kill()?;
        self.child.wait()?;
        let elsewhere = std::mem::replace(&mut self.dir, tempfile::tempdir()?);
        Self::start_in(elsewhere, variables, Stdio::inherit())
    }

    /// Tells it to end, and starts it again over what it left, on other ports.
    pub fn restart(mut self, variables: &[(&str, &str)]) -> Result<Self, Failure> {
        let elsewhere = std::mem::replace(&mut self.dir, tempfile::tempdir()?);
        self.terminate()?;
        Self::start_in(elsewhere, variables, Stdio::inherit())
    }

    /// Starts it in a directory that holds what it finds there.
    pub fn start_in(dir: TempDir, variables: &[(&str, &str)], log: Stdio) -> Result<Self, Failure> {
        // As much of a site as there must be for it to be ready.
        std::fs::create_dir_all(dir.path().join("pkg"))?;
        for name in ["danmu.js", "danmu.css"] {
            std::fs::write(dir.path().join("pkg").join(name), "")?;
        }
        let mut child = command(&dir).envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(output).lines();
        let mut program = Self { child, url: String::new(), stream: String::new(), dir, bus: None };
        while let Some(line) = lines.next() {
            let line = line?;
            if let Some((url, _)) = line.trim().strip_prefix("room").and_then(|rest| rest.trim().split_once("/room/")) {
                program.url = url.to_owned();
            } else if let Some(stream) = line.trim().strip_prefix("stream") {
                program.stream = stream.trim().split(' ').next().unwrap_or_default().to_owned();
            } else if line.is_empty() && !program.url.is_empty() {
                // Somebody must go on listening, or what it says next breaks the pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(program);
            }
        }
        Err("it ended before it told its addresses".into())
    }

    /// Where it was started, which is also where its site is.
    pub fn directory(&self) -> &Path {
        self.dir.path()
    }

    pub fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Sends one request; `head` is whatever follows the request's first line and `Host`, a line each.
    pub fn ask(&self, line: &str, head: &[&str], body: &str) -> Result<Answer, Failure> {
        self.ask_as(self.authority(), line, head, body)
    }

    /// The same under another name.
    pub fn ask_as(&self, host: &str, line: &str, head: &[&str], body: &str) -> Result<Answer, Failure> {
        ask_of(self.authority(), host, line, head, body)
    }

    /// Sends this as it stands; what came back when the connection has ended.
    pub fn send(&self, bytes: &str) -> Result<String, Failure> {
        send_to(self.authority(), bytes)
    }

    /// Waits until it has read what was said before it started.
    pub fn get_ready(&self) -> Test {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.ask("GET /readyz", &[], "")?.status != 200 {
            assert!(Instant::now() < deadline, "it does not get ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// One of its figures, by name and labels; 0 where there is none yet.
    pub fn figure(&self, name: &str) -> Result<u64, Failure> {
        let text = self.ask("GET /metrics", &[], "")?.body;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        Ok(value.unwrap_or(0))
    }

    /// Waits until so many viewers are in.
    pub fn has_viewers(&self, count: u64) -> Test {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.figure("danmu_viewers{room=\"demo\"}")? < count {
            assert!(Instant::now() < deadline, "its viewers do not come");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Asks for a session, as a page does.
    pub fn session(&self, room: &str, purpose: &str, head: &[&str]) -> Result<Answer, Failure> {
        self.session_with(room, purpose, "", head)
    }

    /// The same with more in the form.
    pub fn session_with(&self, room: &str, purpose: &str, more: &str, head: &[&str]) -> Result<Answer, Failure> {
        let form = ["Content-Type: application/x-www-form-urlencoded"];
        self.ask("POST /api/session", &[&form, head].concat(), &format!("room={room}&purpose={purpose}{more}"))
    }

    /// Runs the program once more beside it, as an operator does, in the same directory.
    pub fn order(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = command(&self.dir).args(arguments).output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }

    /// Tells it to end, as an operator does.
    fn signal(&self) -> Test {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        Ok(())
    }

    /// Tells it to end, and waits until it has.
    pub fn terminate(mut self) -> Result<ExitStatus, Failure> {
        self.end()
    }

    /// The same for one that was [started so](Self::start_telling); with its log.
    pub fn terminate_and_tell(mut self) -> Result<(ExitStatus, String), Failure> {
        Ok((self.end()?, std::fs::read_to_string(self.dir.path().join(LOG))?))
    }

    fn end(&mut self) -> Result<ExitStatus, Failure> {
        self.signal()?;
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if since.elapsed() > Duration::from_secs(60) {
                return Err("it did not end".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends one request to whoever is there, as [`Program::ask`] does.
pub fn ask_at(url: &str, line: &str, head: &[&str], body: &str) -> Result<Answer, Failure> {
    let authority = url.trim_start_matches("http://");
    ask_of(authority, authority, line, head, body)
}

fn ask_of(authority: &str, host: &str, line: &str, head: &[&str], body: &str) -> Result<Answer, Failure> {
    let head: String = head.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let text = send_to(
        authority,
        &format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}"
        ),
    )?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no end of the head")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    let cookies = head.lines().filter_map(|line| line.split_once(": "));
    let cookies = cookies.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let cookies = cookies.map(|(_, cookie)| cookie.to_owned()).collect();
    Ok(Answer { status, head: head.to_ascii_lowercase(), cookies, body: body.to_owned() })
}

fn send_to(authority: &str, bytes: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(bytes.as_bytes())?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The address in a URL.
pub fn address(url: &str) -> Result<SocketAddr, Failure> {
    Ok(url.trim_start_matches("http://").parse()?)
}

pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    cookies: Vec<String>,
    pub body: String,
}

impl Answer {
    /// The value of a cookie that it sets.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let values = self.cookies.iter().filter_map(|cookie| cookie.strip_prefix(name)?.strip_prefix('='));
        values.filter_map(|rest| rest.split(';').next()).next()
    }
}

/// The program that was built for release, where something is to be measured.
pub fn release() -> Option<std::ffi::OsString> {
    std::env::var_os("E2E_SERVER")
}

pub fn command(dir: &TempDir) -> Command {
    let mut command = Command::new(release().unwrap_or_else(|| env!("CARGO_BIN_EXE_danmu-server").into()));
    // What whoever runs the tests has set for a server, or for the tests, is no setting of this one.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"DANMU_")) {
        command.env_remove(name);
    }
    command
        .current_dir(dir.path())
        .env("LEPTOS_OUTPUT_NAME", "danmu")
        .env("LEPTOS_SITE_ROOT", dir.path())
        .env("DANMU_HTTP__ADDR", "127.0.0.1:0")
        .env("DANMU_STREAM__ADDR", "127.0.0.1:0")
        // Every danmu is told, however many there are.
        .env("DANMU_RELAY__DENSITY", "0")
        .env("DANMU_VENDING__PER_MINUTE", "1000")
        .env("DANMU_VENDING__BURST", "1000");
    command
}

/// Runs it to its end, in a directory that holds these files.
pub fn end(files: &[(&str, &str)], arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output, Failure> {
    let dir = tempfile::tempdir()?;
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text)?;
    }
    Ok(command(&dir).args(arguments).envs(variables.iter().copied()).output()?)
}

#[test]
fn a_page_gets_a_session_of_its_own_for_what_it_asks() -> Test {
    let program = Program::start(&[])?;
    let mut keys = Vec::new();
    for purpose in ["produce", "consume"] {
        let answer = program.session("demo", purpose, &[])?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let session: danmu::session::Session = serde_json::from_str(&answer.body)?;
        assert_eq!((session.stream.as_str(), session.partition_key.as_str()), ("danmu", "demo"));
        assert_eq!((session.endpoint.as_str(), session.region.as_str()), ("/aws/", "us-east-1"));
        assert!((890_000..=910_000).contains(&(session.expiration - session.vended_at)));
        keys.push(session.access_key_id);
    }
    assert_ne!(keys[0], keys[1]);
    Ok(())
}

#[test]
fn a_session_is_refused_with_a_status_and_a_reason() -> Test {
    let program = Program::start(&[])?;
    for (room, purpose, status, reason) in [
        ("nowhere", "produce", 404, "NoRoom"),
        ("No+Room", "produce", 404, "BadRoom"),
        ("demo", "everything", 400, "Other"),
    ] {
        let answer = program.session(room, purpose, &[])?;
        assert_eq!(answer.status, status, "{room} {purpose}: {}", answer.body);
        assert!(answer.body.contains(reason), "{room} {purpose}: {}", answer.body);
    }
    Ok(())
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back_and_others_are_served() -> Test {
    let limits = [("DANMU_VENDING__PER_MINUTE", "1"), ("DANMU_VENDING__BURST", "2")];
    let program = Program::start(&[&limits[..], &[("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8")]].concat())?;
    let from = |client: &str| program.session("demo", "produce", &[&format!("X-Forwarded-For: {client}")]);
    assert_eq!((from("198.51.100.1")?.status, from("198.51.100.1")?.status), (200, 200));
    let refused = from("198.51.100.1")?;
    assert_eq!(refused.status, 429);
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    assert_eq!(from("198.51.100.2")?.status, 200);
    Ok(())
}

#[test]
fn the_articles_page_gets_credentials_with_no_origin_and_no_cookie_and_foreign_pages_get_none() -> Test {
    let program = Program::start(&[])?;
    let certification = |head: &[&str]| program.ask("POST /getCertification.action", head, "{}");
    let answer = certification(&[])?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&answer.body)?;
    let mut names: Vec<_> = fields.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accessKeyId", "expiration", "secretAccessKey", "sessionToken"]);
    assert_eq!(fields["accessKeyId"].as_str().map(str::len), Some(20));
    assert!(fields["expiration"].as_i64().is_some_and(|ms| ms > 1_700_000_000_000));

    let own = format!("Origin: {}", program.url);
    assert_eq!(certification(&[&own])?.status, 200);
    for foreign in ["Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
        assert_eq!(certification(&[foreign])?.status, 403, "{foreign}");
        assert_eq!(program.session("demo", "produce", &[foreign])?.status, 403, "{foreign}");
    }
    Ok(())
}

#[test]
fn a_name_bent_to_this_machine_gets_nothing_and_a_proxy_is_told_how_to_get_through() -> Test {
    let certification = |program: &Program, origin: &str| {
        program.ask_as("danmu.example", "POST /getCertification.action", &[origin], "{}")
    };
    let refused = certification(&Program::start(&[])?, "Origin: http://danmu.example")?;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("http.trusted_proxies"), "{}", refused.body);
    let proxied = Program::start(&[("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.1/32")])?;
    assert_eq!(certification(&proxied, "Origin: https://danmu.example")?.status, 200);
    assert_eq!(certification(&proxied, "Origin: https://evil.example")?.status, 403);
    Ok(())
}

#[test]
fn reading_directly_can_be_switched_off() -> Test {
    let program = Program::start(&[("DANMU_FEED__DIRECT", "off")])?;
    assert_eq!(program.session("demo", "produce", &[])?.status, 200);
    let refused = program.session("demo", "consume", &[])?;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("DirectOff"), "{}", refused.body);
    Ok(())
}

#[test]
fn the_public_port_never_reaches_sts_nor_the_control_plane() -> Test {
    let program = Program::start(&[])?;
    let sts = ["Content-Type: application/x-www-form-urlencoded"];
    let answer = program.ask("POST /aws/", &sts, "Action=AssumeRole&Version=2011-06-15")?;
    assert_eq!(answer.status, 403, "{}", answer.body);
    // Whoever asks: this one has signed nothing.
    assert!(answer.body.contains("offers the data plane only"), "{}", answer.body);
    let control = ["Content-Type: application/x-amz-json-1.1", "X-Amz-Target: Kinesis_20131202.CreateStream"];
    let answer = program.ask("POST /aws/", &control, r#"{"StreamName":"x","ShardCount":1}"#)?;
    assert!((400..500).contains(&answer.status), "{}", answer.body);
    Ok(())
}

#[test]
fn a_page_says_what_it_is_in_both_languages_and_what_it_may_do() -> Test {
    let program = Program::start(&[])?;
    let page = |path: &str, language: &str| {
        program.ask(&format!("GET {path}"), &[&format!("Accept-Language: {language}")], "")
    };
    let room = page("/room/demo", "zh-CN,zh;q=0.9")?;
    assert_eq!(room.status, 200);
    assert!(room.body.contains("<html lang=\"zh\"") && room.body.contains("发送"), "{}", room.body);
    assert!(
        room.head.contains("content-security-policy: default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'nonce-")
    );
    assert!(page("/room/demo", "en")?.body.contains("Send"));
    for (path, text) in [
        ("/room/nowhere", "There is no room “nowhere”."),
        ("/room/No%20Room", "“No Room” cannot be a room"),
        ("/room/%E6%88%BF%E9%97%B4", "“房间” cannot be a room"),
        ("/overlay/nowhere", "There is no room “nowhere”."),
        ("/wall/nowhere", "There is no room “nowhere”."),
        ("/nothing", "There is no page at this address."),
        ("/pkg/nothing.js", "There is no page at this address."),
    ] {
        let missing = page(path, "en")?;
        assert_eq!(missing.status, 404, "{path}");
        assert!(missing.body.contains(text), "{path}: {}", missing.body);
    }
    Ok(())
}

#[test]
fn what_may_be_kept_says_so_and_a_page_is_never_kept() -> Test {
    let program = Program::start(&[])?;
    let site = program.directory();
    for name in ["pkg/danmu.0534ae2d.js", "pkg/danmu.0534ae2d.js.gz", "pkg/danmu.js", "clip.mp4"] {
        std::fs::write(site.join(name), "//")?;
    }
    let get = |path: &str, head: &[&str]| program.ask(&format!("GET {path}"), head, "");
    let hashed = get("/pkg/danmu.0534ae2d.js", &["Accept-Encoding: gzip"])?;
    for line in
        ["cache-control: public, max-age=31536000, immutable", "content-encoding: gzip", "vary: accept-encoding"]
    {
        assert!(hashed.head.contains(line), "{line}: {}", hashed.head);
    }
    assert!(get("/pkg/danmu.js", &[])?.head.contains("cache-control: no-cache"));
    let clip = get("/clip.mp4", &[])?;
    assert!(clip.head.contains("cache-control: public, max-age=3600"), "{}", clip.head);
    let since = clip.head.lines().find_map(|line| line.strip_prefix("last-modified: ")).ok_or("no date")?;
    // The head was made lower case; a date is not to be.
    let since = since.split(' ').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<Vec<_>>().join(" ");
    let same = get("/clip.mp4", &[&format!("If-Modified-Since: {}", since.replace("Gmt", "GMT"))])?;
    assert_eq!(same.status, 304);
    assert!(same.head.contains("cache-control: public, max-age=3600"), "{}", same.head);
    for path in ["/room/demo", "/nothing", "/pkg/nothing.0534ae2d.js"] {
        assert!(get(path, &[])?.head.contains("cache-control: no-store"), "{path}");
    }
    Ok(())
}

#[test]
fn a_new_key_for_tickets_is_put_beside_the_old_one_and_said() -> Test {
    let program = Program::start(&[])?;
    let dir = program.directory();
    let keys = || -> Result<usize, Failure> {
        let file: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.join("data/ticket-keys.json"))?)?;
        Ok(file["keys"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(keys()?, 1);
    let rotated = command(&program.dir).args(["rotate-key", "--soon"]).output()?;
    let said = String::from_utf8_lossy(&rotated.stdout).into_owned();
    assert!(rotated.status.success() && said.contains("signs in 60 s"), "{said}");
    assert_eq!(keys()?, 2);
    let nowhere = end(&[], &["rotate-key"], &[])?;
    assert!(!nowhere.status.success());
    let error = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(error.contains("ticket-keys.json"), "{error}");
    Ok(())
}

/// An STS that answers every call so, and tells the forms that it was sent.
fn sts(status: &str, body: &'static str) -> Result<(String, std::sync::mpsc::Receiver<String>), Failure> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let (url, status) = (format!("http://{}", listener.local_addr()?), status.to_owned());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut request, mut bytes) = (String::new(), [0; 4_096]);
            let sent = loop {
                let Ok(count @ 1..) = stream.read(&mut bytes) else { break String::new() };
                request += &String::from_utf8_lossy(&bytes[..count]);
                let Some((head, form)) = request.split_once("\r\n\r\n") else { continue };
                let head = head.to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if form.len() >= length.unwrap_or(0) {
                    break form.to_owned();
                }
            };
            let length = body.len();
            let head = "Content-Type: text/xml\r\nConnection: close";
            let _ = write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = tell.send(sent);
        }
    });
    Ok((url, told))
}

/// The program on AWS, as far as STS is concerned.
pub fn on_aws(sts: &str) -> Result<Program, Failure> {
    let bus = Program::start(&[("DANMU_ROLE", "bus")])?;
    let key: serde_json::Value = serde_json::from_slice(&std::fs::read(bus.directory().join("data/root-key.json"))?)?;
    let member = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
    let mut program = Program::start(&[
        ("DANMU_BUS", "aws"),
        ("DANMU_VENDING__ROLE_ARN", "arn:aws:iam::123456789012:role/danmu-viewer"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", &member("access_key_id")),
        ("AWS_SECRET_ACCESS_KEY", &member("secret_access_key")),
        ("AWS_ENDPOINT_URL_STS", sts),
        ("AWS_ENDPOINT_URL_KINESIS", &bus.stream),
        // Whoever asks says from where.
        ("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8"),
    ])?;
    // Nobody is vended anything until what was decided before is known.
    program.get_ready()?;
    program.bus = Some(Box::new(bus));
    Ok(program)
}

#[test]
fn where_sts_does_not_keep_up_a_viewer_is_told_when_to_come_back() -> Test {
    let throttled = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                     <Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
    let (url, _told) = sts("400 Bad Request", throttled)?;
    let refused = on_aws(&url)?.session("demo", "produce", &[])?;
    assert_eq!(refused.status, 429, "{}", refused.body);
    let after = refused.head.lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse::<u32>().ok());
    assert!(after.is_some_and(|seconds| (3..10).contains(&seconds)), "{}", refused.head);
    assert!(refused.body.contains("TooMany"), "{}", refused.body);
    Ok(())
}

#[test]
fn a_session_bears_the_id_of_its_viewer() -> Test {
    let vended = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                  <AccessKeyId>ASIAEXAMPLEEXAMPLE12</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                  <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                  </AssumeRoleResult></AssumeRoleResponse>";
    let (url, told) = sts("200 OK", vended)?;
    let answer = on_aws(&url)?.session("demo", "produce", &[])?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let viewer = answer.cookie("danmu_guest").and_then(|cookie| cookie.split('.').next()).ok_or("no guest")?;
    let form: std::collections::HashMap<_, _> = form_urlencoded::parse(told.recv()?.as_bytes()).into_owned().collect();
    assert_eq!(form["RoleSessionName"], viewer);
    assert_eq!(form["SourceIdentity"], viewer);
    Ok(())
}

#[test]
fn one_viewer_who_asks_too_often_leaves_the_others_of_its_network_their_sessions() -> Test {
    let program = Program::start(&[("DANMU_VENDING__VIEWER_PER_MINUTE", "1"), ("DANMU_VENDING__VIEWER_BURST", "2")])?;
    let first = program.session("demo", "produce", &[])?;
    let cookie = format!("Cookie: danmu_guest={}", first.cookie("danmu_guest").ok_or("no cookie")?);
    let ann = || program.session("demo", "produce", &[&cookie]);
    // The one by which it became a guest counts.
    assert_eq!(ann()?.status, 200);
    let refused = ann()?;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    assert_eq!(program.session("demo", "produce", &[])?.status, 200);
    Ok(())
}

#[test]
fn a_balancer_sees_that_it_drains_before_it_takes_no_more() -> Test {
    // It would fail to answer, had it ended without a word.
    let program = Program::start(&[("DANMU_HTTP__DRAIN_DELAY_S", "300")])?;
    program.get_ready()?;
    program.signal()?;
    while program.ask("GET /readyz", &[], "")?.status != 503 {}
    // What comes meanwhile is still answered.
    assert_eq!(program.session("demo", "produce", &[])?.status, 200);
    assert!(Program::start(&[("DANMU_HTTP__DRAIN_DELAY_S", "1")])?.terminate()?.success());
    Ok(())
}

#[test]
fn it_says_that_it_lives_and_ends_when_it_is_told_to() -> Test {
    let program = Program::start(&[])?;
    assert_eq!(program.ask("GET /healthz", &[], "")?.status, 200);
    program.get_ready()?;
    assert!(program.terminate()?.success());
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() -> Test {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let addr = taken.local_addr()?.to_string();
    for (variable, name) in [("DANMU_HTTP__ADDR", "http.addr"), ("DANMU_STREAM__ADDR", "stream.addr")] {
        let output = end(&[], &[], &[(variable, &addr)])?;
        assert!(!output.status.success());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(name) && error.contains(&addr) && error.contains(variable), "{error}");
    }
    Ok(())
}

#[test]
fn broken_settings_are_said_and_good_ones_are_explained() -> Test {
    let broken = end(&[("danmu.toml", "[http]\nadress = 1\n")], &["--check"], &[])?;
    assert!(!broken.status.success());
    assert!(String::from_utf8_lossy(&broken.stderr).contains("adress"));
    let alone = end(&[], &["--role", "relay"], &[])?;
    assert!(!alone.status.success());
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(said.contains("root-key.json") && said.contains("start the bus first"), "{said}");
    let missing = end(&[], &["--config", "nowhere.toml", "--check"], &[])?;
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.toml"));

    let good = end(&[("danmu.toml", "[stream]\nname = 'other'\n")], &["--check"], &[("DANMU_LOG__FORMAT", "json")])?;
    assert!(good.status.success());
    assert!(String::from_utf8_lossy(&good.stdout).contains("stream     other"));
    Ok(())
}

#[test]
fn two_programs_cannot_have_one_directory() -> Test {
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    let data = data.to_str().ok_or("a path")?;
    let _first = Program::start(&[("DANMU_STREAM__DATA", data)])?;
    let second = end(&[], &[], &[("DANMU_STREAM__DATA", data)])?;
    assert!(!second.status.success());
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(error.contains(data), "{error}");
    Ok(())
}
