//! The document around every page.

#[cfg(feature = "ssr")]
use leptos::either::Either;
use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags, provide_meta_context};

#[cfg(feature = "ssr")]
use crate::element_ids::{APP_ID, COPY_ID};
use crate::{components::AppTitle, i18n::PageLanguage, pages::CurrentPage};
#[cfg(feature = "ssr")]
use crate::{pages, studio::StudioApp};

/// The HTML document that the server sends; the app is in its body.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    #[cfg(feature = "ssr")]
    security::set_policy(&options);
    view! {
        <!DOCTYPE html>
        <html>
            <head>
                <meta charset="utf-8" />
                <meta
                    name="viewport"
                    content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content"
                />
                <meta name="color-scheme" content=color_scheme() />
                {light_theme()}
                <meta name="theme-color" content="#0e1014" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="apple-touch-icon" href="/apple-touch-icon.png" />
                {watch_policy()}
                <HashedStylesheet options=options.clone() id="danmu" />
                {studio_style()}
                {wall_style()}
                <AutoReload options=options.clone() />
                {scripts(options)}
                <MetaTags />
            </head>
            <body style=body_style()>
                {app()}
                {beside()}
                {account()}
                {failure()}
            </body>
        </html>
    }
}

/// Records the address of a video that the page's policy blocks, from the first element on: other scripts may load too late.
fn watch_policy() -> impl IntoView {
    #[cfg(feature = "ssr")]
    return view! {
        <script nonce=leptos::nonce::use_nonce()>
            "addEventListener('securitypolicyviolation',e=>{if(e.effectiveDirective=='media-src')document.documentElement.dataset.forbidden=e.blockedURI})"
        </script>
    };
}

/// The scripts that load the page's module: for a page of the studio its own, where that is a module of its own.
fn scripts(options: LeptosOptions) -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(module) = studio_module() {
        let start = format!("import({module:?}).then(async it=>{{await it.default();it.hydrate()}})");
        return Either::Left(view! {
            <link rel="modulepreload" href=module.to_string() nonce=leptos::nonce::use_nonce() />
            <script type="module" nonce=leptos::nonce::use_nonce()>
                {start}
            </script>
        });
    }
    #[cfg(feature = "ssr")]
    return Either::Right(view! { <HydrationScripts options /> });
    #[cfg(not(feature = "ssr"))]
    view! { <HydrationScripts options /> }
}

/// The schemes that this page has: the studio has both, pages with pictures are dark.
fn color_scheme() -> &'static str {
    #[cfg(feature = "ssr")]
    if is_studio() {
        return "dark light";
    }
    "dark"
}

/// The colour of the window around a light page, which is one of the studio's. Of several the first counts that applies.
fn light_theme() -> impl IntoView {
    #[cfg(feature = "ssr")]
    is_studio().then(|| {
        let meta = view! { <meta name="theme-color" content="#f3f5f9" /> };
        meta.attr("media", "(prefers-color-scheme: light)")
    })
}

/// The studio's style sheet, on its pages. Its address changes with the build, since its name does not.
fn studio_style() -> impl IntoView {
    #[cfg(feature = "ssr")]
    is_studio().then(|| view! { <link rel="stylesheet" href=["/studio.css?", crate::BUILD].concat() /> })
}

/// The address of the studio's module, if this page is one of the studio's.
#[cfg(feature = "ssr")]
fn studio_module() -> Option<std::sync::Arc<str>> {
    is_studio().then(|| use_context::<crate::services::Services>()?.studio_module).flatten()
}

#[cfg(feature = "ssr")]
fn is_studio() -> bool {
    use_context::<http::request::Parts>().is_some_and(|parts| crate::studio::is_path(parts.uri.path()))
}

