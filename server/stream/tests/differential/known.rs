//! Where the emulators differ from us and we are right: each with the documentation that says so.

use crate::{
    act::{Act, From},
    subjects::Name,
};

/// Somebody, at some step, in some field: our value and theirs.
pub type Difference<'a> = (Name, &'a Act, &'static str, Option<&'a str>, Option<&'a str>);

/// A known difference.
pub struct Known {
    /// Whose.
    pub name: Name,
    /// What they do otherwise.
    pub what: &'static str,
    /// Who is right: a page of <https://docs.aws.amazon.com/kinesis/latest/APIReference/>.
    pub source: &'static str,
    /// Whether this is it.
    pub is: fn(&Act, &str, Option<&str>, Option<&str>) -> bool,
}

impl Known {
    pub fn is(&self, (name, act, field, ours, theirs): Difference<'_>) -> bool {
        self.name == name && (self.is)(act, field, ours, theirs)
    }
}

pub const KNOWN: &[Known] = &[
    Known {
        name: Name::Ferrokinesis,
        what: "at the newest record it says that the reader is behind",
        source: "API_GetRecords.html: zero for MillisBehindLatest indicates that record processing is caught up",
        is: |_, field, ours, theirs| field == "behind" && ours == Some("Some(0)") && theirs.is_some(),
    },
    Known {
        name: Name::Ferrokinesis,
        what: "it does not name the children of a shard that ends",
        source: "API_GetRecords.html: ChildShards is given when the current data shard has been closed and read",
        is: |_, field, ours, theirs| field == "children" && ours.is_some() && theirs == Some(""),
    },
    Known {
        name: Name::Ferrokinesis,
        what: "it keeps nothing for a year, and finds more than it keeps no valid request",
        source: "API_IncreaseStreamRetentionPeriod.html: up to 8760 hours, else InvalidArgumentException",
        is: |act, field, ours, theirs| {
            let year = matches!(act, Act::Retention { hours: 8_760.., .. });
            year && field == "error" && ours != theirs && theirs == Some("ValidationException")
        },
    },
    Known {
        name: Name::Ferrokinesis,
        what: "it splits a shard that is closed",
        source: "API_SplitShard.html: InvalidArgumentException for a parameter that cannot be used; a shard is split once",
        is: |act, field, ours, theirs| {
            let refused = (ours, theirs) == (Some("InvalidArgumentException"), Some("none"));
            matches!(act, Act::Split { .. }) && field == "error" && refused
        },
    },
    Known {
        name: Name::KinesisLocal,
        what: "it calls a shard that is closed a resource in use",
        source: "API_SplitShard.html: ResourceInUseException is for a stream that is not ACTIVE, and passes",
        is: |act, field, ours, theirs| {
            let differs = (ours, theirs) == (Some("InvalidArgumentException"), Some("ResourceInUseException"));
            matches!(act, Act::Split { .. } | Act::Merge { .. }) && field == "error" && differs
        },
    },
    Known {
        name: Name::Ferrokinesis,
        what: "it knows arrival times by the second only, rounded, so that the last one may be in the future",
        source: "API_Record.html: the arrival timestamp has millisecond precision",
        is: |act, _, _, _| matches!(act, Act::Read { from: From::Time(_), .. }),
    },
    Known {
        name: Name::Ferrokinesis,
        what: "it merges neighbours in the order of their keys only",
        source: "API_MergeShards.html: adjacent if the union of the ranges forms a contiguous set; no order is asked for",
        is: merged_in_order_only,
    },
    Known {
        name: Name::Ferrokinesis,
        what: "the shards that a changed number of them makes have no parents",
        source: "API_UpdateShardCount.html: Kinesis Data Streams performs splits or merges on individual shards",
        is: |act, field, ours, theirs| {
            let have_parents = |shards: Option<&str>| shards.is_some_and(|shards| shards.contains("of [\""));
            matches!(act, Act::Shards) && field == "shards" && have_parents(ours) && !have_parents(theirs)
        },
    },
    Known {
        name: Name::KinesisLocal,
        what: "it merges neighbours in the order of their keys only",
        source: "API_MergeShards.html: adjacent if the union of the ranges forms a contiguous set; no order is asked for",
        is: merged_in_order_only,
    },
    Known {
        name: Name::KinesisLocal,
        what: "it cuts the hash keys of a new stream one too low",
        source: "API_DescribeStream.html: of two shards the first ends with 170141183460469231731687303715884105727",
        is: |act, field, ours, theirs| {
            let cut = |shards: Option<&str>, end: &str| shards.is_some_and(|shards| shards.contains(end));
            let ours = cut(ours, "884105727\")");
            matches!(act, Act::Shards) && field == "shards" && ours && cut(theirs, "884105726\")")
        },
    },
    Known {
        name: Name::KinesisLocal,
        what: "it splits a shard at its first hash key, into nothing and all of it",
        source: "API_SplitShard.html: all hash keys below the new starting one go to one child, so there must be some",
        is: |act, field, ours, theirs| {
            let refused = (ours, theirs) == (Some("InvalidArgumentException"), Some("none"));
            matches!(act, Act::Split { .. }) && field == "error" && refused
        },
    },
    Known {
        name: Name::KinesisLocal,
        what: "it fails over an iterator that nobody gave out",
        source: "API_GetRecords.html: InvalidArgumentException for a parameter that is not valid",
        is: |act, field, ours, theirs| {
            let failed = (ours, theirs) == (Some("InvalidArgumentException"), Some("HTTP 500"));
            matches!(act, Act::Nonsense { .. }) && field == "error" && failed
        },
    },
    Known {
        name: Name::KinesisLocal,
        what: "it takes more than 500 records a call",
        source: "API_PutRecords.html: an array of 1 to 500 records",
        is: |act, _, _, _| matches!(act, Act::PutMany(records) if records.len() > 500),
    },
];

fn merged_in_order_only(act: &Act, field: &str, ours: Option<&str>, theirs: Option<&str>) -> bool {
    let refused = (ours, theirs) == (Some("none"), Some("InvalidArgumentException"));
    matches!(act, Act::Merge { .. }) && field == "error" && refused
}
