//! What it costs to know whose a record is: records a second through verification and gate, on one core, beside what
//! `ed25519-dalek` itself needs for its signatures in the same run. `cargo xtask bench verify`, or `cargo bench -p danmu-server
//! --bench verify`.
//!
//! When every ticket is new, when tickets repeat, and when nothing is true: tickets that another key signed, and true tickets
//! under which somebody else signs. Each load is run in turns with the bare library, several times, and the best of each
//! counts, so that what else the machine does weighs on neither.

#[path = "../../stream/benches/kit/mod.rs"]
mod kit;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use danmu::{
    gate::{Counts, Gate, Incoming},
    record::{Danmu, RecordId},
    room::{Pace, Room, RoomId, Unsigned},
    session::TicketKey,
    ticket::{Claims, Proof, PublicKey, Signature, unsigned},
    viewer::{Role, ViewerId},
};
use danmu_identity::{identity::RecordVerifier, unicode::UNICODE};
use ed25519_dalek::{SignatureError, Signer, SigningKey, Verifier as _, VerifyingKey};
use serde_json::{Value, json};

use self::kit::{Failure, Noise, figure, grouped};

/// Records a second when every ticket is new, and when nothing is true, at least.
const LEAST_RATE: f64 = 5_000.0;
/// When tickets repeat: of what the bare library verifies, not strictly, at least.
const LEAST_SHARE: f64 = 0.8;
/// Tickets that are remembered, at the most, of a verifier that remembers [`MOST`] twice.
const MOST: usize = 4_096;

/// Records of one load.
const RECORDS: usize = 20_000;
/// Viewers whose tickets repeat.
const SPEAKERS: usize = 500;
const TURNS: usize = 5;
/// When all is said, Unix milliseconds.
const NOW_MS: i64 = 1_800_000_000_000;
const KID: &str = "bench-key-1";

/// Records, and what the gate is to make of them.
struct Load {
    name: &'static str,
    records: Vec<Vec<u8>>,
    wanted: Counts,
    /// Ed25519 checks of each.
    checks: f64,
}

/// Who signs.
struct Signers {
    server: SigningKey,
    noise: Noise,
}

impl Signers {
    fn key(&mut self) -> SigningKey {
        let mut seed = [0; 32];
        seed.copy_from_slice(&self.noise.bytes(32));
        SigningKey::from_bytes(&seed)
    }

    fn ticket(&mut self, key: &SigningKey, by: &SigningKey) -> String {
        let viewer = ViewerId::guest(u128::from(self.noise.next()));
        let (issued_s, expires_s) = (NOW_MS / 1_000, NOW_MS / 1_000 + 3_600);
        let (room, key) = (RoomId::demo(), PublicKey::new(key.verifying_key().to_bytes()));
        let claims = Claims { viewer, name: None, role: Role::Viewer, room, issued_s, expires_s, key };
        let message = unsigned(claims, KID);
        let signature = Signature::new(by.sign(message.as_bytes()).to_bytes());
        format!("{message}.{signature}")
    }

    fn record(&mut self, ticket: &str, key: &SigningKey) -> Result<Vec<u8>, Failure> {
        let id = RecordId::new(NOW_MS, u128::from(self.noise.next()));
        let line = Danmu::new(id, RoomId::demo(), "前方高能反应, all of you", NOW_MS).encode();
        let signature = Signature::new(key.sign(&line).to_bytes());
        Ok(Proof { ticket, signature }.attach(line))
    }

