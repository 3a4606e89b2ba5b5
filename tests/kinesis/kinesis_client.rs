//! Sessions are asked for once however many wait, and one call puts right what it can: the clock and the session.

use std::{cell::RefCell, rc::Rc, time::Duration};

use danmu::{
    kinesis::{Client, ErrorKind, Host, Keeper, Reply, VendError},
    session::Purpose,
};
use futures::future::join_all;
use serde_json::json;

use crate::world::{Here, Machine, error, ok, story};

const QUARTER_HOUR_MS: i64 = 900_000;

fn put_reply() -> serde_json::Value {
    json!({"ShardId": "s", "SequenceNumber": "1"})
}

/// The session token and the date of every request.
type Log = Rc<RefCell<Vec<(String, String)>>>;

/// A network that answers every put and remembers what it saw.
fn open_network() -> (Here, Log) {
    let seen = Rc::<RefCell<Vec<_>>>::default();
    let log = Rc::clone(&seen);
    let here = Here::new(1, move |post| {
        let pair = (post.header("x-amz-security-token").to_owned(), post.header("x-amz-date").to_owned());
        log.borrow_mut().push(pair);
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(ok(put_reply()))
        })
    });
    (here, seen)
}

#[test]
fn many_who_wait_for_a_session_make_one_call() {
    story(async {
        let (here, _) = open_network();
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let keeper = Keeper::new(here.clock(), vending.clone(), Purpose::Produce);
        assert_eq!(vending.0.calls.get(), 0, "nobody needed one yet");
        let sessions = join_all((0..50).map(|_| keeper.session())).await;
        assert!(sessions.iter().all(|session| session == &sessions[0] && session.is_ok()));
        assert_eq!(vending.0.calls.get(), 1);
    });
}

#[test]
fn a_failed_call_fails_its_waiters_and_nobody_later() {
    story(async {
        let (here, _) = open_network();
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        vending.0.fail.set(true);
        let keeper = Keeper::new(here.clock(), vending.clone(), Purpose::Produce);
        let failed = join_all((0..10).map(|_| keeper.session())).await;
        let closed = VendError { message: "closed".into(), retry_after: Some(Duration::from_secs(1)) };
        assert!(failed.iter().all(|outcome| outcome.as_ref() == Err(&closed)));
        assert_eq!(vending.0.calls.get(), 1);

        vending.0.fail.set(false);
        assert!(keeper.session().await.is_ok());
        assert_eq!(vending.0.calls.get(), 2);
    });
}

#[test]
fn a_call_that_is_never_answered_is_given_up_and_the_next_one_made() {
    story(async {
        let (here, _) = open_network();
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        vending.0.takes.set(Duration::from_secs(3_600));
        let keeper = Keeper::new(here.clock(), vending.clone(), Purpose::Produce);
        let began = tokio::time::Instant::now();
        let silent = keeper.session().await.expect_err("no answer");
        assert!(silent.retry_after.is_some() && began.elapsed() < Duration::from_secs(25));
        vending.0.takes.set(Duration::from_millis(80));
        assert!(keeper.session().await.is_ok());
    });
}

#[test]
fn a_call_that_was_left_alone_fails_nobody_who_comes_later() {
    // Left alone by the one who began it, for so long; then somebody else needs a session.
    for alone_s in [2, 15, 19, 25, 3_600] {
        story(async move {
            let (here, _) = open_network();
            let vending = Machine::new(&here, QUARTER_HOUR_MS);
            vending.0.takes.set(Duration::from_secs(3_600));
            let keeper = Keeper::new(here.clock(), vending.clone(), Purpose::Produce);
            let hasty = tokio::time::timeout(Duration::from_millis(20), keeper.session()).await;
            assert!(hasty.is_err());
            vending.0.takes.set(Duration::from_millis(80));
            tokio::time::sleep(Duration::from_secs(alone_s)).await;
            let later = join_all((0..10).map(|_| keeper.session())).await;
            assert!(later.iter().all(Result::is_ok), "after {alone_s} s: {:?}", later[0]);
            assert_eq!(vending.0.calls.get(), 2);
        });
    }
}

