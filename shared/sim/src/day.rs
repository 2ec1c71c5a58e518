//! A day in which nothing goes wrong: many runs of one workflow, over many hours or in a burst, on several instances of each service.
//!
//! It shows what so many tasks cost in reads, writes and messages, how often processes get in each other's way, and which document is the
//! hottest. Latencies are not Google's: every point of a process takes a millisecond in which nobody else does anything.

use std::io::{self, Write};
use std::sync::Arc;

use clap::ValueEnum;
use ork_core::protect::Protections;
use ork_core::time::{Millis, Time};

use crate::catalogue::Prepared;
use crate::fault::Faults;
use crate::generate::{Behaviour, ParallelPlan, Scenario, Spelling, TaskPlan, Times, WorkflowPlan};
use crate::plan::{Act, Mode, Plan, Wish};
use crate::simulation::{Outcome, simulate};
use crate::world::load::Kind;

/// What each run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// Ten tasks, one after the other
    Chain,
    /// One task, many of another at once (`--width`), one that waits for them
    Fan,
    /// A chain whose tasks share a pool of 50 places with those of all runs
    Pooled,
}

/// A day.
#[derive(Debug, Clone, Copy)]
pub struct Day {
    /// What each run is.
    pub shape: Shape,
    /// Instances of the task in the middle of a fan.
    pub width: u32,
    /// How many runs.
    pub runs: u32,
    /// Over how long their starts are spread evenly.
    pub over: Millis,
    /// Instances of the services.
    pub instances: usize,
    /// Draws what is left to chance.
    pub seed: u64,
}

/// Tuesday, 2 June 2026, midnight UTC.
const START: Time = Time(1_780_358_400_000);
/// Places of the pool.
const PLACES: u32 = 50;

impl Day {
    /// Tasks of a run, instances counted one by one.
    pub fn tasks(&self) -> u64 {
        match self.shape {
            Shape::Chain | Shape::Pooled => 10,
            Shape::Fan => u64::from(self.width) + 2,
        }
    }

    fn scenario(&self) -> Scenario {
        let mut workflow = WorkflowPlan::new("day");
        let names: &[&str] = match self.shape {
            Shape::Fan => &["first", "each", "last"],
            Shape::Chain | Shape::Pooled => &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
        };
        for (at, name) in names.iter().enumerate() {
            let mut task = TaskPlan::new(name);
            task.depends_on = at.checked_sub(1).into_iter().collect();
            task.behaviour = Behaviour {
                runs_seconds: (10, 60),
                ..Behaviour::PLAIN
            };
            if self.shape == Shape::Pooled {
                task.pool = Some("shared".into());
            }
            if *name == "each" {
                task.parallel = Some(ParallelPlan {
                    times: Times::Fixed(self.width),
                    spelled: Spelling::Name,
                });
            }
            workflow.tasks.push(task);
        }
        Scenario {
            workflows: vec![workflow],
            pools: [("shared".to_owned(), PLACES)].into(),
        }
    }

    /// What the world does.
    ///
    /// # Errors
    /// The workflow is not accepted, which would be a mistake here.
    pub fn plan(&self) -> Result<Plan, String> {
        let starts = (0..self.runs).map(|n| Wish {
            after_ms: u64::from(n) * self.over.0 / u64::from(self.runs.max(1)),
            act: Act::Start {
                named: true,
                only: None,
            },
            which: 0,
        });
        Ok(Plan {
            seed: self.seed,
            prepared: Arc::new(Prepared::new(self.scenario())?),
            faults: Faults::NONE,
            wishes: starts.collect(),
            mode: Mode::Cloud,
            instances: self.instances,
            start: START,
            faulty_ms: self.over.0 + 60_000,
            places: 1_000,
            settle_claims: false,
            silent: false,
            drain: false,
            lane: None,
            day: true,
        })
    }

    /// Lives through it.
    ///
    /// # Errors
    /// As [`Day::plan`].
    pub fn live(&self) -> Result<Outcome, String> {
        Ok(simulate(&self.plan()?, Protections::default(), false))
    }

