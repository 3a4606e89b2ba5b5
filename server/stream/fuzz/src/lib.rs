//! What the fuzz targets share: an endpoint with something in it, in a world where time passes only when it is told to.

use std::{
    future::Future,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use danmu_stream::{
    Clock, Endpoint, Options,
    fuzzing::{Subject, Way},
};
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Runtime},
    sync::Mutex,
};

/// The time of day in here, milliseconds since the epoch: 2024-11-19, 07:06:40 UTC.
pub const NOW_MS: i64 = 1_732_000_000_000;
/// The root key.
pub const KEY_ID: &str = "AKIAAAAAAAAAAAAAAAAA";
/// Its secret; a target that signs knows it, the inputs do not.
pub const SECRET: &str = "ssssssssssssssssssssssssssssssssssssssss";

/// Every operation of the API, and one that does not exist.
pub const OPERATIONS: [&str; 29] = [
    "PutRecord",
    "PutRecords",
    "GetRecords",
    "GetShardIterator",
    "ListShards",
    "CreateStream",
    "DescribeStream",
    "DescribeStreamSummary",
    "SplitShard",
    "MergeShards",
    "ListStreams",
    "DeleteStream",
    "UpdateShardCount",
    "IncreaseStreamRetentionPeriod",
    "DecreaseStreamRetentionPeriod",
    "RegisterStreamConsumer",
    "DescribeStreamConsumer",
    "ListStreamConsumers",
    "DeregisterStreamConsumer",
    "SubscribeToShard",
    "DescribeLimits",
    "AddTagsToStream",
    "UpdateStreamMode",
    "NoSuchOperation",
    "RemoveTagsFromStream",
    "ListTagsForStream",
    "TagResource",
    "UntagResource",
    "ListTagsForResource",
];

/// What browsers may call.
pub const DATA_PLANE: usize = 5;

struct Standing;

impl Clock for Standing {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }
}

/// The endpoint that inputs are tried on, made at the first of them.
pub struct World {
    subject: Subject,
    runtime: Runtime,
    _dir: TempDir,
}

// The runtime has one thread, and so has a fuzzer: the lock is never waited for.
static WORLD: OnceLock<Mutex<World>> = OnceLock::new();

/// Runs one input in the world.
pub fn within<T>(run: impl AsyncFnOnce(&Subject) -> T) -> T {
    let world = WORLD.get_or_init(|| Mutex::new(World::new())).blocking_lock();
    world.runtime.block_on(async {
        // Long enough for every allowance to be full again.
        tokio::time::advance(Duration::from_secs(2)).await;
        run(&world.subject).await
    })
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory for the log");
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        let subject = runtime.block_on(furnished(dir.path()));
        Self { subject, runtime, _dir: dir }
    }
}

/// The stream `s`: four shards at first, of which one was split; some records, and a consumer where there are any.
async fn furnished(dir: &Path) -> Subject {
    let key = serde_json::json!({ "access_key_id": KEY_ID, "secret_access_key": SECRET });
    std::fs::write(dir.join("root-key.json"), key.to_string()).expect("a key that is known");
    let mut options = Options::new(dir);
    options.clock = Arc::new(Standing);
    options.strict_reads = true;
    let endpoint = Endpoint::open(options).await.expect("an endpoint");
    endpoint.ensure_stream("s", 4).await.expect("a stream");
    let subject = Subject::new(endpoint);
    for n in 0..20 {
        let body = format!(r#"{{"StreamName":"s","PartitionKey":"k{n}","Data":"AAEC"}}"#);
        call(&subject, "PutRecord", &body).await.expect("a put");
    }
    let split = r#"{"StreamName":"s","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"5"}"#;
    call(&subject, "SplitShard", split).await.expect("a split");
    let consumer = r#"{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s","ConsumerName":"c"}"#;
    let _ = call(&subject, "RegisterStreamConsumer", consumer).await;
    subject.seal().await;
    subject
}

fn call<'a>(
    subject: &'a Subject,
    operation: &'a str,
    body: &'a str,
) -> impl Future<Output = Result<Vec<u8>, (&'static str, String)>> + 'a {
    subject.kinesis(operation, Way { cbor: false, public: false }, body.as_bytes())
}

/// Whether an endpoint that takes no writes may answer so. What it may never say is that it failed.
pub fn is_fair(refusal: &str) -> bool {
    refusal != "InternalFailure"
}
