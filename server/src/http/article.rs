//! `POST /getCertification.action`: vends a session in the form that AWS' article on Kinesis from JavaScript uses.

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use danmu::room::RoomId;
use danmu_app::services::Caller;
use http::header;
use serde_json::json;

use super::{AppState, shed::refusal};

/// Answers `{"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}`, the last in Unix milliseconds.
///
/// The article's page knows a single room and sends `{}`: it gets credentials for the first room listed. The body is ignored.
pub async fn get_certification(State(state): State<AppState>, Extension(caller): Extension<Caller>) -> Response {
    let room = state.services.rooms.rooms().first().map_or_else(RoomId::demo, |room| room.id.clone());
    match state.vending.article_session(room, caller).await {
        Ok(session) => {
            let body = Json(json!({
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
                "expiration": session.expiration,
            }));
            ([(header::CACHE_CONTROL, "no-store")], body).into_response()
        }
        Err(error) => refusal(&error),
    }
}
