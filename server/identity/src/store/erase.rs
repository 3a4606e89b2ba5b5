//! Erasing what the store keeps of a viewer.

use danmu::viewer::ViewerId;
use danmu_app::audit::{Act, AuditDetail};
use sqlx::Row as _;

use super::{
    Store, StoreError,
    audit::{By, New, json, write},
    in_time,
    sql::query,
};

/// What was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Rows of recent speakers.
    pub speakers: u64,
    /// Identities of an identity pool.
    pub identities: u64,
    /// Rows of guests of banned networks.
    pub guests: u64,
    /// Places of the audit where the stand-in is now.
    pub audit: u64,
    /// The stand-in: random, so that nobody finds the viewer by it.
    pub stand_in: String,
}

impl Store {
    /// Erases what is kept of a viewer, all or nothing: deletes its rows of recent speakers, identities and guests, and what it
    /// said that waits in a reviewed room. In the audit, a stand-in takes the place of its id, and its name, the texts of its
    /// danmu and the networks from which it opened studios are removed; the entries stay. Decisions stay. An entry says that
    /// this was done, if anything was.
    ///
    /// # Errors
    /// [`StoreError`]. Then nothing is erased.
    pub async fn erase(&self, viewer: &ViewerId, by: &By, now_ms: i64) -> Result<Erased, StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
        let stand_in = format!("erased-{:016x}", u64::from_be_bytes(random));
        let id = viewer.as_str();
        in_time(async {
            let mut writing = self.begin().await?;
            let mut deleted = [0; 3];
            let tables = [
                "DELETE FROM speakers WHERE viewer = $1",
                "DELETE FROM identities WHERE viewer = $1",
                "DELETE FROM guests WHERE viewer = $1",
            ];
            for (count, sql) in deleted.iter_mut().zip(tables) {
                *count = query(sql).bind(id).execute(&mut *writing).await?;
            }
            let mut audit = 0;
            // The operator and the server are no viewers, whatever ids there are.
            let acted = "UPDATE audit SET actor = $2, name = '', subject = CASE WHEN what IN ('open_studio', 'wrong_key') \
                         THEN '' ELSE subject END WHERE actor = $1 AND (rank IS NULL OR rank < 2)";
            audit += query(acted).bind(id).bind(&stand_in).execute(&mut *writing).await?;
            let about = query("SELECT number, detail FROM audit WHERE viewer = $1").bind(id);
            for row in about.fetch_all(&mut *writing).await? {
                let detail: AuditDetail = serde_json::from_str(row.try_get("detail")?).unwrap_or_default();
                let detail = json(&AuditDetail { text: None, name: None, ..detail })?;
                let sql = "UPDATE audit SET viewer = $2, detail = $3, subject = CASE subject WHEN $4 THEN $2 ELSE subject END \
                           WHERE number = $1";
                let number: i64 = row.try_get("number")?;
                let cleared = query(sql).bind(number).bind(&stand_in).bind(detail).bind(id);
                audit += cleared.execute(&mut *writing).await?;
            }
            // What waits or waited in a reviewed room; nobody is shown it any more.
            query("DELETE FROM held WHERE viewer = $1").bind(id).execute(&mut *writing).await?;
            let [speakers, identities, guests] = deleted;
            let erased = Erased { speakers, identities, guests, audit, stand_in };
            if speakers + identities + guests + audit > 0 {
                write(&mut writing, New::of(None, Act::Erase, &erased.stand_in, by, now_ms)).await?;
            }
            writing.commit().await?;
            Ok(erased)
        })
        .await
    }
}