#[test]
fn a_renewal_that_outlives_the_put_beside_it_fails_no_later_put_and_delays_none() {
    story(async {
        let (here, _) = open_network();
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
        client.put_record(b"x", "demo").await.expect("put");
        // The renewal is due, and hangs; the put beside it is done and goes.
        tokio::time::sleep(Duration::from_secs(880)).await;
        vending.0.takes.set(Duration::from_secs(3_600));
        client.put_record(b"x", "demo").await.expect("put");
        assert_eq!(vending.0.calls.get(), 2);
        // The next put comes when the session has ended, and the renewal's time is long over.
        tokio::time::sleep(Duration::from_secs(60)).await;
        vending.0.takes.set(Duration::from_millis(80));
        let began = tokio::time::Instant::now();
        client.put_record(b"x", "demo").await.expect("put");
        assert!(began.elapsed() < Duration::from_millis(150), "{:?}", began.elapsed());
    });
}

#[test]
fn a_session_that_was_taken_in_late_does_not_set_the_clock() {
    for alone_ms in [2_500, 10_000, 19_000] {
        story(async move {
            let (here, _) = open_network();
            let vending = Machine::new(&here, QUARTER_HOUR_MS);
            let keeper = Keeper::new(here.clock(), vending.clone(), Purpose::Produce);
            let vended_at = here.now_ms();
            vending.0.vended_at.set(Some(vended_at));
            let hasty = tokio::time::timeout(Duration::from_millis(20), keeper.session()).await;
            assert!(hasty.is_err());
            tokio::time::sleep(Duration::from_millis(alone_ms)).await;
            assert_eq!(keeper.session().await.expect("a session").vended_at, vended_at);
            assert_eq!((vending.0.calls.get(), keeper.clock().skew_ms()), (1, 0));
        });
    }
}

#[test]
fn a_clock_is_corrected_by_what_a_prompt_call_proves_and_left_alone_otherwise() {
    for (takes_ms, offset_ms, skew_ms) in
        [(80, 0, 0), (80, 1_500, 0), (80, 5_000, -5_000), (1_900, -5_000, 5_000), (1_900, 0, 0), (2_100, 5_000, 0)]
    {
        story(async move {
            let (here, _) = open_network();
            here.0.offset_ms.set(offset_ms);
            let vending = Machine::new(&here, QUARTER_HOUR_MS);
            vending.0.takes.set(Duration::from_millis(takes_ms));
            let keeper = Keeper::new(here.clock(), vending, Purpose::Produce);
            keeper.session().await.expect("a session");
            let skew = keeper.clock().skew_ms();
            // Nobody knows when, while the call was under way, the session was made.
            let doubt = if skew_ms == 0 { 0 } else { takes_ms as i64 / 2 + 1 };
            assert!((skew - skew_ms).abs() <= doubt, "{takes_ms} ms, {offset_ms} ms off: {skew}");
        });
    }
}

#[test]
fn a_waiter_that_gives_up_takes_nobody_with_it() {
    story(async {
        let (here, _) = open_network();
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let keeper = Keeper::new(here.clock(), vending.clone(), Purpose::Produce);
        let hasty = tokio::time::timeout(Duration::from_millis(10), keeper.session());
        let (hasty, patient) = futures::future::join(hasty, keeper.session()).await;
        assert!(hasty.is_err() && patient.is_ok());
        assert_eq!(vending.0.calls.get(), 1);
    });
}

