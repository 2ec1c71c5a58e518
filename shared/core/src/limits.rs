//! Every bound in one place. A bound exists so that no document outgrows 900 KiB and no input outgrows memory.

use crate::time::Millis;

/// Bytes of a workflow file.
pub const FILE_BYTES: usize = 1 << 20;
/// Bytes of a file beside a workflow file that a query is in.
pub const QUERY_FILE_BYTES: usize = 128 * 1024;
/// Bytes of all such files of one workflow, each as often as it is named.
pub const QUERY_FILES_BYTES: usize = 4 << 20;
/// Nesting of a workflow file.
pub const NESTING: usize = 32;
/// Nodes of a workflow file after aliases are expanded.
pub const NODES: usize = 250_000;
/// Tasks in one workflow.
pub const TASKS: usize = 10_000;
/// Instances of one task.
pub const INSTANCES_PER_TASK: u32 = 100_000;
/// Instances in one run, all tasks together: 440 pages, so that one commit may touch them all (Firestore takes 500 writes).
pub const INSTANCES_PER_RUN: u32 = 112_640;
/// Instances in one page document.
pub const PAGE_INSTANCES: usize = 256;
/// Bytes of any document.
pub const DOCUMENT_BYTES: usize = 900 * 1024;
/// Bytes of an output or of a deferred-jobs list that stays inside its page; larger ones are objects.
pub const INLINE_OUTPUT_BYTES: usize = 1024;
/// Bytes of an error text kept with an instance; the rest is in the attempt's log.
pub const ERROR_BYTES: usize = 1024;
/// Bytes of the error text kept with a run that failed because a task did.
pub const FAILED_BYTES: usize = 240;
/// Bytes of the reason why questions about jobs get no answer, kept with an instance.
pub const TROUBLE_BYTES: usize = 240;
/// Bytes of one task's output.
pub const OUTPUT_BYTES: usize = 10 << 20;
/// Bytes of a verdict object before its output moves to an object of its own.
pub const VERDICT_OUTPUT_BYTES: usize = 64 * 1024;
/// Bytes of one attempt's log; what is printed beyond it is counted, not kept.
pub const LOG_BYTES: usize = 8 << 20;
/// Lines of the log that go into a failed verdict.
pub const LOG_TAIL_LINES: usize = 100;
/// Bytes of input or upstream passed in one environment variable; larger ones become files.
pub const ENV_BYTES: usize = 32 * 1024;
/// Bytes of params given to one run.
pub const PARAMS_BYTES: usize = 64 * 1024;
/// Bytes of an expression or template.
pub const EXPRESSION_BYTES: usize = 4096;
/// Bytes a template may render to.
pub const RENDERED_BYTES: usize = 1 << 20;
/// Deferred jobs of one attempt.
pub const DEFERRED_JOBS: usize = 64;
/// Runs waiting for a place of one workflow.
pub const QUEUED_RUNS: usize = 5_000;
/// Slots of a range for which runs are made at once.
pub const BACKFILL_SLOTS: usize = 500;
/// Sub-workflow depth.
pub const SUBWORKFLOW_DEPTH: u32 = 8;

