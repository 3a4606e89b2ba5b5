//! What the server puts beside the app on overlay pages and walls: a word about mistakes in the address, the streamer's style
//! sheet, and what stands around the danmu of a wall. No module of the browser has any of it.

use http::request::Parts;
use leptos::{nonce::use_nonce, prelude::*};

use super::{
    overlay::{Options, sheet::Sheet},
    path_segment, wall,
    wall::Wall,
};
use crate::{
    i18n::{t_string, use_i18n},
    services::{PublicOrigin, Services},
};

/// Shows the note before it, but never on air: not in OBS, and not in a frame of another site, which may be a scene. Loads the
/// style sheet too, since a link in the document would hold up the page while its server does not answer. To Chromium a sheet
/// that is there and imports what may not be loaded is the same error as one that is not there.
const SCRIPT: &str = "{const note=document.currentScript.previousElementSibling,{sheet,failed}=note.dataset;\
    let seen;try{seen=!window.obsstudio&&!top.obsstudio&&top.location.origin===location.origin}catch{}\
    note.hidden=!seen||!note.textContent;\
    if(sheet){const link=document.createElement('link');link.rel='stylesheet';link.href=sheet;\
    link.onerror=()=>{note.append(failed);note.hidden=!seen};document.head.append(link)}}";

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

/// The mistakes in the address, for whoever opens it to look at it, and the style sheet, if there is one.
fn note(options: &Options) -> impl IntoView + use<> {
    let i18n = use_i18n();
    let (sheet, text) = match &options.sheet {
        Some(Sheet::At { url, .. }) => (Some(url.clone()), None),
        Some(Sheet::Text(text)) => (None, Some(text.clone())),
        None => (None, None),
    };
    let failed = sheet.as_ref().map(|_| t_string!(i18n, wall.no_sheet));
    let wrong = options.wrong.join("; ");
    let wrong = (!wrong.is_empty()).then(|| [t_string!(i18n, wall.wrong), " ", &wrong, " "].concat());
    let note = (wrong.is_some() || sheet.is_some()).then(|| {
        // Styled here and not in the sheet, which pages of people load, too.
        let style = "position:fixed;z-index:3;top:8px;left:8px;max-width:min(100% - 16px,60ch);padding:8px 12px;border-radius:8px;\
                     background:#000c;color:var(--warn);font-size:.875rem;overflow-wrap:anywhere";
        view! {
            <p style=style role="alert" hidden data-note data-sheet=sheet data-failed=failed>
                {wrong}
            </p>
            <script nonce=use_nonce()>{SCRIPT}</script>
        }
    });
    // Not as a text node, which would be escaped. It has no `<`.
    let style = text.map(|text| view! { <style inner_html=text></style> });
    (style, note)
}
