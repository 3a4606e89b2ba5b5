//! Remembers the danmu that this page shows, and their authors: decisions take them down from the picture and the chat.

use std::collections::VecDeque;

use danmu::{feed::Item, gate::Retracted};

/// How many danmu are remembered: more than a usual picture and the chat list have together.
const REMEMBERED: usize = 2_048;

/// The last danmu, without their texts.
#[derive(Debug, Default)]
pub struct Traces(VecDeque<Item>);

impl Traces {
    /// Remembers a danmu.
    pub fn add(&mut self, item: &Item) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        let Item { id, viewer, .. } = item;
        let (id, viewer) = (id.clone(), viewer.clone());
        self.0.push_back(Item { id, viewer, text: String::new(), name: None, ..*item });
    }

    /// Removes those that are retracted, and returns their keys.
    pub fn retract(&mut self, retracted: &[Retracted]) -> Vec<String> {
        let mut keys = Vec::new();
        self.0.retain(|item| {
            let gone = item.is_among(retracted);
            if gone {
                keys.push(item.id.clone());
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
        let ban = [Retracted { viewer: Some("ann".into()), id: None, before: 4, by: Rank::Moderator }];
        assert_eq!(traces.retract(&ban), ["1"]);
        assert_eq!(traces.retract(&ban), [""; 0]);
    }

    #[test]
    fn a_hidden_danmu_goes_alone_also_where_its_author_has_it_beside_the_own() {
        let hidden = |viewer: Option<&str>| {
            let viewer = viewer.map(str::to_owned);
            [Retracted { viewer, id: Some("s7".into()), before: 9, by: Rank::Moderator }]
        };
        let mut traces = Traces::default();
        let item = |id: &str, by: &str| serde_json::from_str(&format!(r#"{{"id":"{id}","text":"hi","at":7{by}}}"#));
        for (id, by) in [("s7", ""), ("s7x", r#","viewer":"ann""#), ("s7", r#","viewer":"bob""#), ("s77", "")] {
            traces.add(&item(id, by).expect("an item"));
        }
        assert_eq!(traces.retract(&hidden(Some("ann"))), ["s7x"]);
        assert_eq!(traces.retract(&hidden(None)), ["s7"]);
        assert_eq!(traces.retract(&hidden(Some("bob"))), ["s7"]);
    }

    #[test]
    fn no_more_are_remembered_than_a_page_shows() {
        let mut traces = Traces::default();
        (0..3 * REMEMBERED).for_each(|n| traces.add(&said(n, "ann", "viewer")));
        assert_eq!(traces.0.len(), REMEMBERED);
    }
}
