//! `POST /getCertification.action`: the token vending machine as AWS' article on Kinesis from JavaScript calls it.

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
/// The article's page knows one room and sends `{}`; it gets credentials for the first room that is listed. Whatever it
/// sends is passed over.
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
