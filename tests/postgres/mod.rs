//! PostgreSQL for tests: one server for a whole run of tests, with a database for each test, and servers of its own for a test
//! that stops them.
//!
//! Its programs come from `PATH` or from where Debian has them; `cargo xtask test` sees that they are there. Where there are none
//! it is said that nothing was tested. A server keeps to a directory of its own, listens on a port of this machine's loopback
//! that the system chose, lets in everybody, and syncs nothing: what was committed outlives its processes, not the machine.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The superuser.
const USER: &str = "danmu";
/// Where Debian has the programs, one directory a version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Ends a server, and removes its directory, when the process `$1` has gone or nobody has asked for ten minutes (`$2`.lock).
const WATCH: &str = r#"while kill -0 "$1" 2>/dev/null && [ -n "$(find "$2.lock" -mmin -10 2>/dev/null)" ]; do sleep 1; done
shift; dir=$1; shift; "$@" >/dev/null 2>&1; rm -rf "$dir" "$dir.lock""#;

/// A server.
pub struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    port: u16,
}

/// A database of a server. It is removed when this goes.
pub struct Database {
    bin: PathBuf,
    port: u16,
    name: String,
    /// Its address.
    pub url: String,
}

/// A new database of the server that all tests of a run share; `None` where there is no PostgreSQL.
pub fn database() -> Result<Option<Database>, Failure> {
    let Some(bin) = programs() else { return Ok(None) };
    // All tests of a run are children of one process: of nextest, or of cargo.
    let run = std::os::unix::process::parent_id();
    let dir = env::temp_dir().join(format!("danmu-postgres-{run}"));
    let lock = fs::File::create(dir.with_extension("lock"))?;
    lock.lock()?;
    lock.set_modified(std::time::SystemTime::now())?;
    let known = fs::read_to_string(dir.join("port")).ok().and_then(|port| port.parse().ok());
    let port = match known.filter(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok()) {
        Some(port) => port,
        None => {
            let cluster = Cluster::open(&bin, &dir, run)?;
            fs::write(dir.join("port"), cluster.port.to_string())?;
            cluster.port
        }
    };
    drop(lock);
    Database::new(bin, port).map(Some)
}

/// A server of this test alone, which ends with its process; `None` where there is no PostgreSQL.
pub fn cluster() -> Result<Option<Cluster>, Failure> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Some(bin) = programs() else { return Ok(None) };
    let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Relaxed));
    let dir = env::temp_dir().join(format!("danmu-postgres-{process}-{number}"));
    fs::File::create(dir.with_extension("lock"))?;
    Cluster::open(&bin, &dir, process).map(Some)
}

impl Cluster {
    fn open(bin: &Path, dir: &Path, of: u32) -> Result<Self, Failure> {
        let _ = fs::remove_dir_all(dir);
        fs::create_dir(dir)?;
        if let Some((user, group)) = demoted() {
            std::os::unix::fs::chown(dir, Some(user), Some(group))?;
        }
        let mut cluster = Self { dir: dir.to_owned(), bin: bin.to_owned(), port: 0 };
        let mut init = cluster.program("initdb");
        init.args(["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"]);
        run(init.arg(cluster.data()))?;
        // Another process may take the port that the system has just chosen.
        let mut started = cluster.start();
        for _ in 0..4 {
            if started.is_err() {
                cluster.port = 0;
                started = cluster.start();
            }
        }
        started?;
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh", &of.to_string()]).arg(dir);
        let stop = cluster.stopping("immediate");
        watch.arg(stop.get_program()).args(stop.get_args()).current_dir("/");
        // A group of its own: what ends the tests leaves it to clean up.
        std::os::unix::process::CommandExt::process_group(&mut watch, 0);
        watch.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(cluster)
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Starts it on a port that is free; on its port from before if it had one.
    pub fn start(&mut self) -> Result<(), Failure> {
        if self.port == 0 {
            self.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        }
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c full_page_writes=off \
             -c max_connections=200 -c shared_buffers=16MB",
            self.port
        );
        let mut start = self.program("pg_ctl");
        start.args(["start", "--wait", "--silent", "--timeout=60", "--pgdata"]).arg(self.data());
        start.arg("--log").arg(self.dir.join("log")).arg("--options").arg(options);
        run(&mut start)
    }

    /// Ends it: `fast` tells its clients, `immediate` is as a crash.
    pub fn stop(&self, how: &str) -> Result<(), Failure> {
        run(&mut self.stopping(how))
    }

    fn stopping(&self, how: &str) -> Command {
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "--wait", "--silent", "--mode", how, "--pgdata"]).arg(self.data());
        stop
    }

    /// A new database.
    pub fn database(&self) -> Result<Database, Failure> {
        Database::new(self.bin.clone(), self.port)
    }

    /// One of its programs, as a user that is not root, which PostgreSQL refuses.
    fn program(&self, name: &str) -> Command {
        let path = self.bin.join(name);
        let mut command = match demoted() {
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups").arg(path);
                command
            }
            None => Command::new(path),
        };
        // That user may not be let into the directory of the tests.
        command.current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The server of a run goes on; its watch ends it.
        if self.dir.join("port").exists() || !self.data().exists() {
            return;
        }
        let _ = fs::remove_file(self.dir.with_extension("lock"));
    }
}

impl Database {
    fn new(bin: PathBuf, port: u16) -> Result<Self, Failure> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let url = format!("postgres://{USER}:unasked@127.0.0.1:{port}/{name}?sslmode=disable");
        let database = Self { bin, port, name, url };
        run(&mut database.program("createdb"))?;
        Ok(database)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.args(["-h", "127.0.0.1", "-U", USER, "-p", &self.port.to_string(), &self.name]);
        command
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = run(self.program("dropdb").arg("--force"));
    }
}

/// The directory that has all programs: one of `PATH`, or Debian's of the newest version.
fn programs() -> Option<PathBuf> {
    let has_all =
        |dir: &PathBuf| ["initdb", "pg_ctl", "createdb", "dropdb"].iter().all(|name| dir.join(name).is_file());
    let version = |dir: &PathBuf| dir.file_name()?.to_str()?.parse::<u32>().ok();
    let debian = fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|entry| entry.path());
    let debian = debian.max_by_key(version).map(|dir| dir.join("bin"));
    let found = env::split_paths(&env::var_os("PATH")?).chain(debian).find(has_all);
    if found.is_none() {
        eprintln!(
            "not tested on PostgreSQL: no directory has initdb, pg_ctl and createdb (Debian: `apt-get install postgresql`)"
        );
    }
    found
}

/// The user, with its group, as whom it runs where the tests run as root.
fn demoted() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse::<u32>().ok()
    };
    if id(&["-u"])? > 0 {
        return None;
    }
    ["postgres", "nobody"].into_iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
}

/// Runs a program to its end.
fn run(command: &mut Command) -> Result<(), Failure> {
    // What it leaves running must not hold our pipes open.
    let log = tempfile::tempfile()?;
    let status = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?).status()?;
    if status.success() {
        return Ok(());
    }
    let mut text = String::new();
    let mut log = log;
    std::io::Seek::rewind(&mut log)?;
    std::io::Read::read_to_string(&mut log, &mut text)?;
    Err(format!("{command:?}: {status}: {text}").into())
}
