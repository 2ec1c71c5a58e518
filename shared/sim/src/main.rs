//! `cargo run -p ork-sim`: runs seeds and reports what was met.

use std::time::Instant;

use ork_core::protect::Protections;
use ork_sim::catalogue::Catalogue;
use ork_sim::plan::Plan;
use ork_sim::simulate;

fn main() {
    let args: Vec<u64> = std::env::args()
        .skip(1)
        .map(|a| a.parse().unwrap())
        .collect();
    let (from, n, trace) = (args[0], args[1], args.get(2).is_some());
    let mut heavy = vec![];
    let mut catalogue = Catalogue::default();
    for s in from..from + n {
        catalogue.of(s);
    }
    let t = Instant::now();
    let mut points = 0;
    let mut commits = 0;
    let mut runs = 0;
    let mut effects = 0;
    let mut bad = std::collections::BTreeMap::<String, (u64, Vec<u64>, String)>::new();
    let mut cov = ork_sim::coverage::Coverage::default();
    for seed in from..from + n {
        let plan = Plan::of(seed, &mut catalogue);
        let o = simulate(&plan, Protections::default(), trace);
        points += o.stats.points;
        heavy.push((o.stats.points, seed));
        commits += o.stats.commits;
        runs += o.stats.runs;
        effects += o.stats.effects;
        cov.add(&o.coverage);
        if trace {
            for l in &o.trace {
                println!("{l}");
            }
            println!("{}", plan.prepared.scenario.yaml());
            println!(
                "{:?}",
                plan.faults
                    .present()
                    .map(|f| (f.as_str(), plan.faults.of(f)))
                    .collect::<Vec<_>>()
            );
            println!("{:?} {:?}", plan.wishes, plan.mode);
        }
        if let Some(v) = o.violation {
            let e = bad
                .entry(v.invariant.into())
                .or_insert((0, vec![], v.what.clone()));
            e.0 += 1;
            if e.1.len() < 8 {
                e.1.push(seed);
            }
        }
    }
    heavy.sort();
    heavy.reverse();
    println!(
        "{:?} median {}",
        &heavy[..8.min(heavy.len())],
        heavy[heavy.len() / 2].0
    );
    let s = t.elapsed().as_secs_f64();
    println!(
        "{n} seeds {:.0}/s points/seed {:.0} commits {:.1} runs {:.1} effects {:.1} {:?}",
        n as f64 / s,
        points as f64 / n as f64,
        commits as f64 / n as f64,
        runs as f64 / n as f64,
        effects as f64 / n as f64,
        cov.met()
    );
    for (k, v) in bad {
        println!("{k}: {} {:?} {}", v.0, v.1, v.2);
    }
}
