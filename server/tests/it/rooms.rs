//! Rooms created, changed and removed while a relay runs. The relay is the server's own, in this process.

use std::{sync::Arc, time::Duration};

use aws_credential_types::Credentials;
use aws_sdk_kinesis::{Client, primitives::Blob};
use danmu::room::{Pace, Paces, Room, RoomId, Unsigned};
use danmu_identity::{aws::bus::KinesisBus, identity::RecordVerifier, store::Store};
use danmu_relay::{
    moderation::Moderation,
    relay::{Asked, Relay, Viewer},
    rooms::RoomMap,
};
use danmu_server::config::Config;
use http_body_util::BodyExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    world::{Failure, REGION, STREAM, Test, World},
    writers::client,
};

const SOON: Duration = Duration::from_secs(60);

fn room(id: &str, unsigned: Unsigned) -> Room {
    Room {
        id: RoomId::try_from(id.to_owned()).expect("a room's id"),
        title: String::new(),
        video: String::new(),
        poster: None,
        unsigned,
        paces: Paces::new(Pace { per_minute: 600, burst: 100 }, Pace::default(), Pace::default()),
    }
}

async fn say(client: &Client, room: &str, text: &str) -> Test {
    client.put_record().stream_name(STREAM).partition_key(room).data(Blob::new(text)).send().await?;
    Ok(())
}

/// Hears until the text is there; what was heard.
async fn hear(viewer: &mut Viewer, text: &str) -> Result<String, Failure> {
    let mut heard = String::new();
    while !heard.contains(text) {
        let frame = timeout(SOON, viewer.frame()).await?.ok_or("the feed ended")??;
        heard += std::str::from_utf8(frame.data_ref().ok_or("no data")?)?;
    }
    Ok(heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_relayed_from_when_it_is_made_goes_by_what_is_set_and_ends_with_its_viewers() -> Test {
    let world = World::start_at(1, 0).await?;
    let root = world.endpoint.root_key();
    let (id, secret) = (root.access_key_id.clone(), root.secret_access_key.clone());
    let client = client(&format!("http://{}", world.addr), &id, &secret);
    let credentials = Credentials::new(id, secret, None, None, "test");
    let bus = KinesisBus::embedded(world.addr, credentials, "000000000000", REGION, STREAM);
    let (config, stop, rooms) = (Config::default(), CancellationToken::new(), RoomMap::new([]));
    let store = tempfile::tempdir()?;
    let (moderation, _work) = Moderation::open(Store::open(store.path()).await?).await?;
    let verifier = Arc::new(RecordVerifier::new(Vec::new(), 1));
    let pages = ([127, 0, 0, 1], 0).into();
    let (relay, task) = Relay::start(&config.relay_options(), &rooms, &bus, verifier, moderation, pages, stop.clone());
    timeout(SOON, relay.caught_up().wait_for(|caught_up| *caught_up)).await??;

    let later = room("later", Unsigned::Allow);
    let asked = Asked { history: 50, ..Asked::default() };
    let join = || relay.join(&later.id, &asked, 1_000);
    assert!(join().is_none() && relay.judged(&later.id).is_none(), "there is no such room");
    rooms.put(later.clone());
    let mut viewer = timeout(SOON, async {
        loop {
            match join() {
                Some(viewer) => return viewer,
                None => tokio::task::yield_now().await,
            }
        }
    })
    .await?;
    say(&client, "later", "the first").await?;
    hear(&mut viewer, "the first").await?;

    // What it shows from now on carries a ticket.
    rooms.put(Room { unsigned: Unsigned::Deny, ..later.clone() });
    let refused = |relay: &Relay| relay.metrics().contains("danmu_refused_total{reason=\"unsigned\"}");
    timeout(SOON, async {
        while !refused(&relay) {
            say(&client, "later", "by nobody").await?;
        }
        Ok::<_, Failure>(())
    })
    .await??;
    rooms.put(later.clone());
    let heard = timeout(SOON, async {
        loop {
            say(&client, "later", "the last").await?;
            if let Ok(heard) = timeout(Duration::from_secs(1), hear(&mut viewer, "the last")).await {
                return heard;
            }
        }
    })
    .await??;
    assert!(!heard.ends_with("by nobody"));

    rooms.remove(&later.id);
    timeout(SOON, async { while let Some(Ok(_)) = viewer.frame().await {} }).await?;
    assert!(join().is_none());
    stop.cancel();
    timeout(SOON, task).await??;
    Ok(())
}
