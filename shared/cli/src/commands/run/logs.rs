//! `ork run logs`: what the tasks of a run printed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use clap::Args;
use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_local::RunView;

use crate::commands::execute::task;
use crate::config::Config;
use crate::drive::PATIENCE;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::run_ref;
use crate::site::{Attempt, Site, SiteArg};

/// Pause between two looks at a log that may grow.
const LOOK: Duration = Duration::from_millis(100);
/// The same where each look is a request per log.
const LOOK_FAR: Duration = Duration::from_secs(1);
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
    /// Which attempt [default: the latest; with --follow all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
    #[command(flatten)]
    site: SiteArg,
}

/// Whose logs.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    task: Option<TaskIndex>,
    index: Option<u32>,
    attempts: Attempts,
}

/// Which attempts of an instance.
#[derive(Debug, Clone, Copy)]
enum Attempts {
    Latest,
    One(u32),
    All,
}

impl Attempts {
    fn of(self, latest: u32) -> RangeInclusive<u32> {
        match self {
            Self::Latest => latest..=latest,
            Self::One(n) => n..=n,
            Self::All => 1..=latest,
        }
    }
}

/// Prints logs.
pub(crate) fn logs(args: &LogsArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let site = Site::to_look(args.site.nearest(config)?, config).await?;
        let run = run_ref::find(&site, &args.run).await?;
        let view = site.view(&run).await?;
        let wanted = wanted(args, &view)?;
        let mut reader = Reader {
            labelled: wanted
                .task
                .is_none_or(|at| view.graph.task(at).fans_out() && wanted.index.is_none()),
            places: BTreeMap::new(),
        };
        if args.follow {
            follow(&site, &run, wanted, &mut reader, out).await
        } else {
            print(&site, &view, wanted, &mut reader, out).await
        }
    })
}

fn wanted(args: &LogsArgs, view: &RunView) -> Result<Wanted, Failure> {
    let attempts = match args.attempt {
        Some(n) => Attempts::One(n),
        // One that is retried between two looks has printed, too.
        None if args.follow => Attempts::All,
        None => Attempts::Latest,
    };
    let Some(text) = &args.task else {
        return Ok(Wanted {
            task: None,
            index: None,
            attempts,
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
        attempts,
    })
}

async fn print(
    site: &Site,
    view: &RunView,
    wanted: Wanted,
    reader: &mut Reader,
    out: &Output,
) -> Result<Exit, Failure> {
    let mut printed = false;
    for place in places(view, wanted) {
        printed |= reader.read_on(site, view, &place, End::Here, out).await?;
    }
    if !printed {
        out.say("nothing was printed");
    }
    Ok(Exit::Success)
}

async fn follow(
    site: &Site,
    run: &RunId,
    wanted: Wanted,
    reader: &mut Reader,
    out: &Output,
) -> Result<Exit, Failure> {
    let pause = match site {
        Site::Folder(_) => LOOK,
        Site::Project(_) | Site::Server(_) => LOOK_FAR,
    };
    let (mut before, mut seen_at) = (false, Instant::now());
    loop {
        match look(site, run, wanted, reader, before, out).await {
            // The log of an attempt may come after the news of its end: what was over before this look is.
            Ok(over) if over && before => return Ok(Exit::Success),
            Ok(over) => (before, seen_at) = (over, Instant::now()),
            Err(failure) if failure.is_passing && seen_at.elapsed() < PATIENCE => {}
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(pause).await;
    }
}

/// Prints what is new; whether nothing more can come but what is late. `last` when that was so at the look before.
async fn look(
    site: &Site,
    run: &RunId,
    wanted: Wanted,
    reader: &mut Reader,
    last: bool,
    out: &Output,
) -> Result<bool, Failure> {
    // Asked before the logs are read: what ends in between is read once more.
    let view = site.view(run).await?;
    let over = view.header.status.is_terminal()
        || wanted
            .task
            .is_some_and(|at| view.state.task(at).status().is_terminal());
    for place in places(&view, wanted) {
        let end = match over || place.ended {
            true if over && last => End::Here,
            true => End::Near,
            false => End::Open,
        };
        reader.read_on(site, &view, &place, end, out).await?;
    }
    Ok(over)
}

/// One log: the label of its lines and whose it is.
struct Place {
    label: String,
    of: Attempt,
    /// Whether nothing more can come.
    ended: bool,
}

fn places(view: &RunView, wanted: Wanted) -> Vec<Place> {
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
            for attempt in wanted.attempts.of(instance.attempt) {
                places.push(Place {
                    label: label.clone(),
                    of: Attempt {
                        task: at,
                        index,
                        attempt,
                    },
                    ended: instance.status().is_terminal() || attempt < instance.attempt,
                });
            }
        }
    }
    places
}

/// Whether more of a log may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is being printed.
    Open,
    /// Its attempt has ended; the log may be on its way.
    Near,
    /// What is there is all.
    Here,
}

/// How far a log has been printed.
#[derive(Debug, Clone, Copy, Default)]
struct Printed {
    bytes: u64,
    /// Whether its attempt had ended when it was last read.
    ended: bool,
    /// Whether that is all there will be.
    whole: bool,
}

/// How far each log has been printed.
struct Reader {
    labelled: bool,
    places: BTreeMap<Attempt, Printed>,
}

impl Reader {
    /// Prints what has come since; whether there was anything. Labelled lines are printed whole, the last one also without
    /// its end once nothing more can come.
    async fn read_on(
        &mut self,
        site: &Site,
        view: &RunView,
        place: &Place,
        end: End,
        out: &Output,
    ) -> Result<bool, Failure> {
        let known = self.places.get(&place.of).copied().unwrap_or_default();
        let over = end == End::Here || (end == End::Near && known.ended);
        let mut any = false;
        loop {
            let known = self.places.get(&place.of).copied().unwrap_or_default();
            if known.whole {
                return Ok(any);
            }
            let mut bytes = site.log(view, place.of, known.bytes, CHUNK).await?;
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
            let printed = Printed {
                bytes: known.bytes + bytes.len() as u64,
                // Only a look that came to its end counts, for the next one is then the last.
                ended: end != End::Open && !full,
                whole: last,
            };
            self.places.insert(place.of, printed);
            if bytes.is_empty() {
                return Ok(any);
            }
            any = true;
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
