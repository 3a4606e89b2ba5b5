//! The pages, one a file.

mod home;
mod missing;
mod overlay;
mod room;

use danmu::room::Room;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

pub use self::{home::HomePage, missing::MissingPage, overlay::OverlayPage, room::RoomPage};
use crate::{
    api::{ApiError, get_room},
    problem::Problem,
};

/// Shows `view` for the room that the address names, or says why there is none.
fn with_room<V>(view: impl Fn(Room) -> V + Clone + Send + 'static) -> impl IntoView
where
    V: IntoView + 'static,
{
    let params = use_params_map();
    let id = move || params.read().get("room").unwrap_or_default();
    let room: Resource<Result<Room, ApiError>> = Resource::new_blocking(id, get_room);
    view! {
        <Suspense>
            {move || {
                let view = view.clone();
                Suspend::new(async move {
                    match room.await {
                        Ok(room) => view(room).into_any(),
                        Err(error) => view! { <MissingPage problem=Problem::Api(error) /> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
}
