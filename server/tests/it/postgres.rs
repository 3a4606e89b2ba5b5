//! Servers that share no directory: a stream on AWS (its test double), a database of PostgreSQL, and copies of the ticket keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

use danmu::{feed::Told, record::Subject, viewer::Role};
use danmu_app::audit::AuditEntry;
use danmu_identity::identity::Identity;

use crate::{
    chance::Chance,
    private_postgres::{Cluster, cluster, database},
    program::{Answer, Program, address, ask_at, end},
    replicas::{Aws, Viewer, refused},
    rights::Person,
    speaker::until,
    world::{Failure, PATIENCE, Test},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// The servers, and what they share.
struct Servers {
    aws: Aws,
    url: String,
    keys: tempfile::TempDir,
    /// Nobody, while one is down.
    all: Vec<Option<Program>>,
}

impl Servers {
    /// Three that start at once over an empty database.
    async fn start(url: &str) -> Result<Self, Failure> {
        let (aws, keys) = (Aws::start(2, u64::MAX, Chance(1)).await?, tempfile::tempdir()?);
        Identity::open(&keys.path().join("ticket-keys.json"))?;
        let mut servers = Self { aws, url: url.to_owned(), keys, all: Vec::new() };
        let started = std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..3).map(|_| scope.spawn(|| servers.one().map_err(|error| error.to_string()))).collect();
            all.into_iter().map(|one| one.join().expect("no panic")).collect::<Result<Vec<_>, _>>()
        });
        servers.all = started?.into_iter().map(Some).collect();
        servers.get_ready()?;
        Ok(servers)
    }

    /// Another one, in a directory of its own.
    fn one(&self) -> Result<Program, Failure> {
        let dir = tempfile::tempdir()?;
        let rooms = "[[rooms]]\nid = 'demo'\nvideo = ''\n[[rooms]]\nid = 'other'\nvideo = ''\n";
        fs::write(dir.path().join("danmu.toml"), format!("[store]\nurl = '{}'\n{rooms}", self.url))?;
        fs::create_dir(dir.path().join("data"))?;
        fs::copy(self.keys.path().join("ticket-keys.json"), dir.path().join("data/ticket-keys.json"))?;
        Program::start_in(dir, &pairs(&self.variables()), Stdio::inherit())
    }

    /// All that it is told but by its file. Its ticket keys are in its own directory.
    fn variables(&self) -> Vec<(String, String)> {
        let variables = self.aws.variables(self.aws.addr).into_iter();
        variables.filter(|(name, _)| name != "DANMU_IDENTITY__KEYS").collect()
    }

    fn get_ready(&self) -> Test {
        self.running().try_for_each(Program::get_ready)
    }

    fn running(&self) -> impl Iterator<Item = &Program> {
        self.all.iter().flatten()
    }

    fn at(&self, n: usize) -> &Program {
        self.all[n].as_ref().expect("it runs")
    }

    /// Everything that was done, as the command at one of them tells it.
    fn audit(&self, n: usize) -> Result<Vec<AuditEntry>, Failure> {
        let told = self.at(n).order(&["audit", "--format", "ndjson"])?;
        Ok(told.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }
}

fn pairs(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (&**name, &**value)).collect()
}

fn ask(program: &Program, what: &str, cookie: &str, form: &str) -> Result<Answer, Failure> {
    let answer = program.ask(&format!("POST /api/{what}"), &[FORM, cookie], form)?;
    assert_eq!(answer.status, 200, "{what} {form}: {}", answer.body);
    Ok(answer)
}

