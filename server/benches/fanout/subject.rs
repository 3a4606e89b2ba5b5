//! The servers: danmu-server as it is, all in one or with its stream in another process, and nginx with nchan, one worker;
//! each alone on the first core.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::kit::{self, Failure};

/// Open files that ten thousand viewers need, on either side.
const FILES: u64 = 20_000;
/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);
/// The kernel counts CPU in hundredths of a second on every Linux there is.
const TICKS: f64 = 100.0;

/// Before this process keeps to some of them.
static CORES: OnceLock<usize> = OnceLock::new();

/// A running server; ends with this value.
pub struct Server {
    process: Running,
    /// The process of its stream, if that is another one.
    _bus: Option<Running>,
    pages: SocketAddr,
    stream: Option<SocketAddr>,
    dir: TempDir,
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// The whole server, with nothing but its tick and its reader set.
    pub fn whole(tick_ms: u64, reader: &str) -> Result<Self, Failure> {
        let (dir, pages, stream) = (tempfile::tempdir()?, free()?, free()?);
        let process = danmu(Core::Server, &dir, pages, stream)
            .env("DANMU_RELAY__TICK_MS", tick_ms.to_string())
            .env("DANMU_RELAY__READER", reader)
            .spawn()?;
        Self { process: Running(process), _bus: None, pages, stream: Some(stream), dir }.wait_for(pages)
    }

    /// The whole server, with nothing set that matters.
    pub fn plain() -> Result<Self, Failure> {
        let (dir, pages, stream) = (tempfile::tempdir()?, free()?, free()?);
        let process = danmu(Core::Server, &dir, pages, stream).env_remove("DANMU_RELAY__DENSITY").spawn()?;
        Self { process: Running(process), _bus: None, pages, stream: Some(stream), dir }.wait_for(pages)
    }

    /// The whole server with these settings, and sessions for whoever asks.
    pub fn with_settings(settings: &str) -> Result<Self, Failure> {
        let (dir, pages, stream) = (tempfile::tempdir()?, free()?, free()?);
        fs::write(dir.path().join("danmu.toml"), settings)?;
        let process = danmu(Core::Server, &dir, pages, stream).spawn()?;
        Self { process: Running(process), _bus: None, pages, stream: Some(stream), dir }.wait_for(pages)
    }

    /// An order of its operator.
    pub fn order(&self, arguments: &[&str]) -> Command {
        let mut command = alone(Core::Load, env!("CARGO_BIN_EXE_danmu-server"));
        command.args(arguments).current_dir(self.dir.path());
        command
    }

    /// The relay by itself, as it is in front of Amazon's stream: what puts cost is another process', on the load's core.
    pub fn relay(tick_ms: u64) -> Result<Self, Failure> {
        let (dir, pages, elsewhere, stream) = (tempfile::tempdir()?, free()?, free()?, free()?);
        let bus = Running(danmu(Core::Load, &dir, elsewhere, stream).env("DANMU_ROLE", "bus").spawn()?);
        answers(stream)?;
        let process = danmu(Core::Server, &dir, pages, stream)
            .env("DANMU_ROLE", "relay")
            .env("DANMU_RELAY__TICK_MS", tick_ms.to_string())
            .spawn()?;
        Self { process: Running(process), _bus: Some(bus), pages, stream: Some(stream), dir }.wait_for(pages)
    }

    /// The whole server behind a proxy that says of each request whose it is.
    pub fn proxied() -> Result<Self, Failure> {
        let (dir, pages, stream) = (tempfile::tempdir()?, free()?, free()?);
        let process =
            danmu(Core::Server, &dir, pages, stream).env("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8").spawn()?;
        Self { process: Running(process), _bus: None, pages, stream: Some(stream), dir }.wait_for(pages)
    }

    /// nginx with nchan, its buffer as long as the relay's.
    pub fn nchan() -> Result<Self, Failure> {
        let (dir, pages) = (tempfile::tempdir()?, free()?);
        let at = dir.path().display();
        let config = format!(
            "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;\n\
             daemon off; master_process off; pid {at}/pid; error_log stderr error; worker_rlimit_nofile 65536;\n\
             events {{ worker_connections 20000; }}\n\
             http {{ access_log off; client_body_temp_path {at}; proxy_temp_path {at}; fastcgi_temp_path {at};\n\
             uwsgi_temp_path {at}; scgi_temp_path {at}; nchan_shared_memory_size 256M; keepalive_requests 1000000;\n\
             server {{ listen {pages} backlog=4096;\n\
             location /pub {{ nchan_publisher; nchan_channel_id demo; nchan_message_buffer_length 12000;\n\
             nchan_message_timeout 2m; }}\n\
             location /sub {{ nchan_subscriber eventsource; nchan_channel_id demo;\n\
             nchan_subscriber_first_message newest; }} }} }}\n"
        );
        let file = dir.path().join("nginx.conf");
        fs::write(&file, config)?;
        let mut command = alone(Core::Server, "nginx");
        command.arg("-c").arg(&file).arg("-p").arg(dir.path());
        let process = command
            .spawn()
            .map_err(|error| format!("nginx: {error} (Debian: apt-get install nginx libnginx-mod-nchan)"))?;
        Self { process: Running(process), _bus: None, pages, stream: None, dir }.wait_for(pages)
    }

