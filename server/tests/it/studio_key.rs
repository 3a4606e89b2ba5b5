//! Streamer keys in the real program: whoever has a room's key is its streamer, and nobody else.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use danmu::viewer::Role;
use sqlx::Connection as _;

use crate::{
    program::{Answer, Program, command},
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, Test},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\n[[rooms]]\nid = 'other'\ntitle = 'Another'\nvideo = ''\n";
/// In the form of a key.
const WRONG: &str = "0000-0000-0000-0000-0000-0000-0000";
/// Whoever asks may ask as often as it likes.
const OFTEN: [(&str, &str); 2] =
    [("DANMU_VENDING__VIEWER_PER_MINUTE", "100000"), ("DANMU_VENDING__VIEWER_BURST", "10000")];
/// Requests tell from where they come.
const PROXIED: (&str, &str) = ("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8");

/// The key of `demo`, as its file has it.
fn demo_key(program: &Program) -> Result<String, Failure> {
    Ok(fs::read_to_string(program.directory().join("data/streamer-key-demo"))?.trim().to_owned())
}

fn open(program: &Program, room: &str, key: &str, head: &[&str]) -> Result<Answer, Failure> {
    program.ask("POST /api/open_studio", &[&[FORM], head].concat(), &format!("room={room}&key={key}"))
}

/// The cookies of a viewer who opened the studio of a room.
fn opened(program: &Program, viewer: &Viewer, room: &str, key: &str) -> Result<String, Failure> {
    let answer = open(program, room, key, &[&viewer.cookie])?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let name = format!("danmu_studio_{room}");
    let pass = answer.cookie(&name).ok_or("no cookie")?;
    assert!(answer.head.contains("path=/; samesite=strict; max-age=2592000; httponly"), "{}", answer.head);
    Ok(format!("{}; {name}={pass}", viewer.cookie))
}

fn role(program: &Program, cookies: &str, room: &str) -> Result<Role, Failure> {
    Person { program, cookie: cookies.to_owned() }.role(room)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_key_is_the_streamer_of_that_room_until_there_is_another_key() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN)?;
    program.get_ready()?;
    let (viewer, key) = (Viewer::new(&program, 1)?, demo_key(&program)?);
    assert_eq!(role(&program, &viewer.cookie, "demo")?, Role::Viewer);
    let cookies = opened(&program, &viewer, "demo", &key.to_uppercase().replace('-', ""))?;
    assert_eq!((role(&program, &cookies, "demo")?, role(&program, &cookies, "other")?), (Role::Streamer, Role::Viewer));
    let bans = |room: &str| program.ask("POST /api/ban", &[FORM, &cookies], &format!("room={room}&viewer=somebody"));
    assert_eq!((bans("demo")?.status, bans("other")?.status), (200, 403));
    assert!(program.order(&["bans"])?.contains("somebody  room demo, by the streamer"));

    // Its cookies are good after a restart, and the key is the same.
    let program = program.restart(&OFTEN)?;
    program.get_ready()?;
    assert_eq!((role(&program, &cookies, "demo")?, demo_key(&program)?), (Role::Streamer, key.clone()));

    let said = program.order(&["rooms", "key", "demo"])?;
    let newer = demo_key(&program)?;
    assert!(said.starts_with(&format!("{newer}\n")) && said.contains("data/streamer-key-demo"), "{said}");
    assert!(
        said.contains("The key before it") && said.contains("for 15m more at most") && !said.contains(&key),
        "{said}"
    );
    until("what the old key opened is closed", || Ok(role(&program, &cookies, "demo")? == Role::Viewer)).await?;
    assert_eq!(open(&program, "demo", &key, &[&viewer.cookie])?.status, 403);
    let cookies = opened(&program, &viewer, "demo", &newer)?;
    assert_eq!(role(&program, &cookies, "demo")?, Role::Streamer);

    let closed = program.ask("POST /api/close_studio", &[FORM, &cookies], "room=demo")?;
    assert_eq!((closed.status, closed.cookie("danmu_studio_demo")), (200, Some("")));
    assert!(closed.head.contains("max-age=0"), "{}", closed.head);
    Ok(())
}

