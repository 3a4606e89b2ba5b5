//! The audit in the real program: every act leaves one entry, for the room's crew alone.

use std::time::{Duration, Instant};

use danmu::viewer::{Rank, Role};
use danmu_app::audit::{Act, AuditEntry};
use danmu_identity::store::{By, Store};

use crate::{
    program::{Answer, Program},
    rights::Person,
    speaker::{Viewer, now_ms, until},
    world::{Failure, Test},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\n[[rooms]]\nid = 'other'\nvideo = ''\n";
const WRONG: &str = "0000-0000-0000-0000-0000-0000-0000";
/// Requests tell from where they come.
const PROXIED: (&str, &str) = ("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8");

fn ask(program: &Program, what: &str, cookie: &str, form: &str) -> Result<Answer, Failure> {
    program.ask(&format!("POST /api/{what}"), &[FORM, cookie], form)
}

/// Everything, as the command tells it.
fn told(program: &Program, more: &[&str]) -> Result<Vec<AuditEntry>, Failure> {
    let told = program.order(&[&["audit", "--format", "ndjson"], more].concat())?;
    Ok(told.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn codes(entries: &[AuditEntry]) -> Vec<&str> {
    entries.iter().map(|entry| &*entry.what).collect()
}

/// The cookies of a viewer who opened the studio of `demo` by its key.
fn opened(program: &Program, viewer: &Viewer) -> Result<String, Failure> {
    let key = std::fs::read_to_string(program.directory().join("data/streamer-key-demo"))?;
    let answer = ask(program, "open_studio", &viewer.cookie, &format!("room=demo&key={}", key.trim()))?;
    let pass = answer.cookie("danmu_studio_demo").ok_or(answer.body.clone())?;
    Ok(format!("{}; danmu_studio_demo={pass}", viewer.cookie))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_leaves_one_entry_that_says_who_did_it_and_to_whom() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    program.get_ready()?;
    let (streamer, speaker) = (Viewer::new(&program, 1)?, Viewer::new(&program, 2)?);
    let cookies = opened(&program, &streamer)?;
    let keeper = Person::with(&program, "keeper", &[("demo", Role::Moderator)])?;
    assert_eq!(speaker.says("some spam").await?, None);
    until("it is told", || Ok(program.figure("danmu_admitted_total{room=\"demo\"}")? > 0)).await?;
    let key = newest_key(&program)?;

    let done = |answer: Answer| assert_eq!(answer.status, 200, "{}", answer.body);
    done(keeper.asks("hide", &format!("room=demo&danmu={key}&viewer={}", speaker.id))?);
    done(keeper.asks("ban", &format!("room=demo&viewer={}&seconds=600", speaker.id))?);
    done(ask(&program, "unban", &cookies, &format!("room=demo&viewer={}", speaker.id))?);
    // Nothing is in force: nothing is decided.
    done(ask(&program, "unban", &cookies, &format!("room=demo&viewer={}", speaker.id))?);
    // Refused: nothing is decided.
    assert_eq!(ask(&program, "ban", &speaker.cookie, "room=demo&viewer=x")?.status, 403);
    done(ask(&program, "make_room", &streamer.cookie, "room=anna&title=Anna&video=&poster=")?);
    let anna = Person::with(&program, "anna", &[("anna", Role::Streamer)])?;
    done(anna.asks("edit_room", "room=anna&title=Late&video=&poster=")?);
    done(anna.asks("archive_room", "room=anna")?);
    for order in [
        &["rooms", "reopen", "anna"][..],
        &["rooms", "key", "demo"],
        &["rooms", "create", "bob"],
        &["rooms", "archive", "bob"],
        &["ban", "192.0.2.0/24", "--reason", "a \"raid\""],
        &["unban", "192.0.2.0/24"],
        &["freeze"],
        &["thaw"],
        &["revoke"],
    ] {
        program.order(order)?;
    }
    let entries = told(&program, &[])?;
    let seen: Vec<_> =
        entries.iter().map(|entry| (&*entry.what, &*entry.room, &*entry.actor, &*entry.subject)).collect();
    let (me, them) = (&*streamer.id, &*speaker.id);
    let expected = [
        ("new_key", "demo", "server", ""),
        ("open_studio", "demo", me, "127.0.0.1"),
        ("hide", "demo", "keeper", &*key),
        ("ban", "demo", "keeper", them),
        ("unban", "demo", me, them),
        ("make_room", "anna", me, ""),
        ("edit_room", "anna", "anna", ""),
        ("archive_room", "anna", "anna", ""),
        ("reopen_room", "anna", "operator", ""),
        ("new_key", "demo", "operator", ""),
        ("make_room", "bob", "operator", ""),
        ("archive_room", "bob", "operator", ""),
        ("ban", "", "operator", "192.0.2.0/24"),
        ("unban", "", "operator", "192.0.2.0/24"),
        ("freeze", "", "operator", ""),
        ("thaw", "", "operator", ""),
        ("revoke", "", "operator", ""),
    ];
    assert_eq!(seen, expected);
    let (hide, ban, unban) = (&entries[2], &entries[3], &entries[4]);
    assert_eq!(
        (hide.detail.text.as_deref(), &*hide.viewer, hide.rank),
        (Some("some spam"), them, Some(Rank::Moderator))
    );
    let lasts = ban.detail.until.ok_or("no end")? - ban.at_ms;
    assert!((590_000..=610_000).contains(&lasts), "{lasts}");
    assert_eq!((unban.rank, &*unban.name), (Some(Rank::Streamer), "by streamer key"));
    assert_eq!(entries[12].detail.reason.as_deref(), Some("a \"raid\""));

    // The command tells one room's, the latest, and lines for people.
    assert_eq!(codes(&told(&program, &["--room", "bob"])?), ["make_room", "archive_room"]);
    assert_eq!(told(&program, &["--since", "1h"])?.len(), expected.len());
    let text = program.order(&["audit"])?;
    assert!(text.contains("keeper (moderator)  ban  ") && text.contains("reason \"a \\\"raid\\\"\""), "{text}");
    assert_eq!(text.lines().count(), expected.len());
    for (arguments, why) in
        [(["--since", "soon"], "is no time"), (["--format", "xml"], "ndjson"), (["--room", "A b"], "")]
    {
        let error = program.order(&[&["audit"], &arguments[..]].concat()).err().ok_or("it was told")?.to_string();
        assert!(error.contains(why), "{error}");
    }
    Ok(())
}

/// The key of the newest danmu of `demo`, as a page that enters now is told it.
fn newest_key(program: &Program) -> Result<String, Failure> {
    use std::io::{BufRead, BufReader, Write};
    let site = crate::program::address(&program.url)?;
    let mut line = std::net::TcpStream::connect(site)?;
    line.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(line, "GET /rooms/demo/events?history=5 HTTP/1.1\r\nHost: {site}\r\n\r\n")?;
    for line in BufReader::new(line).lines() {
        let line = line?;
        let told = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<danmu::feed::Told>(data).ok());
        if let Some(item) = told.and_then(|told| told.danmu.into_iter().next_back()) {
            return Ok(item.id.to_string());
        }
    }
    Err("no danmu was told".into())
}

#[test]
fn the_crew_of_a_room_reads_its_audit_in_pages_and_nobody_else_does() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    program.get_ready()?;
    let store = |room: &str, count: usize| -> Test {
        let (room, data) = (room.parse()?, program.directory().join("data"));
        tokio::runtime::Runtime::new()?.block_on(async {
            let store = Store::open(&data).await?;
            for n in 0..count {
                store.note(Some(&room), Act::OpenStudio, &format!("={n}"), &By::operator(), now_ms()).await?;
            }
            Ok(())
        })
    };
    store("demo", 120)?;
    store("other", 1)?;
    let [keeper, host, elsewhere] =
        [("keeper", "demo", Role::Moderator), ("host", "demo", Role::Streamer), ("else", "other", Role::Streamer)]
            .map(|(name, room, role)| Person::with(&program, name, &[(room, role)]));
    let (keeper, host, elsewhere) = (keeper?, host?, elsewhere?);
    let page = |person: &Person<'_>, form: &str| -> Result<Vec<AuditEntry>, Failure> {
        let answer = person.asks("audit", form)?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Ok(serde_json::from_str(&answer.body)?)
    };
    for person in [&keeper, &host] {
        let (mut before, mut sizes, mut numbers) = (String::new(), Vec::new(), Vec::new());
        loop {
            let entries = page(person, &format!("room=demo{before}"))?;
            assert!(entries.iter().all(|entry| entry.room == "demo"));
            sizes.push(entries.len());
            let Some(last) = entries.last() else { break };
            before = format!("&before={}", last.number);
            numbers.extend(entries.iter().map(|entry| entry.number));
        }
        // One is that of the key that was made at the start.
        assert_eq!(sizes, [50, 50, 21, 0]);
        assert!(numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
    }
    let filtered = |filter: &str| Ok::<_, Failure>(page(&keeper, &format!("room=demo&{filter}"))?.len());
    assert_eq!(filtered("filter[subject]=%3D7")?, 1);
    assert_eq!(filtered("filter[what]=new_key&filter[actor]=server")?, 1);
    assert_eq!(filtered("filter[actor]=nobody")?, 0);

    let viewer = Viewer::new(&program, 1)?;
    let member = Person::with(&program, "member", &[])?;
    let (site, exports) = ("Origin: https://evil.example", ["audit.csv", "audit.ndjson"]);
    for cookie in [&*elsewhere.cookie, &viewer.cookie, &member.cookie, "Cookie: lang=en"] {
        let refused = ask(&program, "audit", cookie, "room=demo")?;
        assert_eq!((refused.status, refused.body.contains("NotModerator")), (403, true), "{}", refused.body);
        for export in exports {
            let refused = program.ask(&format!("GET /studio/demo/{export}"), &[cookie], "")?;
            assert_eq!((refused.status, refused.body.contains("number")), (403, false), "{}", refused.body);
        }
    }
    assert_eq!(page(&elsewhere, "room=other")?.len(), 1);
    assert_eq!(
        program.ask("POST /api/audit", &[FORM, &keeper.cookie, site], "room=demo")?.status,
        403,
        "another site's page"
    );
    assert_eq!(keeper.asks("audit", "room=nowhere")?.status, 404);
    assert_eq!(keeper.asks("audit", "room=demo&before=soon")?.status, 400);
    for (room, status) in [("nowhere", 404), ("No+Room", 404)] {
        assert_eq!(program.ask(&format!("GET /studio/{room}/audit.csv"), &[&keeper.cookie], "")?.status, status);
    }

    let csv = program.ask("GET /studio/demo/audit.csv", &[&keeper.cookie], "")?;
    assert!(csv.head.contains("content-disposition: attachment; filename=\"audit-demo.csv\""), "{}", csv.head);
    assert!(
        csv.head.contains("content-type: text/csv") && csv.head.contains("cache-control: no-store"),
        "{}",
        csv.head
    );
    assert_eq!(
        csv.body.matches(",operator,").count(),
        241,
        "the actor and its rank in each, and the rank of the server: {}",
        csv.body
    );
    assert!(csv.body.contains(",'=7,") && !csv.body.contains(",=7,"), "{}", csv.body);
    let json = program.ask("GET /studio/demo/audit.ndjson", &[&host.cookie], "")?;
    let entries: Vec<AuditEntry> =
        json.body.lines().filter(|line| line.starts_with('{')).map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!((entries.len(), entries[0].what.as_str()), (121, "new_key"));
    Ok(())
}

#[test]
fn fifty_decisions_in_a_second_are_all_in_it_after_a_crash() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    program.get_ready()?;
    let people = ["ann", "bob"].map(|name| Person::with(&program, name, &[("demo", Role::Moderator)]));
    let [ann, bob] = people;
    let (ann, bob) = (ann?, bob?);
    let since = Instant::now();
    std::thread::scope(|scope| {
        let all = [(&ann, 0), (&bob, 100)].map(|(person, from)| {
            scope.spawn(move || {
                for n in from..from + 25 {
                    let answer =
                        person.asks("ban", &format!("room=demo&viewer=v{n}")).map_err(|error| error.to_string())?;
                    if answer.status != 200 {
                        return Err(answer.body);
                    }
                }
                Ok(())
            })
        });
        all.into_iter().try_for_each(|one| one.join().map_err(|_| "it panicked".to_owned())?)
    })?;
    let took = since.elapsed();
    let program = program.crash(&[])?;
    let entries = told(&program, &["--room", "demo"])?;
    let mut bans: Vec<_> = entries.iter().filter(|entry| entry.what == "ban").collect();
    assert_eq!(bans.len(), 50, "{took:?}");
    bans.sort_by_key(|entry| entry.subject.clone());
    bans.dedup_by_key(|entry| entry.subject.clone());
    let by_ann = bans.iter().filter(|entry| entry.actor == "ann").count();
    assert_eq!((bans.len(), by_ann), (50, 25));
    assert_eq!(program.order(&["bans"])?.lines().count(), 50, "as many are in force");
    Ok(())
}

