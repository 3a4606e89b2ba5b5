//! Rules in the real program: what they stop, whom they leave alone, and that nobody reads them off the stream.

use aws_sdk_kinesis::config::Credentials;
use danmu::viewer::Role;
use serde_json::Value;

use crate::{
    program::{Answer, Program},
    replicas::until as patiently,
    retract::Tape,
    rights::Person,
    shards::shards,
    speaker::{Viewer, until},
    truth::records,
    world::{Failure, Test},
    writers::client_with,
};

const REFUSED: &str = "danmu_refused_total{reason=\"rule\"}";
const ADMITTED: &str = "danmu_admitted_total{room=\"demo\"}";
/// Viewers and moderators may ask as often as they like, and direct reading is on.
const OFTEN: [(&str, &str); 2] =
    [("DANMU_VENDING__VIEWER_PER_MINUTE", "100000"), ("DANMU_VENDING__VIEWER_BURST", "10000")];

fn form(call: &str, kind: &str, value: &str) -> (String, String) {
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("room", "demo")
        .append_pair("rule[kind]", kind)
        .append_pair("rule[value]", value)
        .finish();
    (call.to_owned(), body)
}

fn makes(person: &Person<'_>, kind: &str, value: &str) -> Result<Answer, Failure> {
    let (call, body) = form("make_rule", kind, value);
    person.asks(&call, &body)
}

fn tries(person: &Person<'_>, kind: &str, value: &str) -> Result<Value, Failure> {
    let (call, body) = form("try_rule", kind, value);
    let answer = person.asks(&call, &body)?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Ok(serde_json::from_str(&answer.body)?)
}

fn listed(person: &Person<'_>) -> Result<Vec<Value>, Failure> {
    Ok(serde_json::from_str(&person.asks("rules", "room=demo")?.body)?)
}

/// All records of the stream, as whoever reads it directly gets them.
async fn raw(program: &Program) -> Result<Vec<String>, Failure> {
    let key: Value = serde_json::from_slice(&std::fs::read(program.directory().join("data/root-key.json"))?)?;
    let member = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
    let key = Credentials::new(member("access_key_id"), member("secret_access_key"), None, None, "root");
    let client = client_with(&program.stream, key);
    let mut all = Vec::new();
    for shard in shards(&client).await? {
        let data =
            records(&client, &shard).await?.into_iter().map(|it| String::from_utf8_lossy(it.data.as_ref()).into());
        all.extend(data);
    }
    Ok(all)
}

