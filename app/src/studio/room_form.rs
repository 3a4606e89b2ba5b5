//! Making a room, changing it, and archiving it.

use danmu::room::{Room, RoomId};
use leptos::{html, prelude::*, task::spawn_local};

use super::{copy::CopyButton, fate::DeleteRoom, problem::say_error};
use crate::{
    api::{archive_room, edit_room, make_room},
    error::ApiError,
    i18n::{fill, say, t_string, use_i18n},
};

/// The fields of a room that can be changed.
#[derive(Clone, Copy)]
struct Fields {
    title: NodeRef<html::Input>,
    video: NodeRef<html::Input>,
    poster: NodeRef<html::Input>,
}

impl Fields {
    fn new() -> Self {
        Self { title: NodeRef::new(), video: NodeRef::new(), poster: NodeRef::new() }
    }

    /// Title, video and poster, as they are typed.
    fn values(self) -> [String; 3] {
        [self.title, self.video, self.poster]
            .map(|field| field.get_untracked().map(|field| field.value()).unwrap_or_default())
    }

    /// The fields, with what the room has now.
    fn view(self, room: Option<&Room>) -> impl IntoView + use<> {
        let i18n = use_i18n();
        let title = room.map(|room| room.title.clone()).unwrap_or_default();
        let video = room.map(|room| room.video.clone()).unwrap_or_default();
        let poster = room.and_then(|room| room.poster.clone()).unwrap_or_default();
        view! {
            <label class="field">
                <span>{say!(i18n, studio.room_title)}</span>
                <input name="title" required maxlength="100" autocomplete="off" value=title node_ref=self.title />
            </label>
            <label class="field">
                <span>{say!(i18n, studio.room_video)}</span>
                <input
                    name="video"
                    placeholder="https://example.com/video.mp4"
                    autocomplete="off"
                    value=video
                    node_ref=self.video
                />
            </label>
            <label class="field">
                <span>{say!(i18n, studio.room_poster)}</span>
                <input
                    name="poster"
                    placeholder="https://example.com/poster.webp"
                    autocomplete="off"
                    value=poster
                    node_ref=self.poster
                />
            </label>
        }
    }
}

/// An id for a room of that title: its letters and digits that an id may have, hyphens in the place of the others.
fn id_of(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut id = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    id.truncate(RoomId::MAX_LEN);
    id
}

/// The form that makes a room, and then shows its streamer key.
#[component]
pub fn MakeRoom() -> impl IntoView {
    let i18n = use_i18n();
    let fields = Fields::new();
    let id_field = NodeRef::<html::Input>::new();
    let chosen = RwSignal::new(false);
    let (problem, asking) = (RwSignal::new(None::<ApiError>), RwSignal::new(false));
    // The id and the key of the room that was made.
    let made = RwSignal::new(None::<(String, String)>);
    let ready = RwSignal::new(false);
    Effect::new(move || ready.set(true));
    let suggest = move || {
        if let (false, Some(field)) = (chosen.get_untracked(), id_field.get_untracked()) {
            let [title, ..] = fields.values();
            field.set_value(&id_of(&title));
        }
    };
    let on_input = move |event: leptos::ev::Event| {
        if event_target::<leptos::web_sys::HtmlInputElement>(&event).name() == "title" {
            suggest();
        }
    };
    // Somebody may have typed a title before the page was alive.
    Effect::new(move || {
        if id_field.get().is_some_and(|field| field.value().is_empty()) {
            suggest();
        }
    });
    let make = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(id) = id_field.get_untracked().map(|field| field.value()) else { return };
        if asking.get_untracked() {
            return;
        }
        problem.set(None);
        asking.set(true);
        let [title, video, poster] = fields.values();
        spawn_local(async move {
            let id = id.trim().to_owned();
            match make_room(id.clone(), title, video, poster).await {
                Ok(key) => made.set(Some((id, key))),
                Err(error) => problem.set(Some(error)),
            }
            asking.set(false);
        });
    };
    let text = move || problem.read().as_ref().map(|error| say_error(error, i18n)).unwrap_or_default();
    view! {
        <form class="make" hidden=move || made.read().is_some() on:submit=make on:input=on_input>
            <h2>{say!(i18n, studio.make)}</h2>
            {fields.view(None)}
            <label class="field">
                <span>{say!(i18n, studio.room_id)}</span>
                <input
                    name="id"
                    required
                    maxlength="64"
                    pattern="[a-z0-9][a-z0-9_\\-]*"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    node_ref=id_field
                    on:change=move |_| chosen.set(true)
                />
            </label>
            <button class="button" type="submit" disabled=move || !ready.get() || asking.get()>
                {say!(i18n, studio.make_it)}
            </button>
            <p class="problem" role="alert" data-problem>
                {text}
            </p>
        </form>
        {move || {
            let (id, key) = made.get()?;
            let shown = key.clone();
            let title = id.clone();
            Some(
                view! {
                    <section class="make" role="status" data-made=id.clone()>
                        <h2>{move || fill(t_string!(i18n, studio.made), &[("room", &title)])}</h2>
                        <p>{say!(i18n, studio.key_once)}</p>
                        <p class="streamer-key">
                            <code translate="no" data-key>
                                {shown}
                            </code>
                            <CopyButton text=Signal::stored(key) />
                        </p>
                        <a class="button" href=format!("/studio/{id}")>
                            {say!(i18n, studio.enter)}
                        </a>
                    </section>
                },
            )
        }}
    }
}

