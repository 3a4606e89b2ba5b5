//! The HTTP layer: bounded requests, preflights, protocol detection, and the headers of an answer.
//!
//! Promises: no operation runs before the signature was verified against the host and the path that the client saw; an
//! operation takes at most [`MAX_HEADERS`] bytes of headers, and a body within the limits of [`intake`](crate::intake); every
//! answer carries a request id, and all but preflights the endpoint's time. CORS follows the real service.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, Request},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, DATE, HOST, ORIGIN,
    },
    request::Parts,
};
use serde::Serialize;

use crate::{
    auth::{Caller, Door},
    crypto,
    error::{ApiError, ErrorCode},
    inner::Inner,
    intake::SMALL_BODY,
    kinesis::{Call, Format, Output, TARGET},
    metrics::add,
    quotas::MAX_BODY,
    seldom::quoted,
    sts::{Sts, xml},
};

/// The limit of all headers of a request together, bytes; a session token takes at most 3000.
pub const MAX_HEADERS: usize = 32 * 1024;

const EVENTS: &str = "application/vnd.amazon.eventstream";
const XML: &str = "text/xml";
const FORM: &str = "application/x-www-form-urlencoded";
const EXPOSED: &str = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";

/// Serves every path, since clients may sign any.
pub(crate) fn router(endpoint: Arc<Inner>, door: Door) -> Router {
    Router::new().fallback(move |request: Request| {
        let endpoint = Arc::clone(&endpoint);
        async move { respond(&endpoint, door, request).await }
    })
}

/// The protocol of a request and of its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Kinesis(Format),
    Sts,
}

impl Protocol {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Kinesis(format) => format.content_type(),
            Self::Sts => XML,
        }
    }
}

/// An answer without its common headers.
struct Reply {
    status: StatusCode,
    content_type: &'static str,
    body: Body,
    error: Option<&'static str>,
}

async fn respond(endpoint: &Arc<Inner>, door: Door, request: Request) -> Response {
    let now_ms = endpoint.clock.now_ms();
    let cross_origin = request.headers().contains_key(ORIGIN);
    let ids = crypto::random().unwrap_or([0; 64]);
    let request_id = request_id(&ids);
    if request.method() == Method::OPTIONS {
        let mut response = preflight(request.headers());
        insert_ids(response.headers_mut(), &ids, &request_id);
        return response;
    }
    let protocol = protocol(request.headers());
    let result = carry_out(endpoint, door, protocol, request, &request_id, now_ms).await;
    add(&endpoint.counters.requests, 1);
    let reply = match result {
        Ok(answer) => {
            let (content_type, body) = match answer {
                Output::Whole(bytes) => (protocol.content_type(), Body::from(bytes)),
                Output::Events(events) => (EVENTS, events),
            };
            Reply { status: StatusCode::OK, content_type, body, error: None }
        }
        Err(error) => refusal(endpoint, protocol, &error, &request_id),
    };
    finish(reply, &ids, &request_id, now_ms, cross_origin)
}

async fn carry_out(
    endpoint: &Arc<Inner>,
    door: Door,
    protocol: Protocol,
    request: Request,
    request_id: &str,
    now_ms: i64,
) -> Result<Output, ApiError> {
    let (mut parts, body) = request.into_parts();
    check_headers(&parts.headers)?;
    if parts.method != Method::POST {
        let message = format!("{} is not an operation of this endpoint; use POST.", parts.method);
        return Err(ApiError::new(ErrorCode::UnknownOperation, message));
    }
    if protocol == Protocol::Sts && door == Door::Public {
        let message = "STS is not available here; this origin offers the data plane only.";
        return Err(ApiError::new(ErrorCode::AccessDenied, message));
    }
    // Programs reach the other door directly, without a proxy that sets `X-Forwarded-Host`.
    as_signed(&mut parts, door == Door::Public && endpoint.trust_forwarded_host)?;
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (service, limit) = if protocol == Protocol::Sts { ("sts", SMALL_BODY) } else { ("kinesis", MAX_BODY) };
    let action = target.as_deref().and_then(|target| target.strip_prefix(TARGET)).unwrap_or("*");
    let vouched = async {
        let caller = endpoint.verifier.seems_known(&parts, service, door, now_ms).await?;
        endpoint.vouch(&caller, &format!("{service}:{action}"))
    };
    // Held until the answer is ready, since the body stays in memory, whole or in parts, until then.
    let taken = endpoint.intake(door).take(body, limit, vouched).await?;
    let body = taken.bytes.clone();
    let caller = endpoint.verifier.verify(parts, body.clone(), service, door, now_ms).await?;
    if let Caller::Session { session, denied: true } = &caller {
        add(&endpoint.counters.denied, 1);
        if let Some(requests) = endpoint.denied_asks.note(&(), Instant::now()) {
            let (source, key, action) = (&session.source_identity, &session.access_key_id, quoted(action));
            tracing::info!(
                requests,
                source_identity = source,
                key,
                action,
                "denied sessions ask; this one is the last"
            );
        }
    }
    match protocol {
        Protocol::Sts => {
            let Inner { place, tokens, denials, sessions_may_control, .. } = &**endpoint;
            let sts = Sts { place, tokens, denials, sessions_may: *sessions_may_control, now_ms };
            sts.call(&caller, &body, request_id).map(|xml| Output::Whole(xml.into_bytes()))
        }
        Protocol::Kinesis(format) => {
            let operation = target.as_deref().and_then(|target| target.strip_prefix(TARGET)).ok_or_else(|| {
                let message = format!("X-Amz-Target must be {TARGET} and the name of an operation.");
                ApiError::new(ErrorCode::UnknownOperation, message)
            })?;
            Call { endpoint, caller: &caller, door, operation, format }.run(&body).await
        }
    }
}

