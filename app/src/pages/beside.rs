//! What the server puts beside the app on overlay pages and walls: a word about mistakes in the address, and what stands around
//! the danmu of a wall. No module of the browser has any of it.

use http::request::Parts;
use leptos::{nonce::use_nonce, prelude::*};

use super::{overlay::Options, path_segment, wall, wall::Wall};
use crate::{
    i18n::{t_string, use_i18n},
    services::{PublicOrigin, Services},
};

/// Shows the note before it, but never on air: not in OBS, and not in a frame of another site, which may be a scene.
const SCRIPT: &str = "{const note=document.currentScript.previousElementSibling;\
    try{note.hidden=!!(window.obsstudio||top.obsstudio)||top.location.origin!==location.origin}catch{}}";

/// What the address of an overlay page or a wall says.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The room, as it is written.
    room: String,
    /// The overlay's options.
    pub options: Options,
    /// The wall, if it is one.
    wall: Option<Wall>,
}

impl Beside {
    /// Of this request, if it is for such a page.
    pub fn of_request() -> Option<Self> {
        let uri = use_context::<Parts>()?.uri;
        let query = uri.query().unwrap_or_default();
        match uri.path().trim_end_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["", "overlay", room] => Some(Self { room: path_segment(room), options: Options::of(query), wall: None }),
            ["", "wall", room] => {
                let (wall, options) = Wall::of(query);
                Some(Self { room: path_segment(room), options, wall: Some(wall) })
            }
            _ => None,
        }
    }

    /// Its room, if there is one of that id.
    fn room(&self) -> Option<danmu::room::Room> {
        use_context::<Services>()?.rooms.room(&self.room.parse().ok()?)
    }

    /// The wall of a room that there is.
    fn shown_wall(&self) -> Option<&Wall> {
        self.wall.as_ref().filter(|_| self.room().is_some())
    }
}

/// The style sheet of this page, if it is a wall. Its address changes with the build, since its name does not.
pub fn wall_style() -> impl IntoView {
    let is_wall = Beside::of_request().is_some_and(|beside| beside.shown_wall().is_some());
    is_wall.then(|| view! { <link rel="stylesheet" href=["/wall.css?", crate::BUILD].concat() /> })
}

/// The `style` of `<body>`, if this page is a wall.
pub fn body_style() -> Option<String> {
    Beside::of_request()?.shown_wall().map(Wall::css)
}

/// What stands beside the app on this page.
pub fn beside() -> impl IntoView {
    let beside = Beside::of_request()?;
    let room = beside.room()?;
    let around = beside.wall.as_ref().map(|wall| {
        let nobody_knows = || PublicOrigin { origin: String::new(), only_here: true };
        wall::around(wall, &room, &use_context().unwrap_or_else(nobody_knows))
    });
    Some((note(&beside.options), around))
}

/// The mistakes in the address, for whoever opens it to look at it.
fn note(options: &Options) -> impl IntoView + use<> {
    let i18n = use_i18n();
    let wrong = options.wrong.join("; ");
    (!wrong.is_empty()).then(|| {
        // Styled here and not in the sheet, which pages of people load, too.
        let style = "position:fixed;z-index:3;top:8px;left:8px;max-width:min(100% - 16px,60ch);padding:8px 12px;border-radius:8px;\
                     background:#000c;color:var(--warn);font-size:.875rem;overflow-wrap:anywhere";
        view! {
            <p style=style role="alert" hidden data-note>
                {t_string!(i18n, wall.wrong)}
                " "
                <span translate="no" lang="en">
                    {wrong}
                </span>
            </p>
            <script nonce=use_nonce()>{SCRIPT}</script>
        }
    })
}
