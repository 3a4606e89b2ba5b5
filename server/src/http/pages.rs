//! Pages, server functions, and the site's files.

use std::path::Path;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use danmu_app::{
    account::SignedIn,
    services::{Caller, PublicOrigin},
    shell,
};
use danmu_identity::identity::Member;
use http::{HeaderValue, StatusCode, header, request::Parts};
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{handle_server_fns_with_context, render_app_async_with_context};
use tower_http::services::ServeDir;

use super::{AppState, account};

/// CSP of an HTML document among the site's files: it may run the script beside it, and must not be framed.
const DOCUMENT_POLICY: &str = "default-src 'none'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                               frame-ancestors 'none'";

/// Serves the site's files; every other path is a page of the app, its "not found" page included.
pub fn router(state: &AppState) -> Router<AppState> {
    // `leptos_axum` does this when it is given routes. It fails if that was done before, which is harmless.
    let _ = any_spawner::Executor::init_tokio();
    let options = state.leptos.clone();
    let files = ServeDir::new(Path::new(&*options.site_root))
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    let render = render_app_async_with_context(provide(state), move || shell(options.clone()));
    let pages = tower::service_fn(move |request: Request<Body>| {
        let rendering = render(request);
        async move {
            let mut page = rendering.await;
            let directive = HeaderValue::from_static(Keeping::Not.directive());
            page.headers_mut().entry(header::CACHE_CONTROL).or_insert(directive);
            Ok::<_, std::convert::Infallible>(page)
        }
    });
    Router::new().fallback_service(files.fallback(pages)).layer(middleware::from_fn(keep_files))
}

/// `POST /api/…`: the server functions.
pub async fn server_function(State(state): State<AppState>, request: Request<Body>) -> Response {
    let mut response = handle_server_fns_with_context(provide(&state), request).await.into_response();
    // The app gives each of its errors a status. This one is the framework's, for malformed arguments.
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

/// Provides the app's context for every request.
fn provide(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    let services = state.services.clone();
    move || {
        provide_context(services.clone());
        let member = use_context::<Parts>().and_then(|parts| parts.extensions.get::<Member>().cloned());
        if let Some(Member { name, expires_s, .. }) = member {
            let name = name.map(|name| name.as_str().to_owned());
            provide_context(SignedIn { name, until_ms: account::until_ms(expires_s) });
        }
        let caller = use_context::<Parts>().and_then(|parts| parts.extensions.get::<Caller>().cloned());
        if let Some(caller) = caller {
            provide_context(caller);
        }
        let origin = use_context::<Parts>().and_then(|parts| parts.extensions.get::<PublicOrigin>().cloned());
        if let Some(origin) = origin {
            provide_context(origin);
        }
    }
}

/// Default headers of every response: no sniffing, no referrer to other sites, and no caching unless the response allows it.
pub async fn standing_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(Keeping::Not.directive()));
    response
}

/// Sets caching, and the document's CSP, for the site's files; pages set their own.
async fn keep_files(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (keeping, is_document) = (Keeping::of(path), path.ends_with(".html"));
    let mut response = next.run(request).await;
    let fits = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if is_document {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(DOCUMENT_POLICY));
    }
    if fits && keeping != Keeping::Not && !headers.contains_key(header::CACHE_CONTROL) {
        // A shared cache must not give the compressed version to a client that cannot read it.
        headers.entry(header::VARY).or_insert(HeaderValue::from_static("accept-encoding"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keeping.directive()));
    }
    response
}

/// How long a response may be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    /// For ever: the name contains a hash of the content.
    Always,
    /// After revalidation (`no-cache`).
    WhileSame,
    /// For an hour.
    AnHour,
    /// Never: a page names the files of the current build, and contains a nonce.
    Not,
}

impl Keeping {
    fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default();
        match (path.starts_with("/pkg/"), name.split('.').count()) {
            (true, 3..) => Self::Always,
            // Development: a changed file keeps its name.
            (true, _) => Self::WhileSame,
            (false, 2..) => Self::AnHour,
            (false, _) => Self::Not,
        }
    }

    const fn directive(self) -> &'static str {
        match self {
            Self::Always => "public, max-age=31536000, immutable",
            Self::WhileSame => "no-cache",
            Self::AnHour => "public, max-age=3600",
            Self::Not => "no-store",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_how_long_follows_from_the_name() {
        assert_eq!(Keeping::of("/pkg/danmu.0534ae2d.js"), Keeping::Always);
        assert_eq!(Keeping::of("/pkg/danmu.js"), Keeping::WhileSame);
        assert_eq!(Keeping::of("/sample.mp4"), Keeping::AnHour);
        for page in ["/", "/room/demo", "/getCertification.action/", "/api/session"] {
            assert_eq!(Keeping::of(page), Keeping::Not, "{page}");
        }
    }

    /// A runtime may go on with a page on another thread each time that it has waited.
    #[test]
    fn a_page_is_rendered_on_whatever_threads_it_is_gone_on_with() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let _ = any_spawner::Executor::init_tokio();
        let options = leptos::config::LeptosOptions::builder().output_name("danmu").build();
        for path in ["/no/such/page", "/"] {
            let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
            let options = options.clone();
            let entered = runtime.enter();
            let mut rendering = render_app_async_with_context(|| (), move || shell(options.clone()))(request);
            drop(entered);
            let page = loop {
                let gone_on = std::thread::scope(|scope| {
                    let poll = || {
                        let _entered = runtime.enter();
                        rendering.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
                    };
                    scope.spawn(poll).join().expect("no panic")
                });
                match gone_on {
                    std::task::Poll::Ready(page) => break page,
                    std::task::Poll::Pending => std::thread::yield_now(),
                }
            };
            assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
        }
    }
}
