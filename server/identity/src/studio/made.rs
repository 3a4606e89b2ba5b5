//! Makes streamer keys, and keeps that of the room `demo` in a file, so that every start of the server can show it.
//!
//! File and store are written under the store's lock, the file first: after a crash between the two, the next start brings the
//! store in line, so the key in the file is always the room's. But for a store that servers share which share no directory:
//! there the store is right, and the file is that of the server that made the key.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use danmu::room::RoomId;
use danmu_stream::keep_private;
use thiserror::Error;

use super::key::{HashError, NoKey, StreamerKey};
use crate::{
    clock::now_ms,
    identity::write_private,
    store::{By, Store, StoreError, StreamerKeyRow},
};

/// The file with the key of `demo`, in the data directory.
const FILE: &str = "streamer-key-demo";

/// Why a streamer key could not be made or kept.
#[derive(Debug, Error)]
pub enum StudioError {
    /// The operating system gives no random bytes.
    #[error("no random bytes for a streamer key: {0}")]
    Random(#[from] getrandom::Error),
    /// It could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The room's key is another one than was thought.
    #[error("room {0} got another streamer key meanwhile; open its studio by that one")]
    Newer(RoomId),
    /// The file does not hold a key.
    #[error("{path} does not hold a streamer key ({reason}); restore it, or remove it to have a new key made")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: NoKey,
    },
}

/// A new streamer key of a room.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The key.
    pub key: StreamerKey,
    /// Its id, which the cookies that it opens name.
    pub id: String,
    /// When the key was made whose place it takes, Unix milliseconds; `None` if there was none.
    pub replaced_ms: Option<i64>,
    /// The file in which it is kept, for `demo`; the key of another room is kept nowhere.
    pub file: Option<PathBuf>,
}

/// The key of `demo`, as far as this server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DemoKey {
    /// It is in the file.
    Known(StreamerKey),
    /// Another server made it, which shares the store and no directory. Why it is not known here, and what to do.
    Elsewhere(String),
}

/// Makes a new key for a room. The one before, and what it opened, is worth nothing as soon as servers have read that in the
/// store. `by` is who does that, for the audit; `None` where the making of the room is written there.
///
/// # Errors
/// See [`StudioError`].
pub async fn rotate(store: &Store, data: &Path, room: &RoomId, by: Option<&By>) -> Result<NewKey, StudioError> {
    replace(store, data, room, by, |_| true).await
}

/// The same, if the room's key is still the one with the id `known` (`None`: it has none). So whoever was the streamer by a key that
/// another server replaced a moment ago, which this one has not heard of, makes no key.
///
/// # Errors
/// See [`StudioError`]; [`StudioError::Newer`] for another key. Then nothing has changed.
pub async fn rotate_known(
    store: &Store,
    data: &Path,
    room: &RoomId,
    by: &By,
    known: Option<&str>,
) -> Result<NewKey, StudioError> {
    replace(store, data, room, Some(by), |id| id == known).await
}

async fn replace(
    store: &Store,
    data: &Path,
    room: &RoomId,
    by: Option<&By>,
    may: impl FnOnce(Option<&str>) -> bool,
) -> Result<NewKey, StudioError> {
    let key = StreamerKey::new()?;
    let row = row(&key, room)?;
    let mut change = store.change_streamer_keys().await?;
    let replaced = change.key(room).await?;
    if !may(replaced.as_ref().map(|row| &*row.id)) {
        return Err(StudioError::Newer(room.clone()));
    }
    let replaced_ms = replaced.map(|row| row.made_ms);
    let file = (*room == RoomId::demo()).then(|| data.join(FILE));
    if let Some(path) = &file {
        write(path, &key)?;
    }
    change.put(&row, by).await?;
    Ok(NewKey { key, id: row.id, replaced_ms, file })
}

/// The key of `demo`, from its file; made if there is none. The store is brought in line with it, if it is not: mostly this only
/// reads, so that a start waits for nobody who writes the store. Where other servers may share the store with files of their own,
/// a key that the store has stays: it is [`DemoKey::Elsewhere`] then unless this server's file has it.
///
/// # Errors
/// See [`StudioError`].
pub async fn demo_key(store: &Store, data: &Path) -> Result<DemoKey, StudioError> {
    let (room, path) = (RoomId::demo(), data.join(FILE));
    let kept = read_key(&path)?;
    let keys = store.streamer_keys().await?;
    let known = keys.iter().find(|row| row.room == room);
    match (&kept, known) {
        (Some(key), Some(row)) if key.fits(&row.hash) => return Ok(DemoKey::Known(key.clone())),
        (_, Some(_)) if store.is_apart() => return Ok(elsewhere(&path, kept.is_some())),
        _ => {}
    }
    let mut change = store.change_streamer_keys().await?;
    // Both are read again under the lock: another process may have just rotated it.
    let (kept, known) = (read_key(&path)?, change.key(&room).await?);
    let fits = |key: &StreamerKey| known.as_ref().is_some_and(|row| key.fits(&row.hash));
    if known.is_some() && store.is_apart() && !kept.as_ref().is_some_and(fits) {
        return Ok(elsewhere(&path, kept.is_some()));
    }
    let key = match kept {
        Some(key) => key,
        None => {
            let key = StreamerKey::new()?;
            write(&path, &key)?;
            key
        }
    };
    if !fits(&key) {
        change.put(&row(&key, &room)?, Some(&By::server())).await?;
    }
    Ok(DemoKey::Known(key))
}

