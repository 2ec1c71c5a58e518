//! Every accepted workflow ends when its attempts do, with nothing but the instants it asks to be looked at.
//!
//! Here everything outside is played: executors that refuse, start late or never, workers that beat, die or say how it ended,
//! deferred jobs, sub-workflows, pools that are full. No message reaches the run unless the case says so; what is asked for is
//! answered when it is asked for, and only then.

use std::collections::BTreeMap;

use ork_core::limits;
use ork_core::parse::parse_workflow;
use ork_core::run::{
    Attempt, Category, ClaimOffer, Effect, Event, Graph, JobAnswer, Out, Overdue, Resolution,
    RunState, RunStatus, State, TaskOutcome, TaskPhase, Told,
};
use ork_core::task::{Output, Verdict};
use ork_core::time::{Millis, Time};

use crate::shapes::{Tape, check, tapes, yaml};
use crate::words::success;
use crate::world::{MADE, World, pools};

/// Who tells the run what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// Every message is lost: only its own instants wake the run.
    Lost,
    /// Some are lost.
    Some,
    /// The engine that starts the attempts watches them itself, and may die once.
    Own,
}

/// Somebody at work on one attempt.
struct Worker {
    /// When it begins, if it ever does.
    begins: Option<Time>,
    /// When it has its verdict; a silent death gives none.
    ends: Time,
    verdict: Option<Verdict>,
}

type Place = (u32, u32, u32);

fn place(attempt: Attempt) -> Place {
    (attempt.task, attempt.index, attempt.attempt)
}

/// The world around one run.
struct Around<'a> {
    graph: &'a Graph,
    run: RunState,
    now: Time,
    tape: Tape,
    words: Words,
    workers: BTreeMap<Place, Worker>,
    /// When each sub-workflow ends and how.
    children: BTreeMap<Place, (Time, RunStatus)>,
    /// When each deferred job of an attempt ends, and whether well.
    jobs: BTreeMap<Place, Vec<(Time, bool)>>,
    /// When the run was told that an attempt had handed over to them.
    deferred: BTreeMap<Place, Time>,
    /// What will be told and when, in order of time.
    messages: BTreeMap<(Time, usize), Event>,
    told: usize,
    started: usize,
    refused: BTreeMap<(u32, u32), u32>,
    /// Wakes at which something ready found no place.
    held: usize,
}

impl<'a> Around<'a> {
    fn new(world: &'a World, tape: Tape, words: Words) -> Self {
        Self {
            graph: &world.graph,
            run: world.run.clone(),
            now: MADE,
            tape,
            words,
            workers: BTreeMap::new(),
            children: BTreeMap::new(),
            jobs: BTreeMap::new(),
            deferred: BTreeMap::new(),
            messages: BTreeMap::new(),
            told: 0,
            started: 0,
            refused: BTreeMap::new(),
            held: 0,
        }
    }

    fn later(&mut self) -> Time {
        let most = [1_000, 5_000, 40_000, 200_000][self.tape.below(4)];
        self.now + Millis(u64::from(self.tape.next()) * most / 256)
    }

    fn tell(&mut self, at: Time, event: Event) {
        let heard = match self.words {
            Words::Lost => false,
            Words::Some => self.tape.one_in(2),
            Words::Own => true,
        };
        if heard {
            self.told += 1;
            self.messages.insert((at, self.told), event);
        }
    }

    fn verdict(&mut self, place: Place) -> Option<Verdict> {
        Some(match self.tape.below(8) {
            0..=3 => success("[1,2]"),
            4 | 5 => Verdict::Failed {
                category: *self.tape.pick(Category::ALL),
                message: "no".into(),
                log_tail: Vec::new(),
                exit_code: None,
            },
            6 => {
                let count = 1 + self.tape.below(limits::DEFERRED_JOBS);
                let mut jobs = Vec::new();
                for _ in 0..count {
                    jobs.push((self.later(), !self.tape.one_in(40)));
                }
                self.jobs.insert(place, jobs);
                Verdict::Deferred {
                    jobs: Output::Inline("[1]".into()),
                    count: count as u32,
                    every: None,
                }
            }
            // It dies without a word; whoever watches its own attempts notices that.
            _ if self.words != Words::Own => return None,
            _ => Verdict::Failed {
                category: Category::Lost,
                message: "gone".into(),
                log_tail: Vec::new(),
                exit_code: None,
            },
        })
    }

