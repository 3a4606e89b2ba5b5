//! Sends away, before any work is done for them, those whom the vending machine could not serve soon: so what many more ask for
//! than can be had costs next to nothing, and those who have a turn are served as quickly as ever.

use axum::{
    Json,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use danmu_app::api::{ApiError, status};
use http::{HeaderName, HeaderValue, Method, header};
use serde_json::json;

use super::{CERTIFICATION, SESSION};
use crate::vending::TokenVending;

/// Lets everything pass but what asks for a session while there is no room.
pub async fn send_away(State(vending): State<TokenVending>, request: Request, next: Next) -> Response {
    let (path, posted) = (request.uri().path(), request.method() == Method::POST);
    let is_page = path == SESSION;
    if posted
        && (is_page || path == CERTIFICATION)
        && let Err(error) = vending.has_room()
    {
        return if is_page {
            (status(&error), retry_after(&error), Json(error)).into_response()
        } else {
            refusal(&error)
        };
    }
    next.run(request).await
}

/// What a program is told that asked for credentials as AWS' article does.
pub fn refusal(error: &ApiError) -> Response {
    (status(error), retry_after(error), Json(json!({ "error": error.to_string() }))).into_response()
}

/// When to come back, where that is said.
fn retry_after(error: &ApiError) -> Option<[(HeaderName, HeaderValue); 1]> {
    match error {
        ApiError::TooMany { retry_after_s } => Some([(header::RETRY_AFTER, HeaderValue::from(*retry_after_s))]),
        _ => None,
    }
}
