//! The policies of `deploy/policies` are minimal: with each of them, its code works against the real endpoint, and without
//! any one of its actions the code does not.

use std::{net::SocketAddr, time::Duration};

use aws_credential_types::Credentials;
use danmu::{
    kinesis::{Client, Clock, Event, Keeper, Options, Producer, Reader, Scope, StreamCursor, Vend, VendError},
    rights::Rights,
    room::RoomId,
    session::{Purpose, Session},
    viewer::ViewerId,
};
use danmu_app::services::Caller;
use danmu_identity::{
    aws::bus::KinesisBus,
    policies::{Part, Policy, PolicyScope},
};
use danmu_relay::relay::take::reader::{self, ReadMode, ReaderOptions, Reading};
use danmu_server::crowd::Native;
use danmu_stream::Endpoint;
use tempfile::TempDir;
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    vending::vending_on,
    world::{Failure, PATIENCE, REGION, STREAM, Test, story},
};

const ACCOUNT: &str = "000000000000";

/// How long who was refused something has to do without it. What may do everything is never refused, and has no such limit.
const ALL_THE_SAME: Duration = Duration::from_secs(3);

/// An endpoint that judges sessions by their policies whatever they ask for, as IAM does.
struct Aws {
    endpoint: Endpoint,
    addr: SocketAddr,
    place: PolicyScope,
    _dir: TempDir,
}

impl Aws {
    async fn start() -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let mut options = danmu_stream::Options::new(dir.path().join("data"));
        options.sessions_may_control = true;
        let endpoint = Endpoint::open(options).await?;
        endpoint.ensure_stream(STREAM, 1).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let router = endpoint.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut place = PolicyScope::to_fill_in("aws").in_region(REGION);
        place.account = ACCOUNT.to_owned();
        Ok(Self { endpoint, addr, place, _dir: dir })
    }

    fn bus(&self, credentials: Credentials) -> KinesisBus {
        KinesisBus::embedded(self.addr, credentials, ACCOUNT, REGION, STREAM)
    }

    fn root(&self) -> KinesisBus {
        let key = self.endpoint.root_key();
        self.bus(Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "root"))
    }

    /// Credentials that may do what the policy says, and nothing else.
    async fn limited(&self, source_identity: &str, policy: &Policy) -> Result<Credentials, Failure> {
        let root = self.root();
        let asked = root.sts.assume_role().role_arn(&root.role_arn).role_session_name("tried-out");
        let name = (!source_identity.is_empty()).then(|| source_identity.to_owned());
        let answer = asked.set_source_identity(name).policy(policy.compact()).send().await?;
        let given = answer.credentials.ok_or("no credentials")?;
        Ok(Credentials::new(given.access_key_id, given.secret_access_key, Some(given.session_token), None, "limited"))
    }

    /// The browser's client.
    fn client(&self, credentials: &Credentials, purpose: Purpose) -> Client<Native, Given> {
        let session = Session {
            access_key_id: credentials.access_key_id().to_owned(),
            secret_access_key: credentials.secret_access_key().to_owned(),
            session_token: credentials.session_token().unwrap_or_default().to_owned(),
            expiration: i64::MAX,
            vended_at: danmu_stream::Clock::now_ms(&danmu_stream::SystemClock),
            region: REGION.to_owned(),
            endpoint: format!("http://{}/", self.addr),
            stream: STREAM.to_owned(),
            partition_key: "demo".to_owned(),
            ticket: None,
            ticket_keys: Vec::new(),
            bans: Vec::new(),
        };
        Client::new(Keeper::new(Clock::new(Native::new()), Given(session), purpose), "")
    }

    /// How many calls were refused for what they may not do.
    fn denied(&self) -> u64 {
        self.endpoint.metrics().rejected.get("AccessDeniedException").copied().unwrap_or(0)
    }

    /// Waits until more than so many were, and then for what goes on all the same.
    async fn denies_more_than(&self, calls: u64) {
        while self.denied() <= calls {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(ALL_THE_SAME).await;
    }

    /// How many consumers the stream has.
    async fn consumers(&self) -> Result<i32, Failure> {
        let summary = self.root().kinesis.describe_stream_summary().stream_name(STREAM).send().await?;
        Ok(summary.stream_description_summary.and_then(|summary| summary.consumer_count).unwrap_or_default())
    }

    async fn put_by_root(&self) -> Test {
        let data = aws_sdk_kinesis::primitives::Blob::new("hi");
        self.root().kinesis.put_record().stream_name(STREAM).partition_key("demo").data(data).send().await?;
        Ok(())
    }
}

