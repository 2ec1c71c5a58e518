//! Every adapter against Google's emulators and the stand-ins: one program, since each more would link Google's clients once more.

mod firestore;
mod objects;
mod permissions;
mod queue;
mod run_jobs;
mod signed;
mod trackers;
