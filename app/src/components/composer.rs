//! The composer: where a viewer writes.

use std::time::Duration;

use danmu::{
    record::{Color, MAX_TEXT_GRAPHEMES, Mode},
    viewer::Role,
};
use leptos::{ev, html, prelude::*};

use super::{Glyph, Icon, fold};
use crate::{
    error::ApiError,
    i18n::{I18n, fill, say, t_string, use_i18n},
    live::{Draft, FeedState, Live, Returned, graphemes},
    problem::Problem,
};

/// The colours to choose from: all of them read well on a picture, with the outline that danmu have.
const COLORS: [u32; 8] = [0xff_ffff, 0xff_5c5c, 0xff_9f40, 0xff_e14d, 0x6b_e675, 0x4d_e1f5, 0x6f_a8ff, 0xff_8ad8];

const SECOND: Duration = Duration::from_secs(1);

const MODES: [Mode; 3] = [Mode::Scroll, Mode::Top, Mode::Bottom];

/// Where a viewer writes. Enter sends; what cannot be sent stays, with the reason.
///
/// *Server-side rendering*: the form is there and can be typed into; it sends after hydration.
#[component]
pub fn Composer(
    /// The room to send to.
    live: Live,
) -> impl IntoView {
    let i18n = use_i18n();
    let input = NodeRef::<html::Input>::new();
    let count = RwSignal::new(0_usize);
    let problem = RwSignal::new(None::<Problem>);
    // Starts from what was chosen before hydration, since the buttons are about to be set to these signals.
    let mode = RwSignal::new(checked("mode").and_then(|value| mode_of(&value)).unwrap_or_default());
    let color = RwSignal::new(checked("color").and_then(|value| Color::parse(&value)).unwrap_or_default());
    let style = NodeRef::<html::Details>::new();
    #[cfg(feature = "hydrate")]
    {
        use crate::client::remember;
        // A choice made before hydration wins over the stored one.
        remember(
            "mode",
            move || mode_value(mode.get()).to_owned(),
            move |text| {
                if let Some(kept) = mode_of(text).filter(|_| mode.get_untracked() == Mode::default()) {
                    mode.set(kept);
                }
            },
        );
        remember(
            "color",
            move || color.get().to_string(),
            move |text| {
                if let Some(kept) = Color::parse(text).filter(|_| color.get_untracked() == Color::default()) {
                    color.set(kept);
                }
            },
        );
    }

    let recount = move || {
        if let Some(input) = input.get_untracked() {
            let text = input.value();
            count.set(graphemes(&text));
            #[cfg(feature = "hydrate")]
            crate::client::keep_draft(&text);
        }
    };
    // The viewer may have typed before hydration, or before a reload.
    #[cfg(feature = "hydrate")]
    Effect::new(move || {
        if let Some(input) = input.get() {
            if let Some(draft) = crate::client::kept_draft().filter(|_| input.value().is_empty()) {
                input.set_value(&draft);
            }
            recount();
        }
    });
    // A failed draft returns to the composer, unless the viewer is already writing the next one: then it stays in the chat.
    // Once `returned` is cleared (the draft arrived after all, or a line is retried), an unchanged draft goes from here.
    Effect::new(move |given_back: Option<Option<String>>| {
        let input = input.get_untracked()?;
        match live.returned.get() {
            Some(Returned { key, draft, problem: reason }) => {
                problem.set(Some(reason));
                if !input.value().is_empty() {
                    return None;
                }
                live.take_back(&key);
                input.set_value(&draft.text);
                mode.set(draft.mode);
                color.set(draft.color);
                recount();
                Some(draft.text)
            }
            None => {
                if given_back.flatten().is_some_and(|text| text == input.value()) {
                    input.set_value("");
                    problem.set(None);
                    recount();
                }
                None
            }
        }
    });

    // A ban, and what the room's modes ask for, are said before one types: no mode that asks for a text lets an empty one pass.
    // That vending is frozen does not concern who has a session.
    let frozen = || Problem::Api(ApiError::Frozen);
    let forbidden = move || {
        let (modes, me) = (live.modes.get(), live.me.read());
        let frozen = (modes.is_frozen() && me.is_none()).then(frozen);
        frozen.or_else(|| modes.forbid(Live::role_of(&me), "").map(Problem::Mode))
    };
    let shown = move || problem.get().or_else(|| live.notice.get()).or_else(forbidden);

    // A wait that is shown counts down; a problem of the connection is cleared once the connection is back.
    Effect::new(move || {
        if problem.read().as_ref().is_some_and(Problem::waits) {
            let tick = move || {
                problem.try_update(Problem::count_down);
            };
            if let Ok(timer) = set_timeout_with_handle(tick, SECOND) {
                on_cleanup(move || timer.clear());
            }
        }
    });
    Effect::new(move || {
        let blamed = || problem.read_untracked().as_ref().is_some_and(Problem::is_of_connection);
        if *live.feed.read() == FeedState::Live && blamed() {
            problem.set(None);
        }
    });

    Effect::new(move || {
        if !live.modes.get().is_frozen() && problem.read_untracked().as_ref() == Some(&frozen()) {
            problem.set(None);
        }
    });

    let on_submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let Some(input) = input.get_untracked() else { return };
        let draft = Draft { text: input.value(), mode: mode.get_untracked(), color: color.get_untracked() };
        match live.send(draft) {
            Ok(()) => {
                input.set_value("");
                problem.set(None);
                close(style);
            }
            Err(reason) => problem.set(Some(reason)),
        }
        recount();
        let _ = input.focus();
    };
    let over = move || count.get() > MAX_TEXT_GRAPHEMES;

    view! {
        <form class="composer" id="composer" data-composer data-ready=move || live.ready.get().to_string() on:submit=on_submit>
            <StylePicker live mode color details=style />
            <input
                node_ref=input
                id="say"
                type="text"
                name="text"
                autocomplete="off"
                enterkeyhint="send"
                aria-label=say!(i18n, composer.label)
                aria-describedby="composer-problem composer-count"
                aria-invalid=move || over().to_string()
                placeholder=say!(i18n, composer.placeholder)
                on:focus=move |_| live.prepare()
                on:input=move |_| {
                    recount();
                    problem.set(None);
                }
            />
            <output id="composer-count" class="count" translate="no" class:over=over>
                {move || fill(t_string!(i18n, composer.left), &[("count", &count.get()), ("max", &MAX_TEXT_GRAPHEMES)])}
            </output>
            <button class="send" type="submit" disabled=move || !live.ready.get()>
                <Icon glyph=Glyph::Send />
                <span>{say!(i18n, composer.send)}</span>
            </button>
            <p id="composer-problem" class="problem" role="alert" data-problem hidden=move || shown().is_none()>
                {move || shown().map(|problem| problem.say(i18n)).unwrap_or_default()}
            </p>
        </form>
    }
}

