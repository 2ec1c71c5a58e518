//! A run under test: events as words in, effects, notes and states as words out; every step checks what must always hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ork_core::definition::Workflow;
use ork_core::ids::{PoolName, RunId};
use ork_core::limits;
use ork_core::parse::parse_workflow;
use ork_core::run::{
    Command, Effect, Event, Graph, Header, Instance, InstanceStatus, JobAnswer, Out, RunState,
    RunStatus, State,
};
use ork_core::time::Time;

use crate::words;

/// When every run under test was made.
pub(crate) const MADE: Time = Time(1_750_000_000_000);

/// A run, its workflow and the time.
pub(crate) struct World {
    pub(crate) graph: Graph,
    pub(crate) run: RunState,
    pub(crate) now: Time,
    /// Checks that cost a pass over the run at every step.
    pub(crate) thorough: bool,
    /// What every event so far gave.
    pub(crate) trace: String,
}

pub(crate) fn workflow(yaml: &str) -> Workflow {
    match parse_workflow("test.yaml", yaml.as_bytes()) {
        Ok(parsed) => parsed.workflow,
        Err(found) => panic!("{}", ork_core::diagnostic::render(&found, yaml, false)),
    }
}

pub(crate) fn header(workflow: &Workflow) -> Header {
    let version = ork_core::ids::VersionHash::of(b"test");
    Header {
        seed: 7,
        ..Header::new(
            RunId::new("run-1").unwrap(),
            workflow.name.clone(),
            version,
            MADE,
        )
    }
}

/// All bytes of a run, whatever changed since the last encode.
pub(crate) fn bytes(run: &RunState) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut copy = run.clone();
    copy.touch_all();
    let stored = copy.encode();
    (
        stored.header,
        stored.pages.into_iter().map(|(_, bytes)| bytes).collect(),
    )
}

/// The run as a process reads it that has never seen it.
pub(crate) fn reread(graph: &Graph, run: &RunState) -> RunState {
    let (header, pages) = bytes(run);
    RunState::decode(graph, &header, &pages).expect("what was encoded can be read")
}

impl World {
    /// A run of the tasks in `yaml` (the part below `tasks:`, or a whole file); `{x` stands for a task with a command.
    pub(crate) fn new(yaml: &str) -> Self {
        let whole = if yaml.contains("tasks:") {
            yaml.to_owned()
        } else {
            format!("name: test\ntasks:\n{yaml}\n")
        };
        Self::of(workflow(&whole.replace("{x", "{command: work")))
    }

    pub(crate) fn of(workflow: Workflow) -> Self {
        let header = header(&workflow);
        Self::with(Graph::new(workflow), header)
    }

    pub(crate) fn with(graph: Graph, header: Header) -> Self {
        let run = RunState::new(&graph, header);
        let world = Self {
            graph,
            run,
            now: MADE,
            thorough: true,
            trace: String::new(),
        };
        world.check();
        world
    }

    /// A run that is restricted to `tasks`.
    pub(crate) fn only(yaml: &str, tasks: &[u32]) -> Self {
        let world = Self::new(yaml);
        let mut header = world.run.header.clone();
        header.only = tasks.to_vec();
        Self::with(world.graph, header)
    }

    /// A run too large to be looked at as a whole at every step.
    pub(crate) fn quick(yaml: &str) -> Self {
        Self {
            thorough: false,
            ..Self::new(yaml)
        }
    }

