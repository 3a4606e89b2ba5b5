//! The README's walk-through behind nginx as Debian installs it: first its default site with a bare `proxy_pass`, then with the
//! one setting that the log names, then with `deploy/nginx.conf`. Skipped with a message where there is no `nginx`.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use danmu::session::Session;
use tempfile::TempDir;

use crate::{
    door::{put, whole},
    program::Program,
    world::{Failure, Test},
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Debian's `/etc/nginx/sites-available/default` with what people write into it first.
const BARE: &str = "server {\n    listen 80 default_server;\n    server_name _;\n    location / {\n        \
                    proxy_pass http://127.0.0.1:3000;\n    }\n}\n";

struct Nginx {
    child: Child,
    /// Where it listens.
    host: String,
    _dir: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nginx {
    /// With that site, on a port that was free, in front of that server.
    fn start(site: &str, server: &str) -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().display();
        // nginx cannot be told to choose; should another program be quicker, it says so and ends.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let site = site.replace("listen 80", &format!("listen 127.0.0.1:{port}")).replace("127.0.0.1:3000", server);
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("    {kind}_temp_path {path}/{kind};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {path}/pid;\nerror_log {path}/error.log;\nevents {{}}\nhttp {{\n    access_log off;\n\
             {temporary}{site}}}\n"
        );
        let file = dir.path().join("nginx.conf");
        fs::write(&file, config)?;
        let mut child =
            Command::new("nginx").arg("-c").arg(&file).args(["-p"]).arg(dir.path()).stdin(Stdio::null()).spawn()?;
        let (host, deadline) = (format!("127.0.0.1:{port}"), Instant::now() + PATIENCE);
        while TcpStream::connect(&host).is_err() {
            assert!(child.try_wait()?.is_none(), "nginx ended: {:?}", fs::read_to_string(dir.path().join("error.log")));
            assert!(Instant::now() < deadline, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { child, host, _dir: dir })
    }

    fn send(&self, request: &str) -> Result<String, Failure> {
        let mut stream = TcpStream::connect(&self.host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// What a page of `http://danmu.test:{port}` is answered that wants to speak.
    fn session(&self, name: &str) -> Result<(u16, String), Failure> {
        let form = "room=demo&purpose=produce";
        let answer = self.send(&format!(
            "POST /api/session HTTP/1.1\r\nHost: {name}\r\nOrigin: http://{name}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no end of the head")?;
        Ok((head.split(' ').nth(1).ok_or("no status")?.parse()?, body.to_owned()))
    }

    /// Puts a danmu as a page does, and hears it as a page does.
    fn walk(&self, name: &str) -> Test {
        let (status, body) = self.session(name)?;
        assert_eq!(status, 200, "{body}");
        let start = body.find('{').ok_or("no session")?;
        let end = body.rfind('}').ok_or("no session")?;
        let session: Session = serde_json::from_str(&body[start..=end])?;
        let mut feed = TcpStream::connect(&self.host)?;
        feed.set_read_timeout(Some(PATIENCE))?;
        write!(feed, "GET /rooms/demo/events HTTP/1.1\r\nHost: {name}\r\n\r\n")?;
        let (mut lines, mut line) = (BufReader::new(feed), String::new());
        while !line.contains("hello") {
            line.clear();
            assert_ne!(lines.read_line(&mut line)?, 0, "no feed");
        }
        let origin = format!("http://{name}");
        let answer = self.send(&whole(name, "/aws/", &put(&session, name, "/aws/", &[("origin", &origin)])?))?;
        assert_eq!(answer.split(' ').nth(1), Some("200"), "{answer}");
        while !line.contains("\"hi\"") {
            line.clear();
            assert_ne!(lines.read_line(&mut line)?, 0, "the feed ended");
        }
        Ok(())
    }
}

#[test]
fn the_walk_of_the_readme_behind_nginx_leads_to_danmu_that_are_sent_and_heard() -> Test {
    if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
        eprintln!("not tested: there is no nginx (Debian: apt-get install nginx-light)");
        return Ok(());
    }
    // As Debian has it, and nothing set: refused, with a way out for the viewer and for the operator.
    let server = Program::start_telling(&[])?;
    let nginx = Nginx::start(BARE, server.authority())?;
    let port = nginx.host.rsplit_once(':').ok_or("no port")?.1;
    let name = format!("danmu.test:{port}");
    let (status, body) = nginx.session(&name)?;
    assert!(status == 403 && body.contains("http.trusted_proxies"), "{status}: {body}");
    let log = server.log()?;
    assert!(log.contains(r#"http.trusted_proxies = [\"127.0.0.1/32\"]"#), "{log}");

    // With that setting, whatever nginx hides of the name, and with the recipe.
    let server = Program::start(&[("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.1/32")])?;
    server.get_ready()?;
    let hides_port = BARE.replace("    }\n", "        proxy_set_header Host $host;\n    }\n");
    for site in [BARE, &hides_port, include_str!("../../../deploy/nginx.conf")] {
        let nginx = Nginx::start(site, server.authority())?;
        let port = nginx.host.rsplit_once(':').ok_or("no port")?.1;
        nginx.walk(&format!("danmu.test:{port}"))?;
    }
    Ok(())
}