/// The app, and a copy of its HTML with `~` for `<`, so that programs that change HTML (by stripping comments, say) leave it
/// alone. Compressed, the copy is a list of references to the original.
fn app() -> impl IntoView {
    #[cfg(feature = "ssr")]
    {
        let html = if is_studio() { view! { <StudioApp /> }.to_html() } else { view! { <App /> }.to_html() };
        let copy = html.replace('~', "&#126;").replace('<', "~");
        view! {
            <div id=APP_ID style="display:contents" inner_html=html></div>
            <script id=COPY_ID type="text/plain" inner_html=copy></script>
        }
    }
}

/// What the server puts beside the app on overlay pages and walls.
fn beside() -> impl IntoView {
    #[cfg(feature = "ssr")]
    return pages::beside();
}

/// The style sheet of a wall.
fn wall_style() -> impl IntoView {
    #[cfg(feature = "ssr")]
    return pages::wall_style();
}

/// The looks of a wall, which concern its danmu too.
fn body_style() -> Option<String> {
    #[cfg(feature = "ssr")]
    return pages::body_style();
    #[cfg(not(feature = "ssr"))]
    None
}

/// The message of a page that does not start.
fn failure() -> impl IntoView {
    #[cfg(feature = "ssr")]
    return view! { <crate::failure::StartFailure /> };
}

/// The sign-in slot, where there is one. After the app, so that hydration finds the app's elements in their places; its script
/// moves it into the page's header.
fn account() -> impl IntoView {
    #[cfg(feature = "ssr")]
    return view! { <crate::account::AccountSlot /> };
}

/// The app: its languages and its pages.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <PageLanguage />
        <AppTitle />
        <CurrentPage />
    }
}

#[cfg(feature = "ssr")]
mod security {
    use http::{HeaderValue, header};
    use leptos::{
        config::{Env, LeptosOptions},
        nonce::use_nonce,
        prelude::use_context,
    };
    use leptos_axum::ResponseOptions;

    use crate::{pages::Beside, services::Services};

    /// The page's Content Security Policy ([CSP 3](https://www.w3.org/TR/CSP3/)): scripts of this origin and inline ones with
    /// this answer's nonce; connections to this server and the stream only. Styles are a file; attributes carry colours.
    ///
    /// The overlay page, and a wall, may be styled and framed by others: a browser source injects the streamer's `<style>`, with
    /// fonts from anywhere, and a scene that is a local file may frame it. Nothing on it can be clicked, so clickjacking gains
    /// nothing; and frames of files have no origin that a list could name. A sheet that its address names is the address'
    /// author's, who may be somebody else: see `pages::overlay::sheet`.
    pub(super) fn set_policy(options: &LeptosOptions) {
        let Some(response) = use_context::<ResponseOptions>() else { return };
        let nonce = use_nonce().map(|nonce| format!(" 'nonce-{nonce}'")).unwrap_or_default();
        let services = use_context::<Services>();
        let mut connect = services.as_ref().map(|it| it.connect.join(" ")).unwrap_or_default();
        let media = services.as_ref().map(|it| it.rooms.plain_origins().join(" ")).unwrap_or_default();
        if options.env == Env::DEV && std::env::var_os("LEPTOS_WATCH").is_some() {
            connect.push_str(&format!(" ws://*:{}", options.reload_port));
        }
        let images = "img-src 'self' data: https:";
        let looks = match Beside::of_request().map(|beside| beside.options.sheet) {
            Some(Some(sheet)) => sheet.policy(),
            Some(None) => {
                format!("{images} {media}; style-src 'self' 'unsafe-inline' https:; font-src 'self' data: https:")
            }
            None => {
                format!("{images} {media}; style-src 'self'; style-src-attr 'unsafe-inline'; frame-ancestors 'self'")
            }
        };
        let policy = format!(
            "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'{nonce}; connect-src 'self' {connect}; \
             media-src 'self' blob: https: {media}; worker-src 'self' blob:; object-src 'none'; \
             base-uri 'none'; form-action 'self'; {looks}"
        );
        if let Ok(policy) = HeaderValue::try_from(policy) {
            response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
}
