//! One instance as a record of a page. A record may grow at its end.

use super::codec::{DecodeError, Reader, Writer};
use super::deferral::{Deferral, bit_of};
use super::{
    Cancellation, Category, Failure, Instance, InstanceStatus, SkipReason, State, Trouble,
};
use crate::deferred::{LONGEST_POLL, SHORTEST_POLL};
use crate::limits;
use crate::task::Output;
use crate::time::{Millis, Time};

pub(super) fn write_skip(out: &mut Writer, reason: SkipReason) {
    let (kind, task) = match reason {
        SkipReason::UpstreamFailed(task) => (0, task),
        SkipReason::UpstreamSkipped(task) => (1, task),
        SkipReason::UpstreamCancelled(task) => (2, task),
        SkipReason::NoUpstream => (3, 0),
        SkipReason::When => (4, 0),
        SkipReason::NotAskedFor => (5, 0),
    };
    out.byte(kind);
    out.number(task);
}

pub(super) fn read_skip(reader: &mut Reader<'_>) -> Result<SkipReason, DecodeError> {
    let (kind, task) = (reader.byte()?, reader.small()?);
    Ok(match kind {
        0 => SkipReason::UpstreamFailed(task),
        1 => SkipReason::UpstreamSkipped(task),
        2 => SkipReason::UpstreamCancelled(task),
        3 => SkipReason::NoUpstream,
        4 => SkipReason::When,
        5 => SkipReason::NotAskedFor,
        _ => {
            return Err(DecodeError::Damaged(
                "a task was skipped for an unknown reason",
            ));
        }
    })
}

fn write_output(out: &mut Writer, output: &Output) {
    match output {
        Output::Inline(text) => {
            out.byte(0);
            out.bytes(text.as_bytes());
        }
        Output::Object { bytes } => {
            out.byte(1);
            out.number(*bytes);
        }
    }
}

fn read_output(reader: &mut Reader<'_>) -> Result<Output, DecodeError> {
    match reader.byte()? {
        0 => Ok(Output::Inline(reader.text()?.into())),
        1 => Ok(Output::Object {
            bytes: reader.number()?,
        }),
        _ => Err(DecodeError::Damaged("an output is of an unknown kind")),
    }
}

pub(super) fn write_instance(out: &mut Writer, instance: &Instance, base: Time) {
    out.byte(instance.status() as u8);
    out.number(instance.attempt);
    out.number(instance.fence);
    out.number(instance.failures);
    out.number(instance.losses);
    out.time_option(instance.started_at, base);
    out.time_option(instance.finished_at, base);
    match &instance.failure {
        None => out.byte(0),
        Some(failure) => {
            out.byte(1 + failure.category as u8);
            out.number(failure.attempt);
            out.bytes(failure.message.as_bytes());
        }
    }
    match &instance.state {
        State::Pending | State::Failed | State::Cancelled => {}
        State::Queued { since } => out.time(*since, base),
        State::Dispatched { since, begin } => {
            out.time(*since, base);
            out.time_option(begin.map(|(check_at, _)| check_at), base);
            out.time_option(begin.map(|(_, start_by)| start_by), base);
        }
        State::Running { beat_by, end_by } => {
            out.time_option(*beat_by, base);
            out.time_option(*end_by, base);
        }
        State::Deferred(deferral) => {
            write_output(out, &deferral.jobs);
            out.number(deferral.count);
            out.number(deferral.done);
            out.time(deferral.poll_at, base);
            out.time(deferral.end_by, base);
        }
        State::Retrying { due } => out.time(*due, base),
        State::Paused { due } => out.time_option(*due, base),
        State::Success { output } => write_output(out, output),
        State::Skipped(reason) => write_skip(out, *reason),
    }
    write_tail(out, instance, base);
}

/// What came to the record later, in the order in which it came: nothing where there is nothing.
fn write_tail(out: &mut Writer, instance: &Instance, base: Time) {
    let deferral = match &instance.state {
        State::Deferred(deferral) => Some(deferral),
        _ => None,
    };
    let cancellations = instance.cancellations();
    if cancellations.is_empty() && instance.handed_over == 0 && instance.extra.is_none() {
        return;
    }
    out.number(instance.handed_over);
    out.number(cancellations.len() as u64);
    for one in cancellations {
        out.number(one.attempt);
        write_output(out, &one.jobs);
        out.number(one.count);
        out.number(one.over);
        out.time(one.since, base);
        out.time(one.ask_at, base);
        out.number(one.asked);
        out.number(one.denied);
        out.byte(u8::from(one.holds));
    }
    out.record(|out| {
        if let Some(deferral) = deferral {
            out.time(deferral.since, base);
            out.number(deferral.every.0);
            out.number(deferral.denied_once);
            out.number(deferral.denied_twice);
        }
    });
    let of_deferral = deferral.and_then(|deferral| deferral.trouble.as_deref());
    let of_deferral = of_deferral.map(|trouble| (instance.attempt, trouble));
    let of_others = cancellations
        .iter()
        .filter_map(|one| Some((one.attempt, one.trouble.as_deref()?)));
    let mut troubles = of_deferral.into_iter().chain(of_others).peekable();
    if troubles.peek().is_some() || instance.extra.is_some() {
        out.record(|out| {
            for (attempt, trouble) in troubles {
                out.record(|out| write_trouble(out, attempt, trouble, base));
            }
        });
    }
    if let Some(extra) = &instance.extra {
        out.0.extend_from_slice(extra);
    }
}

fn write_trouble(out: &mut Writer, attempt: u32, trouble: &Trouble, base: Time) {
    out.number(attempt);
    out.number(trouble.jobs);
    out.bytes(trouble.why.as_bytes());
    out.time(trouble.at, base);
    out.number(trouble.times);
}