#[test]
fn a_flood_of_wrong_keys_is_few_entries_that_count_all_of_them() -> Test {
    let program = Program::start_with(ROOMS, &[PROXIED])?;
    program.get_ready()?;
    let tries = |from: &str, room: &str| -> Test {
        let head = [FORM, &format!("X-Forwarded-For: {from}")];
        let answer = program.ask("POST /api/open_studio", &head, &format!("room={room}&key={WRONG}"))?;
        assert!(matches!(answer.status, 403 | 429), "{}", answer.body);
        Ok(())
    };
    for n in 0..300 {
        tries("198.51.100.1", "demo")?;
        tries("198.51.100.2", &format!("nowhere-{n}"))?;
    }
    let counts = |entries: &[AuditEntry]| {
        let wrong = entries.iter().filter(|entry| entry.what == "wrong_key");
        wrong.map(|entry| (entry.room.clone(), entry.subject.clone(), entry.detail.count)).collect::<Vec<_>>()
    };
    let first = counts(&told(&program, &[])?);
    assert!(matches!(first.len(), 1..=2), "{first:?}");
    // What is counted is written down when the server ends.
    let program = program.restart(&[PROXIED])?;
    let all = counts(&told(&program, &[])?);
    assert!(matches!(all.len(), 2..=4), "{all:?}");
    for (room, network) in [("demo", "198.51.100.1"), ("", "198.51.100.2")] {
        let of = all.iter().filter(|(of, from, _)| of == room && from == network);
        assert_eq!(of.filter_map(|(_, _, count)| *count).sum::<u64>(), 300, "{all:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_erased_by_command_and_what_stays_is_said() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    program.get_ready()?;
    let viewer = Viewer::new(&program, 1)?;
    let cookies = opened(&program, &viewer)?;
    assert_eq!(ask(&program, "ban", &cookies, "room=demo&viewer=bob")?.status, 200);
    let id = &*viewer.id;
    assert_eq!(viewer.says("remember me").await?, None);
    until("it is kept who spoke", || Ok(program.order(&["ban"])?.contains(id))).await?;
    program.order(&["ban", id, "--room", "other"])?;
    let refused =
        program.order(&["erase", "g00000000000000000000000000000000"]).err().ok_or("it was erased")?.to_string();
    assert!(refused.contains("nothing is kept of a viewer"), "{refused}");
    let refused = program.order(&["erase", "no viewer"]).err().ok_or("it was erased")?.to_string();
    assert!(refused.contains("1 to 64 visible ASCII characters"), "{refused}");

    let said = program.order(&["erase", id])?;
    for part in [
        "1 of recent speakers",
        "3 places of the audit",
        "Its ban from room other goes on for good",
        "--bans ends it",
        "24 h",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let entries = told(&program, &[])?;
    assert!(!serde_json::to_string(&entries)?.contains(id), "{entries:?}");
    let stand_in = said.split(' ').find(|word| word.starts_with("erased-")).ok_or("no stand-in")?;
    let acts: Vec<_> = entries.iter().filter(|entry| entry.actor == stand_in).map(|entry| &*entry.what).collect();
    assert_eq!(acts, ["open_studio", "ban"], "the crew's acts stay accountable");
    assert!(program.order(&["bans"])?.contains(id), "a ban goes on");

    let said = program.order(&["erase", id, "--bans"])?;
    assert!(said.contains("Its ban from room other is ended"), "{said}");
    assert!(!program.order(&["bans"])?.contains(id));
    assert!(!serde_json::to_string(&told(&program, &[])?)?.contains(id));
    assert_eq!(codes(&told(&program, &["--room", "other"])?), ["ban", "unban"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_kept_as_long_as_the_settings_say() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    program.get_ready()?;
    let store = Store::open(&program.directory().join("data")).await?;
    for days in [3, 1] {
        let at_ms = now_ms() - days * 24 * 3_600_000 + 60_000;
        store.note(None, Act::Freeze, &format!("{days} days ago"), &By::operator(), at_ms).await?;
    }
    let kept = |program: &Program| {
        let entries = told(program, &[])?.into_iter().filter(|entry| entry.what == "freeze");
        Ok::<_, Failure>(entries.map(|entry| entry.subject).collect::<Vec<_>>())
    };
    let program = program.restart(&[("DANMU_AUDIT__KEEP_DAYS", "3")])?;
    program.get_ready()?;
    assert_eq!(kept(&program)?.len(), 2);
    let program = program.restart(&[("DANMU_AUDIT__KEEP_DAYS", "2")])?;
    until("the older one is deleted", || Ok(kept(&program)? == ["1 days ago"])).await?;
    for wrong in ["0", "3651", "-1", "long"] {
        let refused = crate::program::end(&[], &["--check"], &[("DANMU_AUDIT__KEEP_DAYS", wrong)])?;
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && error.contains("DANMU_AUDIT__KEEP_DAYS"), "{wrong}: {error}");
    }
    let said = crate::program::end(&[], &["--check"], &[])?;
    assert!(String::from_utf8_lossy(&said.stdout).contains("audit      kept for 180 days"));
    Ok(())
}
