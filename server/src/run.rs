//! The lifecycle of the server: opens what it needs, serves, and on a signal drains before it exits.

use std::{
    io::{self, Write},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use danmu::{
    feed::Ways,
    room::{Room, RoomId},
};
use danmu_app::services::Services;
use danmu_identity::{
    aws::bus::KinesisBus,
    capacity::Capacity,
    identity::{Identity, KEYS_EVERY, KeyFileError},
    oidc::{IssuerSettings, Issuers},
    policies::pool_identity,
    store::Store,
    studio::{Studio, demo_key},
    vending::{HOUR_S, Limits, PoolCredentials, Rate, TokenVending, attainable},
};
use danmu_partitions::Partition;
use danmu_relay::{
    moderation::{KnownBy, Means, Moderation, Reach, RolePolicies, Signer},
    relay::{FigureKeeper, Relay},
    rooms::RoomMap,
};
use danmu_stream::Endpoint;
use leptos::config::get_configuration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{
        args::{Args, Command},
        audit, decide, erase, policies, rooms as rooms_command, rotate,
    },
    config::{BusKind, Config, ServerRole},
    crowd,
    error::RunError,
    health::Health,
    http::{Admission, AppState, Door, Invitations, Site, StudioDoor, router, serve},
    listen::listen,
    rooms::{ServedRooms, StoredRooms},
    say::{announce, log_to_stderr},
    stream::{aws_options, open_stream, stream_elsewhere},
    supervise::Supervisor,
};

