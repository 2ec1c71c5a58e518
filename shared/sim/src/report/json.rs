//! The report for programs.

use ork_core::protect::Protection;
use serde_json::{Value, json};

use super::{Finding, Report, plan_lines};
use crate::batch::Found;

impl Report {
    /// For programs.
    pub fn json(&self) -> Value {
        let table = self.table();
        let (met, expected) = table.expected();
        let unmet: Vec<Value> = table
            .pairs
            .iter()
            .filter(|pair| self.shows(pair))
            .map(|pair| {
                json!({"of": pair.of, "status": pair.status, "event": pair.event, "times": pair.times, "why_not": pair.why_not()})
            })
            .collect();
        let faults: serde_json::Map<String, Value> = self
            .injected()
            .map(|(fault, times)| (fault.as_str().to_owned(), times.into()))
            .collect();
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| self.finding_json(finding))
            .collect();
        let (sum, stats) = (&self.sum, &self.sum.stats);
        json!({
            "from": sum.from,
            "seeds": sum.seeds,
            "without": self.without.map(Protection::as_str),
            "speed": {
                "threads": sum.threads,
                "seeds_per_second_per_core": sum.seeds_per_second(),
                "points_per_second_per_core": sum.points_per_second(),
                "simulating_seconds": sum.simulating.as_secs_f64(),
                "preparing_seconds": sum.preparing.as_secs_f64(),
            },
            "points": {
                "total": stats.points,
                "mean": sum.mean_points(),
                "median": sum.points_at(500),
                "p99": sum.points_at(990),
                "most": sum.longest().map_or(0, |(_, points)| points),
            },
            "commits": stats.commits,
            "documents": stats.writes,
            "objects": stats.objects,
            "attempts": stats.effects,
            "runs": stats.runs,
            "virtual_days": self.days(),
            "hash": format!("{:016x}", sum.hash),
            "faults": faults,
            "transitions": {
                "met": table.met(),
                "all": table.pairs.len(),
                "expected": expected,
                "expected_met": met,
                "pairs": unmet,
            },
            "violations": {
                "seeds": sum.found.len(),
                "first_of_each": findings,
            },
        })
    }

    fn finding_json(&self, finding: &Finding) -> Value {
        let Found { seed, violation } = &finding.found;
        let shrunk = finding.shrunk.as_ref().map(|shrunk| {
            json!({
                "what": shrunk.violation.what,
                "lines_before": shrunk.lines_before,
                "trace": shrunk.trace,
                "plan": plan_lines(&shrunk.plan),
                "yaml": shrunk.plan.prepared.scenario.yaml(),
                "simulations": shrunk.simulations,
                "cut_short": shrunk.cut_short,
            })
        });
        json!({
            "invariant": violation.invariant,
            "what": violation.what,
            "seed": seed,
            "seeds": self.seeds_of(violation.invariant),
            "command": self.command(*seed),
            "shrunk": shrunk,
        })
    }
}
