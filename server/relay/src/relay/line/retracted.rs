//! Which danmu the moderators' decisions retract.

use danmu::{feed::Item, gate::Bans};

use super::{super::take::log_position::LogPosition, ring::Said};

/// Whether a danmu is retracted, by the bans known now.
pub fn is_retracted(bans: &Bans, item: &Item) -> bool {
    let viewer = item.viewer.as_deref().and_then(|viewer| viewer.parse().ok());
    bans.retract(&item.id, viewer.as_ref(), item.role, item.at)
}

/// Marks the danmu that are retracted, by the bans known now.
pub fn retract(bans: &Bans, said: &mut [(LogPosition, Said)]) {
    for (_, said) in said {
        if let Said::Danmu(item) = said
            && is_retracted(bans, item)
        {
            *said = Said::Retracted;
        }
    }
}
