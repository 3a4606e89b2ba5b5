//! The public port: pages, server functions, the token vending machine, and the embedded stream's data plane.

mod account;
mod alias;
mod article;
mod audit;
mod client;
mod connection;
mod events;
mod forms;
mod forwarded;
mod guest;
mod handover;
mod heads;
mod health;
mod host;
mod inviting;
mod metrics;
mod pages;
mod public_origin;
mod serve;
mod several;
mod shed;
mod site;
mod stalled;
mod studio;
mod taking;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};
use danmu_app::services::Services;
use danmu_identity::{identity::Identity, oidc::Issuers, store::Store, studio::Studio, vending::TokenVending};
use danmu_relay::relay::Relay;
use danmu_stream::Endpoint;
use http::{Extensions, HeaderMap, StatusCode, Version, header};
use leptos::config::LeptosOptions;
use tower_http::{
    compression::{CompressionLayer, Predicate, predicate::SizeAbove},
    limit::RequestBodyLimitLayer,
};

pub use self::{
    client::Unlisted,
    guest::{STUDIO, rights_now},
    inviting::Invitations,
    serve::{Admission, serve},
    shed::Door,
    site::Site,
    studio::StudioDoor,
};
use crate::{config::Config, health::Health};

/// The server function by which pages ask for a session.
const SESSION: &str = "/api/session";
/// The path by which the page of AWS' article does.
const CERTIFICATION: &str = "/getCertification.action";
/// The longest form, in bytes.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// The state that handlers share.
#[derive(Clone)]
pub struct AppState {
    /// The settings.
    pub config: Arc<Config>,
    /// The services that the app uses.
    pub services: Services,
    /// The token vending machine.
    pub vending: TokenVending,
    /// Ticket keys and cookies.
    pub identity: Identity,
    /// Streamer keys, and who came in by them.
    pub studio: Studio,
    /// The store, for sign-outs and pool identities.
    pub store: Store,
    /// The trusted issuers of ID tokens.
    pub issuers: Issuers,
    /// Leptos' options, with the path of the site's files.
    pub leptos: LeptosOptions,
    /// The site's files, and whether they are complete.
    pub site: Site,
    /// Warns about proxies that may have to be listed.
    pub unlisted: Arc<Unlisted>,
    /// Readiness.
    pub health: Health,
    /// The relay, if this server runs one.
    pub relay: Option<Relay>,
    /// The embedded stream, if it is in this process.
    pub stream: Option<Endpoint>,
}

impl axum::extract::FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}

/// Responses to compress: pages and JSON. Files have compressed versions beside them.
fn is_made_on_the_spot(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&[][..], |kind| kind.as_bytes());
    kind.starts_with(b"text/html") || kind.starts_with(b"application/json")
}

/// All routes of the public port. `stream` is the embedded stream's data plane, if there is one.
pub fn router(state: AppState, stream: Option<Router>) -> Router {
    let guarded = Router::new()
        .route(CERTIFICATION, post(article::get_certification))
        .route("/api/sign_in", post(account::sign_in))
        .route("/api/sign_out", post(account::sign_out))
        .route("/api/{*function}", post(pages::server_function))
        .layer(middleware::from_fn_with_state(state.clone(), guest::recognise))
        .layer(middleware::from_fn(forms::take_whole))
        .layer(RequestBodyLimitLayer::new(MAX_FORM_BYTES))
        .layer(middleware::from_fn_with_state(state.clone(), client::refuse_foreign_pages));
    let pages = pages::router(&state)
        .merge(audit::router())
        .layer(middleware::from_fn_with_state(state.clone(), guest::recognise_known))
        .layer(middleware::from_fn_with_state(state.clone(), alias::lead));
    let mut router = pages
        .merge(guarded)
        .layer(middleware::from_fn_with_state(state.clone(), guest::recognise_member))
        .layer(CompressionLayer::new().compress_when(SizeAbove::default().and(is_made_on_the_spot)))
        .route("/metrics", get(metrics::metrics))
        .route("/rooms/{room}/events", get(events::events))
        .route("/rooms/events", get(several::events))
        .layer(middleware::from_fn_with_state(state.clone(), client::refuse_bent_names))
        // Balancers ask under any host name, or none; these answers reveal almost nothing.
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(state.clone());
    if let Some(stream) = stream {
        // Requests to the stream are signed, so they must reach it unchanged.
        router = router.nest_service("/aws/", stream);
    }
    router
        .layer(middleware::from_fn_with_state(state, client::identify))
        .layer(middleware::from_fn(pages::standing_headers))
}