/// One session, whoever asks.
struct Given(Session);

impl Vend for Given {
    async fn vend(&self, _: Purpose) -> Result<Session, VendError> {
        Ok(self.0.clone())
    }
}

/// What a viewer's page does who speaks: one danmu alone, and then several at once.
async fn speaks(aws: &Aws, credentials: Credentials) -> Result<bool, Failure> {
    let options = Options { deadline: PATIENCE, ..Options::default() };
    let producer = Producer::new(aws.client(&credentials, Purpose::Produce), options);
    let alone = producer.put(b"alone".to_vec(), "demo").await;
    let puts = (0..3).map(|_| producer.put(b"together".to_vec(), "demo"));
    let together = futures::future::join_all(puts).await;
    Ok(alone.is_ok() && together.iter().all(Result::is_ok))
}

/// What a page does that reads the stream itself.
async fn reads(aws: &Aws, credentials: Credentials) -> Result<bool, Failure> {
    let client = aws.client(&credentials, Purpose::Consume);
    let mut reader = Reader::new(client, Scope::PartitionKey("demo".to_owned()), StreamCursor::at(0));
    let read = async { while !matches!(reader.next().await, Event::Records(_)) {} };
    let denied = aws.denied();
    tokio::select! {
        read = timeout(PATIENCE, read) => Ok(read.is_ok()),
        () = aws.denies_more_than(denied) => Ok(false),
    }
}

/// What a relay does: it reads, and takes back its consumer where it has one, and those that it left behind before.
async fn relays(aws: &Aws, credentials: Credentials, kind: ReadMode) -> Result<bool, Failure> {
    let (bus, root) = (aws.bus(credentials), aws.root());
    if kind == ReadMode::EnhancedFanOut {
        let register = root.kinesis.register_stream_consumer().stream_arn(root.stream_arn());
        register.consumer_name("danmu-relay-relay.1").send().await?;
    }
    let (stop, options) = (CancellationToken::new(), ReaderOptions { kind, since_ms: 0, consumer: "relay".to_owned() });
    let (mut readings, stats) = reader::start(bus.kinesis, STREAM.to_owned(), options, stop.clone());
    let read = async {
        let (mut records, mut caught_up) = (false, false);
        let pushed = || kind == ReadMode::Polling || stats.get().subscriptions > 0;
        while !(records && caught_up && pushed()) {
            // It polls until it is pushed to, which nothing tells.
            match timeout(Duration::from_millis(20), readings.recv()).await {
                Ok(Some(Reading::Records(_))) => records = true,
                Ok(Some(Reading::CaughtUp)) => caught_up = true,
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => return false,
            }
        }
        true
    };
    let denied = aws.denied();
    let read = tokio::select! {
        read = timeout(PATIENCE, read) => read.unwrap_or(false),
        () = aws.denies_more_than(denied) => false,
    };
    let denied = aws.denied();
    stop.cancel();
    while timeout(PATIENCE, readings.recv()).await?.is_some() {}
    // It has taken its consumers back by now, or was refused that.
    let gone = async {
        while aws.consumers().await? > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<_, Failure>(())
    };
    let left = tokio::select! {
        gone = timeout(PATIENCE, gone) => gone.is_err(),
        () = aws.denies_more_than(denied) => aws.consumers().await? > 0,
    };
    if left {
        let listed = root.kinesis.list_stream_consumers().stream_arn(root.stream_arn()).send().await?;
        for consumer in listed.consumers() {
            root.kinesis.deregister_stream_consumer().consumer_arn(&consumer.consumer_arn).send().await?;
        }
    }
    Ok(read && !left)
}

/// What a server does that vends sessions.
async fn vends(aws: &Aws, credentials: Credentials) -> Result<bool, Failure> {
    let (vending, _kept) = vending_on(aws.bus(credentials)).await?;
    let (addr, viewer) = ([127, 0, 0, 1].into(), ViewerId::guest(7));
    let caller = Caller { addr, viewer, name: None, rights: Rights::default(), login: None };
    let produce = vending.session(RoomId::demo(), Purpose::Produce, None, caller.clone()).await;
    let consume = vending.session(RoomId::demo(), Purpose::Consume, None, caller).await;
    Ok(produce.is_ok() && consume.is_ok())
}