#[test]
fn a_wrong_key_is_refused_and_limited_and_the_right_one_from_elsewhere_opens_and_none_is_logged() -> Test {
    let program = Program::start_telling(&[PROXIED])?;
    let key = demo_key(&program)?;
    let from =
        |client: &str, room: &str, key: &str| open(&program, room, key, &[&format!("X-Forwarded-For: {client}")]);
    let (wrong, none) = (from("198.51.100.1", "demo", WRONG)?, from("198.51.100.1", "nowhere", &key)?);
    assert_eq!((wrong.status, wrong.cookie("danmu_studio_demo")), (403, None), "{}", wrong.body);
    assert_eq!((none.status, &none.body), (wrong.status, &wrong.body), "it tells which rooms there are");
    assert!(wrong.body.contains("WrongKey"), "{}", wrong.body);
    let mut limited = 0;
    for n in 0..1_000 {
        let answer = from("198.51.100.1", "demo", &format!("{}{n:03}", &WRONG[..WRONG.len() - 3]))?;
        assert!(matches!(answer.status, 403 | 429), "{}", answer.body);
        assert!(answer.status == 403 || answer.head.contains("retry-after: "), "{}", answer.head);
        limited += i32::from(answer.status == 429);
    }
    // Ten a minute after five at once.
    assert!(limited > 900, "{limited} of 1000 guesses were limited");
    assert_eq!(from("198.51.100.1", "demo", &key)?.status, 429);
    assert_eq!(from("198.51.100.2", "demo", &key)?.status, 200);
    let (_, log) = program.terminate_and_tell()?;
    let told = log.lines().find(|line| line.contains("a streamer key is refused")).ok_or(log.clone())?;
    assert!(told.contains("room=demo") && told.contains("198.51.100.1"), "{told}");
    assert!(!log.contains(&key) && !log.contains(&WRONG[..9]), "a key is in the log: {log}");
    Ok(())
}

#[test]
fn a_page_of_another_site_opens_and_closes_nothing() -> Test {
    let program = Program::start(&[])?;
    let (viewer, key) = (Viewer::new(&program, 1)?, demo_key(&program)?);
    let foreign: [&[&str]; 4] = [
        &["Origin: https://evil.example"],
        &["Referer: https://evil.example/"],
        &["Sec-Fetch-Site: cross-site"],
        &["Sec-Fetch-Site: same-site"],
    ];
    for head in foreign {
        let head = [&[&*viewer.cookie], head].concat();
        let answer = open(&program, "demo", &key, &head)?;
        assert_eq!((answer.status, answer.cookie("danmu_studio_demo")), (403, None), "{head:?}");
        let closed = program.ask("POST /api/close_studio", &[&[FORM], &*head].concat(), "room=demo")?;
        assert_eq!((closed.status, closed.cookie("danmu_studio_demo")), (403, None), "{head:?}");
    }
    let own = format!("Origin: {}", program.url);
    assert_eq!(open(&program, "demo", &key, &[&viewer.cookie, &own])?.status, 200);
    let asked = program.ask(&format!("GET /api/open_studio?room=demo&key={key}"), &[&viewer.cookie], "")?;
    assert_eq!(asked.cookie("danmu_studio_demo"), None, "a link opens it");
    Ok(())
}

#[test]
fn what_a_key_opened_is_worth_nothing_to_another_viewer_in_another_room_or_changed() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN)?;
    program.get_ready()?;
    let [streamer, thief] = [Viewer::new(&program, 1)?, Viewer::new(&program, 2)?];
    let cookies = opened(&program, &streamer, "demo", &demo_key(&program)?)?;
    let (_, pass) = cookies.split_once("danmu_studio_demo=").ok_or("no pass")?;
    let with = |viewer: &str, name: &str, pass: &str, room: &str| {
        role(&program, &format!("{viewer}; danmu_studio_{name}={pass}"), room)
    };
    assert_eq!(with(&streamer.cookie, "demo", pass, "demo")?, Role::Streamer);
    assert_eq!(with(&thief.cookie, "demo", pass, "demo")?, Role::Viewer, "another viewer's pass counts");
    assert_eq!(with("Cookie: lang=en", "demo", pass, "demo")?, Role::Viewer, "a pass alone counts");
    assert_eq!(with(&streamer.cookie, "other", pass, "other")?, Role::Viewer, "another room's pass counts");

    let (said, code) = pass.split_once('.').ok_or("no code")?;
    let said = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, said)?;
    let forged = String::from_utf8(said)?.replace(&streamer.id, &thief.id);
    let forged = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, forged);
    for code in [code, "", "AAAA"] {
        let role = with(&thief.cookie, "demo", &format!("{forged}.{code}"), "demo")?;
        assert_eq!(role, Role::Viewer, "a forged pass counts");
    }
    // Nor is the guest's own cookie a pass, or the pass a guest.
    let (_, guest) = thief.cookie.split_once('=').ok_or("no guest")?;
    assert_eq!(with(&thief.cookie, "demo", guest, "demo")?, Role::Viewer);
    Ok(())
}

#[test]
fn over_tls_the_cookie_is_secure_and_bound_to_the_host() -> Test {
    let program = Program::start(&[])?;
    let head = [FORM, &format!("Origin: https://{}", program.authority())];
    let answer = program.ask("POST /api/open_studio", &head, &format!("room=demo&key={}", demo_key(&program)?))?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.cookie("__Host-danmu_studio_demo").is_some(), "{}", answer.head);
    let cookie = answer.head.lines().find(|line| line.contains("danmu_studio_demo")).ok_or("no cookie")?;
    assert!(cookie.ends_with("path=/; samesite=strict; max-age=2592000; httponly; secure"), "{cookie}");
    Ok(())
}

