//! `GET /studio/{room}/audit.csv` and `.ndjson`: the audit of a room, for its moderators and its streamer.

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use danmu::room::RoomId;
use danmu_app::services::Caller;
use http::{StatusCode, header};

use super::AppState;
use crate::audit::{Form, export};

/// The exports. They need to know the caller.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/studio/{room}/audit.csv", get(async |room, state, caller| answer(room, state, caller, Form::Csv)))
        .route(
            "/studio/{room}/audit.ndjson",
            get(async |room, state, caller| answer(room, state, caller, Form::Ndjson)),
        )
}

/// 404 for a room that does not exist, 403 for who may not moderate in it.
fn answer(
    Path(room): Path<String>,
    State(state): State<AppState>,
    caller: Option<Extension<Caller>>,
    form: Form,
) -> Response {
    let room = room.parse::<RoomId>().ok().and_then(|room| state.services.rooms.room(&room));
    let Some(room) = room else { return (StatusCode::NOT_FOUND, "There is no such room.\n").into_response() };
    if !caller.is_some_and(|caller| caller.rights.role_in(&room.id).may_moderate()) {
        let why = "Only moderators and the streamer of the room may read its audit: open its studio first.\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let (kind, suffix) = match form {
        Form::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        Form::Ndjson | Form::Text => ("application/x-ndjson", "ndjson"),
    };
    // The id of a room needs no quoting.
    let attachment = format!("attachment; filename=\"audit-{}.{suffix}\"", room.id);
    let head = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, attachment)];
    // A store that fails in between cuts the response off, which browsers report as a failed download.
    (head, Body::from_stream(export(state.store, Some(room.id), 0, form))).into_response()
}