fn elsewhere(path: &Path, has_file: bool) -> DemoKey {
    let why = if has_file {
        format!("{} is not the key of demo any more: another server has made a new one", path.display())
    } else {
        "the key of demo was made on another server, which keeps it in its data directory".to_owned()
    };
    DemoKey::Elsewhere(why + "; `danmu-server rooms key demo` makes a new one and keeps it here")
}

/// The key in a file; `None` if there is no file.
fn read_key(path: &Path) -> Result<Option<StreamerKey>, StudioError> {
    let failed = |source| StudioError::File { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Ok(text) => {
            keep_private(path).map_err(failed)?;
            let key = text.parse().map_err(|reason| StudioError::Malformed { path: path.to_owned(), reason })?;
            Ok(Some(key))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed(source)),
    }
}

fn row(key: &StreamerKey, room: &RoomId) -> Result<StreamerKeyRow, StudioError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    Ok(StreamerKeyRow { room: room.clone(), id: random_id()?, hash: key.hash(salt)?, made_ms: now_ms() })
}

/// An id for a key or an invitation: 16 hexadecimal digits at random.
///
/// # Errors
/// The operating system gives no random bytes.
pub(super) fn random_id() -> Result<String, getrandom::Error> {
    let mut id = [0; 8];
    getrandom::fill(&mut id)?;
    Ok(format!("{:016x}", u64::from_be_bytes(id)))
}

