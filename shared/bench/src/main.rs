//! `make bench`: what Ork promises, measured, each figure beside a floor measured in the same run.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod command;
mod floor;
mod graph;
mod inside;
mod measure;
mod pages;
mod table;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use command::Bed;
use measure::median;
use ork_local::store::Sync;
use table::Row;

fn seconds(took: Duration) -> String {
    let s = took.as_secs_f64();
    if s < 0.001 {
        format!("{:.0} µs", s * 1e6)
    } else if s < 0.1 {
        format!("{:.1} ms", s * 1e3)
    } else {
        format!("{s:.2} s")
    }
}

fn timed(what: &str, took: Duration, most: f64, floor: String) -> Row {
    Row {
        what: what.to_owned(),
        measured: seconds(took),
        budget: format!("≤ {most} s"),
        floor,
        met: Some(took.as_secs_f64() <= most),
    }
}

fn against(what: &str, took: Duration, floor: Duration, most: f64, floor_is: &str) -> Row {
    let ratio = took.as_secs_f64() / floor.as_secs_f64();
    Row {
        what: what.to_owned(),
        measured: format!("{} = {ratio:.2} ×", seconds(took)),
        budget: format!("≤ {most} ×"),
        floor: format!("{} {floor_is}", seconds(floor)),
        met: Some(ratio <= most),
    }
}

/// Measures related rows.
type Group = fn(&mut Vec<Row>) -> Result<()>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, n] = arguments.as_slice()
        && mode == "__memory"
    {
        println!("{}", inside::memory_of_fan(n.parse()?)?);
        return Ok(());
    }
    let only = arguments.first().map(String::as_str).unwrap_or_default();
    let mut rows = Vec::new();
    let groups: [(&str, Group); 7] = [
        ("python", python),
        ("process", process),
        ("marker", marker),
        ("engine", engine),
        ("store", store),
        ("graph", graph::graph),
        ("pages", pages::pages),
    ];
    for (name, measure) in groups {
        if only.is_empty() || only == name {
            measure(&mut rows).with_context(|| format!("measure {name}"))?;
        }
    }
    println!("{}", table::render(&rows));
    Ok(())
}

fn python(rows: &mut Vec<Row>) -> Result<()> {
    let interpreter = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .context("python3")?;
    let interpreter = String::from_utf8(interpreter.stdout)?;
    let floor = floor::python_start(std::path::Path::new(interpreter.trim()))?;
    let interpreter = std::path::Path::new(interpreter.trim());
    let start = format!("{} one bare Python start", seconds(floor));
    let forks = |n: usize| -> Result<String> {
        Ok(format!(
            "{} as many bare forks of Python",
            seconds(floor::python_forks(interpreter, n)?)
        ))
    };
    let chain = Bed::new(&command::python_chain(50), 0)?;
    rows.push(timed(
        "chain of 50 Python tasks, a process each",
        median(7, || chain.execute(&[]))?,
        0.15,
        start.clone(),
    ));
    rows.push(timed(
        "the same, --sync full",
        median(5, || chain.execute(&["--sync", "full"]))?,
        0.15,
        start.clone(),
    ));
    let fan = Bed::new(&command::python_fan("process"), 200)?;
    rows.push(timed(
        "1 → 200 → 1 Python, a process each",
        median(7, || fan.execute(&[]))?,
        0.2,
        forks(200)?,
    ));
    let fan = Bed::new(&command::python_fan("process"), 2000)?;
    rows.push(timed(
        "1 → 2,000 → 1 Python, a process each",
        median(5, || fan.execute(&[]))?,
        1.2,
        forks(2000)?,
    ));
    let fan = Bed::new(&command::python_fan("reuse"), 2000)?;
    rows.push(timed(
        "1 → 2,000 → 1 Python, isolation: reuse",
        median(5, || fan.execute(&[]))?,
        0.4,
        start,
    ));
    let bed = Bed::new(command::DIAMOND, 0)?;
    inside::many_runs(bed.path(), command::DIAMOND, 1)?;
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.push(inside::many_runs(bed.path(), command::DIAMOND, 50)?);
    }
    taken.sort_unstable();
    rows.push(timed(
        "50 runs of a three-task diamond at once, Python",
        taken[2],
        0.3,
        String::new(),
    ));
    Ok(())
}

