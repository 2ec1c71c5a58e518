//! The emulators and stand-ins, met through Google's own clients.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod command;
mod fake;
mod functions;
mod google;
mod run_jobs;
mod run_jobs_calls;
mod run_jobs_ends;
mod run_jobs_faults;
mod run_jobs_simulated;
mod scheduler;
mod services;
mod services_bigquery;
mod services_dataproc;
mod services_http;
mod services_iam;
mod services_results;
mod support;
mod tasks;
mod tasks_input;
mod tasks_queue;
mod together;
