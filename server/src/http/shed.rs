//! Load shedding: refuses requests for sessions, before any work is done for them, while the queue of vending is full. So each
//! excess request costs little more than its head, and callers with a turn are served as usual.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::{
    Json, Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::future::RouteFuture,
};
use danmu_app::{api::status, error::ApiError};
use danmu_identity::vending::TokenVending;
use futures::future::Either;
use http::{HeaderName, HeaderValue, Method, Request, header};
use serde_json::json;
use tower::Service;

use super::{CERTIFICATION, SESSION};

/// All routes, behind the load check. Only requests for sessions are refused, while there is no room.
#[derive(Clone)]
pub struct Door {
    vending: TokenVending,
    router: Router,
}

impl Door {
    /// In front of these routes.
    #[must_use]
    pub fn new(vending: TokenVending, router: Router) -> Self {
        Self { vending, router }
    }

    /// The refusal, if the request must be shed.
    fn answer(&self, request: &Request<Body>) -> Option<Response> {
        let path = request.uri().path();
        let is_page = path == SESSION;
        if !(is_page || path == CERTIFICATION) || request.method() != Method::POST {
            return None;
        }
        let error = self.vending.has_room().err()?;
        Some(if is_page { (status(&error), retry_after(&error), Json(error)).into_response() } else { refusal(&error) })
    }
}

impl Service<Request<Body>> for Door {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Like routes, always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.answer(&request) {
            Some(answer) => Either::Left(ready(Ok(answer))),
            None => Either::Right(self.router.call(request)),
        }
    }
}

/// The response to a program that asked for credentials as AWS' article does.
pub fn refusal(error: &ApiError) -> Response {
    (status(error), retry_after(error), Json(json!({ "error": error.to_string() }))).into_response()
}

/// The `Retry-After` header, if the error has a delay.
fn retry_after(error: &ApiError) -> Option<[(HeaderName, HeaderValue); 1]> {
    match error {
        ApiError::TooMany { retry_after_s } => Some([(header::RETRY_AFTER, HeaderValue::from(*retry_after_s))]),
        _ => None,
    }
}
