use danmu::{
    record::{DanmuRef, Decision, RecordId, Subject},
    room::RoomTexts,
};
use danmu_app::audit::AuditDetail;

use super::*;
use crate::store::{
    Erased, Speaker, StreamerKeyRow,
    place::{Place, Test, on_both},
};

on_both! {
    where_the_entry_is_refused_so_is_what_it_is_about,
    an_entry_says_who_did_what_to_whom,
    old_entries_are_deleted_and_numbers_are_not_used_again,
    who_is_erased_is_nowhere_and_the_entries_stay,
}

fn ann() -> ViewerId {
    "ann".parse().expect("an id")
}

fn ban() -> Decision {
    Decision { on: Subject::Viewer(ann()), until: Some(90), by: Rank::Moderator }
}

fn keeper() -> By {
    By::viewer(&ViewerId::guest(7), None, Some(Rank::Moderator))
}

async fn all(store: &Store) -> Result<Vec<AuditEntry>, StoreError> {
    store.audit(None, Entries::After(0, i64::MIN), &AuditFilter::default(), 1_000).await
}

async fn codes(store: &Store) -> Result<Vec<String>, StoreError> {
    Ok(all(store).await?.into_iter().map(|entry| entry.what).collect())
}

async fn where_the_entry_is_refused_so_is_what_it_is_about(place: &Place) -> Test {
    let store = place.open().await?;
    let (demo, by) = (RoomId::demo(), keeper());
    let texts = RoomTexts { title: "Anna".into(), video: String::new(), poster: None };
    store.decide(Some(&demo), &ban(), &by, 10).await?;
    store.make_room(&"made".parse()?, &texts, &by, 10).await?;
    let (change, rooms, keys) =
        (store.change().await?, store.room_changes().await?, store.streamer_key_changes().await?);
    store.refuse("audit", true).await?;
    assert!(store.decide(Some(&demo), &ban(), &by, 20).await.is_err());
    assert!(store.end(Some(&demo), &Subject::Viewer(ann()), Rank::Moderator, &by, 20).await.is_err());
    assert!(store.make_room(&"anna".parse()?, &texts, &by, 20).await.is_err());
    assert!(store.edit_room(&"made".parse()?, &texts, &by, 20).await.is_err());
    assert!(store.archive_room(&"made".parse()?, true, &by, 20).await.is_err());
    let row = StreamerKeyRow { room: demo.clone(), id: "key".into(), hash: "$argon2id$".into(), made_ms: 20 };
    assert!(store.change_streamer_keys().await?.put(&row, Some(&by)).await.is_err());
    assert!(store.note(Some(&demo), Act::OpenStudio, "", &by, 20).await.is_err());
    let now = (store.change().await?, store.room_changes().await?, store.streamer_key_changes().await?);
    assert_eq!(now, (change, rooms, keys), "something was done");
    assert_eq!((store.decisions_since(0).await?.len(), store.rooms().await?.len()), (1, 1));
    store.refuse("audit", false).await?;
    assert!(store.end(Some(&demo), &Subject::Viewer(ann()), Rank::Moderator, &by, 20).await?);
    assert_eq!(codes(&store).await?, ["ban", "make_room", "unban"]);
    Ok(())
}

async fn an_entry_says_who_did_what_to_whom(place: &Place) -> Test {
    let store = place.open().await?;
    let demo = RoomId::demo();
    let speaker = Speaker {
        viewer: ann(),
        name: Some("Ann".into()),
        room: demo.clone(),
        first_ms: 1,
        last_ms: 1,
        words: "x".into(),
    };
    store.keep_speakers(&[speaker]).await?;
    let bob = By::viewer(&"bob".parse()?, Some(&Name::try_from("Bob".to_owned())?), Some(Rank::Streamer));
    store.decide(Some(&demo), &ban(), &bob, 10).await?;
    let (key, claimed): (danmu::record::DanmuKey, _) = (RecordId::new(1, 2).to_string().parse()?, "eve".parse()?);
    let danmu = Subject::Danmu(DanmuRef { key: key.clone(), viewer: Some(claimed) });
    let text = AuditDetail { text: Some("spam".into()), ..AuditDetail::default() };
    let by = By::viewer(&ViewerId::guest(1), None, Some(Rank::Streamer)).about(Some(ann())).with(text.clone());
    store.decide(Some(&demo), &Decision { on: danmu, until: Some(99), by: Rank::Streamer }, &by, 20).await?;
    for (until, at_ms) in [(None, 30), (Some(0), 31)] {
        let vending = Decision { on: Subject::Vending, until, by: Rank::Operator };
        store.decide(None, &vending, &By::operator(), at_ms).await?;
    }
    let entry = |number, at_ms, room: &str, actor: &str, what: &str| AuditEntry {
        number,
        at_ms,
        room: room.into(),
        actor: actor.into(),
        name: String::new(),
        rank: Some(Rank::Operator),
        what: what.into(),
        subject: String::new(),
        viewer: String::new(),
        detail: AuditDetail::default(),
    };
    let banned = AuditEntry {
        name: "Bob".into(),
        rank: Some(Rank::Moderator),
        subject: "ann".into(),
        viewer: "ann".into(),
        detail: AuditDetail { until: Some(90), name: Some("Ann".into()), ..AuditDetail::default() },
        ..entry(1, 10, "demo", "bob", "ban")
    };
    let hidden = AuditEntry {
        name: "by streamer key".into(),
        rank: Some(Rank::Streamer),
        subject: key.to_string(),
        viewer: "ann".into(),
        detail: AuditDetail { until: Some(99), name: Some("Ann".into()), ..text },
        ..entry(2, 20, "demo", ViewerId::guest(1).as_str(), "hide")
    };
    let (freeze, thaw) = (entry(3, 30, "", "operator", "freeze"), entry(4, 31, "", "operator", "thaw"));
    let entries = [banned, hidden, freeze, thaw];
    assert_eq!(all(&store).await?, entries);

    let found = async |room: Option<&RoomId>, before, actor: &str, what: &str, subject: &str| {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let filter = AuditFilter { actor: given(actor), what: given(what), subject: given(subject) };
        let entries = store.audit(room, Entries::Before(before), &filter, 2).await?;
        Ok::<_, StoreError>(entries.iter().map(|entry| entry.number).collect::<Vec<_>>())
    };
    assert_eq!(found(None, i64::MAX, "", "", "").await?, [4, 3], "the newest two");
    assert_eq!(found(None, 3, "", "", "").await?, [2, 1]);
    assert_eq!(found(Some(&demo), i64::MAX, "", "", "").await?, [2, 1]);
    assert_eq!(found(Some(&"other".parse()?), i64::MAX, "", "", "").await?, [0; 0]);
    assert_eq!(found(None, i64::MAX, "Bob", "", "").await?, [1]);
    assert_eq!(found(None, i64::MAX, "bob", "ban", "ann").await?, [1]);
    assert_eq!(found(None, i64::MAX, "", "", "ann").await?, [2, 1], "the author of a danmu too");
    assert_eq!(found(None, i64::MAX, "bob' OR '1'='1", "", "").await?, [0; 0]);
    Ok(())
}

