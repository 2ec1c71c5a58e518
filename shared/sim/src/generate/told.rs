//! Who is told of runs, by chance. Drawn apart from everything else, which stays as it was without it.

use ork_core::definition::Occasion;
use serde_json::{Value, json};

use crate::random::Random;

use super::plan::{Scenario, WorkflowPlan};

impl Scenario {
    /// One workflow in three tells somebody of its runs.
    pub(super) fn draw_told(&mut self, mut random: Random) {
        for plan in &mut self.workflows {
            if !random.one_in(3) {
                continue;
            }
            for _ in 0..random.between(1, 3) {
                let mut on: Vec<Occasion> = Vec::new();
                for _ in 0..random.between(1, 3) {
                    let one = *random.pick(&Occasion::ALL);
                    if !on.contains(&one) {
                        on.push(one);
                    }
                }
                plan.told.push(on);
            }
        }
    }
}

impl WorkflowPlan {
    /// `notifications`, without what can never be told of this workflow.
    pub(super) fn notifications(&self) -> Vec<Value> {
        let told = self.told.iter().enumerate();
        let told = told.filter_map(|(at, on)| {
            let comes = |one: &&Occasion| match one {
                Occasion::Deadline => self.deadline_minutes.is_some(),
                Occasion::LateStart => self.schedule.is_some() || self.second_schedule.is_some(),
                _ => true,
            };
            let on: Vec<&Occasion> = on.iter().filter(comes).collect();
            let url = format!("https://receiver.example/{at}");
            let mut entry = json!({ "on": on, "webhook": url });
            if on.contains(&&Occasion::LateStart) {
                entry["late_after"] = json!("1m");
            }
            (!on.is_empty()).then_some(entry)
        });
        told.collect()
    }
}