    fn loads(&mut self) -> Result<[Load; 4], Failure> {
        let (mut new, mut repeated, mut forged, mut stolen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let server = self.server.clone();
        let mut speakers = Vec::new();
        for _ in 0..SPEAKERS {
            let key = self.key();
            speakers.push((self.ticket(&key, &server), key));
        }
        for n in 0..RECORDS {
            let (mine, other) = (self.key(), self.key());
            let ticket = self.ticket(&mine, &server);
            new.push(self.record(&ticket, &mine)?);
            stolen.push(self.record(&ticket, &other)?);
            let ticket = self.ticket(&mine, &other);
            forged.push(self.record(&ticket, &mine)?);
            let (ticket, key) = &speakers[n % SPEAKERS];
            repeated.push(self.record(ticket, key)?);
        }
        let all = RECORDS as u64;
        let shown = Counts { admitted: all, ..Counts::default() };
        let refused = Counts { forged: all, ..Counts::default() };
        Ok([
            Load { name: "every ticket new", records: new, wanted: shown, checks: 2.0 },
            Load { name: "every ticket forged", records: forged, wanted: refused, checks: 1.0 },
            Load { name: "every ticket another's", records: stolen, wanted: refused, checks: 2.0 },
            Load { name: "tickets repeat", records: repeated, wanted: shown, checks: 1.0 },
        ])
    }
}

fn main() -> ExitCode {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("This takes a minute of one core: say `cargo bench`, which passes --bench.");
        return ExitCode::SUCCESS;
    }
    match measure() {
        Ok(broken) => kit::verdict(&broken),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<Vec<String>, Failure> {
    let mut signers = Signers { server: SigningKey::from_bytes(&[7; 32]), noise: Noise::new(1) };
    let loads = signers.loads()?;
    let mut best = [Duration::MAX; 4];
    let (mut bare, mut strict, mut remembered) = (Duration::MAX, Duration::MAX, 0);
    let repeated = &loads[3].records;
    let prepared = prepare(repeated)?;
    for _ in 0..TURNS {
        for (load, best) in loads.iter().zip(&mut best) {
            let (took, kept) = run(load, &signers.server)?;
            *best = took.min(*best);
            remembered = kept.max(remembered);
        }
        bare = verify_bare(&prepared, |key, line, signature| key.verify(line, signature))?.min(bare);
        strict = verify_bare(&prepared, VerifyingKey::verify_strict)?.min(strict);
    }
    let rate = |took: Duration| RECORDS as f64 / took.as_secs_f64();
    let [bare, strict] = [bare, strict].map(rate);
    let rates = best.map(rate);
    let rows = loads.iter().zip(rates).map(|(load, rate)| {
        let limit = if load.name == "tickets repeat" { LEAST_SHARE * bare } else { LEAST_RATE };
        let share = format!("{:.2}", rate * load.checks / bare);
        let us = figure(1e6 / rate);
        vec![load.name.into(), grouped(rate as u64), grouped(limit as u64), us, share]
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    rows.push(vec![
        "ed25519-dalek alone".into(),
        grouped(bare as u64),
        String::new(),
        figure(1e6 / bare),
        "1.00".into(),
    ]);
    let share = format!("{:.2}", strict / bare);
    rows.push(vec!["ed25519-dalek, strict".into(), grouped(strict as u64), String::new(), figure(1e6 / strict), share]);
    println!("\n  Records through verification and gate, one core, {} records a load:", grouped(RECORDS as u64));
    kit::table(&["", "records/s", "at least", "µs each", "of the bare checks"], &rows);
    println!("  Remembered: {remembered} tickets at the most, of {} that came.\n", grouped(RECORDS as u64));

    let mut broken = Vec::new();
    for (load, rate) in loads.iter().zip(rates).take(3) {
        if rate < LEAST_RATE {
            broken.push(format!("{}: {rate:.0} records/s, not {LEAST_RATE:.0}", load.name));
        }
    }
    if rates[3] < LEAST_SHARE * bare {
        broken.push(format!("tickets repeat: {:.2} of the bare library, not {LEAST_SHARE}", rates[3] / bare));
    }
    if remembered > 2 * MOST as u64 {
        broken.push(format!("{remembered} tickets are remembered, not {}", 2 * MOST));
    }
    let figures: Vec<Value> =
        loads.iter().zip(rates).map(|(load, rate)| json!({ "load": load.name, "per_second": rate })).collect();
    kit::keep(
        "verify",
        json!({ "loads": figures, "bare_per_second": bare, "remembered": remembered, "broken": broken }),
    )?;
    Ok(broken)
}

/// How long a load takes a server that has just begun, and how many tickets it remembers then.
fn run(load: &Load, server: &SigningKey) -> Result<(Duration, u64), Failure> {
    let key = TicketKey { kid: KID.into(), x: PublicKey::new(server.verifying_key().to_bytes()) };
    let verifier = RecordVerifier::new(vec![key], MOST);
    let pace = Pace { per_minute: 6_000, burst: 6_000 };
    let room = Room {
        id: RoomId::demo(),
        title: String::new(),
        video: String::new(),
        poster: None,
        unsigned: Unsigned::Deny,
        paces: pace.into(),
    };
    let mut gate = Gate::new(&room, UNICODE);
    let begun = Instant::now();
    for data in &load.records {
        let evidence = verifier.verify(data);
        let record = Incoming {
            data,
            partition_key: "demo",
            sequence_number: "1",
            arrival_ms: NOW_MS,
            evidence: evidence.as_ref(),
        };
        let _ = std::hint::black_box(gate.admit(record));
    }
    let took = begun.elapsed();
    if gate.counts() != load.wanted {
        return Err(format!("{}: {:?} instead of {:?}", load.name, gate.counts(), load.wanted).into());
    }
    Ok((took, verifier.verified().remembered))
}

/// What the library alone is given: key, message and signature, all made ready before.
type Bare<'a> = (VerifyingKey, &'a [u8], ed25519_dalek::Signature);

fn prepare(records: &[Vec<u8>]) -> Result<Vec<Bare<'_>>, Failure> {
    let key = SigningKey::from_bytes(&[9; 32]);
    let bare = records.iter().map(|data| {
        let (line, _) = danmu::record::signed(data).ok_or("not signed")?;
        Ok((key.verifying_key(), line, key.sign(line)))
    });
    bare.collect()
}

type Verify = fn(&VerifyingKey, &[u8], &ed25519_dalek::Signature) -> Result<(), SignatureError>;

fn verify_bare(prepared: &[Bare<'_>], verify: Verify) -> Result<Duration, Failure> {
    let begun = Instant::now();
    for (key, line, signature) in prepared {
        verify(key, line, signature)?;
    }
    Ok(begun.elapsed())
}
