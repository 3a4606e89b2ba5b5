//! A network of ten thousand guests is banned while another room talks: how soon all of them are refused, and what who watches the
//! other room notices.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    kit::{Failure, figure},
    publish::put_signed,
    report::{Report, median},
    signers::Signers,
    subject::Server,
    viewers::Watch,
};

/// What must hold.
mod limit {
    /// From the order until every guest asked is refused, seconds.
    pub const DECIDED: f64 = 5.0;
    /// p99 of the others meanwhile, by what it is without.
    pub const P99: f64 = 1.5;
}

const PER_SECOND: u32 = 100;
/// The others: in each window they hear some 50,000 danmu.
const WATCHING: usize = 100;
const WINDOW: Duration = Duration::from_secs(5);
const GUESTS: usize = 10_000;
/// Connections that they come by.
const AT_ONCE: usize = 4;
/// Every so manieth is asked whether it is refused; the last one, too.
const ASKED: usize = 499;
/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

const SETTINGS: &str = "[[rooms]]\nid = 'demo'\nvideo = '/sample.mp4'\n[[rooms]]\nid = 'crowd'\nvideo = '/sample.mp4'\n[http]\ntrusted_proxies = ['127.0.0.0/8']\n";

pub fn measure(report: &mut Report, quick: bool) -> Result<(), Failure> {
    let pairs: u8 = if quick { 1 } else { 5 };
    println!(
        "\n  {PER_SECOND} a second, {WATCHING} viewers; in another room {GUESTS} guests of a network, banned {pairs} times"
    );
    let server = Server::with_settings(SETTINGS)?;
    let mut watch = Watch::open(server.events(), WATCHING)?;
    watch.settle()?;
    let stop = Arc::new(AtomicBool::new(false));
    let publisher = put_signed(&server, PER_SECOND, Signers::new(&server)?, watch.clock(), Arc::clone(&stop))?;

    let (mut alone, mut beside, mut decided) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs {
        let asked = come(&server, pair)?;
        // What they did is over.
        watch.listen(Duration::from_secs(2))?;
        alone.push(watch.listen(WINDOW)?.at(0.99));
        let (order, pages) = (server.order(&["ban", &format!("10.{pair}.0.0/16")]), server.pages());
        let refusals = thread::spawn(move || all_are_refused(order, pages, &asked).map_err(|error| error.to_string()));
        let mut meanwhile = watch.listen(WINDOW)?;
        while !refusals.is_finished() {
            meanwhile.add(&watch.listen(Duration::from_millis(100))?);
        }
        beside.push(meanwhile.at(0.99));
        let took = refusals.join().map_err(|_| "who asks panicked")??.as_secs_f64();
        println!("  all are refused after {} s", figure(took));
        decided.push(took);
    }
    stop.store(true, Relaxed);
    publisher.join().map_err(|_| "the publisher panicked")??;
    let (alone, beside) = (median(&alone), median(&beside));
    println!("  p99 of the others, ms, median: {} alone, {} meanwhile", figure(alone), figure(beside));
    let longest = decided.into_iter().fold(0.0, f64::max);
    report.most(&format!("{GUESTS} guests banned by their network, s, the longest"), longest, limit::DECIDED);
    report.most("p99 of another room meanwhile ÷ before, of medians", beside / alone, limit::P99);
    Ok(())
}

/// That many guests come, each from an address of its own in the network; some of their cookies, the last one's among them.
fn come(server: &Server, network: u8) -> Result<Vec<String>, Failure> {
    let pages = server.pages();
    let visitors = |first: usize| {
        thread::spawn(move || {
            let (mut visitor, mut cookies) = (Visitor::new(pages)?, Vec::new());
            for guest in (first..GUESTS).step_by(AT_ONCE) {
                let head = visitor.ask(&format!("10.{network}.{}.{}", guest / 250, guest % 250), "")?;
                let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: danmu_guest="));
                let cookie = cookie.and_then(|cookie| cookie.split(';').next()).filter(|_| head.contains(" 200 "));
                let cookie = cookie.ok_or_else(|| format!("no session for a guest: {head}"))?;
                if guest % ASKED == 0 || guest == GUESTS - 1 {
                    cookies.push(format!("danmu_guest={cookie}"));
                }
            }
            Ok::<_, String>(cookies)
        })
    };
    let mut all = Vec::new();
    for visitor in (0..AT_ONCE).map(visitors).collect::<Vec<_>>() {
        all.extend(visitor.join().map_err(|_| "a visitor panicked")??);
    }
    Ok(all)
}

/// Gives the order; how long after it nobody of them gets a session, not from elsewhere either.
fn all_are_refused(
    mut order: std::process::Command,
    pages: SocketAddr,
    cookies: &[String],
) -> Result<Duration, Failure> {
    let begun = Instant::now();
    if !order.status()?.success() {
        return Err("the order is refused".into());
    }
    let mut visitor = Visitor::new(pages)?;
    for (n, cookie) in cookies.iter().enumerate() {
        while !visitor.ask(&format!("192.0.2.{n}"), &format!("Cookie: {cookie}\r\n"))?.contains(" 403 ") {
            if begun.elapsed() > PATIENCE {
                return Err("guests of a banned network still get sessions".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(begun.elapsed())
}

/// A connection on which sessions are asked for.
struct Visitor(TcpStream);

impl Visitor {
    fn new(pages: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(pages).map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self(stream))
    }

    /// The head of the answer.
    fn ask(&mut self, from: &str, more: &str) -> Result<String, String> {
        let form = "room=crowd&purpose=produce";
        let request = format!(
            "POST /api/session HTTP/1.1\r\nHost: {}\r\nX-Forwarded-For: {from}\r\nAccept: application/json\r\n{more}Content-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.0.peer_addr().map_err(|error| error.to_string())?,
            form.len(),
        );
        self.0.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let (mut answer, mut bytes) = (Vec::new(), [0; 4_096]);
        loop {
            let read = self.0.read(&mut bytes).map_err(|error| error.to_string())?;
            answer.extend_from_slice(&bytes[..read]);
            let text = String::from_utf8_lossy(&answer);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or_default() {
                    return Ok(head.to_owned());
                }
            }
            if read == 0 {
                return Err(format!("the answer ended: {text}"));
            }
        }
    }
}