/// Shutdown timeout: how long requests under way may take to finish.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an HTTP/2 response: on the public port, and on the stream's own port, where a consumer
/// may be busy with what it has. A subscription ends by itself after five minutes too.
const TAKING: Duration = Duration::from_secs(30);
const TAKING_EVENTS: Duration = Duration::from_secs(300);
/// How often idle rate-limit entries of vending are removed.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Runs the server until it is told to stop.
///
/// # Errors
/// See [`RunError`]; each says what to do.
pub async fn run(args: Args) -> Result<(), RunError> {
    if !matches!(args.command, Some(Command::Policies(_) | Command::Crowd(_))) {
        // Files created from here on, the storage engines' too, are readable by this user alone.
        #[cfg(unix)]
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    }
    match args.command {
        Some(Command::Crowd(crowd)) => {
            crowd::run(crowd.into()).await?;
            return Ok(());
        }
        Some(Command::Policies(wanted)) => return Ok(policies::run(&wanted)?),
        Some(Command::RotateKey(args)) => return rotate::rotate(&args),
        Some(Command::Ban(args)) => return decide::ban(args).await,
        Some(Command::Unban(args)) => return decide::unban(args).await,
        Some(Command::Bans(args)) => return decide::list(args).await,
        Some(Command::Freeze(args)) => return decide::freeze(args, true).await,
        Some(Command::Thaw(args)) => return decide::freeze(args, false).await,
        Some(Command::Revoke(args)) => return decide::revoke(args).await,
        Some(Command::Rooms(args)) => return rooms_command::run(args).await,
        Some(Command::Audit(args)) => return audit::run(args).await,
        Some(Command::Erase(args)) => return erase::run(args).await,
        None => {}
    }
    let mut config = Config::load(&args.settings)?;
    if args.check {
        let _ = writeln!(io::stdout(), "{}", config.explain());
        return Ok(());
    }
    log_to_stderr(&config)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), bus = ?config.bus, role = ?config.role, "danmu-server starts");

    // Both ports are bound first, so that a port in use is reported before anything is opened.
    let pages = listen("http.addr", config.http.addr, "DANMU_HTTP__ADDR, or --addr")?;
    let stop = CancellationToken::new();
    let (bus, stream, stream_addr) = match config.bus {
        BusKind::Embedded if config.role == ServerRole::Relay => (stream_elsewhere(&config)?, None, None),
        BusKind::Embedded => {
            let listener = listen("stream.addr", config.stream.addr, "DANMU_STREAM__ADDR")?;
            let addr = listener.local_addr()?;
            let (bus, endpoint) = open_stream(&config, addr).await?;
            (bus, Some((endpoint, listener)), Some(addr))
        }
        BusKind::Aws => {
            let bus = KinesisBus::aws(aws_options(&config)).await?;
            if config.vending.identity_pool.is_none() {
                config.vending.duration_s = attainable(&bus.sts, config.vending.duration_s).await;
            }
            (bus, None, None)
        }
    };
    let (health, rooms) = (Health::default(), RoomMap::new(config.rooms.iter().cloned().map(Room::from)));
    let supervisor = Supervisor::new(health.clone());
    // The keys exist before the stream answers: a relay in another process needs them too.
    let identity = open_identity(&config)?;
    let stream = stream.map(|(endpoint, listener)| {
        // Most clients of this port are programs on this machine, so one network may have all of it.
        let capacity = Capacity::new(config.http.max_connections, 100);
        let serving = serve(listener, endpoint.router(), admission(&config, capacity, TAKING_EVENTS), stop.clone());
        (endpoint, supervisor.watch("connections of the stream", &stop, serving))
    });

    let (reading, addr) = (CancellationToken::new(), pages.local_addr()?);
    let relays = config.role != ServerRole::Bus;
    let store = Store::at(config.store.url.as_ref(), &config.stream.data).await?;
    let demo_key = match rooms.get(&RoomId::demo()) {
        Some(_) => Some(demo_key(&store, &config.stream.data).await?),
        None => None,
    };
    let studio = Studio::open(store.clone(), identity.clone()).await?;
    let (following, until) = (studio.clone(), stop.clone());
    let key_keeping = supervisor.restart("streamer keys", &stop, move || following.clone().follow(until.clone()));
    let (place, makers) = ((store.clone(), config.stream.data.clone()), config.room_makers());
    let stored = StoredRooms::open(place, studio.clone(), rooms.clone(), makers).await?;
    let (following, until) = (stored.clone(), stop.clone());
    supervisor.restart("rooms", &stop, move || following.clone().follow(until.clone()));
    let (moderation, work) = Moderation::open(store.clone()).await?;
    if relays {
        // Servers that read the embedded stream share the store, by its directory or by `store.url`.
        let reach = if config.bus == BusKind::Aws { Reach::Snapshot } else { Reach::Recent };
        let catching_up = moderation.catch_up(&bus, &rooms.all(), identity.verifier(), reach, reading.clone());
        supervisor.finish("reading what was decided", catching_up);
    }
    let relay = relays.then(|| {
        let (verifier, moderation) = (identity.verifier(), moderation.clone());
        Relay::start(&config.relay_options(), &rooms, &bus, verifier, moderation, addr, reading.clone())
    });
    let (relay, relaying) = relay.unzip();
    let relaying = relaying.map(|relaying| supervisor.watch("relay", &reading, whole(relaying)));
    let figuring = relay.clone().map(|relay| {
        let keep = FigureKeeper { store: store.clone(), server: relay.name().to_owned(), keep: config.figures.keep() };
        supervisor.watch("figures", &stop, relay.keep_figures(keep, stop.clone()))
    });
    let means = Means {
        bus: bus.clone(),
        signer: Signer::new(identity.clone())?,
        endpoint: stream.as_ref().map(|(endpoint, _)| endpoint.clone()),
        roles: role_policies(&config, &bus, &store),
        keep_audit: config.audit.keep(),
    };
    let moderating = supervisor.watch("moderation", &stop, work.run(means, stop.clone()));
    let (keys, until) = (identity.clone(), stop.clone());
    supervisor.restart("ticket keys", &stop, move || keep_keys(keys.clone(), until.clone()));
    let endpoint = stream.as_ref().map(|(endpoint, _)| endpoint.clone());
    let pool = config.vending.identity_pool.as_ref();
    let pool = pool.map(|settings| PoolCredentials::new(settings.pool(), settings.guests, store.clone())).transpose();
    let pool = pool.map_err(RunError::Certificates)?;
    let state = app_state(
        config,
        bus,
        (identity, store, studio),
        moderation,
        health.clone(),
        (relay.clone(), (rooms, stored), endpoint),
        pool,
    )?;
    let (limits, until) = (state.0, stop.clone());
    supervisor.restart("limits of vending", &stop, move || forget_idle(limits.clone(), until.clone()));
    // The handler is installed before the start is announced: a signal without one would kill the process.
    let ended = ended();
    announce(&state.1.config, addr, stream_addr, demo_key.as_ref());

    let http = &state.1.config.http;
    let (drain_delay, capacity) = (http.drain_delay_s, Capacity::new(http.max_connections, http.network_percent));
    let admission = admission(&state.1.config, capacity, TAKING);
    let public = stream.as_ref().map(|(endpoint, _)| endpoint.public_router());
    let door = Door::new(state.1.vending.clone(), router(state.1, public));
    let serving = supervisor.watch("connections", &stop, serve(pages, door, admission, stop.clone()));
    ended.await;
    tracing::info!(delay_s = drain_delay, "draining");
    health.drain();
    tokio::time::sleep(Duration::from_secs(drain_delay)).await;
    if let Some(relay) = &relay {
        relay.close();
    }
    // While the stream still answers, so that the reader can deregister its consumer.
    reading.cancel();
    if let Some(relaying) = relaying {
        let _ = relaying.await;
    }
    stop.cancel();
    let drained = async {
        // Subscriptions would otherwise go on.
        if let Some((endpoint, _)) = &stream {
            endpoint.end_subscriptions();
        }
        let _ = serving.await;
        // The moderation task uses the stream, so it ends first.
        let _ = moderating.await;
        if let Some(figuring) = figuring {
            let _ = figuring.await;
        }
        // It writes down refused attempts that are counted only.
        let _ = key_keeping.await;
        if let Some(relay) = relay {
            relay.ended().await;
        }
        if let Some((endpoint, serving)) = stream {
            let _ = serving.await;
            endpoint.close().await;
        }
    };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!(seconds = DRAIN.as_secs(), "some requests did not end in time");
    }
    Ok(())
}