    /// Says what was counted.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
        let tasks = self.tasks() * u64::from(self.runs);
        let (stats, load) = (&outcome.stats, &outcome.load);
        let shape = self.shape.to_possible_value();
        writeln!(
            out,
            "{} runs of {} tasks ({}), started over {}, on {} instances; over after {}",
            self.runs,
            self.tasks(),
            shape.as_ref().map_or("", |shape| shape.get_name()),
            self.over,
            self.instances,
            Millis(stats.virtual_ms)
        )?;
        writeln!(out, "{:<28}{:>12}{:>12}", "", "in all", "a task")?;
        let each = |count: u64| count as f64 / tasks.max(1) as f64;
        let mut row =
            |what: &str, count: u64| writeln!(out, "{what:<28}{count:>12}{:>12.3}", each(count));
        row("attempts", stats.effects)?;
        row("commits", stats.commits)?;
        row("conflicts", load.conflicts)?;
        row("documents read", load.reads)?;
        row(
            "documents written",
            Kind::ALL.iter().map(|kind| load.written(*kind)).sum(),
        )?;
        row("objects written", stats.objects)?;
        row("attempts handed over", load.starts)?;
        row("hints", load.hints)?;
        row("notices", load.notices)?;
        row("wakes asked for", load.wakes)?;
        row("runs that ticks looked at", load.ticked)?;
        writeln!(
            out,
            "{:<28}{:>12}{:>12}{:>12}",
            "writes of", "in all", "a second", "one, a second"
        )?;
        for kind in Kind::ALL {
            writeln!(
                out,
                "{:<28}{:>12}{:>12}{:>12}",
                kind.as_str(),
                load.written(kind),
                load.peak(kind),
                load.hottest(kind)
            )?;
        }
        writeln!(
            out,
            "a second: within any one, at most; one: of a single document"
        )
    }

    /// Whether everything that was to be done was done, once.
    pub fn is_done(&self, outcome: &Outcome) -> bool {
        outcome.violation.is_none()
            && outcome.stats.runs == u64::from(self.runs)
            && outcome.stats.effects == self.tasks() * u64::from(self.runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lived(shape: Shape, runs: u32) -> (Day, Outcome) {
        let day = Day {
            shape,
            width: 100,
            runs,
            over: Millis::from_secs(3_600),
            instances: 3,
            seed: 1,
        };
        let outcome = day.live().expect("a workflow");
        assert!(
            day.is_done(&outcome),
            "{:?} {:?}",
            outcome.violation,
            outcome.stats
        );
        (day, outcome)
    }

    #[test]
    fn a_chain_costs_two_writes_a_task_and_a_fan_a_few_for_each_page() {
        let (chain, outcome) = lived(Shape::Chain, 40);
        let tasks = chain.tasks() * 40;
        let writes = outcome.load.written(Kind::Run) + outcome.load.written(Kind::Page);
        assert!(
            (2 * tasks..5 * tasks).contains(&writes),
            "{writes} for {tasks}"
        );
        let (fan, outcome) = lived(Shape::Fan, 10);
        let tasks = fan.tasks() * 10;
        let writes = outcome.load.written(Kind::Run) + outcome.load.written(Kind::Page);
        assert!(writes < tasks, "{writes} for {tasks}");
    }

    /// Runs that wait for a place were all told of each free one once, and read all its holders: 600 documents and nine hints a task.
    #[test]
    fn a_pool_that_many_runs_wait_for_costs_tens_of_reads_and_a_few_hints_a_task() {
        let day = Day {
            over: Millis::from_secs(600),
            ..lived(Shape::Pooled, 1).0
        };
        let day = Day { runs: 300, ..day };
        let outcome = day.live().expect("a workflow");
        assert!(day.is_done(&outcome), "{:?}", outcome.violation);
        let (load, tasks) = (&outcome.load, day.tasks() * 300);
        assert!(load.reads < 40 * tasks, "{} reads", load.reads);
        assert!(load.hints < 4 * tasks, "{} hints", load.hints);
    }

    #[test]
    fn the_same_day_is_the_same_twice() {
        let (_, one) = lived(Shape::Pooled, 20);
        let (_, two) = lived(Shape::Pooled, 20);
        assert_eq!((one.hash, &one.stats), (two.hash, &two.stats));
    }
}