    fn start(&mut self, attempt: Attempt) -> Option<Event> {
        self.started += 1;
        let refusals = self
            .refused
            .entry((attempt.task, attempt.index))
            .or_default();
        if *refusals < 3 && self.tape.one_in(8) {
            *refusals += 1;
            return Some(Event::NotStarted {
                attempt,
                retry_after: Millis(u64::from(self.tape.next()) * 100),
                why: "full".into(),
            });
        }
        let begins = self.later();
        let never = self.words != Words::Own && self.tape.one_in(6);
        let ends = begins.max(self.later());
        let verdict = self.verdict(place(attempt));
        if !never {
            self.tell(begins, Event::Started(attempt));
            if let Some(verdict) = &verdict {
                let verdict = verdict.clone();
                self.tell(
                    ends,
                    Event::Finished {
                        attempt,
                        verdict,
                        report: None,
                    },
                );
            }
        }
        let worker = Worker {
            begins: (!never).then_some(begins),
            ends,
            verdict,
        };
        self.workers.insert(place(attempt), worker);
        None
    }

    /// Does what was asked for; gives what is to be told the run about it at once.
    fn perform(&mut self, effect: &Effect) -> Vec<Event> {
        match *effect {
            Effect::Start(attempt) => self.start(attempt).into_iter().collect(),
            Effect::CheckStart(attempt) => {
                let now = self.now;
                let again = self.later();
                let worker = self
                    .workers
                    .get_mut(&place(attempt))
                    .expect("it was started");
                match worker.begins {
                    Some(at) if at <= now => vec![Event::Started(attempt)],
                    Some(_) => Vec::new(),
                    None => {
                        let begins = self.tape.one_in(2);
                        worker.begins = begins.then_some(again);
                        worker.ends = worker.ends.max(again);
                        Vec::new()
                    }
                }
            }
            Effect::Reap { attempt, why } => vec![self.reap(attempt, why)],
            Effect::Poll(attempt) | Effect::BeginJobs(attempt) => {
                let now = self.now;
                let jobs = self.jobs.get(&place(attempt)).expect("it deferred");
                let answer = |(job, &(ends, well)): (u32, &(Time, bool))| {
                    let answer = match well {
                        _ if ends > now => JobAnswer::Running,
                        true => JobAnswer::Done,
                        false => JobAnswer::Failed {
                            category: Category::Unknown,
                            why: "no".to_owned(),
                        },
                    };
                    Event::Job {
                        attempt,
                        job,
                        answer,
                    }
                };
                (0u32..).zip(jobs).map(answer).collect()
            }
            // Whoever is told twice is over at last.
            Effect::StopJobs(attempt) => {
                let over = if self.tape.one_in(2) { u64::MAX } else { 1 };
                vec![Event::JobsStopped {
                    attempt,
                    over,
                    denied: None,
                }]
            }
            Effect::LookBack => {
                let failed = self.tape.one_in(2);
                vec![Event::LookedBack { failed }]
            }
            Effect::Notify { notice, attempt } => {
                let told = match self.tape.one_in(2) {
                    true => Told::Received,
                    false => Told::NotNow {
                        why: "no".to_owned(),
                        retry_after: None,
                    },
                };
                vec![Event::Notified {
                    notice,
                    attempt,
                    told,
                }]
            }
            Effect::StartChild(attempt) => {
                let ends = self.later();
                let status = *self.tape.pick(&[
                    RunStatus::Success,
                    RunStatus::Success,
                    RunStatus::Failed,
                    RunStatus::Cancelled,
                ]);
                let new = !self.children.contains_key(&place(attempt));
                self.started += usize::from(new);
                let (ends, status) = *self
                    .children
                    .entry(place(attempt))
                    .or_insert((ends, status));
                let ended = Event::ChildEnded {
                    attempt,
                    run: "child-1".parse().unwrap(),
                    status,
                    output: Output::Inline("{}".into()),
                };
                if ends <= self.now {
                    vec![ended]
                } else {
                    if new {
                        self.tell(ends, ended);
                    }
                    Vec::new()
                }
            }
            Effect::Stop(attempt) => {
                self.workers.remove(&place(attempt));
                Vec::new()
            }
            Effect::Resolve { task, generation } => {
                let result = match self.tape.below(12) {
                    0..=6 => Resolution::Run(self.tape.below(4) as u32),
                    7 => Resolution::Run(limits::INSTANCES_PER_TASK + 1),
                    8 => Resolution::Failed("no".into()),
                    9 => Resolution::Skip,
                    _ => Resolution::Run(9),
                };
                vec![Event::Resolved {
                    task,
                    generation,
                    result,
                }]
            }
            Effect::StopChild(_)
            | Effect::LookForLate
            | Effect::TaskEnded(_)
            | Effect::RunEnded(_)
            | Effect::Remove => Vec::new(),
        }
    }

