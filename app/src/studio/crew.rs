//! The moderators of a room: invites them by links, and lists and revokes these. For the streamer.

use danmu::room::RoomId;
use leptos::{html, prelude::*, task::spawn_local, web_sys};

use super::{copy::Link, invited::FRAGMENT, problem::say_error};
use crate::{
    api::{invitations, make_invitation, revoke_invitation},
    error::ApiError,
    i18n::{fill, say, t_string, use_i18n},
    invitation::{Invitation, InvitationState},
};

/// How long an invitation can last, in days; 0 is for good.
const DAYS: [u32; 3] = [1, 7, 0];

/// The state of this part of the page. A handle.
#[derive(Clone, Copy)]
struct Crew {
    room: StoredValue<String>,
    list: RwSignal<Vec<Invitation>>,
    problem: RwSignal<Option<ApiError>>,
    asking: RwSignal<bool>,
    /// The token of the invitation that was made last.
    made: RwSignal<Option<String>>,
}

impl Crew {
    fn new(room: String) -> Self {
        let (room, list) = (StoredValue::new(room), RwSignal::default());
        // Nothing can be asked before the page is alive.
        let (problem, asking, made) = (RwSignal::new(None), RwSignal::new(true), RwSignal::new(None));
        Effect::new(move || asking.set(false));
        Self { room, list, problem, asking, made }
    }

    /// Calls the server, one call at a time, and lists the invitations anew.
    fn ask(self, call: impl Future<Output = Result<(), ApiError>> + 'static) {
        if !self.asking.get_untracked() {
            self.call(call);
        }
    }

    /// The same beside another call.
    fn call(self, call: impl Future<Output = Result<(), ApiError>> + 'static) {
        self.problem.set(None);
        self.asking.set(true);
        spawn_local(async move {
            let done = call.await;
            let listed = invitations(self.room.get_value()).await;
            match listed {
                Ok(list) => {
                    self.list.try_set(list);
                    self.problem.try_set(done.err());
                }
                Err(error) => drop(self.problem.try_set(Some(done.err().unwrap_or(error)))),
            }
            self.asking.try_set(false);
        });
    }

    fn invite(self, label: web_sys::HtmlInputElement, hours: Option<u32>) {
        self.made.set(None);
        let room = self.room.get_value();
        self.ask(async move {
            let token = make_invitation(room, label.value(), hours).await?;
            self.made.try_set(Some(token));
            label.set_value("");
            Ok(())
        });
    }

    fn revoke(self, id: String) {
        let room = self.room.get_value();
        // Beside another call, too: it is pressed once.
        self.call(revoke_invitation(room, id));
    }
}

/// A date and time in this browser's zone and language.
fn date(at_ms: i64) -> String {
    #[cfg(feature = "hydrate")]
    return crate::client::date_and_time(at_ms);
    #[cfg(not(feature = "hydrate"))]
    return at_ms.to_string();
}

