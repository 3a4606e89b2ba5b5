//! Who said something, as the page says it.

use danmu::viewer::Role;

use crate::i18n::{I18n, fill, t_string};

/// So many characters of a guest's id tell it from others.
const TOLD_APART: usize = 4;

/// Who said something, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The viewer's id.
    pub viewer: String,
    /// The name that the viewer goes by; guests have none.
    pub name: Option<String>,
    /// What the viewer may do.
    pub role: Role,
}

impl Author {
    /// The name, or what stands for one: the end of the id. Text, never HTML.
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

    /// What the page says of the role beside the name, where it says anything.
    #[must_use]
    pub fn badge(&self, i18n: I18n) -> Option<&'static str> {
        match self.role {
            Role::Viewer | Role::Member => None,
            Role::Moderator => Some(t_string!(i18n, chat.moderator)),
            Role::Streamer => Some(t_string!(i18n, chat.streamer)),
        }
    }
}