    /// The verdict of an attempt that is late, or a sign that it is not.
    fn reap(&mut self, attempt: Attempt, why: Overdue) -> Event {
        let now = self.now;
        let worker = self
            .workers
            .get_mut(&place(attempt))
            .expect("it was started");
        let begun = worker.begins.is_some_and(|at| at <= now);
        match &worker.verdict {
            Some(verdict) if begun && worker.ends <= now => {
                return Event::Finished {
                    attempt,
                    verdict: verdict.clone(),
                    report: None,
                };
            }
            _ if begun && worker.ends > now && why == Overdue::Heartbeat => {
                return Event::Heartbeat(attempt);
            }
            _ => {}
        }
        // From here on what it says is void.
        worker.verdict = None;
        worker.begins = None;
        Event::Finished {
            attempt,
            verdict: Verdict::Failed {
                category: why.category(),
                message: "late".into(),
                log_tail: Vec::new(),
                exit_code: None,
            },
            report: None,
        }
    }

    /// Applies an event, and whatever follows from it at once.
    fn apply(&mut self, event: Event) {
        let mut events = std::collections::VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            if let Event::Finished {
                attempt,
                verdict: Verdict::Deferred { .. },
                ..
            } = &event
            {
                let at = self.now;
                self.deferred.entry(place(*attempt)).or_insert(at);
            }
            let mut out = Out::default();
            self.run
                .apply(self.graph, &event, self.now, &mut out)
                .expect("only commands are refused");
            self.run.verify(self.graph).unwrap();
            for effect in &out.effects {
                events.extend(self.perform(effect));
            }
        }
    }

    fn claim(&mut self) {
        let busy = |tape: &mut Tape| if tape.one_in(4) { 0 } else { 2 };
        let offer = ClaimOffer {
            places: if self.tape.one_in(6) { 0 } else { 5 },
            pools: pools(&[("p", busy(&mut self.tape)), ("q", busy(&mut self.tape))]),
            supervised: self.words == Words::Own,
        };
        let before = self.started;
        self.apply(Event::Claim(offer));
        self.held += usize::from(self.run.has_ready() && self.started == before);
    }

    /// Lets the run be looked at whenever it asks for it, until it is over. Gives the number of looks.
    fn live(&mut self) -> usize {
        let mut looks = 0;
        let mut may_die = self.words == Words::Own;
        while let Some(at) = self.run.next_wake_at(self.now) {
            looks += 1;
            // Each attempt is over within minutes, and looked at once a second at most.
            assert!(
                looks < 100 + 600 * self.started + self.held,
                "{looks} looks, {} attempts, {} found no place: {:?} at {}",
                self.started,
                self.held,
                self.run.header.status,
                self.now
            );
            // The hourly net is for what nobody foresaw: a run whose attempts others watch never waits for it alone.
            assert!(
                self.words == Words::Own
                    || self.run.header.status == RunStatus::Pending
                    || self.run.has_ready()
                    || self.run.next_timer(self.now).is_some(),
                "nothing but the net will wake it"
            );
            assert!(
                !self.run.has_ready() || at <= self.now + limits::ANNOUNCE_AGAIN,
                "what is ready waits until {at}, now it is {}",
                self.now
            );
            let message = self.messages.first_key_value().map(|((at, _), _)| *at);
            if let Some(due) = message.filter(|due| *due <= at) {
                self.now = self.now.max(due);
                let (_, event) = self.messages.pop_first().expect("there is one");
                self.apply(event);
                if self.words == Words::Own {
                    self.claim();
                }
                continue;
            }
            self.now = self.now.max(at);
            if self.run.header.status == RunStatus::Pending && !self.tape.one_in(3) {
                self.apply(Event::Start);
            }
            if may_die && self.tape.one_in(10) {
                may_die = false;
                self.workers.clear();
                self.messages
                    .retain(|_, event| matches!(event, Event::ChildEnded { .. }));
                self.apply(Event::OwnerLost {
                    new_owner: Some("next".into()),
                });
            }
            self.apply(Event::Tick);
            self.claim();
        }
        looks
    }

    /// What was done in time is not declared late: whoever looks from time to time finds out.
    fn judge_timeout(&self, task: u32, index: u32) {
        let instance = self.run.instance(task, index).expect("it exists");
        let (Some(failure), Some(ended)) = (&instance.failure, instance.finished_at) else {
            return;
        };
        let place = (task, index, failure.attempt);
        let done = if failure.message.starts_with("its sub-workflow ran longer") {
            self.children.get(&place).map(|(ends, _)| *ends)
        } else if failure
            .message
            .starts_with("its deferred jobs were not done")
        {
            // Before the run knows of its jobs it cannot ask about them.
            let known = self
                .deferred
                .get(&place)
                .map(|at| *at + limits::POLL_INTERVAL);
            let jobs = self.jobs.get(&place);
            known.max(jobs.and_then(|jobs| jobs.iter().map(|(ends, _)| *ends).max()))
        } else {
            return;
        };
        let noticed = done.expect("it began") + limits::CHILD_CHECK.max(limits::ASK_AGAIN);
        assert!(
            noticed >= ended || failure.attempt < instance.attempt,
            "{}: all was done at {noticed} at the latest, it ended at {ended}",
            failure.message
        );
    }

    /// What must hold of a run that is over.
    fn judge(&self) {
        let run = &self.run;
        let mut failed = false;
        for (at, task) in (0u32..).zip(run.tasks()) {
            let TaskPhase::Ended(outcome) = task.phase else {
                panic!("task {at} has not ended: {:?}", task.phase)
            };
            failed |= matches!(outcome, TaskOutcome::Failed | TaskOutcome::Cancelled);
            let definition = self.graph.task(at);
            for (index, instance) in (0u32..).zip(run.instances(at)) {
                assert!(instance.status().is_terminal(), "{instance:?}");
                assert!(
                    !matches!(instance.state, State::Success { .. })
                        || matches!(outcome, TaskOutcome::Success | TaskOutcome::Failed)
                        || run.header.status != RunStatus::Success,
                    "task {at}: {outcome:?} with {instance:?}"
                );
                self.judge_timeout(at, index);
                // I9, with those that were refused, forgiven or went down with their engine.
                let refused = self.refused.get(&(at, index)).copied().unwrap_or(0);
                let forgiven = u32::from(limits::FREE_START_LOSSES) + refused + 1;
                assert!(
                    instance.attempt <= 1 + u32::from(definition.retries.max) + forgiven,
                    "task {at}[{index}] took {} attempts",
                    instance.attempt
                );
            }
        }
        assert_eq!(run.header.status == RunStatus::Success, !failed);
        assert!(run.counts().in_flight() == 0 && !run.has_ready());
    }
}

