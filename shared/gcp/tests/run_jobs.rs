//! Attempts as executions of Cloud Run jobs, over the stand-ins for Cloud Run and Cloud Storage.

#[path = "jobs/answers.rs"]
mod answers;
#[path = "jobs/batches.rs"]
mod batches;
#[path = "jobs/stopping.rs"]
mod stopping;
#[path = "jobs/world.rs"]
mod world;
