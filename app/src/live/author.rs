//! The author of a danmu, as the page shows it.

use danmu::viewer::{Name, Role};

use crate::i18n::{I18n, fill, t_string};

/// How many characters of a guest's id are shown, to tell guests apart.
const TOLD_APART: usize = 4;

/// The author of a danmu, where known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The viewer's id.
    pub viewer: String,
    /// The viewer's name. A guest has one only where the room lets guests give themselves names; such a one begins with `~`.
    pub name: Option<String>,
    /// The viewer's role in the room.
    pub role: Role,
}

impl Author {
    /// The name or, without one, the end of the id. Text, never HTML.
    #[must_use]
    pub fn say(&self, i18n: I18n) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => {
                // Ids are ASCII.
                let end = self.viewer.get(self.viewer.len().saturating_sub(TOLD_APART)..).unwrap_or_default();
                fill(t_string!(i18n, chat.guest), &[("id", &end)])
            }
        }
    }

    /// What the pointer tells: the viewer's id, which a ban needs, since two viewers may have the same name; and that a name is not
    /// proved.
    #[must_use]
    pub fn hint(&self, i18n: I18n) -> String {
        match &self.name {
            Some(name) if name.starts_with(Name::UNPROVED) => {
                [&*self.viewer, " · ", t_string!(i18n, chat.unproved)].concat()
            }
            _ => self.viewer.clone(),
        }
    }

    /// The badge beside the name, for moderators and streamers.
    #[must_use]
    pub fn badge(&self, i18n: I18n) -> Option<&'static str> {
        match self.role {
            Role::Viewer | Role::Member => None,
            Role::Moderator => Some(t_string!(i18n, chat.moderator)),
            Role::Streamer => Some(t_string!(i18n, chat.streamer)),
        }
    }
}
