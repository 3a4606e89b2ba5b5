//! The pages, their server functions and their files.

use std::path::Path;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use danmu_app::{services::ClientAddr, shell};
use http::{HeaderValue, StatusCode, header, request::Parts};
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{handle_server_fns_with_context, render_app_async_with_context};
use tower_http::services::ServeDir;

use super::AppState;

/// The site's files; whatever is none is a page, and the app knows which, be it the one that says that there is none.
pub fn router(state: &AppState) -> Router<AppState> {
    // What leptos_axum does when it is given routes. Fails where it was done before, which is as good.
    let _ = any_spawner::Executor::init_tokio();
    let options = state.leptos.clone();
    let files = ServeDir::new(Path::new(&*options.site_root))
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    let render = render_app_async_with_context(provide(state), move || shell(options.clone()));
    let pages = tower::service_fn(move |request: Request<Body>| {
        let rendering = render(request);
        async move { Ok::<_, std::convert::Infallible>(rendering.await) }
    });
    Router::new().fallback_service(files.fallback(pages))
}

/// `POST /api/…`: the server functions.
pub async fn server_function(State(state): State<AppState>, request: Request<Body>) -> Response {
    let mut response = handle_server_fns_with_context(provide(&state), request).await.into_response();
    // The app gives each of its errors a status. This one is the framework's, for arguments that no page of ours sends.
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

/// What the app finds in its context, on every request.
fn provide(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    let services = state.services.clone();
    move || {
        provide_context(services.clone());
        let client = use_context::<Parts>().and_then(|parts| parts.extensions.get::<ClientAddr>().copied());
        if let Some(client) = client {
            provide_context(client);
        }
    }
}

/// The headers that every answer carries: how long it may be kept, and what browsers must not do with it.
pub async fn standing_headers(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let hashed = path.strip_prefix("/pkg/").is_some_and(|name| name.split('.').count() > 2);
    let page = !path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let mut response = next.run(request).await;
    let fits = response.status().is_success();
    let headers = response.headers_mut();
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    // A name with a hash in it means the same bytes for ever. A page names the files of its day, and has its nonce.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(match (fits, hashed, page) {
        (true, true, _) => "public, max-age=31536000, immutable",
        (true, false, false) => "public, max-age=3600",
        _ => "no-store",
    }));
    response
}