fn color_name(i18n: I18n, rgb: u32) -> &'static str {
    match rgb {
        0xff_5c5c => t_string!(i18n, color.red),
        0xff_9f40 => t_string!(i18n, color.orange),
        0xff_e14d => t_string!(i18n, color.yellow),
        0x6b_e675 => t_string!(i18n, color.green),
        0x4d_e1f5 => t_string!(i18n, color.cyan),
        0x6f_a8ff => t_string!(i18n, color.blue),
        0xff_8ad8 => t_string!(i18n, color.pink),
        _ => t_string!(i18n, color.white),
    }
}

fn mode_name(i18n: I18n, mode: Mode) -> &'static str {
    match mode {
        Mode::Scroll | Mode::Reverse => t_string!(i18n, composer.mode_scroll),
        Mode::Top => t_string!(i18n, composer.mode_top),
        Mode::Bottom => t_string!(i18n, composer.mode_bottom),
    }
}

/// The value of the radio button of that name that is checked in the document.
///
/// *Server-side rendering*: there is none yet.
fn checked(name: &str) -> Option<String> {
    #[cfg(feature = "hydrate")]
    return document().query_selector(&["input[name=", name, "]:checked"].concat()).ok()??.get_attribute("value");
    #[cfg(not(feature = "hydrate"))]
    {
        let _ = name;
        None
    }
}

const fn mode_value(mode: Mode) -> &'static str {
    match mode {
        Mode::Scroll => "scroll",
        Mode::Reverse => "reverse",
        Mode::Top => "top",
        Mode::Bottom => "bottom",
    }
}

fn mode_of(value: &str) -> Option<Mode> {
    MODES.into_iter().find(|mode| mode_value(*mode) == value)
}

fn close(details: NodeRef<html::Details>) {
    if let Some(details) = details.get_untracked() {
        details.set_open(false);
    }
}

/// Colour, mode and a guest's name, folded away, since most danmu are white and scroll.
#[component]
fn StylePicker(
    live: Live,
    mode: RwSignal<Mode>,
    color: RwSignal<Color>,
    details: NodeRef<html::Details>,
) -> impl IntoView {
    let i18n = use_i18n();
    let colors = COLORS.map(|rgb| {
        let name = Signal::derive(move || color_name(i18n, rgb));
        let value = Color::from_rgb(rgb).to_string();
        let swatch = value.clone();
        view! {
            <label class="swatch" title=name style:--swatch=swatch>
                <input
                    type="radio"
                    name="color"
                    value=value
                    prop:checked=move || color.get().rgb() == rgb
                    aria-label=name
                    on:change=move |_| color.set(Color::from_rgb(rgb))
                />
            </label>
        }
    });
    let modes = MODES.map(|choice| {
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name="mode"
                    value=mode_value(choice)
                    prop:checked=move || mode.get() == choice
                    on:change=move |_| mode.set(choice)
                />
                <span>{Signal::derive(move || mode_name(i18n, choice))}</span>
            </label>
        }
    });
    let is_nameless = move || !live.modes.get().has_names() || Live::role_of(&live.me.read()) != Role::Viewer;
    let on_name = |event| {
        #[cfg(feature = "hydrate")]
        crate::client::rename(&event_target_value(&event));
        #[cfg(not(feature = "hydrate"))]
        let _: ev::Event = event;
    };
    #[cfg(feature = "hydrate")]
    let name = crate::client::own_name().unwrap_or_default();
    #[cfg(not(feature = "hydrate"))]
    let name = String::new();
    let content = view! {
        <label hidden=is_nameless>
            {say!(i18n, composer.name)}
            // Of no form: Enter sends nothing here.
            <input name="name" form="none" maxlength="20" prop:value=name on:change=on_name />
        </label>
        <fieldset>
            <legend>{say!(i18n, composer.color)}</legend>
            {colors}
        </fieldset>
        <fieldset>
            <legend>{say!(i18n, composer.mode)}</legend>
            {modes}
        </fieldset>
    };
    fold(("style", "style-panel"), details, (Glyph::Style, say!(i18n, composer.style)), content)
}
