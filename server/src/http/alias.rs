//! Another id of a room in the address of a page: leads to the page under the room's own id.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use danmu::room::RoomId;
use http::{HeaderValue, Method, StatusCode, header};

use super::AppState;

/// The pages of a room.
const PAGES: [&str; 4] = ["room", "overlay", "wall", "studio"];

/// Redirects for good (308) what asks for a page by an alias; what follows the id stays as it is. No cache keeps it: the alias may
/// be taken away.
pub async fn lead(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD);
    let place =
        is_page.then(|| own(request.uri().path(), request.uri().query(), |id| state.services.room_keeper.leads_to(id)));
    match place.flatten().map(HeaderValue::try_from) {
        Some(Ok(place)) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, place)]).into_response(),
        _ => next.run(request).await,
    }
}

/// The place of a room's page under the room's own id, if the path names an alias.
fn own(path: &str, query: Option<&str>, leads_to: impl Fn(&RoomId) -> Option<RoomId>) -> Option<String> {
    let (page, rest) = path.strip_prefix('/')?.split_once('/')?;
    let id = rest.split('/').next().unwrap_or_default();
    let room = leads_to(&id.parse().ok().filter(|_| PAGES.contains(&page))?)?;
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("/{page}/{room}{}{query}", &rest[id.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_led_to_with_all_that_follows_the_id_and_nothing_else_is() {
        let leads_to = |id: &RoomId| (id.as_str() == "show").then(RoomId::demo);
        for (path, query, place) in [
            ("/room/show", None, Some("/room/demo")),
            ("/overlay/show", Some("names&a=b%26c"), Some("/overlay/demo?names&a=b%26c")),
            ("/wall/show/", Some(""), Some("/wall/demo/?")),
            ("/studio/show/audit.csv", None, Some("/studio/demo/audit.csv")),
            ("/room/show//elsewhere.example", None, Some("/room/demo//elsewhere.example")),
            ("/room/demo", None, None),
            ("/room/Show", None, None),
            ("/room/", None, None),
            ("/rooms/show", None, None),
            ("/api/show", None, None),
            ("//room/show", None, None),
            ("/", None, None),
        ] {
            assert_eq!(own(path, query, leads_to).as_deref(), place, "{path}");
        }
    }
}