#[cfg(unix)]
#[test]
fn the_key_of_demo_is_in_a_file_of_its_owner_alone_and_whatever_is_lost_that_file_is_right() -> Test {
    use std::os::unix::fs::PermissionsExt;
    let program = Program::start(&OFTEN)?;
    let path = program.directory().join("data/streamer-key-demo");
    assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    program.get_ready()?;
    let (viewer, first) = (Viewer::new(&program, 1)?, demo_key(&program)?);
    let cookies = opened(&program, &viewer, "demo", &first)?;

    fs::remove_file(&path)?;
    let program = program.restart(&OFTEN)?;
    program.get_ready()?;
    let second = demo_key(&program)?;
    assert_ne!(first, second);
    assert_eq!(role(&program, &cookies, "demo")?, Role::Viewer, "its key is lost");
    assert_eq!(open(&program, "demo", &first, &[])?.status, 403);
    opened(&program, &viewer, "demo", &second)?;

    let data = program.directory().join("data");
    for name in ["danmu.db", "danmu.db-wal", "danmu.db-shm"] {
        let _ = fs::remove_file(data.join(name));
    }
    let program = program.crash(&OFTEN)?;
    assert_eq!(demo_key(&program)?, second, "the file is as it was");
    opened(&program, &viewer, "demo", &second)?;
    Ok(())
}

#[tokio::test]
async fn a_server_starts_and_is_ready_while_another_process_writes_the_store() -> Test {
    let program = Program::start(&OFTEN)?;
    program.get_ready()?;
    let mut store =
        sqlx::SqliteConnection::connect(program.directory().join("data/danmu.db").to_str().ok_or("no path")?).await?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut store).await?;
    let program = program.crash(&OFTEN)?;
    program.get_ready()?;
    sqlx::query("ROLLBACK").execute(&mut store).await?;
    Ok(())
}

#[test]
fn an_operator_makes_keys_with_a_server_and_without_and_lists_who_has_one() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN)?;
    program.get_ready()?;
    let listed = program.order(&["rooms", "list"])?;
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].starts_with("demo  demo  streamer key made "), "{listed}");
    assert_eq!(lines[1..], ["other  Another  no streamer key  in the settings"], "{listed}");
    let said = program.order(&["rooms", "key", "other"])?;
    assert!(said.contains("There was none before it") && said.contains("not shown again"), "{said}");
    let (viewer, key) = (Viewer::new(&program, 1)?, said.lines().next().ok_or("no key")?);
    let cookies = opened(&program, &viewer, "other", key)?;
    let roles = ["demo", "other"].map(|room| role(&program, &cookies, room).map_err(|error| error.to_string()));
    assert_eq!(roles, [Ok(Role::Viewer), Ok(Role::Streamer)]);
    let refused = program.order(&["rooms", "key", "nowhere"]).expect_err("there is no such room").to_string();
    assert!(refused.contains("there is no room nowhere"), "{refused}");
    assert!(!program.order(&["rooms", "list"])?.contains("no streamer key"));

    // Where no server runs, and none has ever run.
    let dir = tempfile::tempdir()?;
    let made = command(&dir).args(["rooms", "key", "demo"]).output()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made = String::from_utf8(made.stdout)?;
    let key = made.lines().next().ok_or("no key")?;
    assert_eq!(fs::read_to_string(dir.path().join("data/streamer-key-demo"))?.trim(), key);
    assert_eq!(shown(&dir, "text")?, Some(key.to_owned()), "a server that starts takes it");
    Ok(())
}

/// The key that the program shows when it starts, with that form of log. No key is ever in the log.
fn shown(dir: &tempfile::TempDir, format: &str) -> Result<Option<String>, Failure> {
    let log = fs::File::create(dir.path().join("log"))?;
    let variables = [("DANMU_LOG__FORMAT", format), ("DANMU_LOG__FILTER", "trace")];
    let mut program = command(dir).envs(variables).stdout(Stdio::piped()).stderr(log).spawn()?;
    let output = program.stdout.take().ok_or("no output")?;
    let log = || fs::read_to_string(dir.path().join("log"));
    let mut key = None;
    if format == "text" {
        // Two empty lines are around the name, and one is after the addresses.
        for line in BufReader::new(output).lines().skip(3) {
            let line = line?;
            if let Some((url, shown)) = line.split_once("   streamer key ") {
                assert!(url.starts_with("  studio   http://127.0.0.1:") && url.ends_with("/studio/demo"), "{line}");
                key = Some(shown.to_owned());
            }
            if line.is_empty() {
                break;
            }
        }
    } else {
        while !log()?.contains("Danmu is live") && program.try_wait()?.is_none() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    program.kill()?;
    program.wait()?;
    let kept = fs::read_to_string(dir.path().join("data/streamer-key-demo"))?;
    assert!(!log()?.contains(kept.trim()), "the key is in the log");
    Ok(key)
}

#[test]
fn every_start_shows_the_key_of_demo_and_no_log_does() -> Test {
    let dir = tempfile::tempdir()?;
    let first = shown(&dir, "text")?.ok_or("no key is shown")?;
    assert_eq!(shown(&dir, "json")?, None);
    assert_eq!(shown(&dir, "text")?, Some(first));
    Ok(())
}
