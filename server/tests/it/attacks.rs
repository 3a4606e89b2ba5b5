//! Attacks on the real program that concern tickets and server functions. `cargo xtask test --undefended` checks which of
//! them succeed without which defence (`server/tests/undefended.toml`).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::{
    session::Session,
    ticket::{Claims, MAX_TICKET_BYTES, Proof, PublicKey, Signature, unsigned},
    viewer::{Role, ViewerId},
};
use serde_json::Value;

use crate::{
    program::Answer,
    scene::{Author, Scene, claims, key, line, now_ms, public, seal, sign},
    world::{Failure, Test},
};

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_is_told_by_its_id_where_only_signed_danmu_are_shown_and_who_does_not_is_not_shown() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("strict", 1)?;
    let item = scene.shows("strict", ann.say("strict", "hi")?, "hi").await?;
    let viewer: ViewerId = item.viewer.ok_or("no viewer")?.parse()?;
    assert!(viewer.as_str().starts_with('g') && viewer.as_str().len() == 33, "{viewer}");
    assert_eq!((item.name, item.role), (None, Role::Viewer));
    scene.refuses("strict", line("strict", "nameless", 0)?, "unsigned").await?;
    scene.refuses("strict", b"plain".to_vec(), "unsigned").await?;
    // The other room shows both, these without a name.
    let plain = scene.shows("demo", b"plain".to_vec(), "plain").await?;
    assert_eq!((plain.viewer, plain.name), (None, None));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_ticket_is_not_shown_not_even_without_a_name() -> Test {
    let scene = Scene::start()?;
    let (_, kid) = scene.server_key()?;
    let eve = key(66);
    let ticket = seal(&unsigned(claims("ann", public(&eve))?, &kid), &eve);
    let forger = Author { key: eve, ticket };
    scene.refuses("demo", forger.say("demo", "forged")?, "forged").await?;
    // No proof at all is another matter.
    for proof in ["ticket.signature", "a.b.c.d", "."] {
        let data = [&line("demo", "forged", 0)?[..], b"\n", proof.as_bytes()].concat();
        scene.refuses("demo", data, "forged").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_another_viewer_that_was_read_off_the_stream_is_worth_nothing() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("demo", 1)?;
    scene.shows("demo", ann.say("demo", "ann herself")?, "ann herself").await?;
    let thief = Author { key: key(66), ticket: ann.ticket.clone() };
    scene.refuses("demo", thief.say("demo", "not ann")?, "forged").await?;
    // And it spoils nothing for her.
    scene.shows("demo", ann.say("demo", "ann again")?, "ann again").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_replayed_in_another_room_is_refused() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("demo", 1)?;
    scene.refuses("strict", ann.say("strict", "elsewhere")?, "other_room").await?;
    // So is what names another room than where it is put, whatever the ticket says.
    let bob = scene.author("strict", 2)?;
    scene.refuses("strict", bob.say("demo", "for the others")?, "other_room").await?;
    scene.shows("strict", bob.say("strict", "for you")?, "for you").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_replayed_in_another_room_is_refused() -> Test {
    let scene = Scene::start()?;
    let said = scene.author("demo", 1)?.say("demo", "here")?;
    scene.shows("demo", said.clone(), "here").await?;
    scene.refuses("strict", said, "other_room").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_record_is_shown_once_now_and_not_at_all_later() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("strict", 1)?;
    let said = ann.say("strict", "once")?;
    scene.shows("strict", said.clone(), "once").await?;
    scene.refuses("strict", said.clone(), "duplicate").await?;
    scene.refuses("strict", said, "duplicate").await?;
    // Kept back until nobody knows any more whether it was shown.
    scene.refuses("strict", ann.sign(line("strict", "once", -61_000)?), "stale").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_text_under_an_old_signature_is_refused() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("demo", 1)?;
    let said = String::from_utf8(ann.say("demo", "I like it")?)?;
    scene.refuses("demo", said.replacen("like", "hate", 1).into_bytes(), "forged").await?;
    scene.refuses("demo", said.replacen(r#""v":1"#, r#""v":1,"mode":"top""#, 1).into_bytes(), "forged").await?;
    scene.shows("demo", said.into_bytes(), "I like it").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_ticket_is_refused() -> Test {
    let scene = Scene::start()?;
    let (server, kid) = scene.server_key()?;
    let author = |issued_s: i64, expires_s: i64| -> Result<Author, Failure> {
        let claims = Claims { issued_s, expires_s, ..claims("ann", public(&key(1)))? };
        Ok(Author { key: key(1), ticket: seal(&unsigned(claims, &kid), &server) })
    };
    let now_s = now_ms() / 1_000;
    scene.shows("demo", author(now_s, now_s + 60)?.say("demo", "in time")?, "in time").await?;
    scene.refuses("demo", author(now_s - 3_600, now_s - 2)?.say("demo", "late")?, "expired").await?;
    scene.refuses("demo", author(now_s + 360, now_s + 3_600)?.say("demo", "early")?, "expired").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_with_alg_none_or_another_one_is_refused() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("demo", 1)?;
    let (server, kid) = scene.server_key()?;
    let body = ann.ticket.split('.').nth(1).ok_or("claims")?;
    for algorithm in ["none", "HS256", "ES256"] {
        let header = format!(r#"{{"alg":"{algorithm}","typ":"danmu+jwt","kid":"{kid}"}}"#);
        let message = format!("{}.{body}", BASE64_URL_SAFE_NO_PAD.encode(header));
        // With no signature, and with one by the server's own key, should anybody ever have that.
        for signature in [String::new(), sign(&server, message.as_bytes()).to_string()] {
            let text = format!("{algorithm}, {} characters of signature", signature.len());
            let author = Author { key: key(1), ticket: format!("{message}.{signature}") };
            scene.refuses("demo", author.say("demo", &text)?, "forged").await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_type_gets_no_ticket() -> Test {
    let scene = Scene::start()?;
    let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    // A point of P-256, a key of RSA, one of small order, and one that is not on the curve.
    let (p256, mut neutral, mut off) = ([4; 65], [0; 32], [0; 32]);
    (neutral[0], off[0]) = (1, 2);
    for bytes in [&p256[..], &[1; 256], &neutral, &off] {
        let refused = scene.session("demo", &text(bytes), &[])?;
        assert_eq!(refused.status, 400, "{bytes:?}: {}", refused.body);
        assert!(!refused.body.contains("ticket\""), "{}", refused.body);
    }
    let padded = format!("{}%3D", public(&key(1)));
    assert_eq!(scene.session("demo", &padded, &[])?.status, 400);
    assert_eq!(scene.session("demo", &public(&key(1)).to_string(), &[])?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_type_signs_nothing_even_in_a_ticket_of_ours() -> Test {
    let scene = Scene::start()?;
    let (server, kid) = scene.server_key()?;
    // The neutral element: for it a signature of itself and zeros fits every message.
    let (mut neutral, mut signature) = ([0; 32], [0; 64]);
    (neutral[0], signature[0]) = (1, 1);
    let ticket = seal(&unsigned(claims("ann", PublicKey::new(neutral))?, &kid), &server);
    let signature = Signature::new(signature);
    let said = Proof { ticket: &ticket, signature }.attach(line("demo", "anybody's", 0)?);
    scene.refuses("demo", said, "forged").await?;
    // A good key that says that it is another.
    let good = unsigned(claims("ann", public(&key(1)))?, &kid);
    let (header, body) = good.split_once('.').ok_or("no claims")?;
    let body = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(body)?)?;
    for (kty, crv) in [("EC", "Ed25519"), ("OKP", "X25519")] {
        let other = body.replacen("OKP", kty, 1).replacen("Ed25519", crv, 1);
        let ticket = seal(&format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(other)), &server);
        scene.refuses("demo", Author { key: key(1), ticket }.say("demo", &format!("{kty} {crv}"))?, "forged").await?;
    }
    let ann = Author { key: key(1), ticket: seal(&good, &server) };
    scene.shows("demo", ann.say("demo", "hers")?, "hers").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_ten_minutes_off_either_way_is_found_out() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("strict", 1)?;
    for later_ms in [-600_000, 600_000] {
        let text = format!("off by {later_ms} ms");
        scene.refuses("strict", ann.sign(line("strict", &text, later_ms)?), "stale").await?;
    }
    // A little is forgiven.
    scene.shows("strict", ann.sign(line("strict", "a little off", 20_000)?), "a little off").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_ten_megabytes_costs_nothing_and_shows_nothing() -> Test {
    let scene = Scene::start()?;
    let author = |length: usize| Author { key: key(1), ticket: "A".repeat(length) };
    // The stream takes none of it (as base64 it is more than the largest body), nor a byte more than it may,
    let refused = scene.does_not_take("demo", author(12 << 20).say("demo", "huge")?).await?;
    assert_eq!(refused, "RequestEntityTooLargeException");
    let mut largest = author(1 << 20).say("demo", "large")?;
    largest.truncate((1 << 20) + 1);
    assert_eq!(scene.does_not_take("demo", largest).await?, "ValidationException");
    // the longest that the stream takes is not read,
    scene.refuses("demo", author(1_000_000).say("demo", "long")?, "unreadable").await?;
    // what is read is not decoded, should the server itself have signed it,
    let (server, kid) = scene.server_key()?;
    let good = unsigned(claims("ann", public(&key(1)))?, &kid);
    let (header, body) = good.split_once('.').ok_or("no claims")?;
    let blanks = " ".repeat(MAX_TICKET_BYTES);
    let padded = [&BASE64_URL_SAFE_NO_PAD.decode(body)?[..], blanks.as_bytes()].concat();
    let ticket = seal(&format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(padded)), &server);
    scene.refuses("demo", Author { key: key(1), ticket }.say("demo", "longer than any")?, "forged").await?;
    // and no such key is taken in.
    let answer = scene.session("demo", &"A".repeat(1 << 20), &[]);
    // Whoever goes on sending may miss the answer.
    let status = answer.map_or(413, |answer| answer.status);
    assert_eq!(status, 413, "a form of a mebibyte is taken in");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cross_site_call_of_the_server_function_is_refused_and_makes_no_guest() -> Test {
    let scene = Scene::start()?;
    let key = public(&key(1)).to_string();
    for foreign in [
        "Origin: https://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Referer: https://evil.example/room/demo",
    ] {
        let refused = scene.session("demo", &key, &[foreign])?;
        assert_eq!(refused.status, 403, "{foreign}: {}", refused.body);
        assert!(!refused.head.contains("set-cookie"), "{foreign}: {}", refused.head);
        assert!(!refused.head.contains("access-control-allow"), "{foreign}: {}", refused.head);
    }
    // Nor by a link or a picture of another site: it is not there for GET.
    assert_ne!(scene.program.ask("GET /api/session?room=demo&purpose=produce", &[], "")?.status, 200);
    let own = [&*format!("Origin: {}", scene.program.url), "Sec-Fetch-Site: same-origin"];
    let answer = scene.session("demo", &key, &own)?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_the_same_with_its_cookie_and_nobody_takes_its_id_with_another() -> Test {
    let scene = Scene::start()?;
    let key = public(&key(1)).to_string();
    let viewer = |answer: &Answer| -> Result<String, Failure> {
        let session: Session = serde_json::from_str(&answer.body)?;
        let ticket = session.ticket.ok_or("no ticket")?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).ok_or("claims")?)?;
        let claims: Value = serde_json::from_slice(&claims)?;
        assert_eq!(claims["aud"], "demo");
        assert_eq!(claims["exp"].as_i64().map(|s| s * 1_000), Some(session.expiration), "it ends with the session");
        Ok(claims["sub"].as_str().ok_or("no viewer")?.to_owned())
    };
    let first = scene.session("demo", &key, &[])?;
    let set = first.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).ok_or("no cookie")?;
    for attribute in ["httponly", "samesite=strict", "path=/", "max-age=31536000"] {
        assert!(set.contains(attribute), "{set}");
    }
    // As it was sent: the head that was looked at is in lower case.
    let cookie = first.cookie("danmu_guest").ok_or("no cookie")?;
    let again = scene.session("demo", &key, &[&format!("Cookie: lang=zh; danmu_guest={cookie}")])?;
    assert_eq!(viewer(&again)?, viewer(&first)?);
    assert!(!again.head.contains("set-cookie"), "{}", again.head);
    let id = viewer(&first)?;
    for forged in [id.clone(), format!("{id}."), format!("{id}.{}", "A".repeat(43)), format!("x{cookie}")] {
        let other = scene.session("demo", &key, &[&format!("Cookie: danmu_guest={forged}")])?;
        assert_ne!(viewer(&other)?, id, "{forged}");
        assert!(other.cookie("danmu_guest").is_some());
    }
    Ok(())
}
