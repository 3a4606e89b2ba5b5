//! Remembers the authors of the danmu that this page shows: a ban removes theirs from the picture and the chat.

use std::collections::VecDeque;

use danmu::{feed::Item, gate::Retracted, viewer::Role};

/// How many danmu are remembered: more than a usual picture and the chat list have together.
const REMEMBERED: usize = 2_048;

/// The authors of the last danmu.
#[derive(Debug, Default)]
pub struct Traces(VecDeque<Trace>);

#[derive(Debug)]
struct Trace {
    key: String,
    viewer: String,
    role: Role,
    at: i64,
}

impl Traces {
    /// Remembers a danmu's author, where known.
    pub fn add(&mut self, item: &Item) {
        let Some(viewer) = item.viewer.clone() else { return };
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Trace { key: item.id.clone(), viewer, role: item.role, at: item.at });
    }

    /// Removes those that are retracted, and returns their keys.
    pub fn retract(&mut self, retracted: &[Retracted]) -> Vec<String> {
        let mut keys = Vec::new();
        self.0.retain(|Trace { key, viewer, role, at }| {
            let gone = retracted.iter().any(|retracted| retracted.covers(viewer, *role, *at));
            if gone {
                keys.push(key.clone());
            }
            !gone
        });
        keys
    }
}

#[cfg(test)]
mod tests {
    use danmu::viewer::Rank;

    use super::*;

    fn said(id: usize, viewer: &str, role: &str) -> Item {
        let json = format!(r#"{{"id":"{id}","text":"hi","at":{id},"viewer":"{viewer}","role":"{role}"}}"#);
        serde_json::from_str(&json).expect("an item")
    }

    #[test]
    fn what_a_banned_viewer_said_before_is_taken_down_and_nothing_else() {
        let mut traces = Traces::default();
        for item in
            [said(1, "ann", "viewer"), said(2, "bob", "viewer"), said(3, "ann", "streamer"), said(4, "ann", "viewer")]
        {
            traces.add(&item);
        }
        let ban = [Retracted { viewer: "ann".parse().expect("an id"), before: 4, by: Rank::Moderator }];
        assert_eq!(traces.retract(&ban), ["1"]);
        assert_eq!(traces.retract(&ban), [""; 0]);
    }

    #[test]
    fn no_more_are_remembered_than_a_page_shows() {
        let mut traces = Traces::default();
        (0..3 * REMEMBERED).for_each(|n| traces.add(&said(n, "ann", "viewer")));
        assert_eq!(traces.0.len(), REMEMBERED);
    }
}