#[test]
fn a_session_is_renewed_in_use_before_it_ends_and_the_old_one_serves_meanwhile() {
    story(async {
        let (here, seen) = open_network();
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
        // A put every ten seconds for two hours.
        let mut slowest = Duration::ZERO;
        for round in 0..720 {
            let began = tokio::time::Instant::now();
            client.put_record(b"x", "demo").await.expect("put");
            if round > 0 {
                slowest = slowest.max(began.elapsed());
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        assert!(slowest < Duration::from_millis(30), "a put waited for a renewal: {slowest:?}");
        // A fifth of 900 s ahead: one each 720 s and a little.
        assert!((9..=11).contains(&vending.0.calls.get()), "{} calls", vending.0.calls.get());
        assert_eq!(seen.borrow().len(), 720);
    });
}

#[test]
fn a_session_that_ended_while_nobody_looked_is_replaced_before_use() {
    story(async {
        let (here, seen) = open_network();
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
        client.put_record(b"x", "demo").await.expect("put");
        tokio::time::sleep(Duration::from_secs(10_000)).await;
        let puts = join_all((0..10).map(|_| client.put_record(b"x", "demo"))).await;
        assert!(puts.iter().all(Result::is_ok));
        assert_eq!(vending.0.calls.get(), 2);
        assert_eq!(seen.borrow().len(), 11);
    });
}

#[test]
fn sends_refused_for_an_expired_token_share_one_new_session_and_all_arrive() {
    story(async {
        let expired = Rc::<RefCell<Vec<String>>>::default();
        let dead = Rc::clone(&expired);
        let here = Here::new(1, move |post| {
            let token = post.header("x-amz-security-token").to_owned();
            let dead = dead.borrow().contains(&token);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(if dead { error(400, "ExpiredTokenException", "over") } else { ok(put_reply()) })
            })
        });
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
        client.put_record(b"x", "demo").await.expect("put");
        let token = client.keeper().current().expect("a session").session_token.clone();
        expired.borrow_mut().push(token);
        let puts = join_all((0..10).map(|_| client.put_record(b"x", "demo"))).await;
        assert!(puts.iter().all(Result::is_ok), "{puts:?}");
        assert_eq!(vending.0.calls.get(), 2);
    });
}

#[test]
fn a_token_that_is_always_refused_ends_in_an_error_not_in_a_loop() {
    story(async {
        let here = Here::new(1, |_| Box::pin(async { Ok(error(400, "ExpiredTokenException", "over")) }));
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
        let refused = client.put_record(b"x", "demo").await.expect_err("refused");
        assert_eq!(refused.kind, ErrorKind::SessionExpired);
        assert_eq!(vending.0.calls.get(), 2);
    });
}

#[test]
fn who_is_denied_is_told_why_by_the_vending_machine_and_goes_on_where_it_gives_another_session() {
    story(async {
        let denied = Rc::<RefCell<Vec<String>>>::default();
        let dead = Rc::clone(&denied);
        let here = Here::new(1, move |post| {
            let dead = dead.borrow().iter().any(|token| post.header("x-amz-security-token") == token);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(if dead { error(400, "AccessDeniedException", "explicit deny") } else { ok(put_reply()) })
            })
        });
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
        let deny = || denied.borrow_mut().push(client.keeper().current().expect("a session").session_token.clone());
        client.put_record(b"x", "demo").await.expect("put");
        deny();
        client.put_record(b"x", "demo").await.expect("its session was revoked, and it has another one");
        deny();
        vending.0.fail.set(true);
        let refused = client.put_record(b"x", "demo").await.expect_err("banned");
        assert_eq!((refused.kind, refused.message.as_str()), (ErrorKind::NoSession, "closed"));
        assert_eq!(vending.0.calls.get(), 3);

        let here = Here::new(1, |_| Box::pin(async { Ok(error(400, "AccessDeniedException", "no such right")) }));
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
        let refused = client.put_record(b"x", "demo").await.expect_err("refused");
        assert_eq!(
            (refused.kind, vending.0.calls.get()),
            (ErrorKind::Denied, 2),
            "it asks for one more, and no further"
        );
    });
}

#[test]
fn a_wrong_clock_is_learnt_from_the_vending_machine() {
    for hours in [-30, -2, 2, 30] {
        story(async move {
            let (here, seen) = open_network();
            here.0.offset_ms.set(hours * 3_600_000);
            let vending = Machine::new(&here, QUARTER_HOUR_MS);
            let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
            for _ in 0..5 {
                client.put_record(b"x", "demo").await.expect("put");
            }
            assert_eq!(vending.0.calls.get(), 1);
            assert!(seen.borrow().iter().all(|(_, date)| date.starts_with("20231114T2213")), "{:?}", seen.borrow());
        });
    }
}

