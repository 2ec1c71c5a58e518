//! `ork run resend`: tries once more to tell those who could not be told of a run.

use clap::Args;
use ork_core::run::{Command, Notice, NoticeKey};
use ork_engine::report;
use ork_local::{Control, RunView, Silent, Until};

use super::notices::{nothing, show};
use crate::config::Config;
use crate::engine::{self, EngineArgs, failure};
use crate::failure::{Exit, Failure};
use crate::output::{Output, harmless};
use crate::run_ref;
use crate::site::{Place, Site, SiteArg};

/// `ork run resend`
#[derive(Debug, Args)]
pub(crate) struct ResendArgs {
    /// Run id, the beginning of one, or `latest`
    #[arg(value_name = "RUN")]
    run: String,
    /// The notice, such as failure.0.1, as `ork run notices` shows it
    #[arg(value_name = "NOTICE", required_unless_present = "failed")]
    notice: Option<String>,
    /// Every notice of the run that was given up
    #[arg(long, conflicts_with = "notice")]
    failed: bool,
    /// Only record it: whoever next executes runs here sends it
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    site: SiteArg,
    /// Print the notices of the run as they stand then to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Has notices sent that were given up.
pub(crate) fn resend(args: &ResendArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let place = args.site.nearest(config)?;
    engine::block_on(async {
        let mut site = match place {
            Place::Folder(folder) if !args.detach => {
                Site::of(engine::to_go_on(folder, &EngineArgs::default(), config, out).await?)
            }
            place => Site::to_look(place, config).await?,
        };
        let run = run_ref::find(&site, &args.run).await?;
        let before = site.view(&run).await?;
        let wanted = wanted(&before, args.notice.as_deref())?;
        let notice = args.notice.as_ref().and_then(|_| wanted.first().copied());
        let view = site.command(&run, Command::Resend { notice }).await?;
        let executed_by = site.other_owner(&view.header)?;
        let ended = view.header.status.is_terminal();
        let Site::Folder(embedded) = &mut site else {
            return recorded(&view, "the project sends it", args, out);
        };
        match executed_by {
            _ if args.detach => {
                let who = format!("`ork run resume {run}` or `ork dev` sends it");
                return recorded(&view, &who, args, out);
            }
            Some(pid) => {
                return recorded(&view, &format!("process {pid} sends it"), args, out);
            }
            None if !ended => {
                let who = format!(
                    "the run is {}: `ork run resume {run}` goes on with it and sends it",
                    view.header.status
                );
                return recorded(&view, &who, args, out);
            }
            None => {}
        }
        let until = Until::RunsEnd(vec![run.clone()]);
        let driven = embedded.drive(until, &mut Silent, Control::new()).await;
        driven.map_err(failure)?;
        tried(&site.view(&run).await?, &wanted, args, out)
    })
}

/// The notices that are meant, of those that there are.
fn wanted(view: &RunView, text: Option<&str>) -> Result<Vec<NoticeKey>, Failure> {
    let run = &view.header.id;
    let all = &view.state.header.notices;
    let Some(text) = text else {
        let given_up = all.iter().filter(|one| one.is_given_up());
        return Ok(given_up.map(|one| one.key).collect());
    };
    // The id that receivers know it by begins with the run.
    let prefix = format!("{run}.");
    let short = text.strip_prefix(&prefix).unwrap_or(text);
    let key: NoticeKey = short
        .parse()
        .map_err(|error| Failure::new(format!("{error}")).hint(there_are(view)))?;
    if view.state.notice(key).is_none() {
        let message = format!("run {run} has no notice {key}");
        return Err(Failure::new(message).hint(there_are(view)));
    }
    Ok(vec![key])
}

fn there_are(view: &RunView) -> String {
    let notices = view.state.header.notices.iter();
    let names: Vec<String> = notices.take(5).map(|one| one.key.to_string()).collect();
    match names.as_slice() {
        [] => nothing(view),
        names => format!(
            "it has {}; `ork run notices {}` shows them",
            names.join(", "),
            view.header.id
        ),
    }
}

/// It is asked for, and somebody else does it.
fn recorded(view: &RunView, who: &str, args: &ResendArgs, out: &Output) -> Result<Exit, Failure> {
    if args.json {
        show(view, true, out)?;
    } else {
        out.say(&format!("{}: asked for; {who}", view.header.id));
    }
    Ok(Exit::Success)
}

/// What became of it here.
fn tried(
    view: &RunView,
    wanted: &[NoticeKey],
    args: &ResendArgs,
    out: &Output,
) -> Result<Exit, Failure> {
    let meant = |one: &&Notice| wanted.contains(&one.key);
    let received = |one: &Notice| one.next_at().is_none() && !one.is_given_up();
    let all = view.state.header.notices.iter().filter(meant).all(received);
    if args.json {
        show(view, true, out)?;
    } else {
        let keys: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        let reports = report::notices(view).into_iter();
        for one in reports.filter(|one| keys.contains(&one.notice)) {
            let to = harmless(&one.to);
            let why = one.why.as_deref().map_or("nobody has answered", |why| why);
            let how = match one.state {
                "sent" => format!("{to} was told"),
                "gave_up" => format!("{to} could not be told: {}", harmless(why)),
                _ => format!(
                    "{to} is not told yet: {}; `ork run resume {}` or `ork dev` goes on trying",
                    harmless(why),
                    view.header.id
                ),
            };
            out.say(&format!("{}: {how}", one.notice));
        }
    }
    Ok(if all { Exit::Success } else { Exit::Trouble })
}
