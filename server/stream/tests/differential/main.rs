//! The same histories for our endpoint and for the emulators that others wrote: whatever differs is a fault, or a known
//! difference with the documentation that says who is right.
//!
//! `DIFFERENTIAL_SEED` repeats a history, `DIFFERENTIAL_STEPS` makes it longer, `DIFFERENTIAL_HISTORIES` asks for more of
//! them. What takes time (iterators of five minutes, retention of a day) has tests of its own, with a clock that can be moved.

mod act;
mod chance;
mod history;
mod known;
mod subjects;

use std::{
    collections::HashSet,
    env,
    error::Error,
    time::{SystemTime, UNIX_EPOCH},
};

use self::{
    act::{Act, From, Memory, Outcome, STREAM, act},
    chance::Chance,
    history::{Scene, next},
    known::{KNOWN, Known},
    subjects::Subject,
};

type Failure = Box<dyn Error + Send + Sync>;
type Test = Result<(), Failure>;

/// All subjects, and what each remembers.
struct Trial {
    subjects: Vec<(Subject, Memory)>,
    told: Vec<String>,
    /// The known differences that were met.
    met: HashSet<usize>,
}

impl Trial {
    async fn start() -> Result<Self, Failure> {
        let subjects = subjects::all().await?.into_iter().map(|subject| (subject, Memory::default())).collect();
        Ok(Self { subjects, told: Vec::new(), met: HashSet::new() })
    }

    /// Does it to all, and says what differs that nobody knew of. Gives what became of it with ours.
    async fn step(&mut self, what: &Act) -> Result<Outcome, Failure> {
        let mut ours: Option<Outcome> = None;
        self.told.push(format!("{what:?}"));
        for (subject, memory) in &mut self.subjects {
            let outcome = act(subject, memory, what)
                .await
                .map_err(|error| format!("{:?}, {what:?}: {error}\n{}", subject.name, self.told.join("\n")))?;
            let Some(ours) = &ours else {
                ours = Some(outcome);
                continue;
            };
            let fields: HashSet<_> = ours.iter().chain(&outcome).map(|(field, _)| *field).collect();
            for field in fields {
                let of =
                    |outcome: &Outcome| outcome.iter().find(|(name, _)| *name == field).map(|(_, value)| value.clone());
                let (our, their) = (of(ours), of(&outcome));
                if our == their {
                    continue;
                }
                let difference = (subject.name, what, field, our.as_deref(), their.as_deref());
                match KNOWN.iter().position(|known| known.is(difference)) {
                    Some(known) => drop(self.met.insert(known)),
                    None => {
                        let told = self.told.join("\n  ");
                        return Err(format!(
                            "{:?} differs in {field}:\n  ours   {our:?}\n  theirs {their:?}\nafter\n  {told}",
                            subject.name
                        )
                        .into());
                    }
                }
            }
        }
        ours.ok_or_else(|| "nobody was asked".into())
    }

    /// How the stream stands, by our own listing.
    async fn look(&self, scene: &mut Scene) -> Test {
        let (ours, memory) = &self.subjects[0];
        let answer = ours.client.list_shards().stream_name(STREAM).send().await?;
        scene.shards = Vec::new();
        for shard in answer.shards.unwrap_or_default() {
            let range = shard.hash_key_range.ok_or("a shard without a range")?;
            let closed = shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some());
            scene.shards.push((
                shard.shard_id,
                range.starting_hash_key.parse()?,
                range.ending_hash_key.parse()?,
                closed,
            ));
        }
        scene.places = memory.places.iter().map(|(record, (shard, _))| (*record, shard.clone())).collect();
        scene.places.sort();
        Ok(())
    }
}

fn number(variable: &str, otherwise: u64) -> Result<u64, Failure> {
    env::var(variable)
        .map_or(Ok(otherwise), |text| text.parse().map_err(|_| format!("{variable}={text} is no number").into()))
}

async fn live_through(seed: u64, steps: u64) -> Test {
    let (mut trial, mut chance, mut scene) = (Trial::start().await?, Chance(seed), Scene::default());
    trial.step(&Act::Create { name: STREAM, shards: 1 }).await?;
    for _ in 0..steps {
        trial.look(&mut scene).await?;
        let what = next(&mut chance, &mut scene);
        let outcome = trial.step(&what).await?;
        if let Act::Put { key, hash, .. } = &what {
            assert!(
                scene.is_home(key, hash.as_deref(), &outcome),
                "{what:?} went to {outcome:?} of {:?}",
                scene.shards
            );
        }
    }
    // At the end, everything once more.
    trial.look(&mut scene).await?;
    trial.step(&Act::Shards).await?;
    for (shard, ..) in scene.shards {
        trial.step(&Act::Read { shard, from: From::Horizon }).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_end_alike_here_and_there() -> Test {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (first, steps) = (number("DIFFERENTIAL_SEED", now)?, number("DIFFERENTIAL_STEPS", 60)?);
    for seed in first..first + number("DIFFERENTIAL_HISTORIES", 1)? {
        eprintln!("DIFFERENTIAL_SEED={seed} DIFFERENTIAL_STEPS={steps}");
        live_through(seed, steps).await.map_err(|error| format!("DIFFERENTIAL_SEED={seed}: {error}"))?;
    }
    Ok(())
}

/// Short histories in which each known difference shows.
fn tour() -> Vec<Vec<Act>> {
    let half = (u128::MAX / 2 + 1).to_string();
    let create = |shards| Act::Create { name: STREAM, shards };
    let put = |record| Act::Put { record, key: "k".into(), hash: Some("7".into()) };
    let read = |from| Act::Read { shard: "shardId-000000000000".into(), from };
    let split = |at: &str| Act::Split { shard: "shardId-000000000000".into(), at: at.into() };
    let merge = |shard: &str, adjacent: &str| Act::Merge { shard: shard.into(), adjacent: adjacent.into() };
    vec![
        vec![
            create(1),
            put(1),
            Act::Pause,
            read(From::Horizon),
            split(&half),
            read(From::Horizon),
            Act::Retention { hours: 8_760, longer: true },
            split("7"),
        ],
        vec![create(1), split(&half), merge("shardId-000000000002", "shardId-000000000001")],
        vec![create(2), Act::Shards, Act::Nonsense { iterator: "AAAA".into() }],
        vec![create(1), split("0")],
        vec![create(1), Act::PutMany((0..501).map(|record| (record, "k".into(), None)).collect())],
        [create(1)]
            .into_iter()
            .chain((1..=5).flat_map(|record| [put(record), Act::Pause]))
            .chain((2..=5).map(|record| read(From::Time(record))))
            .collect(),
        vec![create(1), Act::Count(2), Act::Shards, Act::Summary],
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_known_difference_is_still_there() -> Test {
    let (mut met, mut asked) = (HashSet::new(), HashSet::new());
    for acts in tour() {
        let mut trial = Trial::start().await?;
        for what in acts {
            trial.step(&what).await?;
        }
        met.extend(trial.met);
        asked.extend(trial.subjects.iter().map(|(subject, _)| subject.name));
    }
    let gone: Vec<_> = KNOWN
        .iter()
        .enumerate()
        .filter(|(at, known)| asked.contains(&known.name) && !met.contains(at))
        .map(|(_, Known { name, what, source, .. })| format!("{name:?}: {what} ({source})"))
        .collect();
    assert!(gone.is_empty(), "no longer so; take it out of the table:\n{}", gone.join("\n"));
    Ok(())
}
