//! The command line of `ork-emulators`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser, ValueEnum};
use ork_emulators::scheduler::Cadence;
use ork_emulators::{Options, Part};

/// How often the functions are ticked when nothing is said.
const TICKS: Cadence = Cadence::Every(Duration::from_secs(10));

/// Starts Google's Firestore and Pub/Sub emulators and Ork's stand-ins for Cloud Storage, Cloud Run jobs, Cloud Tasks, BigQuery,
/// Dataproc and IAM; with
/// --functions all of Ork.
#[derive(Clone, Debug, Parser)]
#[command(name = "ork-emulators", version, about, args_override_self = true)]
// Either the functions are started here, with what calls them, or somebody else does all of that.
#[command(group(ArgGroup::new("ticked").args(["functions", "tick"])))]
pub(crate) struct Arguments {
    /// The project that everything is prepared for
    #[arg(long, default_value = "ork-local", value_name = "NAME")]
    project: String,
    /// The bucket that is made
    #[arg(long, default_value = "ork-local", value_name = "NAME")]
    bucket: String,
    /// The Firestore database
    #[arg(long, default_value = "(default)", value_name = "NAME")]
    database: String,
    /// The region of the worker's job and the queue
    #[arg(long, default_value = "local", value_name = "NAME")]
    region: String,
    /// A file of `export` lines to write once everything answers; it is removed at the end
    #[arg(long, value_name = "PATH")]
    pub(crate) env_file: Option<PathBuf>,
    /// Start Ork's functions too, of this program (`ork-service`): tick, dispatch, monitor, poll, the API, and workers when there is work
    #[arg(long, value_name = "PATH", conflicts_with_all = ["wake_url", "worker"])]
    pub(crate) functions: Option<PathBuf>,
    /// Where tasks run whose workflow has no bundle [default: the current folder]
    #[arg(long, value_name = "DIR", requires = "functions")]
    pub(crate) code: Option<PathBuf>,
    /// The folder of the functions' logs [default: a new one for temporary files]
    #[arg(long, value_name = "DIR", requires = "functions")]
    pub(crate) logs: Option<PathBuf>,
    /// Show the functions' logs on standard error, too
    #[arg(long, short, requires = "functions")]
    pub(crate) verbose: bool,
    /// Post to this URL as Cloud Scheduler does
    #[arg(long, value_name = "URL")]
    pub(crate) tick: Option<String>,
    /// How often: 10s, 500ms, 2m, or `minute` for every full minute [default: minute; with --functions 10s]
    #[arg(long, value_name = "TIME", value_parser = cadence, requires = "ticked")]
    tick_every: Option<Cadence>,
    /// The URL that wakes are sent to (poll's /wake), as ORK_WAKE_URL
    #[arg(long, value_name = "URL")]
    wake_url: Option<String>,
    /// The folder of the gcloud SDK [default: looked for]
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
    /// Leave this part out; may be given more than once
    #[arg(long, value_name = "PART")]
    without: Vec<Which>,
    /// The port of Firestore [default: any free one]
    #[arg(
        long,
        default_value_t = 0,
        value_name = "PORT",
        hide_default_value = true
    )]
    firestore_port: u16,
    /// The port of Pub/Sub [default: any free one]
    #[arg(
        long,
        default_value_t = 0,
        value_name = "PORT",
        hide_default_value = true
    )]
    pubsub_port: u16,
    /// The port of Cloud Storage [default: any free one]
    #[arg(
        long,
        default_value_t = 0,
        value_name = "PORT",
        hide_default_value = true
    )]
    storage_port: u16,
    /// The port of Cloud Run jobs [default: any free one]
    #[arg(
        long,
        default_value_t = 0,
        value_name = "PORT",
        hide_default_value = true
    )]
    run_port: u16,
    /// The port of Cloud Tasks [default: any free one]
    #[arg(
        long,
        default_value_t = 0,
        value_name = "PORT",
        hide_default_value = true
    )]
    tasks_port: u16,
    /// The port of BigQuery, Dataproc and IAM [default: any free one]
    #[arg(
        long,
        default_value_t = 0,
        value_name = "PORT",
        hide_default_value = true
    )]
    services_port: u16,
    /// The port of what wipes a project [default: any free one]
    #[arg(
        long,
        default_value_t = 0,
        value_name = "PORT",
        hide_default_value = true
    )]
    control_port: u16,
    /// How many tasks of one job run at a time
    #[arg(long, default_value_t = 16, value_name = "NUMBER")]
    parallelism: usize,
    /// Refuse a second write of an object within a second, as Cloud Storage may
    #[arg(long)]
    strict_rate: bool,
    /// The command line that stands for the worker's container
    #[arg(last = true, value_name = "WORKER")]
    pub(crate) worker: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Firestore,
    Pubsub,
    Storage,
    Run,
    Tasks,
    Services,
}

