//! Deleting a room that the store keeps, for good.

use danmu::room::RoomId;
use danmu_app::audit::Act;

use super::{
    Store, StoreError,
    audit::{self, By, New},
    in_time,
    sql::query,
};

impl Store {
    /// Deletes a room, open or archived, all or nothing: its streamer key, its invitations and what its rules say go, its title and
    /// its addresses too. Its id stays taken, and the audit stays. Returns whether there is such a room that is not deleted.
    ///
    /// # Errors
    /// [`StoreError`]. Then nothing is deleted.
    pub async fn delete_room(&self, id: &RoomId, by: &By, now_ms: i64) -> Result<bool, StoreError> {
        // Archived too: a server of an older version knows no deleted ones, and must not open it.
        let sql = "UPDATE rooms SET title = '', video = '', poster = NULL, archived_ms = COALESCE(archived_ms, $2), \
                   deleted_ms = $2 WHERE id = $1 AND deleted_ms IS NULL";
        // The counters by which servers see that rooms, keys and invitations have changed.
        let count = "UPDATE counters SET value = value + 1 WHERE name IN ('rooms', 'streamer_keys', 'invitations')";
        let parts = [
            "DELETE FROM streamer_keys WHERE room = $1",
            "DELETE FROM invitations WHERE room = $1",
            "DELETE FROM rules WHERE room = $1",
            "DELETE FROM held WHERE room = $1",
            "DELETE FROM figures WHERE room = $1",
        ];
        in_time(async {
            let mut writing = self.begin().await?;
            if query(sql).bind(id.as_str()).bind(now_ms).execute(&mut *writing).await? == 0 {
                return writing.rollback().await.map(|()| false);
            }
            for part in parts {
                query(part).bind(id.as_str()).execute(&mut *writing).await?;
            }
            query(count).execute(&mut *writing).await?;
            audit::write(&mut writing, New::of(Some(id), Act::DeleteRoom, "", by, now_ms)).await?;
            writing.commit().await.map(|()| true)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use danmu::{
        record::{Color, DanmuKey, Mode, Passed},
        room::{RoomTexts, RuleId},
        viewer::Role,
    };
    use danmu_app::{
        audit::AuditFilter,
        rules::{Rule, RuleKind},
    };

    use super::*;
    use crate::store::{
        Entries, HeldNews, HeldRow, InvitationRow, RuleRow, StreamerKeyRow,
        place::{Place, Test, on_both},
    };

    on_both! {
        of_a_deleted_room_its_id_and_the_audit_are_left_and_no_other_room_loses_anything,
        where_the_entry_is_refused_nothing_is_deleted,
    }

    fn texts() -> RoomTexts {
        RoomTexts { title: "Anna".into(), video: "/a.mp4".into(), poster: Some("/a.webp".into()) }
    }

    /// A room with a key, an invitation, a rule and a danmu that waits.
    async fn furnish(store: &Store, id: &RoomId, n: u64) -> Test {
        assert!(store.make_room(id, &texts(), &By::operator(), 1).await?);
        let row = StreamerKeyRow { room: id.clone(), id: n.to_string(), hash: "hash".into(), made_ms: 1 };
        store.change_streamer_keys().await?.put(&row, None).await?;
        let (hash, label, expires_ms, revoked_ms, used_ms) = (n.to_string(), String::new(), None, None, None);
        let row = InvitationRow {
            id: n.to_string(),
            room: id.clone(),
            hash,
            label,
            made_ms: 1,
            expires_ms,
            revoked_ms,
            used_ms,
            uses: 0,
        };
        assert!(store.make_invitation(&row, 10).await?);
        let rule = Rule { kind: RuleKind::Words, value: "a secret word".into() };
        store.keep_rule(id, &RuleRow { id: RuleId::new(n), rule, made_ms: 1 }).await?;
        let key = DanmuKey::Sequence(n.to_string());
        let (mode, color, role) = (Mode::default(), Color::default(), Role::Viewer);
        let said = Passed { key, viewer: None, name: None, role, text: "a secret".into(), mode, color, at: 1 };
        let held = vec![HeldRow { room: id.clone(), said, due_ms: None }];
        store.keep_held(&HeldNews { held, ..HeldNews::default() }, 2).await?;
        Ok(())
    }

    /// How many keys, invitations, rules and waiting danmu there are of a room.
    async fn left(store: &Store, id: &RoomId) -> Result<[usize; 4], StoreError> {
        let keys = store.streamer_keys().await?.into_iter().filter(|row| row.room == *id).count();
        let waiting = store.waiting(id, 0).await?.waiting.len();
        Ok([keys, store.invitations(id).await?.len(), store.rules(id).await?.len(), waiting])
    }

    async fn changes(store: &Store) -> Result<[i64; 3], StoreError> {
        let rooms = store.room_changes().await?;
        Ok([rooms, store.streamer_key_changes().await?, store.invitation_changes().await?])
    }

    async fn of_a_deleted_room_its_id_and_the_audit_are_left_and_no_other_room_loses_anything(place: &Place) -> Test {
        let (store, other, by) = (place.open().await?, place.open().await?, By::operator());
        let [anna, bob]: [RoomId; 2] = ["anna".parse()?, "bob".parse()?];
        furnish(&store, &anna, 1).await?;
        furnish(&store, &bob, 2).await?;
        let before = changes(&other).await?;
        assert!(!store.delete_room(&"carl".parse()?, &by, 5).await?, "there is none");
        assert_eq!(changes(&other).await?, before, "nothing has changed");
        assert!(store.delete_room(&anna, &by, 7).await?);
        assert_eq!(changes(&other).await?, before.map(|number| number + 1), "others see it");
        assert_eq!((left(&other, &anna).await?, left(&other, &bob).await?), ([0; 4], [1; 4]));
        let rows = other.rooms().await?;
        let row = rows.iter().find(|row| row.id == anna).ok_or("its id is free")?;
        assert_eq!(row.texts, RoomTexts { title: String::new(), video: String::new(), poster: None });
        assert_eq!((row.archived_ms, row.deleted_ms), (Some(7), Some(7)));

        assert!(!other.make_room(&anna, &texts(), &by, 8).await?, "somebody takes over its id");
        assert!(!other.edit_room(&anna, &texts(), &by, 8).await?, "it is changed");
        for archived in [false, true] {
            assert!(!other.archive_room(&anna, archived, &by, 8).await?, "it is opened again");
        }
        assert!(!other.delete_room(&anna, &by, 8).await?, "it is deleted twice");
        assert_eq!(other.rooms().await?, rows);
        let entries = other.audit(Some(&anna), Entries::After(0, 0), &AuditFilter::default(), 10).await?;
        let acts: Vec<_> = entries.iter().map(|entry| &*entry.what).collect();
        assert_eq!(acts, ["make_room", "delete_room"]);

        // An archived one as well.
        assert!(store.archive_room(&bob, true, &by, 9).await? && store.delete_room(&bob, &by, 10).await?);
        assert_eq!(left(&other, &bob).await?, [0; 4]);
        let row = other.rooms().await?.into_iter().find(|row| row.id == bob).ok_or("its id is free")?;
        assert_eq!((row.archived_ms, row.deleted_ms), (Some(9), Some(10)));
        Ok(())
    }

    async fn where_the_entry_is_refused_nothing_is_deleted(place: &Place) -> Test {
        let (store, anna) = (place.open().await?, "anna".parse()?);
        furnish(&store, &anna, 1).await?;
        let (rows, before) = (store.rooms().await?, changes(&store).await?);
        store.refuse("audit", true).await?;
        assert!(store.delete_room(&anna, &By::operator(), 5).await.is_err());
        store.refuse("audit", false).await?;
        assert_eq!((store.rooms().await?, changes(&store).await?), (rows, before), "half of it is deleted");
        assert_eq!(left(&store, &anna).await?, [1; 4]);
        assert!(store.delete_room(&anna, &By::operator(), 6).await?);
        Ok(())
    }
}