/// Has somebody say that, and waits until the gate has judged it: whether it is admitted must be as expected.
async fn says(program: &Program, viewer: &Viewer, text: &str, is_admitted: bool) -> Test {
    let figures = || Ok::<_, Failure>((program.figure(ADMITTED).unwrap_or(0), program.figure(REFUSED).unwrap_or(0)));
    let before = figures()?;
    assert_eq!(viewer.says(text).await?, None, "the stream takes it");
    until("it is judged", || Ok(figures()? != before)).await?;
    let admitted = figures()?.0 > before.0;
    assert_eq!(admitted, is_admitted, "it is {}: {text:?}", if admitted { "admitted" } else { "refused" });
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_tried_stops_viewers_alone_outlives_the_server_and_is_not_on_the_stream() -> Test {
    let program = Program::start(&OFTEN)?;
    program.get_ready()?;
    let people = [("keeper", Role::Moderator), ("host", Role::Streamer), ("ann", Role::Member)]
        .map(|(name, role)| Person::with(&program, name, &[("demo", role)]));
    let [keeper, host, member] = people;
    let (keeper, host, member, guest) = (keeper?, host?, member?, Viewer::new(&program, 1)?);
    let reads = |cookie: &str| program.session("demo", "consume", &[cookie]).map(|answer| answer.status);
    assert_eq!(reads(&guest.cookie)?, 200, "direct reading is on");
    says(&program, &guest, "try our 賭場 now", true).await?;
    says(&program, &guest, "hello", true).await?;

    let tried = tries(&keeper, "words", "赌场\nspam")?;
    let shown = (&tried["looked_at"], &tried["stopped"], &tried["examples"]);
    assert_eq!(shown, (&2.into(), &1.into(), &serde_json::json!(["try our 賭場 now"])));
    says(&program, &guest, "an other spam", true).await?;

    for call in ["make_rule", "try_rule"] {
        let (call, body) = form(call, "links", "");
        assert_eq!(member.asks(&call, &body)?.status, 403, "{call}");
    }
    assert_eq!(member.asks("rules", "room=demo")?.status, 403);
    assert_eq!(makes(&host, "words", "赌场\nsecretword")?.status, 200);
    let id = listed(&keeper)?[0]["id"].as_str().ok_or("no id")?.to_owned();
    patiently("the stream has it", async || Ok(raw(&program).await?.iter().any(|data| data.contains(&id)))).await?;
    says(&program, &guest, "加入我們的賭場", false).await?;
    says(&program, &guest, "something else", true).await?;
    assert_eq!(reads(&guest.cookie)?, 403, "who reads directly would see what a rule stops");

    // By its id alone.
    assert!(!raw(&program).await?.iter().any(|data| data.contains("secretword")));

    let end = |person: &Person<'_>, id: &str| person.asks("end_rule", &format!("room=demo&id={id}"));
    let refused = end(&keeper, &id)?;
    assert_eq!((refused.status, refused.body.contains("NotAbove")), (403, true), "{}", refused.body);
    assert_eq!(end(&keeper, "1")?.status, 400);
    let refused = makes(&keeper, "pattern", "(")?;
    assert_eq!((refused.status, refused.body.contains("unclosed group")), (400, true), "{}", refused.body);

    let (host, keeper) = (host.cookie, keeper.cookie);
    let program = program.crash(&OFTEN)?;
    program.get_ready()?;
    let (host, keeper) = (Person { program: &program, cookie: host }, Person { program: &program, cookie: keeper });
    let guest = Viewer::new(&program, 2)?;
    says(&program, &guest, "SecretWord!", false).await?;
    assert_eq!(end(&host, &id)?.status, 200);
    until("it is over", || Ok(listed(&keeper)?.is_empty())).await?;
    // Pending decisions count at once where sessions are vended, and in the stream's order at the gate.
    patiently("its end is on the stream", async || {
        Ok(raw(&program).await?.iter().any(|data| data.contains(&id) && data.contains("\"until\":0")))
    })
    .await?;
    assert_eq!(program.session("demo", "consume", &[&guest.cookie])?.status, 200);
    says(&program, &guest, "SecretWord again", true).await?;

    let audit: Vec<Value> = serde_json::from_str(&host.asks("audit", "room=demo")?.body)?;
    let acts = audit.iter().map(|entry| (entry["what"].as_str(), entry["detail"]["text"].as_str()));
    let acts: Vec<_> = acts.filter(|(what, _)| what.is_some_and(|what| what.starts_with("rule"))).collect();
    let text = Some("words 赌场 secretword");
    assert_eq!(acts, [(Some("rule_off"), text), (Some("rule_on"), text)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_of_the_store_follows_a_rule_from_the_same_danmu_on() -> Test {
    let program = Program::start(&OFTEN)?;
    program.get_ready()?;
    let stream = program.stream.trim_start_matches("http://").to_owned();
    let data = program.directory().join("data").to_string_lossy().into_owned();
    let relay = [("DANMU_ROLE", "relay"), ("DANMU_STREAM__DATA", &*data), ("DANMU_STREAM__ADDR", &*stream)];
    let other = Program::start(&[&relay[..], &OFTEN].concat())?;
    other.get_ready()?;
    let host = Person::with(&program, "host", &[("demo", Role::Streamer)])?;
    let guest = Viewer::new(&program, 1)?;
    for (kind, value) in [("again", "60"), ("longer", "40"), ("runs", "4"), ("links", "")] {
        assert_eq!(makes(&host, kind, value)?.status, 200, "{kind}");
    }
    patiently("all of them are on the stream", async || {
        let (raw, ids) = (raw(&program).await?, listed(&host)?);
        let told = |rule: &Value| rule["id"].as_str().is_some_and(|id| raw.iter().any(|data| data.contains(id)));
        Ok(ids.len() == 4 && ids.iter().all(told))
    })
    .await?;
    // Few enough each that nobody is too fast.
    let long = "long ".repeat(12);
    let texts = [["once", "ONCE!!!", "once"], ["xxxxxxxx", "see example.com", &long], ["once", "twice", "fine"]];
    for (guest, texts) in [guest, Viewer::new(&program, 2)?, Viewer::new(&program, 3)?].iter().zip(texts) {
        for text in texts {
            assert_eq!(guest.says(text).await?, None);
        }
    }
    let expected = (Some(4), Some(5));
    for server in [&program, &other] {
        until("both judge alike", || Ok((server.figure(ADMITTED).ok(), server.figure(REFUSED).ok()) == expected))
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shadow_banned_viewer_says_is_on_its_own_page_alone_and_it_cannot_tell() -> Test {
    let program = Program::start(&OFTEN)?;
    program.get_ready()?;
    let [keeper, host] = [("keeper", Role::Moderator), ("host", Role::Streamer)]
        .map(|(name, role)| Person::with(&program, name, &[("demo", role)]));
    let (keeper, host, eve, ann) = (keeper?, host?, Viewer::new(&program, 1)?, Viewer::new(&program, 2)?);
    let history = |program: &Program, viewer: &Viewer| -> Result<String, Failure> {
        Tape::follow_as(program, "history=50", &format!("{}\r\n", viewer.cookie))?.until("\n\n")
    };
    let mut others = Tape::follow(&program, "history=0")?;
    says(&program, &eve, "before the ban", true).await?;
    // Known here by now, so that nobody below bans who stands above.
    assert_eq!((host.role("demo")?, keeper.role("demo")?), (Role::Streamer, Role::Moderator));
    let refused = makes(&keeper, "shadow", "host")?;
    assert_eq!((refused.status, refused.body.contains("NotAbove")), (403, true), "{}", refused.body);
    let made = makes(&keeper, "shadow", &eve.id)?;
    let id: String = serde_json::from_str(&made.body)?;
    assert_eq!(makes(&host, "shadow", &eve.id)?.body, made.body, "it is one ban, however often it is asked for");
    patiently("the stream has it", async || Ok(raw(&program).await?.iter().any(|data| data.contains(&id)))).await?;
    let shadowed = || program.figure("danmu_refused_total{reason=\"shadow\"}").unwrap_or(0);
    assert_eq!(eve.says("in the shadow").await?, None, "the stream takes it");
    until("it is judged", || Ok(shadowed() == 1)).await?;
    says(&program, &ann, "in the light", true).await?;
    let heard = others.until("in the light")?;
    assert!(heard.contains("before the ban") && !heard.contains("in the shadow"), "{heard}");
    for (viewer, sees) in [(&eve, true), (&ann, false)] {
        let history = history(&program, viewer)?;
        let texts = ["before the ban", "in the shadow", "in the light"].map(|text| history.find(text));
        assert_eq!((texts[1].is_some(), texts[0].is_some() && texts[0] < texts[2]), (sees, true), "{history}");
        assert!(!sees || (texts[0] < texts[1] && texts[1] < texts[2]), "in the order of arrival: {history}");
    }
    assert!(
        !raw(&program).await?.iter().any(|data| data.contains("\"mod\"") && data.contains(&eve.id)),
        "not on the stream"
    );
    assert!(eve.comes_again(&program, 1)?.status == 200, "it gets sessions as before");

    let keeper = keeper.cookie;
    let program = program.crash(&OFTEN)?;
    program.get_ready()?;
    let keeper = Person { program: &program, cookie: keeper };
    until("it is there after a restart", || Ok(history(&program, &eve)?.contains("in the shadow"))).await?;
    assert!(!history(&program, &ann)?.contains("in the shadow"));
    let refused = keeper.asks("end_rule", &format!("room=demo&id={id}"))?;
    assert_eq!(refused.status, 200, "{}", refused.body);
    let audit: Vec<Value> = serde_json::from_str(&keeper.asks("audit", "room=demo")?.body)?;
    let about: Vec<_> = audit.iter().filter(|entry| entry["what"] == "rule_on").map(|entry| &entry["viewer"]).collect();
    assert_eq!(about, [&*eve.id]);
    Ok(())
}
