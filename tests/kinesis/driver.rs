//! Drives the reader's state machine against the model stream: calls that take their time, fail in some way, or are
//! refused, and scripts of what happens to the stream meanwhile.

use danmu::kinesis::{
    Error, Event, Scope, State, StreamCursor,
    machine::{Call, CallReply, Machine, MachineStep},
};
use proptest::prelude::*;

use crate::{
    model::Model,
    world::{EPOCH_MS, random},
};

pub fn failed(call: &Call, error: Error) -> CallReply {
    match call {
        Call::ListShards { .. } => CallReply::Shards(Err(error)),
        Call::Iterator { shard_id, .. } => CallReply::Iterator(shard_id.clone(), Err(error)),
        Call::Records { shard_id, .. } => CallReply::Records(shard_id.clone(), Err(error)),
    }
}

/// A reader, its calls under way, and what it has told so far.
pub struct Driver {
    pub machine: Machine,
    under_way: Vec<(i64, i64, Call)>,
    pub got: Vec<(i64, danmu::kinesis::Record)>,
    pub states: Vec<State>,
    pub calls: u64,
    seed: u64,
    /// Of a hundred calls, how many fail in some way.
    pub faults: u64,
    begins: i64,
}

impl Driver {
    /// Begins at the time it is to read from: a start in the future is not a thing to ask for.
    pub fn new(scope: Scope, position: StreamCursor, seed: u64, faults: u64) -> Self {
        let begins = position.since_ms;
        let machine = Machine::new(scope, position);
        Self { machine, under_way: vec![], got: vec![], states: vec![], calls: 0, seed, faults, begins }
    }

    /// Does what is to be done at `now`; answers when to come back.
    pub fn turn(&mut self, model: &mut Model, now: i64) -> i64 {
        if now < self.begins {
            return self.begins;
        }
        while let Some(index) = self.under_way.iter().position(|(done, ..)| *done <= now) {
            let (_, began, call) = self.under_way.swap_remove(index);
            let answer = self.outcome(model, &call, began, now);
            self.machine.answer(answer, now, random(&mut self.seed));
        }
        let next = loop {
            match self.machine.step(now) {
                MachineStep::Call(call) => {
                    self.calls += 1;
                    let way = 5 + (random(&mut self.seed) % 20) as i64;
                    let admitted = match &call {
                        Call::Records { shard_id, .. } => {
                            // A shard of a stream that is gone has no limit.
                            model.index(shard_id).map_or(Some(now + way), |index| model.admit(index, now + way))
                        }
                        _ => Some(now + way),
                    };
                    // A refusal is known by its negative beginning.
                    let (done, began) = admitted.map_or((now + way, -1), |at| (at + 1, at));
                    self.under_way.push((done, began, call));
                }
                MachineStep::Wait(until) => {
                    assert!(until > now, "a wait for the past");
                    break until;
                }
                MachineStep::Idle => break i64::MAX,
            }
        };
        while let Some(event) = self.machine.event() {
            match event {
                Event::Records(records) => self.got.extend(records.into_iter().map(|record| (now, record))),
                Event::State(state) => self.states.push(state),
            }
        }
        self.under_way.iter().map(|(done, ..)| *done).chain([next]).min().unwrap_or(i64::MAX)
    }

    fn outcome(&mut self, model: &mut Model, call: &Call, began: i64, now: i64) -> CallReply {
        if began < 0 {
            return failed(call, Error::from_code("ProvisionedThroughputExceededException", "5 reads", 400));
        }
        let answer = model.answer(call, now);
        if random(&mut self.seed) % 100 >= self.faults {
            return answer;
        }
        let reading = matches!(call, Call::Records { .. });
        match random(&mut self.seed) % 6 {
            0 => failed(call, Error::from_code("ProvisionedThroughputExceededException", "", 400)),
            1 => failed(call, Error::from_code("InternalFailure", "", 500)),
            // The service answered, and nobody heard it.
            2 | 3 => failed(call, Error::network("reset".into())),
            4 if reading => failed(call, Error::from_code("ExpiredIteratorException", "", 400)),
            _ => failed(call, Error::from_code("ExpiredTokenException", "", 400)),
        }
    }
}

/// Runs the world: `script` acts at its times, the reader in between; then it gets `rest_ms` to finish.
pub fn run(driver: &mut Driver, model: &mut Model, script: &[(i64, Act)], rest_ms: i64, scope: &Scope) -> i64 {
    let mut now = EPOCH_MS;
    let end = script.last().map_or(now, |(at, _)| *at) + rest_ms;
    let mut acts = script.iter().peekable();
    let mut came_back = driver.turn(model, now);
    while now < end {
        let act = acts.peek().map_or(end, |(at, _)| *at);
        now = act.min(came_back).min(end);
        while let Some((_, act)) = acts.next_if(|(at, _)| *at <= now) {
            match act {
                Act::Put(key) => {
                    model.put(&format!("key {}", key % 6), now);
                }
                Act::Split(pick) => model.split(*pick),
                Act::Merge(pick) => model.merge(*pick),
                Act::MakeAnew(shards) => model.make_anew(1 + shards % 4),
                Act::Restart => {
                    // The reader goes down with whatever it had under way, and comes back from its position.
                    let text = serde_json::to_string(&driver.machine.position()).expect("JSON");
                    let position = serde_json::from_str(&text).expect("the same JSON");
                    driver.machine = Machine::new(scope.clone(), position);
                    driver.under_way.clear();
                }
            }
        }
        came_back = driver.turn(model, now);
    }
    now
}

#[derive(Clone, Debug)]
pub enum Act {
    Put(u64),
    Split(u64),
    Merge(u64),
    Restart,
    MakeAnew(u64),
}

pub fn script() -> impl Strategy<Value = Vec<(i64, Act)>> {
    let act = prop_oneof![
        12 => any::<u64>().prop_map(Act::Put),
        2 => any::<u64>().prop_map(Act::Split),
        2 => any::<u64>().prop_map(Act::Merge),
        1 => Just(Act::Restart),
        1 => any::<u64>().prop_map(Act::MakeAnew),
    ];
    let pause = prop_oneof![8 => 0_i64..400, 1 => 1_000_i64..20_000];
    proptest::collection::vec((pause, act), 1..150).prop_map(|acts| {
        let mut at = EPOCH_MS;
        acts.into_iter()
            .map(|(pause, act)| {
                at += pause;
                (at, act)
            })
            .collect()
    })
}
