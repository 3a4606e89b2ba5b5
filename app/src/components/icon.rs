//! The few icons that the pages use: drawn on a grid of 24, in the colour of the text around them.

use leptos::prelude::*;

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// A triangle.
    Play,
    /// Two bars.
    Pause,
    /// A loudspeaker with waves.
    Sound,
    /// A loudspeaker, crossed out.
    Muted,
    /// Lines that fly.
    Danmu,
    /// Lines that fly, crossed out.
    NoDanmu,
    /// Four corners.
    Fullscreen,
    /// Four corners, turned inwards.
    Window,
    /// A letter with a stroke of colour under it.
    Style,
    /// Three sliders.
    Settings,
    /// A paper plane.
    Send,
}

impl Glyph {
    const fn path(self) -> &'static str {
        match self {
            Self::Play => "M8 5l11 7-11 7z",
            Self::Pause => "M8 5v14M16 5v14",
            Self::Sound => "M4 9v6h4l5 4V5L8 9zM16.500 9a4 4 0 010 6M19 6.500a8 8 0 010 11",
            Self::Muted => "M4 9v6h4l5 4V5L8 9zM17 9.500l5 5M22 9.500l-5 5",
            Self::Danmu => "M3 6h9M16 6h5M3 12h4M11 12h10M3 18h11M18 18h3",
            Self::NoDanmu => "M9 6h3M16 6h5M3 12h4M13 12h8M3 18h11M4 3l16 18",
            Self::Fullscreen => "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
            Self::Window => "M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5",
            Self::Style => "M6 15l6-11 6 11M8.200 11h7.600M4 20h16",
            Self::Settings => "M4 6h9M17 6h3M15 4v4M4 12h2M10 12h10M8 10v4M4 18h8M16 18h4M14 16v4",
            Self::Send => "M4 12l16-8-5 16-4-7z",
        }
    }
}

/// Draws a [`Glyph`]. Says nothing to a screen reader: the button around it has a name.
#[component]
pub fn Icon(
    /// What to draw.
    #[prop(into)]
    glyph: Signal<Glyph>,
) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
            <path d=move || glyph.get().path() />
        </svg>
    }
}
