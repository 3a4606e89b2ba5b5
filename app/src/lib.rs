//! The Leptos app of Danmu: pages, components and server functions.
//!
//! Built twice: with `ssr` into the server, with `hydrate` into the browser's WebAssembly; one build never has both. The
//! server's services are reached only through the traits of `services`, which the server puts into the Leptos context.

#![recursion_limit = "256"]

pub mod account;
pub mod api;
pub mod audit;
#[cfg(feature = "hydrate")]
mod client;
mod components;
mod element_ids;
pub mod error;
#[cfg(feature = "ssr")]
mod failure;
pub mod figures;
#[cfg(feature = "hydrate")]
pub use client::{direct, start, start_studio};
mod i18n;
pub mod invitation;
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only the browser's half has anything to tell it"))]
mod live;
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only browsers draw"))]
pub mod overlay;
mod pages;
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "most can go wrong in the browser only"))]
mod problem;
#[cfg(feature = "ssr")]
pub mod qr;
pub mod refusals;
pub mod review;
pub mod rules;
#[cfg(feature = "ssr")]
pub mod services;
mod shell;
#[cfg(feature = "signing")]
pub mod signing;
pub mod studio;

pub use shell::{App, shell};

/// A hash of the sources, which names this build: a page's module and the server that sends it must have the same.
pub const BUILD: &str = concat!("danmu-build-", env!("DANMU_BUILD"));
