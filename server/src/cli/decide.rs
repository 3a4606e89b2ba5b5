//! `danmu-server ban`, `unban`, `bans`, `freeze`, `thaw` and `revoke`: an operator's decisions, written to the store. Write
//! access to the data directory, or to the database of `store.url`, is the authorization. A running server that shares the store
//! publishes them on the stream within a second; if none runs, the first one that starts does.

use std::{
    collections::HashMap,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use danmu::{
    record::{Decision, Subject},
    room::RoomId,
    viewer::Rank,
};
use danmu_app::audit::AuditDetail;
use danmu_identity::{
    clock::now_ms,
    store::{By, Row, Store, StoreError, Whom},
};
use danmu_relay::moderation::UNSIGNED;

use super::{
    span::{ms, span, time},
    whom,
};
use crate::{
    config::{Config, Overrides},
    error::RunError,
};

/// Where the store is.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreArgs {
    /// The settings file, as for the server.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The data directory, as for the server; the store is there unless the settings have store.url.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Who is banned, where and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct BanArgs {
    /// A viewer's id, what the page calls it (a name, or the end of its id), or a network whose guests are meant (192.0.2.7,
    /// 2001:db8::/64). Without it, says who spoke within the last hour.
    #[arg(value_name = "VIEWER|NETWORK")]
    pub whom: Option<String>,

    /// It was shown whom a name means, and that is the right one; or the id is right though nobody has heard of it lately.
    #[arg(long)]
    pub yes: bool,

    /// For how long, as in 90s, 10m, 1h or 7d. Without it, for good.
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub lasting: Option<Duration>,

    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// In this room alone; its viewers' credentials stay good for others.
    #[arg(long, value_name = "ROOM")]
    pub room: Option<RoomId>,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Whose ban is over.
#[derive(Clone, Debug, clap::Args)]
pub struct UnbanArgs {
    /// As they were banned.
    #[arg(value_name = "VIEWER|NETWORK")]
    pub whom: Whom,

    /// As they were banned.
    #[arg(long, value_name = "ROOM")]
    pub room: Option<RoomId>,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Which sessions are revoked.
#[derive(Clone, Debug, clap::Args)]
pub struct RevokeArgs {
    /// Sessions that are older than this, as in 90s, 10m, 1h. Without it, all that there are.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub older_than: Option<Duration>,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl StoreArgs {
    pub(super) async fn open(self) -> Result<(Store, Config), RunError> {
        let config = Config::load(&Overrides { config: self.config, data: self.data, ..Overrides::default() })?;
        Ok((Store::at(config.store.url.as_ref(), &config.stream.data).await?, config))
    }
}

/// Whether there is a room, in the settings or in the store. A deleted one is none.
///
/// # Errors
/// The store cannot be read.
pub async fn is_room(store: &Store, config: &Config, room: &RoomId) -> Result<bool, StoreError> {
    let declared = config.rooms.iter().any(|declared| declared.id == *room);
    Ok(declared || store.rooms().await?.iter().any(|row| row.id == *room && row.deleted_ms.is_none()))
}

/// Bans a viewer or a network, or lists recent speakers.
///
/// # Errors
/// The settings or the store cannot be read or written, or there is no such room or viewer.
pub async fn ban(args: BanArgs) -> Result<(), RunError> {
    let (store, config) = args.store.open().await?;
    if let Some(room) = &args.room
        && !is_room(&store, &config, room).await?
    {
        return Err(RunError::NoRoom(room.clone()));
    }
    let now_ms = now_ms();
    let Some(whom) = &args.whom else { return speakers(&store, now_ms).await };
    let whom = whom::whom(&store, whom, args.yes, now_ms).await?;
    let until_ms = args.lasting.map(|lasting| now_ms.saturating_add_unsigned(ms(lasting)));
    let decision = Decision { on: Subject::from(&whom), until: until_ms, by: Rank::Operator };
    let by = By::operator().with(AuditDetail { reason: args.reason, ..AuditDetail::default() });
    store.decide(args.room.as_ref(), &decision, &by, now_ms).await?;
    say(format_args!("{whom} is banned from {}, {}", place(args.room.as_ref()), until(until_ms, now_ms)));
    for room in config.unsigned_rooms().filter(|room| args.room.as_ref().is_none_or(|only| only == *room)) {
        say(format_args!("room {room}: {UNSIGNED}"));
    }
    Ok(())
}

/// Lists recent speakers, the latest first.
async fn speakers(store: &Store, now_ms: i64) -> Result<(), RunError> {
    let speakers = store.speakers(now_ms).await?;
    if speakers.is_empty() {
        say(format_args!("nobody spoke within the last hour"));
    }
    speakers.iter().for_each(|speaker| say(format_args!("{}", whom::line(speaker, now_ms).trim_start())));
    Ok(())
}

/// Ends a ban.
///
/// # Errors
/// The settings or the store cannot be read or written, or there is no such ban.
pub async fn unban(args: UnbanArgs) -> Result<(), RunError> {
    let (store, _) = args.store.open().await?;
    if !store.end(args.room.as_ref(), &Subject::from(&args.whom), Rank::Operator, &By::operator(), now_ms()).await? {
        return Err(RunError::NoBan(format!("{} from {}", args.whom, place(args.room.as_ref()))));
    }
    say(format_args!("{} may speak again", args.whom));
    Ok(())
}

/// The decisions in force, in the order in which they were written.
pub(super) async fn in_force(store: &Store, now_ms: i64) -> Result<Vec<Row>, StoreError> {
    let mut last = HashMap::new();
    let mut rows = store.decisions_since(0).await?;
    rows.sort_by_key(|row| (row.arrival_ms.unwrap_or(i64::MAX), row.change));
    for row in rows {
        let key = (row.decision.on.clone(), row.room.clone());
        let counts = match last.remove(&key) {
            Some(before) => Row::counts_before(before, row),
            None => row,
        };
        last.insert(key, counts);
    }
    let mut in_force: Vec<_> = last.into_values().filter(|row| row.decision.until_ms() > now_ms).collect();
    in_force.sort_by_key(|row| row.change);
    Ok(in_force)
}

/// Lists the bans in force, and whether vending is frozen.
///
/// # Errors
/// The settings or the store cannot be read.
pub async fn list(args: StoreArgs) -> Result<(), RunError> {
    let ((store, _), now_ms) = (args.open().await?, now_ms());
    let in_force = in_force(&store, now_ms).await?;
    let frozen = in_force.iter().any(|row| row.decision.on == Subject::Vending);
    let names = |row: &Row| match &row.decision.on {
        Subject::Viewer(viewer) => Some(viewer.to_string()),
        Subject::Network(network) => Some(network.to_string()),
        Subject::Danmu(_) | Subject::Mode(_) | Subject::Rule(_) | Subject::Vending | Subject::Sessions => None,
    };
    let mut bans = in_force.iter().filter_map(|row| Some((names(row)?, row))).peekable();
    if bans.peek().is_none() {
        say(format_args!("nobody is banned"));
    }
    for (whom, Row { room, decision, decided_ms, arrival_ms, told, .. }) in bans {
        let since = span(Duration::from_millis((now_ms - arrival_ms.unwrap_or(*decided_ms)).unsigned_abs()));
        let heard = if *told { "" } else { ", no server has heard of it yet" };
        let (place, until) = (place(room.as_ref()), until(decision.until, now_ms));
        let by = match decision.by {
            Rank::Moderator => ", by a moderator",
            Rank::Streamer => ", by the streamer",
            Rank::Operator => "",
        };
        say(format_args!("{whom}  {place}{by}, for {since} already, {until}{heard}"));
    }
    if frozen {
        say(format_args!("vending is frozen: nobody gets a session (danmu-server thaw)"));
    }
    Ok(())
}

/// Freezes or thaws vending.
///
/// # Errors
/// The settings or the store cannot be read or written.
pub async fn freeze(args: StoreArgs, frozen: bool) -> Result<(), RunError> {
    let (store, _) = args.open().await?;
    let said = if frozen {
        let frozen = Decision { on: Subject::Vending, until: None, by: Rank::Operator };
        store.decide(None, &frozen, &By::operator(), now_ms()).await?;
        "nobody gets a session any more"
    } else if store.end(None, &Subject::Vending, Rank::Operator, &By::operator(), now_ms()).await? {
        "sessions are vended"
    } else {
        "vending is not frozen"
    };
    say(format_args!("{said}"));
    Ok(())
}

/// Revokes old sessions.
///
/// # Errors
/// The settings or the store cannot be read or written.
pub async fn revoke(args: RevokeArgs) -> Result<(), RunError> {
    let (store, _) = args.store.open().await?;
    let before_ms = now_ms().saturating_sub_unsigned(args.older_than.map_or(0, ms));
    let revoked = Decision { on: Subject::Sessions, until: Some(before_ms), by: Rank::Operator };
    store.decide(None, &revoked, &By::operator(), now_ms()).await?;
    say(format_args!(
        "sessions that are older than {} are revoked",
        args.older_than.map_or("this moment".to_owned(), span)
    ));
    Ok(())
}

/// Prints a line; a closed stdout is no failure.
pub(super) fn say(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{text}");
}

pub(super) fn place(room: Option<&RoomId>) -> String {
    room.map_or_else(|| "every room".to_owned(), |room| format!("room {room}"))
}

pub(super) fn until(until_ms: Option<i64>, now_ms: i64) -> String {
    let left = |until_ms: i64| span(Duration::from_millis(until_ms.saturating_sub(now_ms).unsigned_abs()));
    until_ms.map_or_else(|| "for good".to_owned(), |until_ms| format!("for {}", left(until_ms)))
}
