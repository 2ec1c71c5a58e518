//! The one binary that is deployed: its first argument is the role.

mod api;
mod arguments;
mod environment;
mod google;

use std::io::Write;
use std::process::ExitCode;

use axum::Router;
use ork_core::usage::Usage;
use ork_engine::Engine;
use ork_gcp::{Google, Meter, prices};
use ork_host::settings::{self, ApiSettings, LogLevel, Problem, Problems, Settings};
use ork_host::{Role, listen, logs, serve, told_to_stop};
use ork_telemetry::Observed;
use ork_worker::{WorkerServiceSettings, WorkerSettings};

use arguments::Asked;
use environment::Environment;

/// The arguments or the environment are wrong (EX_USAGE); nothing was started.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(code) = ork_worker::hidden(&arguments) {
        return code;
    }
    let role = match arguments::read(&arguments) {
        Asked::Role(role) => role,
        Asked::Help(text) => return say(&mut std::io::stdout(), &text, ExitCode::SUCCESS),
        Asked::Wrong(text) => {
            return say(&mut std::io::stderr(), &text, ExitCode::from(USAGE));
        }
    };
    let environment = environment::read();
    // Two providers may be in the binary, and rustls does not choose between them. It fails only if one was installed before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let text = format!("the runtime cannot be made: {error}\n");
            return say(&mut std::io::stderr(), &text, ExitCode::FAILURE);
        }
    };
    let code = match role {
        Role::Worker => match worker(environment) {
            Ok(settings) => runtime.block_on(Box::pin(ork_worker::run(settings))),
            Err((project, problems)) => refuse(&project, &problems),
        },
        Role::WorkerService => {
            let project = environment.project();
            match worker_service(environment) {
                Ok(settings) => runtime.block_on(Box::pin(ork_worker::run_service(settings))),
                Err(problems) => refuse(&project, &problems),
            }
        }
        Role::Api => {
            let project = environment.project();
            match api(environment) {
                Ok(settings) => runtime.block_on(Box::pin(api::run(settings))),
                Err(problems) => refuse(&project, &problems),
            }
        }
        Role::Tick | Role::Dispatch | Role::Monitor | Role::Poll => {
            let project = environment.project();
            match service(role, environment) {
                Ok(settings) => runtime.block_on(Box::pin(run(settings))),
                Err(problems) => refuse(&project, &problems),
            }
        }
    };
    // What is still open was said to be left; nothing waits for it.
    runtime.shutdown_background();
    code
}

/// Nobody being there to read it is no error.
fn say(to: &mut impl Write, text: &str, code: ExitCode) -> ExitCode {
    let _ = to.write_all(text.as_bytes());
    code
}

/// Says what is wrong with the environment, where the logs would be.
fn refuse(project: &str, problems: &Problems) -> ExitCode {
    logs::install(logs::Style::fitting(project), LogLevel::Info);
    tracing::error!("{problems}");
    ExitCode::from(USAGE)
}

fn service(role: Role, environment: Environment) -> Result<Settings, Problems> {
    let read = Settings::read(role, &environment.variables);
    together(environment.problems, read)
}

fn api(environment: Environment) -> Result<ApiSettings, Problems> {
    let read = ApiSettings::read(&environment.variables);
    together(environment.problems, read)
}

fn worker_service(environment: Environment) -> Result<WorkerServiceSettings, Problems> {
    let read = WorkerServiceSettings::from_map(&environment.variables);
    together(environment.problems, read)
}

/// What was read, unless something was wrong before.
fn together<T>(mut problems: Vec<Problem>, read: Result<T, Problems>) -> Result<T, Problems> {
    if problems.is_empty() {
        return read;
    }
    problems.extend(read.err().map(|more| more.0).unwrap_or_default());
    Err(Problems(problems))
}

fn worker(environment: Environment) -> Result<WorkerSettings, (String, Problems)> {
    let project = environment.project();
    let mut problems = environment.problems;
    problems.extend(settings::unknown(&environment.variables));
    match WorkerSettings::from_map(&environment.variables) {
        Ok(settings) if problems.is_empty() => Ok(settings),
        Ok(_) => Err((project, Problems(problems))),
        Err(lines) => {
            // Each line begins with the variable's name.
            problems.extend(lines.into_iter().map(|line| {
                let (variable, what) = line.split_once(' ').unwrap_or((&line, ""));
                Problem {
                    variable: variable.to_owned(),
                    what: what.to_owned(),
                }
            }));
            Err((project, Problems(problems)))
        }
    }
}

/// Serves a role until it is told to stop.
async fn run(mut settings: Settings) -> ExitCode {
    logs::install(logs::Style::fitting(&settings.project), settings.log);
    let measured = settings
        .serving
        .measured(settings.role, &settings.project, Some(price));
    settings.serving = match measured {
        Ok(serving) => serving,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let stop = match told_to_stop() {
        Ok(stop) => stop,
        Err(error) => {
            tracing::error!("signals cannot be waited for: {error}");
            return ExitCode::FAILURE;
        }
    };
    let meter = Meter::of_function(settings.role.as_str());
    let google = match Google::connect(google::options(&settings), meter.clone()).await {
        Ok(google) => google,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let listener = match listen(&settings.serving).await {
        Ok(listener) => listener,
        Err(error) => {
            let port = settings.serving.port;
            tracing::error!("port {port} cannot be listened on: {error} (see PORT)");
            return ExitCode::FAILURE;
        }
    };
    match listener.local_addr() {
        Ok(address) => tracing::info!(
            role = settings.role.as_str(),
            address = address.to_string(),
            "listens"
        ),
        Err(error) => tracing::warn!("listens, and cannot say where: {error}"),
    }
    let observed = Observed::new(google, settings.serving.telemetry.clone());
    let routes = routes(Engine::new(observed, None), &settings);
    serve(listener, routes, &settings.serving, stop).await;
    tracing::info!(used = ?meter.total(), "what this process used in all");
    ExitCode::SUCCESS
}

/// What use of Google's services costs, in billionths of a US dollar.
fn price(used: &Usage) -> u64 {
    prices::cost(used).total()
}

fn routes(engine: Engine<Observed<Google>>, settings: &Settings) -> Router {
    match settings.role {
        Role::Tick => ork_tick::router(engine, settings),
        Role::Dispatch => {
            ork_dispatch::chaining(engine, settings, Some(ork_gcp::worker_services::keeping))
        }
        Role::Monitor => ork_monitor::router(engine, settings),
        Role::Poll => ork_poll::router(engine, settings),
        Role::Worker | Role::WorkerService | Role::Api => unreachable!("they are run elsewhere"),
    }
}