/// The ids of the last danmu of `demo`, as a page that enters now is told them.
fn history(program: &Program) -> Result<Vec<String>, Failure> {
    let site = address(&program.url)?;
    let mut line = std::net::TcpStream::connect(site)?;
    line.set_read_timeout(Some(PATIENCE))?;
    write!(line, "GET /rooms/demo/events?history=50 HTTP/1.1\r\nHost: {site}\r\n\r\n")?;
    for line in BufReader::new(line).lines() {
        if let Some(told) = line?.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Told>(data).ok()) {
            return Ok(told.danmu.into_iter().map(|item| item.id.to_string()).collect());
        }
    }
    Err("nothing was told".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_at_one_of_three_servers_acts_at_all_and_is_in_the_audit_once() -> Test {
    let Some(database) = database()? else { return Ok(()) };
    let servers = Servers::start(&database.url).await?;
    let [a, b, c] = [0, 1, 2].map(|n| servers.at(n));
    let key_file = |program: &Program| program.directory().join("data/streamer-key-demo");
    let makers: Vec<_> = servers.running().filter(|program| key_file(program).exists()).collect();
    assert_eq!(makers.len(), 1, "one of them made the key of demo");
    let demo_key = fs::read_to_string(key_file(makers[0]))?;
    assert!(servers.running().all(|program| !program.directory().join("data/danmu.db").exists()));

    // A room, its key, and an invitation to it.
    let page = |program: &Program| Ok::<_, Failure>(program.ask("GET /room/anna", &[], "")?.status);
    let maker = Viewer::new(a, 1, "203.0.113.9")?;
    let key = ask(a, "make_room", &maker.cookie, "room=anna&title=Anna&video=&poster=")?.body;
    for program in [a, b, c] {
        until("the room is there", || Ok(page(program)? == 200)).await?;
    }
    let studio = |program: &Program, viewer: &Viewer, room: &str, key: &str| -> Result<String, Failure> {
        let name = format!("danmu_studio_{room}");
        let opened = ask(program, "open_studio", &viewer.cookie, &format!("room={room}&key={}", key.trim()))?;
        Ok(format!("{}; {name}={}", viewer.cookie, opened.cookie(&name).ok_or("no cookie")?))
    };
    let host = studio(b, &Viewer::new(b, 2, "203.0.113.9")?, "anna", key.trim_matches('"'))?;
    let role = |program: &Program, cookie: &str, room: &str| {
        Person { program, cookie: cookie.to_owned() }.role(room).map_err(|error| error.to_string())
    };
    for program in [a, b, c] {
        until("the key is known", || Ok(role(program, &host, "anna")? == Role::Streamer)).await?;
    }
    let invited = ask(c, "make_invitation", &host, "room=anna&label=Ann")?.body;
    let ann = Viewer::new(a, 3, "203.0.113.9")?;
    let accepted = ask(a, "accept_invitation", &ann.cookie, &format!("room=anna&token={}", invited.trim_matches('"')))?;
    let ann = format!("{}; danmu_studio_anna={}", ann.cookie, accepted.cookie("danmu_studio_anna").ok_or("no cookie")?);
    for program in [a, b, c] {
        until("she moderates", || Ok(role(program, &ann, "anna")? == Role::Moderator)).await?;
    }
    let invitations: serde_json::Value = serde_json::from_str(&ask(b, "invitations", &host, "room=anna")?.body)?;
    let id = invitations[0]["id"].as_str().ok_or("no invitation")?;
    ask(b, "revoke_invitation", &host, &format!("room=anna&id={id}"))?;
    let rotated = c.order(&["rooms", "key", "anna"])?;
    for program in [a, b, c] {
        until("it is revoked", || Ok(role(program, &ann, "anna")? == Role::Viewer)).await?;
        until("the key is another", || Ok(role(program, &host, "anna")? == Role::Viewer)).await?;
    }
    studio(a, &maker, "anna", rotated.lines().next().ok_or("no key")?)?;

    // A hidden danmu, a ban, a mode.
    let spammer = Viewer::new(a, 4, "203.0.113.9")?;
    let crew = studio(c, &Viewer::new(c, 5, "203.0.113.9")?, "demo", &demo_key)?;
    assert_eq!(refused(&servers.aws, &[a, b, c], &spammer, "demo").await?, [false; 3]);
    let danmu = history(a)?.pop().ok_or("no danmu")?;
    assert_eq!((history(b)?, history(c)?), (vec![danmu.clone()], vec![danmu.clone()]));
    ask(b, "hide", &crew, &format!("room=demo&danmu={danmu}&viewer={}", spammer.id))?;
    for program in [a, b, c] {
        until("it is hidden", || Ok(history(program)?.is_empty())).await?;
    }
    ask(c, "ban", &crew, &format!("room=demo&viewer={}", spammer.id))?;
    let vended = |program: &Program| Ok::<_, Failure>(program.session("demo", "produce", &[&spammer.cookie])?.status);
    for program in [a, b, c] {
        until("it is banned", || Ok(vended(program)? == 403)).await?;
    }
    crate::replicas::until("all gates refuse it", async || {
        Ok(refused(&servers.aws, &[a, b, c], &spammer, "demo").await? == [true; 3])
    })
    .await?;
    ask(a, "set_mode", &crew, "room=demo&mode=members&on=true")?;
    let bystander = Viewer::new(b, 6, "203.0.113.9")?;
    let by_mode = "danmu_refused_total{reason=\"mode\"}";
    crate::replicas::until("guests are quiet everywhere", async || {
        // Whoever judges counts it, one way or the other.
        let key = "danmu_admitted_total{room=\"demo\"}";
        let before = [a, b, c].map(|program| (program.figure(key).ok(), program.figure(by_mode).ok()));
        bystander.say(&servers.aws, "demo", "may I?").await?;
        let mut quiet = true;
        for (program, before) in [a, b, c].into_iter().zip(before) {
            until("it is judged", || Ok((program.figure(key).ok(), program.figure(by_mode).ok()) != before)).await?;
            quiet &= program.figure(by_mode).ok() != before.1;
        }
        Ok(quiet)
    })
    .await?;

    let entries = servers.audit(0)?;
    let seen: Vec<_> = entries.iter().map(|entry| (&*entry.what, &*entry.room)).collect();
    let expected = [
        ("new_key", "demo"),
        ("make_room", "anna"),
        ("open_studio", "anna"),
        ("invite", "anna"),
        ("join", "anna"),
        ("uninvite", "anna"),
        ("new_key", "anna"),
        ("open_studio", "anna"),
        ("open_studio", "demo"),
        ("hide", "demo"),
        ("ban", "demo"),
        ("mode_on", "demo"),
    ];
    assert_eq!(seen, expected);
    assert_eq!((servers.audit(1)?, servers.audit(2)?), (entries.clone(), entries));
    Ok(())
}

/// Bans by moderators at all servers, for as long as it is told; those that were acknowledged.
fn decide_all_along(
    servers: &[String],
    cookies: &[String],
    (done, count): (&AtomicBool, &AtomicU32),
) -> BTreeSet<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mut acknowledged = BTreeSet::new();
    while !done.load(Relaxed) {
        let n = NUMBER.fetch_add(1, Relaxed) as usize;
        let (url, cookie, viewer) = (&servers[n % servers.len()], &cookies[n % cookies.len()], format!("v{n}"));
        let form = format!("room=demo&viewer={viewer}");
        if ask_at(url, "POST /api/ban", &[FORM, cookie], &form).is_ok_and(|answer| answer.status == 200) {
            acknowledged.insert(viewer);
            count.fetch_add(1, Relaxed);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_a_database_that_is_away_for_a_while_lose_nothing() -> Test {
    let Some(mut database_server) = cluster()? else { return Ok(()) };
    let database = database_server.database()?;
    let mut servers = Servers::start(&database.url).await?;
    // A moderator may decide once a second, after thirty at once.
    let keepers = (0..40).map(|n| Person::with(servers.at(0), &format!("keeper{n}"), &[("demo", Role::Moderator)]));
    let cookies = keepers.map(|keeper| Ok(keeper?.cookie)).collect::<Result<Vec<_>, Failure>>()?;
    let (urls, done) =
        (servers.running().map(|program| program.url.clone()).collect::<Vec<_>>(), AtomicBool::new(false));
    let count = AtomicU32::new(0);
    let acknowledged = std::thread::scope(|scope| {
        let deciders: Vec<_> =
            (0..3).map(|_| scope.spawn(|| decide_all_along(&urls, &cookies, (&done, &count)))).collect();
        let failed = disturb(&mut servers, &mut database_server, &count).map_err(|error| error.to_string());
        done.store(true, Relaxed);
        let sets: Vec<_> = deciders.into_iter().map(|one| one.join().expect("no panic")).collect();
        failed.map(|()| sets.into_iter().flatten().collect::<BTreeSet<_>>())
    })?;
    servers.get_ready()?;
    assert!(acknowledged.len() >= 50, "{} decisions are too few", acknowledged.len());

    let bans = |entries: &[AuditEntry]| {
        let mut bans = BTreeMap::<String, u32>::new();
        entries
            .iter()
            .filter(|entry| entry.what == "ban")
            .for_each(|entry| *bans.entry(entry.subject.clone()).or_default() += 1);
        bans
    };
    let written = bans(&servers.audit(1)?);
    assert_eq!(written, bans(&servers.audit(0)?));
    let lost: Vec<_> = acknowledged.iter().filter(|viewer| !written.contains_key(*viewer)).collect();
    assert!(lost.is_empty(), "acknowledged, and not there: {lost:?}");
    assert!(written.values().all(|times| *times == 1), "written twice: {written:?}");
    // The stream is told all of it, and nothing else; what a server claimed that was killed by another.
    crate::replicas::until("all is told", async || Ok(servers.aws.told().await?.ids.len() >= written.len())).await?;
    let told = servers.aws.told().await?;
    assert_eq!(told.ids.len(), written.len());
    let demo = Some("demo".parse()?);
    let is_told =
        |viewer: &String| Ok::<_, Failure>(told.last.contains_key(&(demo.clone(), Subject::Viewer(viewer.parse()?))));
    for viewer in written.keys() {
        assert!(is_told(viewer)?, "{viewer} is not told");
    }
    // And all servers know it.
    let last = Person::with(servers.at(0), written.keys().next_back().ok_or("nobody")?, &[])?.cookie;
    for program in servers.running() {
        until("it is banned", || Ok(program.session("demo", "produce", &[&last])?.status == 403)).await?;
    }
    Ok(())
}

/// Kills a server, stops the database for a while, and starts both again.
fn disturb(servers: &mut Servers, database: &mut Cluster, count: &AtomicU32) -> Test {
    let pause = |ms| std::thread::sleep(Duration::from_millis(ms));
    // However busy the machine is: something is decided before, and after.
    let more = |by: u32| {
        let (since, enough) = (Instant::now(), count.load(Relaxed) + by);
        while count.load(Relaxed) < enough {
            if since.elapsed() > PATIENCE {
                return Err("nothing more is decided");
            }
            pause(20);
        }
        Ok(())
    };
    more(25)?;
    let killed = servers.all[2].take().ok_or("it runs")?;
    let variables = servers.variables();
    let killed = killed.crash(&pairs(&variables))?;
    pause(500);
    database.stop("immediate")?;
    pause(3_000);
    // Watching and talking need no store.
    let session = servers.at(0).session("demo", "produce", &[])?;
    assert_eq!(session.status, 200, "{}", session.body);
    let refused = servers.at(0).order(&["bans"]).err().ok_or("it is there")?.to_string();
    assert!(refused.contains("cannot be opened") && refused.contains("store.url"), "{refused}");
    // Whoever starts meanwhile says why it does not.
    let error = servers.one().err().ok_or("it started")?.to_string();
    assert!(error.contains("ended before"), "{error}");
    database.start()?;
    more(25)?;
    killed.get_ready()?;
    servers.all[2] = Some(killed);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_reads_the_embedded_stream_of_a_server_with_which_it_shares_no_directory() -> Test {
    let Some(database) = database()? else { return Ok(()) };
    let store = [("DANMU_STORE__URL", &*database.url)];
    let bus = Program::start_telling(&[&store[..], &[("DANMU_LOG__FILTER", "trace")]].concat())?;
    bus.get_ready()?;
    let dir = tempfile::tempdir()?;
    fs::create_dir(dir.path().join("data"))?;
    for name in ["root-key.json", "ticket-keys.json"] {
        fs::copy(bus.directory().join("data").join(name), dir.path().join("data").join(name))?;
    }
    let addr = bus.stream.replace("http://", "");
    let role = [("DANMU_ROLE", "relay"), ("DANMU_STREAM__ADDR", &*addr)];
    let relay = Program::start_in(dir, &[&store[..], &role].concat(), Stdio::inherit())?;
    relay.get_ready()?;
    let (viewer, keeper) =
        (crate::speaker::Viewer::new(&bus, 1)?, Person::with(&relay, "keeper", &[("demo", Role::Moderator)])?);
    assert_eq!(viewer.says("hello").await?, None);
    until("the relay tells it", || Ok(history(&relay)?.len() == 1)).await?;
    assert_eq!(keeper.asks("ban", &format!("room=demo&viewer={}", viewer.id))?.status, 200);
    for program in [&bus, &relay] {
        until("it is taken down", || Ok(history(program)?.is_empty())).await?;
        until("it is banned", || Ok(viewer.comes_again(program, 1)?.status == 403)).await?;
    }
    let log = bus.log()?;
    assert!(log.contains("sqlx") && !log.contains("unasked"), "the password is in the log");
    Ok(())
}

#[test]
fn a_store_that_cannot_be_had_ends_the_start_with_the_reason_and_no_password_is_said() -> Test {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let nobody = listener.local_addr()?;
    drop(listener);
    let url = format!("postgres://ann:s3cret@{nobody}/shows");
    let text = |output: &std::process::Output| {
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
    };
    for (toml, variables, arguments, why) in [
        (format!("store.url = '{url}'"), vec![], &[][..], "refused"),
        (String::new(), vec![("DANMU_STORE__URL", &*url)], &["bans"], "refused"),
        (String::new(), vec![("DANMU_STORE__URL", "sqlite:danmu.db")], &["--check"], "leave it out"),
        (String::new(), vec![("DANMU_STORE__URL", "postgres://ann:s3cret@db")], &["--check"], "names no database"),
        // Without quotes, which the error cites.
        (format!("[store]\nurl = {url}"), vec![], &["--check"], "postgres://ann:***@"),
    ] {
        let output = end(&[("danmu.toml", &toml)], arguments, &variables)?;
        let said = text(&output);
        assert!(!output.status.success() && said.contains(why), "{toml} {variables:?}: {said}");
        assert!(!said.contains("s3cret"), "the password is said: {said}");
    }
    let checked = end(&[], &["--check"], &[("DANMU_STORE__URL", &url)])?;
    let said = text(&checked);
    let expected = format!("store      postgres://ann@{nobody}/shows, encrypted where the database offers that");
    assert!(checked.status.success() && said.contains(&expected) && !said.contains("s3cret"), "{said}");
    assert!(text(&end(&[], &["--check"], &[])?).contains("store      SQLite, danmu.db in data"));
    Ok(())
}