/// `timeout` when neither task nor defaults state one.
pub const TIMEOUT: Millis = Millis::from_secs(3600);
/// `timeout` of a strict file, as the earlier Ork had it.
pub const TIMEOUT_STRICT: Millis = Millis::from_secs(300);
/// `start_timeout` when not stated.
pub const START_TIMEOUT: Millis = Millis::from_secs(300);
/// How far apart a remote worker's heartbeats are.
pub const HEARTBEAT_INTERVAL: Millis = Millis::from_secs(30);
/// `heartbeat_timeout` when not stated: four intervals.
pub const HEARTBEAT_TIMEOUT: Millis = Millis::from_secs(120);
/// Back-off between retries when only a number of retries is stated.
pub const RETRY_DELAY: Millis = Millis::from_secs(1);
/// Cap of an exponential back-off when not stated.
pub const RETRY_MAX_DELAY: Millis = Millis::from_secs(600);
/// Attempts lost before they started that are not counted against the task's retries.
pub const FREE_START_LOSSES: u16 = 3;
/// Recoveries of one run when the workflow does not say.
pub const MAX_RECOVERY_ATTEMPTS: u32 = 3;
/// How long a ready task may stay unclaimed before it is announced again.
pub const ANNOUNCE_AGAIN: Millis = Millis::from_secs(5);
/// Pause between polls of a deferred job, at first.
pub const POLL_INTERVAL: Millis = Millis::from_secs(10);
/// The longest pause between polls of a job that has been at work for long, unless it asks for a longer one.
pub const POLL_LONGEST: Millis = Millis::from_secs(60);
/// How long one question about a deferred job may take.
pub const POLL_TIMEOUT: Millis = Millis::from_secs(30);
/// How long a question holds up the answers of others that are kept in the same commit.
pub const POLL_QUICK: Millis = Millis::from_secs(2);
/// How long a request over HTTP that a task consists of is not made again, unless there was an answer: nobody knows whether whoever made it is
/// still there.
pub const REQUEST_AGAIN: Millis = Millis::from_secs(40);
/// Deferred jobs of one run that are asked about in one step, the longest due first.
pub const POLLS: u32 = 100;
/// The longest pause that a service can ask for which has no time now.
pub const RETRY_AFTER_LONGEST: Millis = Millis::from_secs(300);
/// How long a deferred job may be unknown to its service.
pub const JOB_UNKNOWN: Millis = Millis::from_secs(60);
/// How long a job that is to be stopped may be unknown before it is taken to be over: nobody looks for it afterwards. More than [`JOB_UNKNOWN`] by what
/// two clocks may differ, since the one that it is measured by need not be the one that it began by.
pub const STOP_UNKNOWN: Millis = Millis::from_secs(900);
/// Pause before a job that is to be stopped is looked at again, at first; it doubles.
pub const CANCEL_AGAIN: Millis = Millis::from_secs(5);
/// The longest such pause.
pub const CANCEL_AGAIN_LONGEST: Millis = Millis::from_secs(300);
/// The longest pause before a job is looked at again whose service refuses to stop it.
pub const CANCEL_DENIED_LONGEST: Millis = Millis::from_secs(6 * 3600);
/// How long a job is to be stopped at most: longer than any of the services lets one run.
pub const CANCEL_KEPT: Millis = Millis::from_secs(7 * 24 * 3600);
/// Questions in a row that may be turned down before it is believed that all will be.
pub const DENIALS: u32 = 3;
/// Attempts of one instance whose jobs are being stopped at the same time.
pub const CANCELLATIONS: usize = 4;
/// How long after a claim to see whether the attempt has begun; a quarter of a start timeout that is shorter than four of these, or a heartbeat timeout that is shorter.
pub const CLAIM_LEASE: Millis = Millis::from_secs(60);
/// How long until a run that is being removed is looked at again: whoever removes it may have died on the way.
pub const REMOVE_AGAIN: Millis = Millis::from_secs(300);
/// Objects of a run that one call removes; what is left goes with the next one.
pub const OBJECTS_REMOVED: usize = 5_000;
/// How long until something that was asked for and not answered is asked for again.
pub const ASK_AGAIN: Millis = Millis::from_secs(30);
/// How often a parent looks at the run of its sub-workflow, should the notice of its end be lost.
pub const CHILD_CHECK: Millis = Millis::from_secs(60);
/// How often a run that waits for its place is looked at, should the notice be lost: at first.
pub const PENDING_CHECK: Millis = Millis::from_secs(60);
/// How often a run that has waited for long is: a queue of many runs does not cost a write a minute for each.
pub const PENDING_CHECK_LONGEST: Millis = Millis::from_secs(600);
/// How far apart ticks are: what is due later is left to the next one.
pub const TICK_INTERVAL: Millis = Millis::from_secs(60);
/// No run that is not over stays unlooked at for longer than this, whatever its timers say.
pub const WAKE_NET: Millis = Millis::from_secs(3600);
/// How long after a worker's attempt was taken from it what it may say of its jobs is looked for: the notice of that may be lost.
pub const LATE_LOOK: Millis = Millis::from_secs(60);
/// How long after that for the last time.
pub const LATE_LOOK_LAST: Millis = Millis::from_secs(600);
/// Attempts of one task in flight from which on a verdict that is heard of makes the monitor look for others.
pub const COLLECT_FROM: u32 = 8;
/// Verdicts that are settled in one commit, at most.
pub const COLLECTED: usize = 1_000;
/// Objects that are read at the same time, at most.
pub const READS_AT_ONCE: usize = 32;
/// Attempts that are started together by one request, at most.
pub const BATCH_ATTEMPTS: usize = 1_000;
/// Bytes of the object that says what attempts started together run, at most.
pub const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Notifications of one workflow.
pub const NOTIFICATIONS: usize = 20;
/// Addresses of one letter.
pub const ADDRESSES: usize = 50;
/// Notices that a run keeps. When there are more, the oldest of those that are settled go first.
pub const NOTICES: usize = 60;
/// Bytes of the error that a notice tells.
pub const NOTICE_ERROR_BYTES: usize = 400;
/// Failed tasks that a notice names.
pub const NOTICE_TASKS: usize = 20;
/// Bytes of a rendered title.
pub const NOTICE_TITLE_BYTES: usize = 256;
/// Bytes of a rendered text.
pub const NOTICE_BODY_BYTES: usize = 8 * 1024;
/// How long telling a receiver may take.
pub const NOTICE_TIMEOUT: Millis = Millis::from_secs(30);
/// How long nobody else sends a notice, after the commit that hands it to somebody: longer than telling takes, since nobody knows whether
/// whoever has it is still there.
pub const NOTICE_LEASE: Millis = Millis::from_secs(75);
/// Pause after the first time that a receiver could not be told; it doubles.
pub const NOTICE_AGAIN: Millis = Millis::from_secs(10);
/// The longest such pause.
pub const NOTICE_AGAIN_LONGEST: Millis = Millis::from_secs(3600);
/// How long a notice is tried to be sent.
pub const NOTICE_KEPT: Millis = Millis::from_secs(24 * 3600);
/// Bytes of a definition that is kept in its document; a larger one is an object that the document names.
pub const DEFINITION_BYTES: usize = 512 * 1024;
/// Bytes of any definition, far above what a file of the allowed size and number of tasks can come to.
pub const DEFINITION_OBJECT_BYTES: u64 = 64 << 20;
