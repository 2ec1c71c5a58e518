//! `ork run logs`: what the tasks of a run printed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_local::{Embedded, RunView};

use crate::commands::execute::task;
use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::run_ref;
use crate::state_folder::StateArg;
use crate::workflow_file::{reason, shown};

/// Pause between two looks at a log that may grow.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes read at once.
const CHUNK: u64 = 1 << 20;

/// `ork run logs`
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Run id, the beginning of one, or `latest`
    #[arg(value_name = "RUN")]
    run: String,
    /// Only this task, or one instance of it [default: all]
    #[arg(value_name = "TASK[.INDEX]")]
    task: Option<String>,
    /// Go on as more is printed, until the run ends
    #[arg(short, long)]
    follow: bool,
    /// Which attempt [default: the latest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
    #[command(flatten)]
    state: StateArg,
}

/// Whose logs.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    task: Option<TaskIndex>,
    index: Option<u32>,
    attempt: Option<u32>,
}

/// Prints logs.
pub(crate) fn logs(args: &LogsArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let embedded = engine::to_look(args.state.nearest(config)?)?;
        let run = run_ref::find(&embedded, &args.run).await?;
        let view = engine::view(&embedded, &run).await?;
        let wanted = wanted(args, &view)?;
        let mut reader = Reader {
            labelled: wanted
                .task
                .is_none_or(|at| view.graph.task(at).fans_out() && wanted.index.is_none()),
            places: BTreeMap::new(),
        };
        if args.follow {
            follow(&embedded, &run, wanted, &mut reader, out).await
        } else {
            print(&embedded, &view, wanted, &mut reader, out)
        }
    })
}

fn wanted(args: &LogsArgs, view: &RunView) -> Result<Wanted, Failure> {
    let Some(text) = &args.task else {
        return Ok(Wanted {
            task: None,
            index: None,
            attempt: args.attempt,
        });
    };
    let (name, index) = match text.split_once('.') {
        None => (text.as_str(), None),
        Some((name, index)) => {
            let index = index.parse::<u32>().map_err(|_| {
                Failure::new(format!(
                    "`{index}` is not the index of an instance: write TASK.0, TASK.1, …"
                ))
            })?;
            (name, Some(index))
        }
    };
    let at = task(&view.graph.workflow, name)?;
    let count = view.state.task(at).count;
    if let Some(index) = index.filter(|&index| index >= count) {
        return Err(Failure::new(format!(
            "task {name} has no instance {index}: it has {count}, counted from 0"
        )));
    }
    Ok(Wanted {
        task: Some(at),
        index,
        attempt: args.attempt,
    })
}

fn print(
    embedded: &Embedded,
    view: &RunView,
    wanted: Wanted,
    reader: &mut Reader,
    out: &Output,
) -> Result<Exit, Failure> {
    let mut printed = false;
    for place in places(embedded, view, wanted) {
        printed |= reader.read_on(&place, true, out)?;
    }
    if !printed {
        out.say("nothing was printed");
    }
    Ok(Exit::Success)
}

async fn follow(
    embedded: &Embedded,
    run: &RunId,
    wanted: Wanted,
    reader: &mut Reader,
    out: &Output,
) -> Result<Exit, Failure> {
    loop {
        // Asked before the logs are read: what ends in between is read once more.
        let view = engine::view(embedded, run).await?;
        let over = match wanted.task {
            None => view.header.status.is_terminal(),
            Some(at) => {
                view.header.status.is_terminal() || view.state.task(at).status().is_terminal()
            }
        };
        for place in places(embedded, &view, wanted) {
            reader.read_on(&place, over, out)?;
        }
        if over {
            return Ok(Exit::Success);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// One log: the label of its lines and where it is.
struct Place {
    label: String,
    path: PathBuf,
}

fn places(embedded: &Embedded, view: &RunView, wanted: Wanted) -> Vec<Place> {
    let mut places = Vec::new();
    for &at in view
        .graph
        .order()
        .iter()
        .filter(|&&at| wanted.task.is_none_or(|task| task == at))
    {
        let definition = view.graph.task(at);
        for (index, instance) in (0..).zip(view.state.instances(at)) {
            if wanted.index.is_some_and(|only| only != index) || instance.attempt == 0 {
                continue;
            }
            let label = if definition.fans_out() {
                format!("{}.{index}", definition.name)
            } else {
                definition.name.to_string()
            };
            places.push(Place {
                label,
                path: embedded.log_path(
                    view,
                    at,
                    index,
                    wanted.attempt.unwrap_or(instance.attempt),
                ),
            });
        }
    }
    places
}

/// How far each log has been printed.
struct Reader {
    labelled: bool,
    places: BTreeMap<PathBuf, u64>,
}

impl Reader {
    /// Prints what has come since; whether there was anything. Labelled lines are printed whole, the last one also without
    /// its end once nothing more can come.
    fn read_on(&mut self, place: &Place, over: bool, out: &Output) -> Result<bool, Failure> {
        let mut any = false;
        loop {
            let from = self.places.get(&place.path).copied().unwrap_or(0);
            let mut bytes = read(&place.path, from)?;
            let full = bytes.len() as u64 == CHUNK;
            let last = over && !full;
            let endless = full && !bytes.contains(&b'\n');
            if self.labelled && !last && !endless {
                bytes.truncate(
                    bytes
                        .iter()
                        .rposition(|&byte| byte == b'\n')
                        .map_or(0, |at| at + 1),
                );
            }
            if bytes.is_empty() {
                return Ok(any);
            }
            any = true;
            self.places
                .insert(place.path.clone(), from + bytes.len() as u64);
            let text = String::from_utf8_lossy(&bytes);
            if self.labelled {
                let label = out.data.cyan(&place.label);
                let lines: String = text
                    .lines()
                    .map(|line| format!("{label} | {line}\n"))
                    .collect();
                out.print(&lines)?;
            } else {
                out.print(&text)?;
            }
        }
    }
}

/// At most a chunk of a file; nothing when there is no such file (yet).
fn read(path: &Path, from: u64) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("cannot read `{}`: {}", shown(path), reason(&error)))
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    file.seek(SeekFrom::Start(from)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(CHUNK)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}
