//! `ork dev`: runs the workflows of a folder as they fall due, reloads them as they change, goes on with what was left behind, and serves the
//! HTTP API meanwhile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ork_local::{Control, Embedded, Until};

use crate::browser::{self, Wait};
use crate::config::Config;
use crate::dev_address::Announced;
use crate::engine::{self, Custom, EngineArgs};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::progress::{self, Screen, SharedScreen, Style};
use crate::signals::Stops;
use crate::state_folder::StateArg;
use crate::workflow_file::{self, count, shown};

mod folder;
#[cfg(feature = "serve")]
mod serve;
#[cfg(not(feature = "serve"))]
#[path = "dev/no_serve.rs"]
mod serve;
mod sweep;

use folder::{Folder, News};
use serve::Server;
use sweep::Sweep;

/// Pause between two looks at the folder.
const LOOK: Duration = Duration::from_secs(1);
/// How long stopping may take.
const LEAVE: Duration = Duration::from_secs(5);

/// `ork dev`
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Folder with workflow files
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    state: StateArg,
    /// Port of the HTTP API on 127.0.0.1; 0 chooses a free one
    #[arg(long, value_name = "PORT", default_value_t = 4000)]
    port: u16,
    /// Let only those use the HTTP API who show an API key; `ork auth key create` makes one
    #[arg(long)]
    keys: bool,
    /// Open the pages in a browser
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    engine: EngineArgs,
    /// Say why: every decision, one line each
    #[arg(short, long)]
    verbose: bool,
}

/// Runs until it is stopped.
pub(crate) fn dev(args: &DevArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    if !args.folder.is_dir() {
        return Err(
            Failure::new(format!("`{}` is not a folder", shown(&args.folder)))
                .hint("`ork execute FILE` runs one workflow file"),
        );
    }
    let root = workflow_file::absolute(&args.folder)?;
    let state = args
        .state
        .beside(&root.join(workflow_file::PROJECT_FILE), config)?;
    engine::block_on(async {
        // One engine executes, another stores what changed: the first is busy for as long as it runs.
        let recorder = engine::to_record(state.clone())?;
        let server = Server::bind(args.port).await?;
        let address = server.address();
        if args.open && address.is_none() {
            return Err(Failure::new(
                "--open: this ork was built without the pages (feature `serve`)",
            ));
        }
        let mut folder = Folder::new(root.clone());
        let mut loaded = 0;
        for news in folder.look() {
            loaded += usize::from(matches!(tell(&recorder, news, out).await, Ok(true)));
        }
        let custom = custom(&root, out)?;
        let mut embedded = engine::to_execute(state.clone(), &args.engine, custom, config)?;
        // Before anybody is told that it is there, and may want it to end.
        let stops = Stops::listen()?;
        // Said for as long as this engine lives, so that `ork open` finds it.
        let _announced = match (&address, embedded.engine().owner()) {
            (Some(address), Some(id)) => {
                Some(Announced::new(&state, id, address, progress::now())?)
            }
            _ => None,
        };
        out.say(&format!(
            "{} from {}, state in {}; {}, Ctrl-C stops it",
            count(loaded, "workflow"),
            shown(&root),
            shown(&state),
            server.place(args.keys)
        ));
        if let Some(address) = address.as_ref().filter(|_| args.open)
            && let Err(failure) = browser::open(address, config.browser.as_deref(), Wait::No)
        {
            // The pages are served all the same.
            out.warn(&failure.message);
        }
        let style = if args.verbose {
            Style::Notes
        } else {
            Style::Lines
        };
        let screen = SharedScreen::new(Screen::new(style, true, out), out);
        let control = Control::new();
        let upkeep = Upkeep {
            recorder: &recorder,
            folder,
            sweep: Sweep::of(&root),
        };
        let watching = watch(&mut embedded, upkeep, &screen, control.clone(), stops, out);
        tokio::select! {
            done = watching => done,
            failed = server.serve(&recorder, control, args.keys) => Err(failed),
        }
    })
}

/// What is looked after beside the runs.
struct Upkeep<'a> {
    recorder: &'a Embedded,
    folder: Folder,
    sweep: Sweep,
}

impl Upkeep<'_> {
    async fn look(&mut self, out: &Output) {
        for news in self.folder.look() {
            // What could not be stored was said; the next change of the file tries again.
            let _ = tell(self.recorder, news, out).await;
        }
        self.sweep.look(self.recorder, out).await;
    }
}

async fn watch(
    embedded: &mut Embedded,
    mut upkeep: Upkeep<'_>,
    screen: &SharedScreen,
    control: Control,
    mut stops: Stops,
    out: &Output,
) -> Result<Exit, Failure> {
    let mut observer = screen.clone();
    let mut looks = tokio::time::interval(LOOK);
    let driving = embedded.drive(Until::Forever, &mut observer, control.clone());
    tokio::pin!(driving);
    loop {
        tokio::select! {
            biased;
            _ = stops.next() => {
                control.stop();
                break;
            }
            _ = looks.tick() => upkeep.look(out).await,
            result = &mut driving => return result.map(|()| Exit::Success).map_err(engine::failure),
        }
    }
    let _ = tokio::time::timeout(LEAVE, &mut driving).await;
    match screen.runs() {
        0 => out.say("stopped; nothing was running"),
        n => out.say(&format!(
            "stopped with {} under way; the next `ork dev` here goes on with what is left",
            count(n, "run")
        )),
    }
    Ok(Exit::Success)
}

/// Says what happened to a file and stores what is right; whether it did.
async fn tell(recorder: &Embedded, news: News, out: &Output) -> Result<bool, ()> {
    match news {
        News::Right(file) => match engine::deploy(recorder, &file).await {
            Ok((version, changed)) => {
                let name = &file.workflow.name;
                if changed {
                    out.say(&format!(
                        "{}: {} version {}",
                        shown(&file.path),
                        out.talk.bold(name.as_str()),
                        version.short()
                    ));
                }
                Ok(true)
            }
            Err(failure) => {
                out.failure(&failure, false);
                Err(())
            }
        },
        News::Wrong { path, checked } => {
            out.diagnostics(&checked.found, &checked.source);
            out.say(&format!(
                "{}: not loaded; the version that was last right stays",
                shown(&path)
            ));
            Ok(false)
        }
        News::Unreadable(failure) => {
            out.failure(&failure, false);
            Err(())
        }
        News::Double { path, name, first } => {
            out.warn(&format!(
                "{}: not loaded; workflow {name} comes from {} already",
                shown(&path),
                shown(&first)
            ));
            Ok(false)
        }
        News::Settings(path) => {
            out.say(&format!(
                "{} changed; its executors count from the next start of `ork dev` on, its retention from the next sweep on",
                shown(&path)
            ));
            Ok(false)
        }
        News::Gone { path, name } => {
            out.warn(&format!("{} is gone; workflow {name} stays as it was, `ork workflow delete {name}` removes it", shown(&path)));
            Ok(false)
        }
    }
}

fn custom(root: &Path, out: &Output) -> Result<Custom, Failure> {
    Ok(engine::custom_of(&workflow_file::project_of(
        &root.join("any.yaml"),
        out,
    )?))
}