/// Plays a workflow to its end in each of the three ways.
fn ends(world: &World, choices: &[u8]) -> [(usize, Millis); 3] {
    [Words::Lost, Words::Some, Words::Own].map(|words| {
        let mut around = Around::new(world, Tape::new(choices), words);
        let looks = around.live();
        around.judge();
        (looks, around.now.since(MADE))
    })
}

#[test]
fn every_accepted_workflow_ends_when_its_attempts_do_woken_by_nothing_but_itself() {
    let most = std::cell::Cell::new((0, Millis(0)));
    check(300, (tapes(150), tapes(120)), |(shape, choices)| {
        let world = World::new(&yaml(&mut Tape::new(&shape), 8, false));
        for (looks, span) in ends(&world, &choices) {
            let (a, b) = most.get();
            most.set((a.max(looks), b.max(span)));
        }
    });
    let (looks, span) = most.get();
    assert!(
        looks > 50,
        "the cases are not trivial: {looks} looks at most, {span}"
    );
}

#[test]
fn a_run_that_was_asked_for_some_tasks_ends_with_them() {
    check(100, (tapes(100), tapes(80)), |(shape, choices)| {
        let text = yaml(&mut Tape::new(&shape), 8, false);
        let graph = World::new(&text).graph;
        let mut wanted = vec![false; graph.order().len()];
        let task = choices
            .first()
            .map_or(0, |&at| usize::from(at) % wanted.len());
        graph.mark_ancestors(task as u32, &mut wanted);
        let only: Vec<u32> = (0..)
            .zip(&wanted)
            .filter(|(_, w)| **w)
            .map(|(at, _)| at)
            .collect();
        let world = World::only(&text, &only);
        ends(&world, &choices);
    });
}

#[test]
fn the_examples_end_when_their_attempts_do() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).expect("the examples are there") {
        let path = entry.expect("a folder can be listed").path();
        let Ok(text) = std::fs::read(path.join("workflow.yaml")) else {
            continue;
        };
        let Ok(parsed) = parse_workflow("workflow.yaml", &text) else {
            continue;
        };
        let world = World::of(parsed.workflow);
        for seed in 0..5 {
            let choices: Vec<u8> = (0..64)
                .map(|at| crate::shapes::mix(seed << 8 | at) as u8)
                .collect();
            ends(&world, &choices);
        }
        played += 1;
    }
    assert!(played >= 3, "{played} examples were played");
}
