//! Reads the bodies of forms completely before a handler sees them, with a timeout, whatever their encoding.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use http_body_util::LengthLimitError;
use tokio::time::timeout;

/// Timeout for a form's body, counted from the end of its head.
const PATIENCE: Duration = Duration::from_secs(10);

/// Passes a form on when all of it has arrived. An outer layer limits its length.
pub async fn take_whole(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let refusal = match timeout(PATIENCE, to_bytes(body, usize::MAX)).await {
        Ok(Ok(form)) => return next.run(Request::from_parts(head, Body::from(form))).await,
        Ok(Err(error)) if is_too_long(&error) => (StatusCode::PAYLOAD_TOO_LARGE, "No form of ours is so long.\n"),
        Ok(Err(_)) => (StatusCode::BAD_REQUEST, "The form did not arrive.\n"),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "The form did not arrive in time.\n"),
    };
    refusal.into_response()
}

fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<LengthLimitError>())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{Router, body::Bytes, middleware, routing::post};
    use futures::stream;
    use tokio::time::{Instant, sleep};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_form_that_trickles_is_refused_in_time_and_one_that_is_slow_is_taken() {
        let router = Router::new().route("/", post(async |form: Bytes| form.len().to_string()));
        let router = router.layer(middleware::from_fn(take_whole));
        for (bytes, status) in [(100, StatusCode::REQUEST_TIMEOUT), (1, StatusCode::OK)] {
            let started = Instant::now();
            let trickle = stream::unfold(0, move |sent| async move {
                sleep(Duration::from_secs(4)).await;
                (sent < bytes).then(|| (Ok::<_, Infallible>("x"), sent + 1))
            });
            let form = Request::post("/").body(Body::from_stream(trickle)).expect("a request");
            let answer = router.clone().oneshot(form).await.expect("an answer");
            assert_eq!(answer.status(), status);
            assert!(started.elapsed() <= PATIENCE * 2, "{:?}", started.elapsed());
        }
    }
}