    fn wait_for(self, addr: SocketAddr) -> Result<Self, Failure> {
        answers(addr)?;
        // Neither what others have yet to write to the disk nor what it does once after its start is what is measured.
        Command::new("sync").status()?;
        thread::sleep(Duration::from_millis(2_500));
        Ok(self)
    }

    /// Where its data are.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Where its pages are.
    pub fn pages(&self) -> SocketAddr {
        self.pages
    }

    /// Where viewers go, and what they ask.
    pub fn events(&self) -> (SocketAddr, String) {
        let path = if self.stream.is_some() { "/rooms/demo/events" } else { "/sub" };
        let accept = "Accept: text/event-stream\r\n";
        (self.pages, format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{accept}\r\n", self.pages))
    }

    /// Where nchan is published to.
    pub fn publish(&self) -> (SocketAddr, &'static str) {
        (self.pages, "/pub")
    }

    /// The stream's address and its root key.
    pub fn stream(&self) -> Result<(String, String, String), Failure> {
        let key: Value = serde_json::from_slice(&fs::read(self.dir.path().join("data/root-key.json"))?)?;
        let member = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
        let addr = self.stream.ok_or("it has no stream")?;
        Ok((format!("http://{addr}"), member("access_key_id"), member("secret_access_key")))
    }

    /// CPU-seconds so far.
    pub fn cpu(&self) -> Result<f64, Failure> {
        cpu_of(self.process.0.id())
    }

    /// Resident memory, bytes.
    pub fn memory(&self) -> u64 {
        kit::memory(self.process.0.id()).unwrap_or_default().0
    }

    /// What it counts under that name; 0 where it counts nothing of the kind.
    pub fn metric(&self, name: &str) -> Result<f64, Failure> {
        let mut stream = TcpStream::connect(self.pages)?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.pages)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.and_then(|line| line.rsplit(' ').next()).map(str::parse).transpose()?.unwrap_or_default())
    }
}

/// Waits until somebody answers there.
pub fn answers(addr: SocketAddr) -> Result<(), Failure> {
    let since = Instant::now();
    while TcpStream::connect(addr).is_err() {
        if since.elapsed() > PATIENCE {
            return Err(format!("the server on {addr} does not answer").into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Who runs where.
#[derive(Clone, Copy, Debug)]
pub enum Core {
    /// The server that is measured.
    Server,
    /// The load, and whatever else is not measured.
    Load,
}

fn danmu(core: Core, dir: &TempDir, pages: SocketAddr, stream: SocketAddr) -> Command {
    let mut command = alone(core, env!("CARGO_BIN_EXE_danmu-server"));
    command
        .current_dir(dir.path())
        .env("DANMU_HTTP__ADDR", pages.to_string())
        .env("DANMU_HTTP__MAX_CONNECTIONS", "20000")
        // All of them come from here.
        .env("DANMU_HTTP__NETWORK_PERCENT", "100")
        .env("DANMU_STREAM__ADDR", stream.to_string())
        // Should many danmu come at once, all are told.
        .env("DANMU_RELAY__DENSITY", "0")
        .env("DANMU_LOG__FILTER", "warn")
        .env("LEPTOS_OUTPUT_NAME", "danmu")
        .env("LEPTOS_SITE_ROOT", dir.path());
    command
}

/// CPU-seconds of a process so far ([proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)).
pub fn cpu_of(process: u32) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let ticks = |at: usize| fields.split_whitespace().nth(at).and_then(|field| field.parse::<f64>().ok());
    Ok((ticks(11).ok_or("no utime")? + ticks(12).ok_or("no stime")?) / TICKS)
}

/// A program that keeps to its core, and has files enough.
pub fn alone(core: Core, program: &str) -> Command {
    let mut command = Command::new("taskset");
    let cores = match core {
        Core::Server => "0".to_owned(),
        Core::Load => load_cores().unwrap_or_else(|| "0".to_owned()),
    };
    // From this process it has its limit of open files.
    command.args(["-c", &cores, program]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// This process leaves the first core to the server, if there is another.
pub fn pin_to_load_core() -> Result<(), Failure> {
    if let Some(others) = load_cores() {
        let id = std::process::id().to_string();
        Command::new("taskset").args(["-pc", &others, &id]).stdout(Stdio::null()).status()?;
    }
    Ok(())
}

/// All cores but the first, if there are any.
fn load_cores() -> Option<String> {
    let cores = *CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from));
    (cores > 1).then(|| format!("1-{}", cores - 1))
}

/// As many open files as the system lets this process have, which must be enough for the viewers.
pub fn raise_file_limit() -> Result<(), Failure> {
    let (_, most) = rlimit::Resource::NOFILE.get()?;
    if most < FILES {
        return Err(format!("{most} files may be open, {FILES} are needed: raise the hard limit (ulimit -Hn)").into());
    }
    rlimit::Resource::NOFILE.set(most, most)?;
    Ok(())
}

fn free() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
