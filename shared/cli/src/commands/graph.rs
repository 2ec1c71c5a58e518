//! `ork graph`: draws a workflow, or a run with where its tasks stand.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use ork_core::ids::TaskName;
use ork_graph::{
    Direction, DrawOptions, Gantt, GanttOptions, Graph, Limits, gantt_of_run, graph_of_run,
    graph_of_workflow,
};

use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::progress;
use crate::run_ref;
use crate::site::{Site, SiteArg};
use crate::workflow_file::{self, shown};

mod text;

/// `ork graph`
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// Workflow file
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Draw this run: its id, the beginning of one, or `latest`
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Write an SVG to this file; `-` is standard output
    #[arg(long, value_name = "OUT")]
    svg: Option<PathBuf>,
    /// From top to bottom instead of left to right
    #[arg(long, requires = "svg")]
    top_down: bool,
    /// Draw the run along time instead
    #[arg(long, requires = "svg", requires = "run", conflicts_with_all = ["top_down", "around", "critical"])]
    gantt: bool,
    /// Only this task and what is near it
    #[arg(long, value_name = "TASK")]
    around: Option<TaskName>,
    /// How many steps away from it
    #[arg(long, value_name = "N", requires = "around", default_value_t = 2)]
    depth: u32,
    /// Show the chain of tasks that took longest, or is expected to
    #[arg(long)]
    critical: bool,
    /// Print nodes and edges to standard output
    #[arg(long, conflicts_with = "svg")]
    pub(crate) json: bool,
    #[command(flatten)]
    site: SiteArg,
}

/// What is drawn.
struct Subject {
    workflow: String,
    /// Id and status.
    run: Option<(String, String)>,
    graph: Graph,
    gantt: Option<Gantt>,
}

/// Draws it.
pub(crate) fn graph(args: &GraphArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let mut subject = subject(args, config, out)?;
    if let Some(task) = &args.around {
        subject.graph = near(&subject, task, args.depth)?;
    }
    match &args.svg {
        None if args.json => out.json(&text::json(&subject, args.critical))?,
        None => out.print(&text::text(&subject, args.critical, out.data))?,
        Some(path) => write(path, &svg(&subject, args)?, out)?,
    }
    Ok(Exit::Success)
}

fn subject(args: &GraphArgs, config: &Config, out: &Output) -> Result<Subject, Failure> {
    let file = match &args.file {
        Some(file) => Some(workflow_file::load(file, out)?),
        None => None,
    };
    let Some(run) = &args.run else {
        let Some(workflow) = file.map(|file| file.workflow) else {
            return Err(
                Failure::new("neither a workflow file nor a run is named").hint(
                    "`ork graph FILE` draws a workflow, `ork graph --run latest` the latest run",
                ),
            );
        };
        return Ok(Subject {
            workflow: workflow.name.to_string(),
            run: None,
            graph: graph_of_workflow(&workflow, |_| None),
            gantt: None,
        });
    };
    engine::block_on(async {
        let place = match &file {
            Some(file) => args.site.beside(&file.path, config)?,
            None => args.site.nearest(config)?,
        };
        let site = Site::to_look(place, config).await?;
        let run = run_ref::find(&site, run).await?;
        let view = site.view(&run).await?;
        let header = &view.state.header;
        if let Some(file) = file.filter(|file| file.workflow.name != header.workflow) {
            let (other, this) = (&header.workflow, file.workflow.name);
            return Err(Failure::new(format!(
                "run {run} is one of workflow {other}, and {} has workflow {this}",
                shown(&file.path)
            ))
            .hint("leave the file out: a run knows the version of its workflow"));
        }
        let now = progress::now();
        Ok(Subject {
            workflow: header.workflow.to_string(),
            run: Some((run.to_string(), header.status.to_string())),
            graph: graph_of_run(&view.graph, &view.state, now, |_| None),
            gantt: args
                .gantt
                .then(|| gantt_of_run(&view.graph, &view.state, now, |_| None)),
        })
    })
}

fn near(subject: &Subject, task: &TaskName, depth: u32) -> Result<Graph, Failure> {
    let mut nodes = (0..).zip(subject.graph.nodes());
    let centre = nodes.find(|(_, node)| node.name == task.as_str());
    let Some((centre, _)) = centre else {
        return Err(Failure::new(format!(
            "workflow {} has no task `{task}`",
            subject.workflow
        ))
        .hint("`ork graph` without --around lists its tasks"));
    };
    let most = Limits::PAGE.nodes;
    Ok(subject.graph.around(centre, depth, depth, most).0)
}

fn svg(subject: &Subject, args: &GraphArgs) -> Result<String, Failure> {
    if let Some(gantt) = &subject.gantt {
        return Ok(gantt.svg(&GanttOptions {
            standalone: true,
            rows: usize::MAX,
            ..GanttOptions::default()
        }));
    }
    let direction = if args.top_down {
        Direction::TopDown
    } else {
        Direction::LeftToRight
    };
    let options = DrawOptions {
        label: text::title(subject),
        standalone: true,
        critical: args.critical,
    };
    ork_graph::svg(&subject.graph, direction, Limits::FILE, &options).map_err(|error| {
        Failure::new(error.to_string())
            .hint("`--around TASK --depth N` draws what is near one task; without --svg all tasks are listed")
    })
}

fn write(path: &Path, svg: &str, out: &Output) -> Result<(), Failure> {
    if path == Path::new("-") {
        return out.print(svg);
    }
    fs::write(path, svg)
        .map_err(|error| Failure::io(&format!("cannot write `{}`", shown(path)), &error))?;
    out.say(&format!("wrote {}", shown(path)));
    Ok(())
}