fn protocol(headers: &HeaderMap) -> Protocol {
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with(FORM));
    if is_form && !headers.contains_key("x-amz-target") {
        Protocol::Sts
    } else {
        Protocol::Kinesis(Format::of(headers))
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), ApiError> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > MAX_HEADERS {
        let message = format!("The headers have {size} bytes; at most {MAX_HEADERS} are taken.");
        return Err(ApiError::new(ErrorCode::RequestTooLarge, message));
    }
    Ok(())
}

/// Restores the path and the host that the client signed.
fn as_signed(parts: &mut Parts, trust_forwarded_host: bool) -> Result<(), ApiError> {
    if let Some(OriginalUri(uri)) = parts.extensions.get::<OriginalUri>().cloned() {
        parts.uri = uri;
    }
    let forwarded = parts.headers.get("x-forwarded-host").filter(|_| trust_forwarded_host);
    let host = match forwarded {
        // The first value is the host that the outermost proxy received from the client.
        Some(hosts) => hosts.as_bytes().split(|byte| *byte == b',').next().map(<[u8]>::trim_ascii).map(<[u8]>::to_vec),
        None if parts.headers.contains_key(HOST) => None,
        // HTTP/2 has the host in its pseudo-header.
        None => parts.uri.authority().map(|authority| authority.as_str().as_bytes().to_vec()),
    };
    if let Some(host) = host {
        let host = HeaderValue::from_bytes(&host)
            .map_err(|_| ApiError::new(ErrorCode::IncompleteSignature, "The host is not readable."))?;
        parts.headers.insert(HOST, host);
    }
    Ok(())
}

fn refusal(endpoint: &Inner, protocol: Protocol, error: &ApiError, request_id: &str) -> Reply {
    let (name, status) = match protocol {
        Protocol::Kinesis(_) => (error.kind.kinesis_name(), error.kind.kinesis_status()),
        Protocol::Sts => (error.kind.sts_name(), error.kind.sts_status()),
    };
    endpoint.counters.reject(name);
    tracing::debug!(error = name, message = quoted(&error.message), request_id, "refused");
    let body = match protocol {
        Protocol::Kinesis(format) => {
            format.encode(&Refused { kind: name, message: &error.message }).unwrap_or_default()
        }
        Protocol::Sts => xml::error(name, &error.message, status.is_server_error(), request_id).into_bytes(),
    };
    Reply { status, content_type: protocol.content_type(), body: Body::from(body), error: Some(name) }
}

/// The body of a Kinesis error.
#[derive(Serialize)]
struct Refused<'a> {
    #[serde(rename = "__type")]
    kind: &'a str,
    message: &'a str,
}

fn finish(reply: Reply, ids: &[u8; 64], request_id: &str, now_ms: i64, cross_origin: bool) -> Response {
    let mut response = Response::new(reply.body);
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    insert_ids(headers, ids, request_id);
    if let Some(now) = DateTime::<Utc>::from_timestamp_millis(now_ms) {
        // SDKs correct their clock skew from this header.
        insert(headers, DATE, &now.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    }
    if let Some(name) = reply.error {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(name));
    }
    if cross_origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    response
}

/// The answer to a CORS preflight: allowed, cacheable for two days.
fn preflight(asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    if asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("172800"));
    response
}

/// Adds the request ids, by which an answer can be found in logs.
fn insert_ids(headers: &mut HeaderMap, ids: &[u8; 64], request_id: &str) {
    insert(headers, HeaderName::from_static("x-amzn-requestid"), request_id);
    insert(headers, HeaderName::from_static("x-amz-id-2"), &STANDARD.encode(&ids[16..]));
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Sixteen random bytes formatted like a UUID.
fn request_id(random: &[u8; 64]) -> String {
    let mut id = String::with_capacity(36);
    for (at, byte) in random[..16].iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        id.push_str(&format!("{byte:02x}"));
    }
    id
}
