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
    for text in ["666", "{not json", r#"{"hello":"world"}"#, r#"{"v":"x","room":1,"text":2}"#, "[1]", ""] {
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
        r#"{"v":1,"id":"01HF7YAT000000000000000007","room":"demo","text":"a","at":1,"color":"red"}"#,
        r##"{"v":1,"id":"01HF7YAT000000000000000007","room":"demo","text":"a","at":1,"color":"#+12345"}"##,
    ] {
        assert!(matches!(decode(bad.as_bytes()), Err(RecordError::Malformed(_))), "{bad}");
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
        if let Some(proof) = decode(&data).expect("text").proof {
            prop_assert_eq!(signed(&data), Some((&line[..], proof)));
        }
    }
}
