//! Mutation tests of the defences: each is switched off in turn, and the attack against it must then succeed.
//!
//! The product has no such switches; a copy of its sources has. The table lists the changes to the copy, all of which are
//! compiled in, and an environment variable says which are active. The copy is built once, in its own target directory, so
//! that a program without defences is never mistaken for the real one.

mod binaries;
mod table;
mod tree;

use self::{
    binaries::{Binaries, Verdict},
    table::{Row, Table},
};
use crate::{
    error::{At, Error, Result},
    ui::{self, Step},
    workspace::Workspace,
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The result of running a row.
struct Run<'a> {
    row: &'a Row,
    verdict: Verdict,
    time: Duration,
    log: PathBuf,
}

/// Runs the table: each test with all defences, which must pass, then each row without its defences, which must fail. Prints
/// the results and, as the last line, how many defences are needed.
///
/// # Errors
/// [`Error::Unsuccessful`] if a row did not do what it should; others if the table does not match the sources, or these do
/// not compile.
pub fn undefended(workspace: &Workspace) -> Result<()> {
    let since = Instant::now();
    let path = workspace.root.join(table::PATH);
    let table = Table::parse(&fs::read_to_string(&path).at(&path)?)?;
    let place = workspace.cache().join("undefended");
    let [copy, target, logs] = ["sources", "target", "logs"].map(|name| place.join(name));
    // Logs are named by the number of their row, so those of an earlier table would mislead.
    let _ = fs::remove_dir_all(&logs);
    for directory in [&copy, &logs] {
        fs::create_dir_all(directory).at(directory)?;
    }

    ui::heading("Switching defences off");
    let step = Step::start("copy of the sources");
    tree::copy(&workspace.root, &copy, &table)?;
    step.done(workspace.show(&copy));
    let step = Step::start("build of the copy");
    let binaries = Binaries::build(&step, &copy, &target, &table.rows)?;
    step.done(format!("{} defences can be switched off", table.defences.len()));

    // A test that fails with all defences on proves nothing by failing without one.
    let mut tests = HashSet::new();
    let each: Vec<&Row> = table.rows.iter().filter(|row| tests.insert(&row.test)).collect();
    let whole = run(&binaries, "tests, defended", &each, &logs.join("defended"), |_| &[])?;
    let broken: Vec<&Run> = whole.iter().filter(|run| run.verdict != Verdict::Green).collect();
    if !broken.is_empty() {
        print(&broken);
        println!("{} tests fail with all defences on: they show nothing", broken.len());
        return Err(Error::Unsuccessful(broken.len()));
    }

    let each: Vec<&Row> = table.rows.iter().collect();
    let runs = run(&binaries, "attacks, undefended", &each, &logs.join("undefended"), |row| &row.without)?;
    conclude(&table, &runs, since.elapsed())
}

/// Runs the tests of these rows, as many in parallel as there are cores.
fn run<'a>(
    binaries: &Binaries,
    name: &str,
    rows: &[&'a Row],
    logs: &Path,
    without: impl Fn(&Row) -> &[String] + Sync,
) -> Result<Vec<Run<'a>>> {
    fs::create_dir_all(logs).at(logs)?;
    let step = Step::start(name);
    let (next, runs) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(row) = rows.get(number) else { return Ok(()) };
            step.note(format!("{} of {}: {}", number + 1, rows.len(), row.attack));
            let (since, log) = (Instant::now(), logs.join(format!("{number:02}.log")));
            let verdict = binaries.run(row, without(row), &log)?;
            let run = Run { row, verdict, time: since.elapsed(), log };
            runs.lock().unwrap_or_else(PoisonError::into_inner).push((number, run));
        }
    };
    let count = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        let died = |_| Err(Error::Unexpected("a worker of this task died".to_owned()));
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(died))
    })?;
    step.done(format!("{} run", rows.len()));
    let mut runs = runs.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.sort_unstable_by_key(|(number, _)| *number);
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

fn conclude(table: &Table, runs: &[Run], time: Duration) -> Result<()> {
    print(&runs.iter().collect::<Vec<_>>());
    let shown: HashSet<&str> = runs
        .iter()
        .filter(|run| run.verdict == Verdict::Red)
        .filter_map(|run| if let [only] = &run.row.without[..] { Some(only.as_str()) } else { None })
        .collect();
    let missed = runs.iter().filter(|run| run.verdict != Verdict::Red).count();
    println!("{} rows in {}, {missed} of them not red", runs.len(), ui::duration(time));
    println!("{} of {} defences are needed", shown.len(), table.defences.len());
    if missed == 0 { Ok(()) } else { Err(Error::Unsuccessful(missed)) }
}

fn print(runs: &[&Run]) {
    let without = |run: &Run| run.row.without.join(" + ");
    let width = |of: &dyn Fn(&Run) -> usize| runs.iter().map(|run| of(run)).max().unwrap_or_default();
    let (attacks, names) = (width(&|run| run.row.attack.chars().count()), width(&|run| without(run).len()));
    println!("\n{:<attacks$}  {:<names$}  {:>8}  test", "attack", "without", "time");
    for run in runs {
        let (verdict, why) = match &run.verdict {
            Verdict::Red => ("red", String::new()),
            Verdict::Green => ("STILL GREEN", format!("\n    {}", run.log.display())),
            Verdict::Neither(why) => ("?", format!("\n    {why}: {}", run.log.display())),
        };
        let (attack, time, test) = (&run.row.attack, ui::duration(run.time), &run.row.test);
        println!("{attack:<attacks$}  {:<names$}  {time:>8}  {verdict}: {test}{why}", without(run));
    }
    println!();
}