/// What the streamer sets of a room that was made in the studio.
#[component]
pub fn EditRoom(
    /// The room.
    room: Room,
) -> impl IntoView {
    let i18n = use_i18n();
    let fields = Fields::new();
    let form = fields.view(Some(&room));
    let (problem, said) = (RwSignal::new(None::<ApiError>), RwSignal::new(false));
    // Archiving is asked for twice.
    let sure = RwSignal::new(false);
    let id = StoredValue::new(room.id.to_string());
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        problem.set(None);
        said.set(false);
        let [title, video, poster] = fields.values();
        spawn_local(async move {
            match edit_room(id.get_value(), title, video, poster).await {
                Ok(()) => said.set(true),
                Err(error) => problem.set(Some(error)),
            }
        });
    };
    let archive = move |_| {
        if !sure.get_untracked() {
            return sure.set(true);
        }
        spawn_local(async move {
            match archive_room(id.get_value()).await {
                Ok(()) => drop(window().location().set_href("/studio")),
                Err(error) => problem.set(Some(error)),
            }
        });
    };
    let text = move || problem.read().as_ref().map(|error| say_error(error, i18n)).unwrap_or_default();
    view! {
        <details class="maker" data-room-form>
            <summary>{say!(i18n, studio.room)}</summary>
            <form class="room-form" on:submit=save on:input=move |_| said.set(false)>
                {form}
                <div class="row">
                    <button type="submit">{say!(i18n, studio.save)}</button>
                    <span role="status">{move || if said.get() { t_string!(i18n, studio.saved) } else { "" }}</span>
                </div>
                <div class="row">
                    <button class="quiet" type="button" data-archive on:click=archive>
                        {move || {
                            if sure.get() { t_string!(i18n, studio.archive_sure) } else { t_string!(i18n, studio.archive) }
                        }}
                    </button>
                </div>
                <p class="problem" role="alert" data-problem>
                    {text}
                </p>
            </form>
            <DeleteRoom room=id.get_value() />
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::id_of;

    #[test]
    fn a_title_suggests_an_id_that_a_room_may_have() {
        for (title, id) in [
            ("Anna's late show", "anna-s-late-show"),
            ("  -- Quiz #7 --", "quiz-7"),
            ("弹幕 demo", "demo"),
            ("弹幕", ""),
            (&"a".repeat(99), &"a".repeat(64)),
        ] {
            assert_eq!(id_of(title), id);
            assert!(id.is_empty() || id.parse::<danmu::room::RoomId>().is_ok());
        }
    }
}