fn process(rows: &mut Vec<Row>) -> Result<()> {
    let floor = floor::spawn_chain(50)?;
    let bed = Bed::new(&command::process_chain(50), 0)?;
    rows.push(against(
        "chain of 50 /bin/true",
        median(7, || bed.execute(&[]))?,
        floor,
        3.0,
        "spawning it 50 times",
    ));
    let parallel = std::thread::available_parallelism().map_or(2, usize::from);
    let floor = floor::spawn_fan(10_000, parallel)?;
    let bed = Bed::new(&command::process_fan(10_000), 0)?;
    let places = parallel.to_string();
    let took = median(3, || bed.execute(&["--max-parallel", &places]))?;
    rows.push(against(
        "1 → 10,000 → 1 /bin/true",
        took,
        floor,
        1.5,
        &format!("spawning it 10,000 times, {parallel} at once"),
    ));
    Ok(())
}

fn marker(rows: &mut Vec<Row>) -> Result<()> {
    let small = Bed::new(&command::marker_fan(1000), 0)?;
    let large = Bed::new(&command::marker_fan(10_000), 0)?;
    let (small, large) = (
        median(7, || small.execute(&[]))?,
        median(7, || large.execute(&[]))?,
    );
    rows.push(timed(
        "1 → 10,000 → 1 marker tasks",
        large,
        0.3,
        String::new(),
    ));
    let ratio = (large.as_secs_f64() / 10_002.0) / (small.as_secs_f64() / 1_002.0);
    rows.push(Row {
        what: "per marker task, of 10,000 against of 1,000".to_owned(),
        measured: format!("{ratio:.2} ×"),
        budget: "≤ 1.3 ×".to_owned(),
        floor: format!("{} for 1,000", seconds(small)),
        met: Some(ratio <= 1.3),
    });
    Ok(())
}

fn engine(rows: &mut Vec<Row>) -> Result<()> {
    let ork = command::ork()?;
    let help = median(21, || {
        ensure!(
            Command::new(&ork).arg("--help").output()?.status.success(),
            "ork --help failed"
        );
        Ok(())
    })?;
    rows.push(timed(
        "ork --help",
        help,
        0.01,
        format!("{} one /bin/true", seconds(floor::spawn_chain(1)?)),
    ));
    let speed = inside::core_speed()?;
    rows.push(Row {
        what: "core alone, transitions a second".to_owned(),
        measured: format!("{:.2} million", speed / 1e6),
        budget: "≥ 1 million".to_owned(),
        floor: String::new(),
        met: Some(speed >= 1e6),
    });
    let peak = |n: &str| -> Result<f64> {
        let output = Command::new(std::env::current_exe()?)
            .args(["__memory", n])
            .output()?;
        ensure!(
            output.status.success(),
            "the memory run failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    let (idle, large) = (peak("1")?, peak("10000")?);
    rows.push(Row {
        what: "engine memory of a 10,000-instance run above idle".to_owned(),
        measured: format!("{:.1} MB", large - idle),
        budget: "≤ 80 MB".to_owned(),
        floor: format!("{idle:.1} MB with one instance"),
        met: Some(large - idle <= 80.0),
    });
    Ok(())
}

fn store(rows: &mut Vec<Row>) -> Result<()> {
    for (sync, name) in [
        (Sync::Normal, "normal (safe against SIGKILL)"),
        (Sync::Full, "full (safe against power loss)"),
    ] {
        rows.push(Row {
            what: format!("one commit of 2 KB, --sync {name}"),
            measured: seconds(floor::commit(sync)?),
            budget: String::new(),
            floor: String::new(),
            met: None,
        });
    }
    Ok(())
}