/// The same policy without one of its actions, for each of them.
fn with_one_less(policy: &Policy) -> Vec<(String, Policy)> {
    let actions: Vec<_> = policy.statement.iter().flat_map(|statement| statement.action.clone()).collect();
    let without = |action: String| {
        let mut policy = policy.clone();
        for statement in &mut policy.statement {
            statement.action.retain(|other| *other != action);
        }
        policy.statement.retain(|statement| !statement.action.is_empty());
        (action, policy)
    };
    actions.into_iter().map(without).collect()
}

fn both(one: &Policy, other: &Policy) -> Policy {
    let mut policy = one.clone();
    policy.statement.extend(other.statement.iter().cloned());
    policy
}

/// Works with the policy beside what it has already, and not with any action less.
async fn needs_all_of(
    aws: &Aws,
    part: Part,
    besides: Option<Part>,
    works: impl AsyncFn(Credentials) -> Result<bool, Failure>,
) -> Test {
    let besides = besides.map(|part| part.policy(&aws.place));
    let whole = |policy: &Policy| besides.as_ref().map_or_else(|| policy.clone(), |besides| both(besides, policy));
    let policy = part.policy(&aws.place);
    assert!(works(aws.limited("", &whole(&policy)).await?).await?, "{part:?} is too little");
    for (action, less) in with_one_less(&policy) {
        let less = if less.statement.is_empty() && besides.is_none() { nothing() } else { whole(&less) };
        assert!(!works(aws.limited("", &less).await?).await?, "{part:?} does not need {action}");
    }
    Ok(())
}

/// A policy must say something.
fn nothing() -> Policy {
    Policy::allowing(&["kinesis:ListStreams"], "*")
}

#[test]
fn viewers_speak_by_the_producers_policy_and_by_nothing_less() -> Test {
    story(async {
        let aws = Aws::start().await?;
        needs_all_of(&aws, Part::Producer, None, async |credentials| speaks(&aws, credentials).await).await
    })
}

#[test]
fn pages_read_directly_by_the_consumers_policy_and_by_nothing_less() -> Test {
    story(async {
        let aws = Aws::start().await?;
        aws.put_by_root().await?;
        needs_all_of(&aws, Part::Consumer, None, async |credentials| reads(&aws, credentials).await).await
    })
}

#[test]
fn a_relay_polls_by_its_policy_and_by_nothing_less() -> Test {
    story(async {
        let aws = Aws::start().await?;
        aws.put_by_root().await?;
        let polls = async |credentials| relays(&aws, credentials, ReadMode::Polling).await;
        needs_all_of(&aws, Part::Relay, None, polls).await
    })
}

#[test]
fn a_relay_is_pushed_records_by_the_policies_for_it_and_by_nothing_less() -> Test {
    story(async {
        let aws = Aws::start().await?;
        aws.put_by_root().await?;
        let pushed = async |credentials| relays(&aws, credentials, ReadMode::EnhancedFanOut).await;
        needs_all_of(&aws, Part::RelayFanOut, Some(Part::Relay), pushed).await
    })
}

#[test]
fn sessions_are_vended_by_the_vending_policy_and_by_nothing_less() -> Test {
    story(async {
        let aws = Aws::start().await?;
        needs_all_of(&aws, Part::Vending, None, async |credentials| vends(&aws, credentials).await).await
    })
}

#[test]
fn the_templates_deny_whom_they_name_and_nobody_else() -> Test {
    story(async {
        let aws = Aws::start().await?;
        let producer = Part::Producer.policy(&aws.place);
        let banned = both(&producer, &Part::Ban.policy(&aws.place));
        assert!(!speaks(&aws, aws.limited("VIEWER", &banned).await?).await?);
        assert!(speaks(&aws, aws.limited("someone", &banned).await?).await?);
        for (than, speaks_still) in [("2000-01-01T00:00:00Z", true), ("9999-01-01T00:00:00Z", false)] {
            let revoked = both(&producer, &Policy::denying_older(than));
            assert_eq!(speaks(&aws, aws.limited("other", &revoked).await?).await?, speaks_still, "{than}");
        }
        Ok(())
    })
}
