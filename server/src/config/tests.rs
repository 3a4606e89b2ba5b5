//! What settings are taken, and what they mean.

use std::io::Write;

use super::*;

fn load(toml: &str) -> Result<Config, SettingsError> {
    let mut file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    file.write_all(toml.as_bytes()).expect("written");
    Config::load(&Overrides { config: Some(file.path().to_owned()), ..Overrides::default() })
}

#[test]
fn an_empty_file_means_one_machine_and_the_room_demo() {
    let config = load("").expect("the defaults");
    assert_eq!(config.bus, BusKind::Embedded);
    assert_eq!(config.rooms[0].id.as_str(), "demo");
    assert!(config.direct_allowed());
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let documented = load(include_str!("../../../deploy/danmu.toml")).expect("the file in deploy/");
    assert_eq!(format!("{documented:?}"), format!("{:?}", Config::default()));
}

#[test]
fn a_setting_that_does_not_exist_is_named() {
    let error = load("[http]\nadress = '127.0.0.1:1'").expect_err("mistyped").to_string();
    assert!(error.contains("adress"), "{error}");
}

#[test]
fn a_broken_file_says_where() {
    let error = load("[http\naddr = 3").expect_err("broken").to_string();
    assert!(error.contains("line 1"), "{error}");
}

#[test]
fn values_that_make_no_sense_are_refused_with_the_way_out() {
    for (toml, name) in [
        ("[vending]\nduration_s = 60", "vending.duration_s = 60"),
        ("[vending]\nburst = 0", "vending.burst = 0"),
        ("[vending]\nviewer_burst = 0", "vending.viewer_burst = 0"),
        (
            "[[identity.issuers]]\nissuer = 'http://x.example'\naudience = 'a'",
            "identity.issuers.issuer = http://x.example",
        ),
        (
            "[[identity.issuers]]\nissuer = 'https://x.example'\naudience = 'a'\n[[identity.issuers]]\nissuer = \
             'https://x.example'\naudience = 'b'",
            "twice",
        ),
        (
            "[[identity.issuers]]\nissuer = 'https://x.example'\naudience = 'a'\n[identity.issuers.rooms.nowhere]\n\
             streamers = ['a']",
            "identity.issuers.rooms = nowhere",
        ),
        (
            "[[identity.issuers]]\nissuer = 'https://x.example'\naudience = 'a'\n[identity.issuers.rooms.demo]\n\
             streamer = ['a']",
            "streamer",
        ),
        ("bus = 'aws'", "vending.role_arn"),
        ("bus = 'aws'\nrole = 'bus'\n[vending]\nrole_arn = 'arn:aws:iam::123456789012:role/x'", "role = bus"),
        ("[http]\naddr = '127.0.0.1:3000/danmu'", "a path below another site"),
        ("[http]\nkeep_alive_s = 0", "http.keep_alive_s = 0"),
        ("[http]\npublic_url = 'danmu.example'", "http.public_url = danmu.example"),
        ("[http]\npublic_url = 'https://danmu.example/live'", "http.public_url = https://danmu.example/live"),
        ("[http]\npublic_url = 'https://a@danmu.example'", "http.public_url = https://a@"),
        ("[http]\nnetwork_percent = 101", "http.network_percent = 101"),
        ("[stream]\nname = 'a b'", "stream.name = a b"),
        ("[stream]\nretention_hours = 23", "stream.retention_hours = 23"),
        ("[stream]\nmax_bytes = 1048575", "stream.max_bytes = 1048575"),
        ("[stream]\nsession_bytes_per_s = 16383", "stream.session_bytes_per_s = 16383"),
        ("[stream]\nsession_records_per_s = 0", "stream.session_records_per_s = 0"),
        ("[stream]\nsession_burst_s = 0", "stream.session_burst_s = 0"),
        ("[relay]\ntick_ms = 1001", "relay.tick_ms = 1001"),
        ("[relay]\nwindow_s = 9", "relay.window_s = 9"),
        ("[relay]\nrefill_s = 3601", "relay.refill_s = 3601"),
        ("[relay]\nwindow_bytes = 1", "relay.window_bytes = 1"),
        ("[relay]\ndensity = 1001", "relay.density = 1001"),
        ("[[rooms]]\nid = 'a'\nvideo = ''\nper_minute = 0", "rooms.per_minute = 0"),
        ("[[rooms]]\nid = 'a'\nvideo = ''\nburst = 6001", "rooms.burst = 6001"),
        ("[[rooms]]\nid = 'a'\nvideo = ''\nslow_s = 31", "rooms.slow_s = 31"),
        ("[[rooms]]\nid = 'a'\nvideo = ''\n[rooms.rates.member]\nper_minute = 0", "rooms.rates.member.per_minute = 0"),
        (
            "[[rooms]]\nid = 'a'\nvideo = ''\n[rooms.rates.moderator]\nburst = 6001",
            "rooms.rates.moderator.burst = 6001",
        ),
        ("[[rooms]]\nid = 'a'\nvideo = 'my film.mp4'", "rooms.video = my film.mp4"),
        ("[[rooms]]\nid = 'a'\nvideo = '//cdn.example/a.mp4'", "rooms.video = //cdn"),
        ("[[rooms]]\nid = 'a'\nvideo = 'rtmp://cdn.example/a'", "rooms.video = rtmp"),
        ("[[rooms]]\nid = 'a'\nvideo = 'https://'", "rooms.video = https://"),
        ("[[rooms]]\nid = 'a'\nvideo = ''\nposter = 'C:\\a.png'", "rooms.poster = C:"),
        ("[[rooms]]\nid = 'a'\nvideo = ''\n[rooms.rates.streamer]\nburst = 1", "streamer"),
        ("[[rooms]]\nid = 'a'\nvideo = ''\n[[rooms]]\nid = 'a'\nvideo = ''", "rooms.id = a"),
    ] {
        let error = load(toml).expect_err(toml).to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!(load("[[rooms]]\nid = 'Demo'\nvideo = ''").expect_err("an id").to_string().contains("'D'"));
}

#[test]
fn a_video_is_of_this_server_or_of_another_one_or_there_is_none() {
    for video in ["", "/sample.mp4", "https://cdn.example/a.mp4?b=c", "http://192.0.2.1:8080/a.mp4", "https://[::1]/a"]
    {
        load(&format!("[[rooms]]\nid = 'a'\nvideo = '{video}'")).expect(video);
    }
}

#[test]
fn it_is_explained_who_has_which_rights_in_which_rooms() {
    let explain = |groups: &str| {
        let issuer = "[[identity.issuers]]\nissuer = 'https://x.example'\naudience = 'a'\n";
        load(&[issuer, groups].concat()).expect("settings").explain()
    };
    let told = "rights     x.example: in every room: streamer are streamers, moderator are moderators\n";
    assert!(explain("").contains(told), "{}", explain(""));
    let scoped = "[identity.issuers.rooms.demo]\nstreamers = ['hosts', 'team']";
    assert!(explain("").ends_with("\nunsigned   shown in demo: whoever is banned there may go on without a name"));
    let told = "rights     x.example: in room demo: hosts, team are streamers\n";
    assert!(explain(scoped).contains(told), "{}", explain(scoped));
}

#[test]
fn a_session_over_an_hour_is_explained_with_what_role_chaining_leaves_of_it() {
    let aws = |seconds: u32| {
        let role = "role_arn = 'arn:aws:iam::123456789012:role/x'";
        load(&format!("bus = 'aws'\n[vending]\nduration_s = {seconds}\n{role}")).expect("settings").explain()
    };
    assert!(aws(7_200).contains("each for 7200 s, but for 3600 s where"), "{}", aws(7_200));
    assert!(aws(3_600).contains("each for 3600 s\n"), "{}", aws(3_600));
}

#[test]
fn the_local_network_gets_direct_reading_only_when_asked_for() {
    let lan = Config::load(&Overrides { lan: true, ..Overrides::default() }).expect("settings");
    assert_eq!(lan.http.addr.to_string(), "0.0.0.0:3000");
    assert!(lan.direct_allowed());
    for (addr, shown) in
        [("127.0.0.1:8080", "0.0.0.0:8080"), ("[::1]:8080", "[::]:8080"), ("192.168.1.5:8080", "192.168.1.5:8080")]
    {
        let addr = Some(addr.parse().expect("an address"));
        let lan = Config::load(&Overrides { lan: true, addr, ..Overrides::default() }).expect("settings");
        assert_eq!((lan.http.addr.to_string().as_str(), lan.direct_allowed()), (shown, true));
    }
    assert!(!load("[http]\naddr = '0.0.0.0:3000'").expect("settings").direct_allowed());
}