/// Invites moderators, and lists the invitations. These are read from the server when the part is opened.
#[component]
pub fn CrewList(
    /// The room.
    room: RoomId,
) -> impl IntoView {
    let i18n = use_i18n();
    let crew = Crew::new(room.to_string());
    let (label, days) = (NodeRef::<html::Input>::new(), RwSignal::new(DAYS[0]));
    let origin = RwSignal::new(String::new());
    Effect::new(move || {
        origin.set(window().location().origin().unwrap_or_default());
    });
    let invite = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(field) = label.get_untracked().filter(|_| !crew.asking.get_untracked()) {
            let days = days.get_untracked();
            crew.invite(field, (days > 0).then_some(days * 24));
        }
    };
    let choices = DAYS.map(|days| {
        let text = move || match days {
            0 => t_string!(i18n, studio.for_good).to_owned(),
            days => fill(t_string!(i18n, studio.days), &[("count", &days)]),
        };
        view! { <option value=days.to_string()>{text}</option> }
    });
    let path = move |token: &str| ["/studio/", &crew.room.get_value(), FRAGMENT, token].concat();
    let link = move || {
        let path = Signal::stored(path(crew.made.read().as_deref()?));
        Some(view! { <Link id="invitation" label=say!(i18n, studio.crew_link) origin path /> })
    };
    let text = move || crew.problem.read().as_ref().map(|error| say_error(error, i18n)).unwrap_or_default();
    view! {
        <details class="crew" data-crew on:toggle=move |_| crew.ask(async { Ok(()) })>
            <summary>{say!(i18n, studio.crew)}</summary>
            <form class="room-form" on:submit=invite>
                <p>{say!(i18n, studio.crew_about)}</p>
                <label class="field">
                    <span>{say!(i18n, studio.crew_label)}</span>
                    <input name="label" maxlength="40" autocomplete="off" node_ref=label />
                </label>
                <label class="field">
                    <span>{say!(i18n, studio.crew_lasts)}</span>
                    <select
                        name="days"
                        autocomplete="off"
                        on:change=move |event| days.set(event_target_value(&event).parse().unwrap_or(DAYS[0]))
                    >
                        {choices.collect_view()}
                    </select>
                </label>
                <div class="row">
                    <button type="submit" disabled=move || crew.asking.get()>
                        {say!(i18n, studio.crew_make)}
                    </button>
                </div>
                <div role="status">{link}</div>
                <p class="problem" role="alert" data-problem>
                    {text}
                </p>
            </form>
            <p hidden=move || !crew.list.read().is_empty()>{say!(i18n, studio.crew_none)}</p>
            <ol class="invitations" data-invitations aria-label=say!(i18n, studio.crew_list)>
                // One that has changed is another row.
                <For
                    each=move || crew.list.get()
                    key=|invitation| (invitation.id.clone(), invitation.uses, invitation.state as u8)
                    let(invitation)
                >
                    <InvitationRow crew invitation />
                </For>
            </ol>
        </details>
    }
}

/// An invitation, with the button that revokes it.
#[component]
fn InvitationRow(crew: Crew, invitation: Invitation) -> impl IntoView {
    let i18n = use_i18n();
    let Invitation { id, label, expires_ms, used_ms, uses, state, .. } = invitation;
    let label = move || if label.is_empty() { t_string!(i18n, studio.crew_nobody).to_owned() } else { label.clone() };
    let standing = move || match (state, expires_ms) {
        (InvitationState::Revoked, _) => t_string!(i18n, studio.crew_revoked).to_owned(),
        (InvitationState::Expired, _) => t_string!(i18n, studio.crew_expired).to_owned(),
        (_, Some(at_ms)) => fill(t_string!(i18n, studio.crew_until), &[("time", &date(at_ms))]),
        (_, None) => t_string!(i18n, studio.crew_for_good).to_owned(),
    };
    let used = move || match used_ms {
        Some(at_ms) => fill(t_string!(i18n, studio.crew_used), &[("count", &uses), ("time", &date(at_ms))]),
        None => t_string!(i18n, studio.crew_unused).to_owned(),
    };
    // Revoking is asked for twice.
    let sure = RwSignal::new(false);
    let revoke = move |_| {
        if !sure.get_untracked() {
            return sure.set(true);
        }
        crew.revoke(id.clone());
    };
    let is_in_force = state == InvitationState::InForce;
    let button = is_in_force.then(|| {
        view! {
            <button class="quiet" type="button" data-revoke on:click=revoke on:blur=move |_| sure.set(false)>
                {move || if sure.get() { t_string!(i18n, studio.crew_sure) } else { t_string!(i18n, studio.crew_revoke) }}
            </button>
        }
    });
    view! {
        <li data-ended=(!is_in_force).then_some("true")>
            <span>
                <bdi>{label}</bdi>
                <small>{standing}</small>
                <small>{used}</small>
            </span>
            {button}
        </li>
    }
}