fn write(path: &Path, key: &StreamerKey) -> Result<(), StudioError> {
    let put = |file: tempfile::NamedTempFile| file.persist(path).map(drop).map_err(|error| error.error);
    write_private(path, format!("{key}\n").as_bytes(), put)
        .map_err(|source| StudioError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Test = Result<(), Box<dyn std::error::Error>>;

    /// The key of `demo`, which this server knows.
    async fn known_key(store: &Store, data: &Path) -> Result<StreamerKey, StudioError> {
        match demo_key(store, data).await? {
            DemoKey::Known(key) => Ok(key),
            DemoKey::Elsewhere(why) => panic!("{why}"),
        }
    }

    async fn fits(store: &Store, key: &StreamerKey) -> Result<bool, StoreError> {
        let rows = store.streamer_keys().await?;
        Ok(rows.iter().any(|row| row.room == RoomId::demo() && key.fits(&row.hash)))
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> io::Result<u32> {
        Ok(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path)?.permissions()) & 0o777)
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_key_is_made_once_and_kept_in_a_file_of_its_owner_alone() -> Test {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path()).await?;
        let key = known_key(&store, dir.path()).await?;
        let (path, changes) = (dir.path().join(FILE), store.streamer_key_changes().await?);
        assert!(fits(&store, &key).await?);
        assert_eq!((fs::read_to_string(&path)?, mode(&path)?), (format!("{key}\n"), 0o600));
        assert_eq!(known_key(&store, dir.path()).await?, key);
        assert_eq!(store.streamer_key_changes().await?, changes, "nothing that it opened ends");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        assert_eq!(known_key(&store, dir.path()).await?, key);
        assert_eq!(mode(&path)?, 0o600, "it was mended");
        Ok(())
    }

    #[tokio::test]
    async fn a_start_waits_for_nobody_who_writes_the_store() -> Test {
        let dir = tempfile::tempdir()?;
        let (store, other) = (Store::open(dir.path()).await?, Store::open(dir.path()).await?);
        let key = known_key(&store, dir.path()).await?;
        let writing = other.change_streamer_keys().await?;
        assert_eq!(known_key(&store, dir.path()).await?, key);
        drop(writing);
        Ok(())
    }

    #[tokio::test]
    async fn whichever_of_file_and_store_is_lost_the_key_in_the_file_is_the_rooms() -> Test {
        let dir = tempfile::tempdir()?;
        let (path, store) = (dir.path().join(FILE), Store::open(dir.path()).await?);
        let first = known_key(&store, dir.path()).await?;
        let rotated = rotate(&store, dir.path(), &RoomId::demo(), None).await?;
        assert!(rotated.replaced_ms.is_some() && rotated.file.as_ref() == Some(&path));
        assert_eq!(known_key(&store, dir.path()).await?, rotated.key, "a rotation rewrites the file");
        assert!(!fits(&store, &first).await? && fits(&store, &rotated.key).await?);

        fs::remove_file(&path)?;
        let made = known_key(&store, dir.path()).await?;
        assert!(made != rotated.key && fits(&store, &made).await? && !fits(&store, &rotated.key).await?);

        let anew = tempfile::tempdir()?;
        fs::copy(&path, anew.path().join(FILE))?;
        let store = Store::open(anew.path()).await?;
        assert_eq!(known_key(&store, anew.path()).await?, made);
        assert!(fits(&store, &made).await?);

        fs::write(anew.path().join(FILE), "abcd\n")?;
        let error = known_key(&store, anew.path()).await.expect_err("no key").to_string();
        assert!(error.contains(FILE) && error.contains("remove it"), "{error}");
        assert!(fits(&store, &made).await?, "nothing has changed");
        Ok(())
    }

    #[tokio::test]
    async fn the_key_of_another_room_is_in_no_file_and_leaves_demos_alone() -> Test {
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path()).await?;
        let (demo, other) =
            (known_key(&store, dir.path()).await?, rotate(&store, dir.path(), &"other".parse()?, None).await?);
        assert_eq!((other.replaced_ms, other.file), (None, None));
        assert!(fits(&store, &demo).await?);
        assert_eq!(fs::read_to_string(dir.path().join(FILE))?, format!("{demo}\n"));
        Ok(())
    }

    #[tokio::test]
    async fn who_does_not_know_the_key_of_now_replaces_none_and_leaves_the_file_alone() -> Test {
        let dir = tempfile::tempdir()?;
        let (store, demo, by) = (Store::open(dir.path()).await?, RoomId::demo(), By::operator());
        let known = |id| rotate_known(&store, dir.path(), &demo, &by, id);
        let first = known(None).await?;
        let second = known(Some(&first.id)).await?;
        let changes = store.streamer_key_changes().await?;
        for id in [None, Some(&*first.id)] {
            let refused = known(id).await;
            assert!(matches!(refused, Err(StudioError::Newer(_))), "an older key makes a new one: {refused:?}");
        }
        assert!(fits(&store, &second.key).await?);
        assert_eq!(fs::read_to_string(dir.path().join(FILE))?, format!("{}\n", second.key));
        assert_eq!(store.streamer_key_changes().await?, changes, "nothing has changed");
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn servers_that_start_and_rotate_at_once_agree_on_a_key() -> Test {
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path()).await?;
        let tasks = (0..6).map(|n| {
            let (store, data) = (store.clone(), dir.path().to_owned());
            tokio::spawn(async move {
                match n % 2 {
                    0 => known_key(&store, &data).await.map(drop),
                    _ => rotate(&store, &data, &RoomId::demo(), None).await.map(drop),
                }
            })
        });
        for task in futures::future::join_all(tasks).await {
            task??;
        }
        assert!(fits(&store, &fs::read_to_string(dir.path().join(FILE))?.parse()?).await?);
        Ok(())
    }

    #[tokio::test]
    async fn servers_that_share_no_directory_leave_each_others_key_alone() -> Test {
        let Some(place) = crate::store::place::Place::postgres().map_err(|error| error.to_string())? else {
            return Ok(());
        };
        let (first, second) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let (store, other) = (place.open().await?, place.open().await?);
        let (here, there) = tokio::join!(demo_key(&store, first.path()), demo_key(&other, second.path()));
        let (here, there) = (here?, there?);
        let (key, made_by, guest) = match (here, there) {
            (DemoKey::Known(key), DemoKey::Elsewhere(why)) => (key, first.path(), (second.path(), why)),
            (DemoKey::Elsewhere(why), DemoKey::Known(key)) => (key, second.path(), (first.path(), why)),
            both => panic!("not one of them made it: {both:?}"),
        };
        let (guest, why) = guest;
        assert!(why.contains("on another server") && why.contains("rooms key demo"), "{why}");
        assert!(!guest.join(FILE).exists() && fits(&store, &key).await?);
        assert_eq!(known_key(&store, made_by).await?, key, "it starts again");

        let rotated = rotate(&other, guest, &RoomId::demo(), None).await?;
        assert_eq!(known_key(&other, guest).await?, rotated.key);
        let changes = store.streamer_key_changes().await?;
        let DemoKey::Elsewhere(why) = demo_key(&store, made_by).await? else { panic!("it shows a key that is none") };
        assert!(why.contains(FILE) && why.contains("not the key of demo any more"), "{why}");
        assert_eq!(store.streamer_key_changes().await?, changes);
        assert!(fits(&store, &rotated.key).await?, "it was overwritten");

        // A database that begins anew takes the key of the first server that starts.
        store.execute("DELETE FROM streamer_keys").await?;
        assert_eq!(known_key(&store, made_by).await?, key);
        assert!(fits(&store, &key).await?);
        Ok(())
    }
}