async fn old_entries_are_deleted_and_numbers_are_not_used_again(place: &Place) -> Test {
    let store = place.open().await?;
    for at_ms in [10, 20, 30] {
        store.note(None, Act::OpenStudio, "", &keeper(), at_ms).await?;
    }
    store.forget_audit(31).await?;
    assert_eq!(all(&store).await?, []);
    store.note(None, Act::OpenStudio, "", &keeper(), 40).await?;
    store.note(None, Act::OpenStudio, "", &keeper(), 50).await?;
    store.forget_audit(50).await?;
    let left: Vec<_> = all(&store).await?.into_iter().map(|entry| (entry.number, entry.at_ms)).collect();
    assert_eq!(left, [(5, 50)]);
    Ok(())
}

async fn who_is_erased_is_nowhere_and_the_entries_stay(place: &Place) -> Test {
    let store = place.open().await?;
    let (demo, ann) = (RoomId::demo(), ann());
    let speaker = Speaker {
        viewer: ann.clone(),
        name: Some("Ann".into()),
        room: demo.clone(),
        first_ms: 1,
        last_ms: 1,
        words: "x".into(),
    };
    store.keep_speakers(&[speaker]).await?;
    store.keep_identity(&ann, "us-east-1:1", 1).await?;
    store.decide(Some(&demo), &ban(), &keeper(), 10).await?;
    let by = By::viewer(&ann, Some(&Name::try_from("Ann".to_owned())?), Some(Rank::Streamer));
    store.note(Some(&demo), Act::OpenStudio, "192.0.2.1", &by, 20).await?;
    let danmu = DanmuRef { key: RecordId::new(1, 2).to_string().parse()?, viewer: Some(ann.clone()) };
    let hide = Decision { on: Subject::Danmu(danmu), until: Some(99), by: Rank::Moderator };
    let text = AuditDetail { text: Some("her words".into()), reason: Some("rude".into()), ..AuditDetail::default() };
    store.decide(Some(&demo), &hide, &keeper().with(text), 30).await?;
    let before = all(&store).await?;

    store.refuse("audit", true).await?;
    assert!(store.erase(&ann, &By::operator(), 40).await.is_err());
    assert_eq!((all(&store).await?, store.speakers(1).await?.len()), (before.clone(), 1), "all or nothing");
    store.refuse("audit", false).await?;
    let erased = store.erase(&ann, &By::operator(), 40).await?;
    let stand_in = erased.stand_in.clone();
    assert_eq!(erased, Erased { speakers: 1, identities: 1, guests: 0, audit: 3, stand_in: stand_in.clone() });
    assert_eq!((store.speakers(1).await?, store.identities(&ann).await?), (Vec::new(), Vec::new()));
    let after = all(&store).await?;
    let text = serde_json::to_string(&after)?;
    for gone in ["ann", "Ann", "her words", "192.0.2.1"] {
        assert!(!text.contains(&format!("\"{gone}\"")), "{gone}: {text}");
    }
    let acts: Vec<_> = after.iter().map(|entry| (&*entry.what, &*entry.actor, &*entry.viewer)).collect();
    let (me, her) = (ViewerId::guest(7), &*stand_in);
    let me = me.as_str();
    assert_eq!(acts, [("ban", me, her), ("open_studio", her, ""), ("hide", me, her), ("erase", "operator", "")]);
    assert_eq!((&*after[0].subject, after[2].detail.reason.as_deref()), (her, Some("rude")));
    assert_eq!(after[3].subject, stand_in);

    let nobody = store.erase(&ann, &By::operator(), 50).await?;
    assert_eq!((nobody.audit, all(&store).await?.len()), (0, 4));
    assert_ne!(nobody.stand_in, stand_in, "it is random");
    assert_eq!(store.erase(&"operator".parse()?, &By::operator(), 60).await?.audit, 0, "it is no viewer");
    Ok(())
}