fn app_state(
    config: Config,
    bus: KinesisBus,
    (identity, store, studio): (Identity, Store, Studio),
    moderation: Moderation,
    health: Health,
    (relay, (rooms, stored), stream): (Option<Relay>, (RoomMap, StoredRooms), Option<Endpoint>),
    pool: Option<PoolCredentials>,
) -> Result<(Limits, AppState), RunError> {
    let rate = |per_minute: u32, burst: u32| {
        let [per_minute, burst] = [per_minute, burst].map(|n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN));
        Rate { per_minute, burst }
    };
    let settings = &config.vending;
    let network = rate(settings.per_minute, settings.burst);
    let limits = Limits::new(network, rate(settings.viewer_per_minute, settings.viewer_burst));
    let issuers = Issuers::new(config.identity.issuers.clone());
    let abroad = issuers.settings().flat_map(IssuerSettings::origins);
    let connect = bus.foreign_origin().into_iter().chain(abroad).collect();
    let (duration_s, direct) = (settings.duration_s, config.direct_allowed());
    let moderating = Arc::new(moderation.clone());
    let (ruling, reviewing, naming) = (Arc::clone(&moderating), Arc::clone(&moderating), Arc::clone(&moderating));
    let vending = TokenVending::new(bus, limits.clone(), identity.clone(), moderation, duration_s, direct);
    let vending = match pool {
        Some(pool) => vending.from_pool(pool),
        None => vending,
    };
    let leptos = get_configuration(None).map_err(|error| RunError::Site(error.to_string()))?.leptos_options;
    let site = Site::of(&leptos);
    if let Some(lacks) = site.lacks() {
        tracing::error!("{lacks}");
    }
    let services = Services {
        rooms: Arc::new(ServedRooms::new(rooms, relay.clone())),
        vending: Arc::new(vending.clone()),
        studio_keys: Arc::new(StudioDoor::new(studio.clone())),
        room_keeper: Arc::new(stored),
        moderating,
        ruling,
        connect,
        ways: Ways { relay: relay.is_some(), direct: config.direct_allowed(), wants_direct: false },
        offers: issuers.settings().map(IssuerSettings::offer).collect(),
        account_module: site.account_module().map(Into::into),
        studio_module: site.studio_module().map(Into::into),
        inviting: Arc::new(Invitations::new(studio.clone())),
        auditing: Arc::new(store.clone()),
        reviewing,
        naming,
        figuring: Arc::new(store.clone()),
    };
    if !services.offers.is_empty() && services.account_module.is_none() {
        tracing::warn!("nobody can sign in: the site was built without the module for it (`cargo xtask build`)");
    }
    let config = Arc::new(config);
    let unlisted = Arc::default();
    let state = AppState {
        config,
        services,
        vending,
        identity,
        studio,
        store,
        issuers,
        leptos,
        site,
        unlisted,
        health,
        relay,
        stream,
    };
    Ok((limits, state))
}

/// The role policies that deny banned viewers on AWS; `None` without a role to edit.
fn role_policies(config: &Config, bus: &KinesisBus, store: &Store) -> Option<RolePolicies> {
    if bus.roles.is_empty() {
        return None;
    }
    let (known_by, session_s) = match &config.vending.identity_pool {
        Some(pool) => (
            KnownBy::PoolIdentity(store.clone(), pool_identity(Partition::of(pool.pool().region()))),
            // The enhanced flow gives one hour (https://aws.amazon.com/cognito/faqs/).
            HOUR_S,
        ),
        None => (KnownBy::SourceIdentity, config.vending.duration_s),
    };
    Some(RolePolicies::new(bus.roles.clone(), known_by, session_s))
}

/// The ticket keys. A relay of another process's embedded stream loads the keys which that process created.
fn open_identity(config: &Config) -> Result<Identity, KeyFileError> {
    let path = config.key_file();
    let elsewhere = config.bus == BusKind::Embedded && config.role == ServerRole::Relay;
    if elsewhere { Identity::load(&path) } else { Identity::open(&path) }
}

/// Connection limits of a port.
fn admission(config: &Config, capacity: Capacity, taking: Duration) -> Admission {
    let http = &config.http;
    Admission { capacity, proxies: http.trusted_proxies.clone(), keep_alive: http.keep_alive(), taking }
}

/// Waits for a task; a panic in it continues here.
async fn whole(task: JoinHandle<()>) {
    if let Err(error) = task.await
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

async fn forget_idle(limits: Limits, stop: CancellationToken) {
    while tokio::time::timeout(FORGET_EVERY, stop.cancelled()).await.is_err() {
        limits.forget_idle();
    }
}

/// Reloads the key file regularly.
async fn keep_keys(identity: Identity, stop: CancellationToken) {
    while tokio::time::timeout(KEYS_EVERY, stop.cancelled()).await.is_err() {
        identity.refresh();
    }
}

/// Waits for Ctrl-C or SIGTERM. The SIGTERM handler is installed by this call, not by the first poll.
fn ended() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let terminated = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).ok()
    };
    async move {
        #[cfg(unix)]
        if let Some(mut terminated) = terminated {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}