    /// Applies a script: events separated by `;` or line ends, `+5s` lets time pass. A refusal is an error of the script.
    pub(crate) fn play(&mut self, script: &str) -> &mut Self {
        for line in script
            .split(['\n', ';'])
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if let Err(why) = self.line(line) {
                panic!("`{line}` was refused: {why}\n{}", self.trace);
            }
        }
        self
    }

    /// Applies one line and gives what was refused.
    pub(crate) fn refused(&mut self, line: &str) -> String {
        self.line(line).expect_err("it is refused")
    }

    /// Applies one line, which may be refused.
    pub(crate) fn line(&mut self, line: &str) -> Result<Out, String> {
        if let Some(span) = line.strip_prefix('+') {
            self.now = self.now + words::span(span);
            return Ok(Out::default());
        }
        let event = words::event(self, line);
        let result = self.apply(&event);
        self.record(line, &result);
        result
    }

    /// Applies an event with all checks.
    pub(crate) fn apply(&mut self, event: &Event) -> Result<Out, String> {
        let mut out = Out::default();
        if !self.thorough {
            return self
                .run
                .apply(&self.graph, event, self.now, &mut out)
                .map(|()| out)
                .map_err(|refusal| refusal.0);
        }
        let before = self.run.clone();
        let mut twin = reread(&self.graph, &self.run);
        let result = self.run.apply(&self.graph, event, self.now, &mut out);
        self.check();
        self.check_change(&before, event, &out);
        let mut twin_out = Out::default();
        let twin_result = twin.apply(&self.graph, event, self.now, &mut twin_out);
        assert_eq!(
            result, twin_result,
            "a run read back answers {event:?} otherwise"
        );
        assert_eq!(
            sorted(&out),
            sorted(&twin_out),
            "a run read back asks for something else after {event:?}"
        );
        assert_eq!(
            bytes(&self.run),
            bytes(&twin),
            "a run read back changes otherwise by {event:?}"
        );
        if result.is_err() {
            assert_eq!(
                bytes(&self.run),
                bytes(&before),
                "a refused {event:?} changed something"
            );
            assert_eq!(
                out,
                Out::default(),
                "a refused {event:?} asked for something"
            );
        }
        // What was turned down is counted: nobody tells of the same question twice.
        let counts = matches!(
            event,
            Event::Job {
                answer: JobAnswer::Denied(_) | JobAnswer::Missing(_),
                ..
            } | Event::JobsStopped {
                denied: Some(_),
                ..
            }
        );
        if !counts && !matches!(event, Event::Claim(_) | Event::Command(_)) {
            let mut again = self.run.clone();
            again
                .apply(&self.graph, event, self.now, &mut Out::default())
                .unwrap();
            assert_eq!(
                bytes(&again),
                bytes(&self.run),
                "{event:?} applied twice is not the same as once"
            );
        }
        result.map(|()| out).map_err(|refusal| refusal.0)
    }

    /// What must hold of any state.
    pub(crate) fn check(&self) {
        if let Err(wrong) = self.run.verify(&self.graph) {
            panic!("{wrong}\n{}{}", self.trace, self.states());
        }
        let mut run = self.run.clone();
        assert_eq!(
            run.next_wake_at(self.now).is_none(),
            run.is_at_rest(),
            "a run of which something is left to do has an instant to be looked at"
        );
        let latest = self
            .run
            .header
            .deadline_at
            .unwrap_or(Time(i64::MAX))
            .max(self.now + limits::WAKE_NET);
        assert!(
            run.next_wake_at(self.now).is_none_or(|at| at <= latest),
            "it stays unlooked at for too long"
        );
    }

    /// The same for a large run, where looking at every timer of every instance takes too long.
    pub(crate) fn check_quickly(&self) {
        let read = reread(&self.graph, &self.run);
        assert_eq!(
            bytes(&read),
            bytes(&self.run),
            "a large run survives its bytes"
        );
        assert_eq!(read.counts(), self.run.counts());
    }

    /// What must hold between a state and the next: I4, I9, I14.
    fn check_change(&self, before: &RunState, event: &Event, out: &Out) {
        let command = matches!(
            event,
            Event::Command(
                Command::Retry
                    | Command::RetryTask { .. }
                    | Command::Recover { .. }
                    | Command::MarkSuccess { .. }
            )
        );
        assert!(
            command
                || !before.header.status.is_terminal()
                || self.run.header.status == before.header.status,
            "{event:?} woke a run that was over"
        );
        let live = matches!(
            before.header.status,
            RunStatus::Running | RunStatus::Recovering
        );
        let claims = out
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Start(_)))
            .count();
        assert!(
            claims == 0 || (live && matches!(event, Event::Claim(_))),
            "{event:?} started something in a run that is {}",
            before.header.status
        );
        for task in 0..self.graph.order().len() as u32 {
            for (index, old) in (0u32..).zip(before.instances(task)) {
                let Some(new) = self.run.instance(task, index) else {
                    continue;
                };
                assert!(
                    new.attempt >= old.attempt && new.fence >= old.fence,
                    "{event:?}: attempt or fence of task {task}[{index}] went down"
                );
                let same = old.status() == new.status();
                assert!(
                    command || same || !old.status().is_terminal(),
                    "{event:?} moved task {task}[{index}] from {} to {}",
                    old.status(),
                    new.status()
                );
                let fresh = new.status().is_in_flight() && !old.status().is_in_flight();
                assert!(
                    !fresh || (new.attempt == old.attempt + 1 && new.fence > old.fence),
                    "{event:?}: task {task}[{index}] began without a new attempt"
                );
            }
        }
    }

    /// Each task with its state and, where it is not alone, its instances' states.
    pub(crate) fn states(&self) -> String {
        let mut shown = Vec::new();
        for (at, task) in (0u32..).zip(self.run.tasks()) {
            let definition = self.graph.task(at);
            let mut text = format!("{} {}", definition.name, task.status());
            if definition.fans_out() {
                let counts = task.counts();
                let each: Vec<String> = InstanceStatus::ALL
                    .iter()
                    .filter(|&&s| counts.of(s) > 0)
                    .map(|&s| format!("{} {s}", counts.of(s)))
                    .collect();
                let _ = write!(text, " ({})", each.join(", "));
            }
            shown.push(text);
        }
        shown.join(", ")
    }

    /// The words for a task's end, reason included.
    pub(crate) fn why(&self, task: &str) -> String {
        let at = self
            .graph
            .workflow
            .task_index(task)
            .expect("a task of the workflow");
        let progress = self.run.progress(&self.graph, self.now);
        let task = &progress.tasks[at as usize];
        task.error.as_ref().map_or_else(
            || task.status.to_string(),
            |why| format!("{}: {why}", task.status),
        )
    }

    pub(crate) fn status(&self) -> RunStatus {
        self.run.header.status
    }

    pub(crate) fn at(&self, task: &str) -> (u32, u32) {
        words::place(&self.graph, task)
    }

    pub(crate) fn instance(&self, task: &str) -> &Instance {
        let (task, index) = self.at(task);
        self.run.instance(task, index).expect("the instance exists")
    }

    pub(crate) fn state(&self, task: &str) -> &State {
        &self.instance(task).state
    }

    fn record(&mut self, line: &str, result: &Result<Out, String>) {
        let since = self.now.since(MADE).0;
        let _ = writeln!(
            self.trace,
            "at {:02}:{:02}.{:03} {line}",
            since / 60_000,
            since / 1000 % 60,
            since % 1000
        );
        match result {
            Err(why) => {
                let _ = writeln!(self.trace, "    refused: {why}");
            }
            Ok(out) => {
                for note in &out.notes {
                    let _ = writeln!(self.trace, "    {}", note.render(&self.graph));
                }
                for effect in &out.effects {
                    let _ = writeln!(self.trace, "  → {}", words::effect(&self.graph, effect));
                }
                let _ = writeln!(self.trace, "  = {}: {}", self.status(), self.states());
            }
        }
    }
}

/// Effects and notes in an order of their own: which of several due timers comes first is nobody's promise.
fn sorted(out: &Out) -> Vec<String> {
    let mut all: Vec<String> = out
        .effects
        .iter()
        .map(|e| format!("{e:?}"))
        .chain(out.notes.iter().map(|n| format!("{n:?}")))
        .collect();
    all.sort();
    all
}

/// The pools of an offer.
pub(crate) fn pools(text: &[(&str, u32)]) -> BTreeMap<PoolName, u32> {
    text.iter()
        .map(|&(name, free)| (PoolName::new(name).unwrap(), free))
        .collect()
}