/// Gives what keeps questions from being answered to the jobs that it is about. An Ork that did not know of it may have gone on since:
/// then it is about none.
fn read_trouble(
    reader: &mut Reader<'_>,
    instance: &mut Instance,
    base: Time,
) -> Result<(), DecodeError> {
    let attempt: u32 = reader.small()?;
    let trouble = Box::new(Trouble {
        jobs: reader.number()?,
        why: reader.text()?.into(),
        at: reader.time(base)?,
        times: reader.small()?,
    });
    let live = instance.attempt;
    if let State::Deferred(deferral) = &mut instance.state
        && attempt == live
    {
        deferral.trouble = Some(trouble);
        return Ok(());
    }
    let mut others = instance
        .cancellations
        .iter_mut()
        .flat_map(|all| all.iter_mut());
    if let Some(one) = others.find(|one| one.attempt == attempt) {
        one.trouble = Some(trouble);
    }
    Ok(())
}

fn read_tail(
    reader: &mut Reader<'_>,
    instance: &mut Instance,
    base: Time,
) -> Result<(), DecodeError> {
    if reader.is_empty() {
        return Ok(());
    }
    instance.handed_over = reader.number()?;
    let count: usize = reader.small()?;
    if count > limits::CANCELLATIONS {
        return Err(DecodeError::Damaged("too many jobs are being stopped"));
    }
    for _ in 0..count {
        let one = Cancellation {
            attempt: reader.small()?,
            jobs: read_output(reader)?,
            count: jobs_in(reader.small()?)?,
            over: reader.number()?,
            since: reader.time(base)?,
            ask_at: reader.time(base)?,
            asked: reader.small()?,
            denied: reader.small()?,
            holds: reader.byte()? != 0,
            trouble: None,
        };
        instance.cancellations.get_or_insert_default().push(one);
    }
    let mut later = Reader(reader.bytes()?);
    if let State::Deferred(deferral) = &mut instance.state
        && !later.is_empty()
    {
        deferral.since = later.time(base)?;
        // What is asked for all the time would never end.
        deferral.every = Millis(later.number()?).clamp(SHORTEST_POLL, LONGEST_POLL);
        deferral.denied_once = later.number()?;
        deferral.denied_twice = later.number()?;
    }
    if reader.is_empty() {
        return Ok(());
    }
    let mut troubles = Reader(reader.bytes()?);
    while !troubles.is_empty() {
        read_trouble(&mut Reader(troubles.bytes()?), instance, base)?;
    }
    Ok(())
}

fn jobs_in(count: u32) -> Result<u32, DecodeError> {
    if count == 0 || count as usize > limits::DEFERRED_JOBS {
        return Err(DecodeError::Damaged(
            "an instance waits for too many jobs or none",
        ));
    }
    Ok(count)
}

pub(super) fn read_instance(reader: &mut Reader<'_>, base: Time) -> Result<Instance, DecodeError> {
    let status = *InstanceStatus::ALL
        .get(usize::from(reader.byte()?))
        .ok_or(DecodeError::Damaged("an instance is in an unknown state"))?;
    let mut instance = Instance::new();
    instance.attempt = reader.small()?;
    instance.fence = reader.small()?;
    instance.failures = reader.small()?;
    instance.losses = reader.small()?;
    instance.started_at = reader.time_option(base)?;
    instance.finished_at = reader.time_option(base)?;
    let failed = reader.byte()?;
    if failed > 0 {
        let category = *Category::ALL
            .get(usize::from(failed - 1))
            .ok_or(DecodeError::Damaged("a failure is of an unknown category"))?;
        let attempt = reader.small()?;
        instance.failure = Some(Box::new(Failure {
            category,
            message: reader.text()?.into(),
            attempt,
        }));
    }
    instance.state = match status {
        InstanceStatus::Pending => State::Pending,
        InstanceStatus::Queued => State::Queued {
            since: reader.time(base)?,
        },
        InstanceStatus::Dispatched => {
            let since = reader.time(base)?;
            let (check_at, start_by) = (reader.time_option(base)?, reader.time_option(base)?);
            State::Dispatched {
                since,
                begin: check_at.zip(start_by),
            }
        }
        InstanceStatus::Running => State::Running {
            beat_by: reader.time_option(base)?,
            end_by: reader.time_option(base)?,
        },
        InstanceStatus::Deferred => {
            let jobs = read_output(reader)?;
            let (count, done) = (jobs_in(reader.small()?)?, reader.number()?);
            let (poll_at, end_by) = (reader.time(base)?, reader.time(base)?);
            State::Deferred(Box::new(Deferral {
                jobs,
                count,
                done,
                poll_at,
                end_by,
                // As the first version had it, which did not write them down.
                since: instance.started_at.unwrap_or(poll_at),
                every: limits::POLL_INTERVAL,
                denied_once: 0,
                denied_twice: 0,
                trouble: None,
            }))
        }
        InstanceStatus::Retrying => State::Retrying {
            due: reader.time(base)?,
        },
        InstanceStatus::Paused => State::Paused {
            due: reader.time_option(base)?,
        },
        InstanceStatus::Success => State::Success {
            output: read_output(reader)?,
        },
        InstanceStatus::Failed => State::Failed,
        InstanceStatus::Skipped => State::Skipped(read_skip(reader)?),
        InstanceStatus::Cancelled => State::Cancelled,
    };
    read_tail(reader, &mut instance, base)?;
    if let State::Deferred(_) = instance.state {
        instance.handed_over |= bit_of(instance.attempt);
    }
    instance.extra = (!reader.is_empty()).then(|| reader.0.into());
    Ok(instance)
}