impl Arguments {
    pub(crate) fn options(&self) -> Options {
        let part = |which, port| {
            if self.without.contains(&which) {
                Part::Off
            } else {
                Part::On(port)
            }
        };
        let mut options = Options::for_project(&self.project, &self.bucket);
        options.database.clone_from(&self.database);
        options.region.clone_from(&self.region);
        options.sdk_root.clone_from(&self.sdk);
        options.wake_url.clone_from(&self.wake_url);
        options.firestore = part(Which::Firestore, self.firestore_port);
        options.pubsub = part(Which::Pubsub, self.pubsub_port);
        options.storage = part(Which::Storage, self.storage_port);
        options.run_jobs = part(Which::Run, self.run_port);
        options.tasks = part(Which::Tasks, self.tasks_port);
        options.services = part(Which::Services, self.services_port);
        options.control_port = self.control_port;
        options.strict_rate = self.strict_rate;
        options.run_jobs_options.parallelism = self.parallelism;
        options
    }

    /// How often Cloud Scheduler posts.
    pub(crate) fn tick_every(&self) -> Cadence {
        let usual = match self.functions {
            Some(_) => TICKS,
            None => Cadence::Minute,
        };
        self.tick_every.unwrap_or(usual)
    }
}

fn cadence(text: &str) -> Result<Cadence, String> {
    if text == "minute" {
        return Ok(Cadence::Minute);
    }
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("`{text}` is no time: give 10s, 500ms, 2m or minute"))?;
    let every = match &text[digits.len()..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => {
            return Err(format!(
                "`{text}` has no unit that is known: give 10s, 500ms, 2m or minute"
            ));
        }
    };
    if every < Duration::from_millis(10) {
        return Err(format!("`{text}` is too often: at most every 10ms"));
    }
    Ok(Cadence::Every(every))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    fn read(words: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["ork-emulators"], words].concat())
    }

    #[test]
    fn functions_are_ticked_every_ten_seconds_and_a_url_every_minute() {
        let every = |words: &[&str]| read(words).map(|arguments| arguments.tick_every()).ok();
        let url = "http://127.0.0.1:1/tick";
        assert_eq!(every(&["--functions", "ork-service"]), Some(TICKS));
        assert_eq!(every(&["--tick", url]), Some(Cadence::Minute));
        let second = Some(Cadence::Every(Duration::from_secs(1)));
        assert_eq!(every(&["--functions", "f", "--tick-every", "1s"]), second);
        assert_eq!(every(&["--tick", url, "--tick-every", "1s"]), second);
    }

    #[test]
    fn functions_are_not_started_beside_others_of_the_same_kind() {
        for wrong in [
            &["--functions", "f", "--tick", "http://127.0.0.1:1/tick"][..],
            &["--functions", "f", "--wake-url", "http://127.0.0.1:1/wake"],
            &["--functions", "f", "--", "worker"],
            &["--code", "."],
            &["--logs", "."],
            &["--verbose"],
            &["--tick-every", "1s"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_said_later_wins() {
        let arguments = read(&[
            "--project",
            "one",
            "--project",
            "two",
            "-v",
            "--functions",
            "f",
        ]);
        let arguments = arguments.expect("both may be given");
        assert_eq!(arguments.options().project, "two");
        assert!(arguments.verbose);
    }

    #[test]
    fn times_are_read_and_nonsense_is_refused() {
        assert_eq!(cadence("minute"), Ok(Cadence::Minute));
        assert_eq!(cadence("10s"), Ok(Cadence::Every(Duration::from_secs(10))));
        assert_eq!(
            cadence("500ms"),
            Ok(Cadence::Every(Duration::from_millis(500)))
        );
        assert_eq!(cadence("2m"), Ok(Cadence::Every(Duration::from_secs(120))));
        for text in ["", "s", "10", "10h", "0s", "-1s", "1.5s", "ten"] {
            assert!(cadence(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parts_that_are_left_out_are_off() {
        let arguments = Arguments::parse_from([
            "ork-emulators",
            "--without",
            "tasks",
            "--without",
            "firestore",
            "--without",
            "services",
            "--storage-port",
            "9000",
            "--",
            "worker",
            "--fast",
        ]);
        let options = arguments.options();
        assert_eq!(
            (options.tasks, options.firestore, options.pubsub),
            (Part::Off, Part::Off, Part::On(0))
        );
        assert_eq!(options.services, Part::Off);
        assert_eq!(options.storage, Part::On(9000));
        assert_eq!(arguments.worker, ["worker", "--fast"]);
    }
}