#[test]
fn a_clock_that_goes_wrong_is_learnt_from_the_refusal_and_the_call_made_again_once() {
    story(async {
        let dates = Rc::<RefCell<Vec<String>>>::default();
        let log = Rc::clone(&dates);
        let here = Here::new(1, move |post| {
            let date = post.header("x-amz-date").to_owned();
            log.borrow_mut().push(date.clone());
            Box::pin(async move {
                if date.starts_with("20231114T22") {
                    return Ok(ok(put_reply()));
                }
                let mut refusal = error(400, "InvalidSignatureException", "Signature not yet current: …");
                refusal.date = Some("Tue, 14 Nov 2023 22:13:21 GMT".into());
                Ok(refusal)
            })
        });
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
        client.put_record(b"x", "demo").await.expect("put");
        // The laptop slept, or somebody set the clock; the session seems to have ended, which is checked first.
        here.0.offset_ms.set(-7_200_000);
        client.put_record(b"x", "demo").await.expect("put again with the right time");
        client.put_record(b"x", "demo").await.expect("and now at once");
        assert_eq!(dates.borrow().len(), 4);
        assert_eq!(vending.0.calls.get(), 1);
        assert_eq!(client.clock().now_ms() / 10_000, (here.now_ms() + 7_200_000) / 10_000);
    });
}

#[test]
fn every_answer_that_is_taken_in_promptly_corrects_the_clock_by_its_date() {
    for (takes_ms, offset_ms, skew_ms) in
        [(80, 45_000, -45_000), (80, -45_000, 45_000), (2_500, 45_000, 0), (80, 1_000, 0)]
    {
        story(async move {
            let here = Here::new(1, move |_| {
                Box::pin(async move {
                    // EPOCH_MS and as long as its session took, which is within the same second.
                    let reply = ok(put_reply());
                    tokio::time::sleep(Duration::from_millis(takes_ms)).await;
                    Ok(Reply { date: Some("Tue, 14 Nov 2023 22:13:20 GMT".into()), ..reply })
                })
            });
            let vending = Machine::new(&here, QUARTER_HOUR_MS);
            let client = Client::new(Keeper::new(here.clock(), vending, Purpose::Produce), "http://h");
            client.keeper().session().await.expect("a session");
            // Somebody sets the clock, less than what makes a signature too old.
            here.0.offset_ms.set(offset_ms);
            client.put_record(b"x", "demo").await.expect("put");
            let skew = client.clock().skew_ms();
            assert!((skew - skew_ms).abs() <= if skew_ms == 0 { 0 } else { 600 }, "{takes_ms}, {offset_ms}: {skew}");
        });
    }
}

#[test]
fn an_answer_that_a_page_slept_over_tells_no_time() {
    story(async {
        let (here, _) = open_network();
        let clock = here.clock();
        let (asked, told) = (here.now_ms(), here.now_ms() + 60_000);
        tokio::time::sleep(Duration::from_secs(300)).await;
        clock.compare(asked, told);
        assert_eq!(clock.skew_ms(), 0);
        clock.compare(here.now_ms(), here.now_ms() + 60_000);
        assert_eq!(clock.skew_ms(), 60_000);
    });
}

#[test]
fn a_request_is_signed_for_where_it_goes() {
    story(async {
        let here = Here::new(1, |post| {
            assert_eq!(post.url, "http://127.0.0.1:3000/aws/");
            assert_eq!(post.header("x-amz-target"), "Kinesis_20131202.PutRecord");
            assert_eq!(post.header("content-type"), "application/x-amz-json-1.1");
            let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,";
            assert!(post.header("authorization").contains(signed));
            assert_eq!(post.body, json!({"StreamName": "danmu", "Data": "aGk=", "PartitionKey": "demo"}));
            Box::pin(async { Ok(ok(put_reply())) })
        });
        let vending = Machine::new(&here, QUARTER_HOUR_MS);
        let keeper = Keeper::new(here.clock(), vending, Purpose::Produce);
        let client = Client::new(keeper, "http://127.0.0.1:3000/");
        let receipt = client.put_record(b"hi", "demo").await.expect("put");
        assert_eq!((receipt.shard_id.as_str(), receipt.sequence_number.as_str()), ("s", "1"));
    });
}
