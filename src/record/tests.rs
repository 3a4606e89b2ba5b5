use proptest::prelude::*;

use super::*;
use crate::viewer::Rank;

fn room() -> RoomId {
    "demo".parse().expect("an id")
}

fn danmu(text: &str) -> Danmu {
    Danmu::new(RecordId::new(1_700_000_000_000, 7), room(), text, 1_700_000_000_000)
}

#[test]
fn line_one_is_readable_to_anybody() {
    assert_eq!(
        String::from_utf8(danmu("前方高能 \"!\"").encode()).unwrap(),
        r#"{"v":1,"id":"01HF7YAT000000000000000007","room":"demo","text":"前方高能 \"!\"","at":1700000000000}"#
    );
}

#[test]
fn what_a_moderator_decides_is_readable_too() {
    let viewer: crate::viewer::ViewerId = "g4f2a".parse().expect("an id");
    let id = RecordId::new(1_700_000_000_000, 7);
    let line = |order| Danmu::moderation(id, room(), order, 1_700_000_000_000).encode();
    for (order, text) in [
        (
            Moderation::Ban { viewer: viewer.clone(), until: Some(9), by: Rank::Moderator },
            r#"{"ban":{"viewer":"g4f2a","until":9,"by":"moderator"}}"#,
        ),
        (Moderation::Ban { viewer: viewer.clone(), until: None, by: Rank::Streamer }, r#"{"ban":{"viewer":"g4f2a"}}"#),
        (Moderation::Unban { viewer, by: Rank::Operator }, r#"{"unban":{"viewer":"g4f2a","by":"operator"}}"#),
    ] {
        let data = line(order.clone());
        let written = format!(
            r#"{{"v":1,"id":"01HF7YAT000000000000000007","room":"demo","text":"","at":1700000000000,"mod":{text}}}"#
        );
        assert_eq!(String::from_utf8(data.clone()).unwrap(), written);
        let Content::Danmu(read) = decode(&data).unwrap().content else { panic!("not ours") };
        assert_eq!(read.moderation, Some(order));
    }
    let newer = br#"{"v":1,"id":"01HF7YAT000000000000000007","room":"demo","text":"","at":1,"mod":{"shout":{}}}"#;
    assert!(matches!(decode(newer), Err(RecordError::Malformed(_))));
}

#[test]
fn a_plain_text_is_a_danmu_from_a_foreign_producer() {
    for text in ["666", "{not json", r#"{"hello":"world"}"#, r#"{"v":1}"#, r#"{"text":"a"#, "{}", "[1]", ""] {
        let parsed = decode(text.as_bytes()).unwrap();
        assert_eq!(parsed.content, Content::Foreign(text.to_owned()));
        assert_eq!(parsed.proof, None);
    }
}

#[test]
fn the_proof_is_line_two_and_covers_the_bytes_of_line_one() {
    let mut data = danmu("hi").encode();
    let line = data.clone();
    data.extend_from_slice(b"\nticket.signature");
    let parsed = decode(&data).unwrap();
    assert_eq!(parsed.signed, line);
    assert_eq!(parsed.proof, Some("ticket.signature"));
    assert_eq!(signed(&data), Some((&line[..], "ticket.signature")));
}

#[test]
fn the_end_of_a_line_is_no_proof() {
    let line = danmu("hi").encode();
    for end in ["", "\n"] {
        let data = [&line, end.as_bytes()].concat();
        assert_eq!(decode(&data).map(|parsed| parsed.proof), Ok(None));
        assert_eq!(signed(&data), None);
    }
}

#[test]
fn bad_records_say_what_is_wrong_with_them() {
    assert_eq!(decode(&vec![b'a'; MAX_RECORD_BYTES + 1]), Err(RecordError::TooLarge(MAX_RECORD_BYTES + 1)));
    assert_eq!(decode(b"ab\xff"), Err(RecordError::NotUtf8(2)));
    assert_eq!(decode(br#"{"v":2,"room":"demo","text":"a"}"#), Err(RecordError::Version(2)));
    for bad in [
        r#"{"v":1,"room":"demo","text":"a"}"#,
        r#"{"v":1,"id":"01HF7YAT000000000000000007","room":"Demo","text":"a","at":1}"#,
        r#"{"v":1,"id":"x","room":"demo","text":"a","at":1}"#,
        r#"{"v":"x","room":1,"text":2}"#,
        r#"{"v":1.5,"room":"demo","text":"a"}"#,
        r#"{"v":1,"id":"01HF7YAT000000000000000007","room":"demo","room":"other","text":"a","at":1}"#,
        r#"{"v":1,"v":1,"id":"01HF7YAT000000000000000007","room":"demo","text":"a","at":1}"#,
        r#"{"v":1,"id":"01HF7YAT000000000000000007","room":"de"#,
        "{\"v\":1,\"id\":\"01HF7YAT000000000000000007\",\"room\":\"demo\",\"text\":\"a\nb\",\"at\":1}",
    ] {
        assert!(matches!(decode(bad.as_bytes()), Err(RecordError::Malformed(_))), "{bad}");
    }
}

/// A record of these members, besides what every record has.
fn with(members: &str) -> Danmu {
    let text = format!(r#"{{"id":"01HF7YAT000000000000000007","room":"demo","text":"a",{members}}}"#);
    let Content::Danmu(danmu) = decode(text.as_bytes()).expect(members).content else { panic!("{members}: not ours") };
    danmu
}

#[test]
fn what_foreign_producers_mean_is_read() {
    for version in ["1", "1.0", r#""1""#, r#"" 1 ""#] {
        assert_eq!(with(&format!(r#""v":{version},"at":7"#)).v, 1, "{version}");
    }
    for (at, read) in [
        ("1700000000000", 1_700_000_000_000),
        ("1700000000000.75", 1_700_000_000_000),
        (r#""1700000000000""#, 1_700_000_000_000),
        (r#""yesterday""#, 0),
        ("null", 0),
    ] {
        assert_eq!(with(&format!(r#""v":1,"at":{at}"#)).at, read, "{at}");
    }
    assert_eq!(with(r#""v":1"#).at, 0);
    for (color, read) in [
        (r##""#ff8000""##, 0xff_8000),
        ("16744448", 0xff_8000),
        (r#""Red""#, 0xff_0000),
        (r##""#+12345""##, 0xff_ffff),
        ("16777216", 0xff_ffff),
        ("-1", 0xff_ffff),
        (r#""of the sea""#, 0xff_ffff),
        ("[255,0,0]", 0xff_ffff),
        (r#"{"r":1}"#, 0xff_ffff),
    ] {
        assert_eq!(with(&format!(r#""v":1,"color":{color}"#)).color.rgb(), read, "{color}");
    }
    for (mode, read) in
        [(r#""top""#, Mode::Top), (r#""spiral""#, Mode::Scroll), ("5", Mode::Scroll), ("true", Mode::Scroll)]
    {
        assert_eq!(with(&format!(r#""v":1,"mode":{mode}"#)).mode, read, "{mode}");
    }
}

#[test]
fn a_record_begins_behind_a_byte_order_mark_and_blanks() {
    let line = danmu("hi").encode();
    for head in ["\u{feff}", " ", "\r\n\t", "\u{feff} "] {
        let data = [head.as_bytes(), &line, b"\nticket.signature"].concat();
        let parsed = decode(&data).unwrap();
        assert_eq!((parsed.content, parsed.signed), (Content::Danmu(danmu("hi")), &line[..]), "{head:?}");
        assert_eq!(signed(&data), Some((&line[..], "ticket.signature")), "{head:?}");
    }
}

#[test]
fn a_record_of_many_lines_is_one() {
    let value: serde_json::Value = serde_json::from_slice(&danmu("hi").encode()).unwrap();
    let parsed = serde_json::to_vec_pretty(&value).unwrap();
    let parsed = decode(&parsed).unwrap();
    assert_eq!((parsed.content, parsed.proof), (Content::Danmu(danmu("hi")), None));
}

#[test]
fn two_objects_in_a_record_are_refused_as_unreadable() {
    let line = danmu("hi").encode();
    for between in ["\n", ""] {
        let data = [&line, between.as_bytes(), &line].concat();
        assert!(matches!(decode(&data), Err(RecordError::Malformed(_))), "{between:?}");
    }
}

#[test]
fn a_plain_text_is_one_line() {
    for (text, line) in [
        ("a\tb", "a b"),
        ("666\n", "666"),
        ("\u{feff}666", "666"),
        ("two\r\nlines", "two lines"),
        ("a \u{2028}\n b", "a b"),
        ("  as it is ", "  as it is "),
    ] {
        assert_eq!(decode(text.as_bytes()).unwrap().content, Content::Foreign(line.to_owned()), "{text:?}");
    }
}

#[test]
fn fields_of_a_later_minor_form_are_passed_over() {
    let data = br#"{"v":1,"id":"01HF7YAT000000000000000007","room":"demo","text":"a","at":1,"later":[1]}"#;
    assert!(matches!(decode(data).unwrap().content, Content::Danmu(_)));
}

proptest! {
    #[test]
    fn every_danmu_is_read_back(text in "[^\\p{C}\u{2028}\u{2029}]{1,50}", color in 0_u32..1 << 24, mode in 0..4) {
        let mut danmu = danmu(&text);
        danmu.color = Color::from_rgb(color);
        danmu.mode = [Mode::Scroll, Mode::Reverse, Mode::Top, Mode::Bottom][mode as usize];
        let data = danmu.encode();
        prop_assert!(!data.contains(&b'\n'));
        prop_assert_eq!(decode(&data).unwrap().content, Content::Danmu(danmu));
    }

    #[test]
    fn no_bytes_make_it_panic(data: Vec<u8>) {
        let _ = decode(&data);
        let _ = signed(&data);
    }

    /// What is verified is what is shown.
    #[test]
    fn who_verifies_sees_the_lines_that_the_gate_reads(line in "[^\n]{0,20}", proof in "\\PC{0,9}|[a\n]{0,3}", ours: bool) {
        let line = if ours { danmu("hi").encode() } else { line.into_bytes() };
        let data = [&line, &b"\n"[..], proof.as_bytes()].concat();
        // What is refused is not shown either.
        if let Ok(Parsed { proof: Some(proof), .. }) = decode(&data) {
            prop_assert_eq!(signed(&data), Some((&line[..], proof)));
        }
    }
}
