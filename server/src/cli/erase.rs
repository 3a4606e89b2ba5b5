//! `danmu-server erase`: erases what the store keeps of a viewer, and says what it cannot erase.

use danmu::{
    record::Subject,
    viewer::{Rank, ViewerId},
};
use danmu_identity::{
    clock::now_ms,
    store::{By, Erased, Row},
};

use super::decide::{StoreArgs, in_force, place, say, until};
use crate::{config::BusKind, error::RunError};

/// Who is erased.
#[derive(Clone, Debug, clap::Args)]
pub struct EraseArgs {
    /// The viewer's whole id: `danmu-server ban` alone says the ids of who spoke within the last hour, and `danmu-server audit`
    /// those of whom something was decided about.
    #[arg(value_name = "VIEWER")]
    pub viewer: ViewerId,

    /// Ends its bans too. Without it they go on, and with them the id stays.
    #[arg(long)]
    pub bans: bool,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Erases a viewer.
///
/// # Errors
/// The settings or the store cannot be read or written, or nothing is kept of such a viewer.
pub async fn run(EraseArgs { viewer, bans, store }: EraseArgs) -> Result<(), RunError> {
    let (store, config) = store.open().await?;
    let (now_ms, by) = (now_ms(), By::operator());
    let on = Subject::Viewer(viewer.clone());
    let mut banned = in_force(&store, now_ms).await?;
    banned.retain(|row| row.decision.on == on);
    if bans {
        for Row { room, .. } in &banned {
            store.end(room.as_ref(), &on, Rank::Operator, &by, now_ms).await?;
        }
    }
    // After the bans, whose ends are entries too.
    let Erased { speakers, identities, guests, audit, stand_in } = store.erase(&viewer, &by, now_ms).await?;
    if speakers + identities + guests + audit == 0 && banned.is_empty() {
        return Err(RunError::Whom(format!("nothing is kept of a viewer with the id {viewer}; see that it is whole")));
    }
    say(format_args!(
        "{viewer} is erased from the store: {speakers} of recent speakers, {identities} of pool identities, {guests} of guests of \
         networks; {audit} places of the audit say {stand_in} now."
    ));
    for Row { room, decision, .. } in &banned {
        let place = place(room.as_ref());
        if bans {
            say(format_args!("Its ban from {place} is ended."));
        } else {
            let until = until(decision.until, now_ms);
            say(format_args!("Its ban from {place} goes on {until}, and names it; --bans ends it."));
        }
    }
    let records = match config.bus {
        BusKind::Embedded => {
            format!("until the stream's retention ends, in {} h at the most", config.stream.retention_hours)
        }
        BusKind::Aws => "until the retention of the stream on AWS ends".to_owned(),
    };
    say(format_args!(
        "What this cannot erase: records on the stream, {records}, what pages show already, and decisions about it, which are \
         deleted some time after they have ended. Whoever speaks again is kept again."
    ));
    Ok(())
}
