//! Persistence of [`denials`](crate::auth::denials): written before the call is answered.

use fjall::PersistMode;

use super::{Keyspaces, Store, StoreError, keys};
use crate::auth::denials::{Denial, Whom};

impl Store {
    /// All stored denials. Blocks.
    pub(crate) fn denials(&self) -> Result<Vec<Denial>, StoreError> {
        let mut entries = Vec::new();
        for entry in self.keyspaces.state.prefix(keys::DENIED) {
            let (key, value) = entry.into_inner().map_err(StoreError::engine)?;
            let ms = (*value).try_into().ok().map(i64::from_be_bytes);
            // Skipping an unreadable entry would readmit a denied session.
            let read = whom(&key).zip(ms).ok_or_else(|| StoreError::Engine("a denial is unreadable".to_owned()))?;
            entries.push(read);
        }
        Ok(entries)
    }

    /// Stores denials; returns when they are on disk. Blocks.
    pub(crate) fn keep_denials(&self, entries: &[Denial]) -> Result<(), StoreError> {
        let Keyspaces { db, state, .. } = &self.keyspaces;
        let mut batch = db.batch().durability(Some(PersistMode::SyncAll));
        for (whom, ms) in entries {
            batch.insert(state, key(whom), ms.to_be_bytes());
        }
        batch.commit().map_err(StoreError::engine)
    }

    /// Removes denials; returns when they are gone from disk. Blocks.
    pub(crate) fn drop_denials(&self, gone: &[Whom]) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        let Keyspaces { db, state, .. } = &self.keyspaces;
        let mut batch = db.batch().durability(Some(PersistMode::SyncAll));
        for whom in gone {
            batch.remove(state, key(whom));
        }
        batch.commit().map_err(StoreError::engine)
    }
}

fn key(whom: &Whom) -> String {
    match whom {
        Whom::Source(name) => format!("{}s{name}", keys::DENIED),
        Whom::Key(id) => format!("{}k{id}", keys::DENIED),
        Whom::Older => format!("{}o", keys::DENIED),
    }
}

fn whom(key: &[u8]) -> Option<Whom> {
    let text = std::str::from_utf8(key.strip_prefix(keys::DENIED.as_bytes())?).ok()?;
    match (text.get(..1)?, text.get(1..)?) {
        ("s", name) => Some(Whom::Source(name.to_owned())),
        ("k", id) => Some(Whom::Key(id.to_owned())),
        ("o", "") => Some(Whom::Older),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{clock::SystemClock, store::UNBOUNDED};

    #[test]
    fn a_denial_is_there_after_a_restart_until_it_is_dropped() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let open = || Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock));
        let (ann, key) = (Whom::Source("ann@x".to_owned()), Whom::Key("ASIAAAAAAAAAAAAAAAAA".to_owned()));
        let all = [(key.clone(), 6), (Whom::Older, -1), (ann.clone(), 7)];
        {
            let store = open()?;
            for entry in &all {
                store.keep_denials(std::slice::from_ref(entry))?;
            }
            store.keep_denials(&[(ann.clone(), 7)])?;
        }
        assert_eq!(open()?.denials()?, all);
        open()?.drop_denials(&[ann, Whom::Older])?;
        assert_eq!(open()?.denials()?, [(key, 6)]);
        Ok(())
    }
}
