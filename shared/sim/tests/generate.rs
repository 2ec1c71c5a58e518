//! Random workflows: they parse, they cover the format, they can be given what they ask for, and they shrink.

use std::collections::BTreeMap;
use std::sync::Arc;

use ork_core::Value;
use ork_core::bind::{bind_inputs, bind_params, resolve};
use ork_core::definition::{Count, Reference, Workflow};
use ork_core::expr::{Instance, RunFields, Scope, evaluate_bool, lookup};
use ork_core::time::Time;
use ork_sim::generate::{Kind, Parsed, Scenario, Size, WorkflowPlan};
use ork_sim::random::Random;

fn scenario(seed: u64, size: Size) -> Scenario {
    Scenario::random(&mut Random::new(seed), size)
}

fn parsed(scenario: &Scenario) -> Parsed {
    scenario.parse().unwrap_or_else(|why| panic!("{why}"))
}

fn all_parse(size: Size) {
    for seed in 0..5_000 {
        if let Err(why) = scenario(seed, size).parse() {
            panic!("seed {seed} of {size:?}: {why}");
        }
    }
}

#[test]
fn every_small_scenario_parses() {
    all_parse(Size::Small);
}

#[test]
fn every_mid_scenario_parses() {
    all_parse(Size::Mid);
}

#[test]
fn every_large_scenario_parses() {
    all_parse(Size::Large);
}

#[test]
fn the_same_seed_gives_the_same_files() {
    for seed in 0..50 {
        assert_eq!(scenario(seed, Size::Large), scenario(seed, Size::Large));
        assert_eq!(
            scenario(seed, Size::Mid).yaml(),
            scenario(seed, Size::Mid).yaml()
        );
    }
    assert_ne!(scenario(1, Size::Mid), scenario(2, Size::Mid));
}

#[test]
fn sizes_are_what_they_say() {
    for seed in 0..500 {
        for (size, tasks) in [
            (Size::Small, 1..=4),
            (Size::Mid, 4..=10),
            (Size::Large, 11..=25),
        ] {
            let scenario = scenario(seed, size);
            let main = &scenario.workflows[0];
            assert!(tasks.contains(&main.tasks.len()), "{size:?}");
            assert!(scenario.workflows.len() <= 3);
            let most = if size == Size::Large { 600 } else { 24 };
            for at in 0..main.tasks.len() {
                assert!(
                    main.instances(at) <= most,
                    "seed {seed}\n{}",
                    scenario.yaml()
                );
            }
        }
    }
}

/// Every feature of the format, and in how many of a thousand scenarios of middle size it must be.
const FEATURES: &[(&str, &str, u32)] = &[
    (
        "trigger",
        "AllSuccess|AllDone|OneSuccess|OneFailed|NoneFailed|Always",
        10,
    ),
    ("when", "true|false|status|output|param|run", 10),
    ("parallel", "constant|output|param", 10),
    ("foreach", "output|fan-out|param|and parallel", 10),
    ("tolerate", "count|share", 10),
    ("pool", "|of 1|of 2|of 3|shared by tasks", 10),
    (
        "retries",
        "number|map|delay|max_delay|jitter|exponential|fixed|on transient|on recoverable\
         |on timeout|on oom|on lost|on unknown",
        10,
    ),
    ("max_active_runs", "1|2", 10),
    ("max_recovery_attempts", "0|1|2", 10),
    (
        "param",
        "Int|Ints|Rows|Text|Day|Label|Maybe|Flag|required",
        10,
    ),
    ("inputs", "const|ref|expr|template|secret", 10),
    ("env", "const|ref|expr|template|secret", 10),
    (
        "executor",
        "marker|python|process|library|workflow|cloudrun|service|docker|kubernetes|http|bigquery|sensor|dbt\
         |spark",
        10,
    ),
    ("executor", "fun", 10),
    ("style", "strict|planned|fun", 10),
    (
        "extra",
        "Description|Resources|Image|Worker|ConfigFile|EstimatedDuration|Secrets",
        10,
    ),
    (
        "defaults",
        "retries|timeout|pool|trigger|concurrency|env",
        10,
    ),
    ("output", "Small|List|Files|Int|Large|Huge|Null", 10),
    ("fails", "|for good", 10),
    ("timeout", "|too short", 10),
    ("sub-workflow", "|two deep|fan-out", 10),
    (
        "",
        "on_failure|no instances|batch|concurrency|priority|topic|start_timeout\
         |heartbeat_timeout|deadline|types|on|import|input_type|output_type|defers\
         |runs out of memory|item field",
        10,
    ),
    ("schedule", "|off", 3),
    ("", "two schedules", 3),
    ("catchup", "None|Latest|All", 3),
    ("overlap", "Allow|Skip|Queue|Cancel", 3),
    (
        "timezone",
        "UTC|Europe/Paris|America/New_York|Australia/Lord_Howe|America/St_Johns\
         |Pacific/Chatham|Africa/Casablanca|America/Havana|Asia/Kathmandu",
        3,
    ),
    (
        "cron",
        "*/10 * * * *|*/15 * * * *|*/30 * * * *|0 * * * *|@hourly|7,37 * * * *|0 */2 * * *\
         |*/20 * * * MON-SUN|30 * 1-31 * 1-5|30 0-23 * * *\
         |15 0,1,2,3,4,5,6,8,10,12,14,16,18,20,22 * * *|0 0-23/2 * * *",
        3,
    ),
    ("told of", "deadline|failure|late_start|recovery|success", 3),
];

fn counted(size: Size, scenarios: u64) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for seed in 0..scenarios {
        let scenario = scenario(seed, size);
        for feature in scenario.features(&parsed(&scenario)) {
            *counts.entry(feature).or_insert(0) += 1;
        }
    }
    counts
}

#[test]
fn every_feature_of_the_format_is_met() {
    const SCENARIOS: u32 = 2_000;
    let counts = counted(Size::Mid, SCENARIOS.into());
    let mut asked = Vec::new();
    let mut rare = Vec::new();
    for (group, names, thousandths) in FEATURES {
        for name in names.split('|') {
            let feature = format!("{group} {name}").trim().to_owned();
            let count = counts.get(&feature).copied().unwrap_or(0);
            if count * 1000 < thousandths * SCENARIOS {
                rare.push(format!("{feature}: {count} of {SCENARIOS}"));
            }
            asked.push(feature);
        }
    }
    assert!(rare.is_empty(), "met too seldom:\n{}", rare.join("\n"));
    let unlisted: Vec<&String> = counts.keys().filter(|name| !asked.contains(name)).collect();
    assert!(unlisted.is_empty(), "met and not asked for: {unlisted:?}");
    assert!(
        (600..=733).contains(&counts["schedule"]),
        "a third: {}",
        counts["schedule"]
    );
    let children = counts["sub-workflow"] + counts["sub-workflow two deep"];
    assert!((320..=480).contains(&children), "a fifth: {children}");
}

#[test]
fn some_large_scenarios_have_more_than_a_page() {
    let scenarios = (0..2_000).filter(|seed| {
        let main = &scenario(*seed, Size::Large).workflows[0];
        (0..main.tasks.len()).any(|at| main.instances(at) > 256)
    });
    let count = scenarios.count();
    assert!((60..=140).contains(&count), "one in twenty: {count}");
}

/// What the tasks of a workflow gave when everything went well, and where the run stands.
struct World<'a> {
    plan: &'a WorkflowPlan,
    workflow: &'a Workflow,
    run: RunFields,
    params: Arc<Value>,
}

impl World<'_> {
    fn scope(&self, task: usize, outputs: &[Value]) -> Scope {
        let above = &self.plan.ancestors()[task];
        let mut scope = Scope::builder(self.run.clone(), self.params.clone());
        for (at, upstream) in self
            .workflow
            .tasks
            .iter()
            .enumerate()
            .filter(|(at, _)| above[*at])
        {
            let kind = upstream
                .output_type
                .clone()
                .filter(|_| !upstream.fans_out());
            let index = u32::try_from(at).expect("few tasks");
            let output = Arc::new(outputs[at].clone());
            scope = scope.task(index, upstream.name.as_str(), output, "success", kind);
        }
        scope.build()
    }

    /// Checks one task, whose upstreams gave `outputs`, and gives its own.
    fn check(&self, at: usize, outputs: &[Value]) -> Value {
        let (plan, task) = (&self.plan.tasks[at], &self.workflow.tasks[at]);
        let scope = self.scope(at, outputs);
        if let Some(when) = &task.when {
            evaluate_bool(when, &scope).expect("`when` has a value");
        }
        let value =
            |reference: &Reference| lookup(reference, &scope).expect("it is there").into_owned();
        let items = task.foreach.as_ref().map(|list| match value(list) {
            Value::Array(items) => items,
            other => panic!("`foreach` over {other}"),
        });
        let items: Option<Vec<Value>> = items.map(|items| match task.batch {
            Some(size) => items
                .chunks(size as usize)
                .map(|some| some.to_vec().into())
                .collect(),
            None => items,
        });
        let times = match &task.parallel {
            None => 1,
            Some(Count::Fixed(n)) => u64::from(*n),
            Some(Count::Ref(reference)) => value(reference).as_u64().expect("a number"),
        };
        let count = items.as_ref().map_or(1, |items| items.len() as u64) * times;
        assert_eq!(
            count,
            u64::from(self.plan.instances(at)),
            "instances of {}",
            plan.name
        );
        for index in 0..count.min(3) {
            let item = items
                .as_ref()
                .map(|items| items[usize::try_from(index / times).expect("few")].clone());
            let scope = scope.for_instance(Instance {
                item: item.map(Arc::new),
                item_index: u32::try_from(index / times).expect("few"),
                index: u32::try_from(index).expect("few"),
                count: u32::try_from(count).expect("few"),
            });
            bind_inputs(task, &scope).expect("its inputs have values of their types");
            for (_, binding) in &task.env {
                resolve(binding, &scope).expect("its environment has values");
            }
        }
        let one = |index: u64| match plan.kind {
            Kind::Marker => Value::Null,
            Kind::Workflow(_) => serde_json::json!({ "last": 1 }),
            _ => plan.behaviour.output.value(index),
        };
        if task.fans_out() {
            Value::Array((0..count).map(one).collect())
        } else {
            one(3)
        }
    }
}

#[test]
fn tasks_can_be_given_what_they_ask_for() {
    for seed in 0..1_000 {
        let size = [Size::Small, Size::Mid, Size::Mid, Size::Large][seed as usize % 4];
        let scenario = scenario(seed, size);
        let parsed = parsed(&scenario);
        for (plan, workflow) in scenario.workflows.iter().zip(&parsed.workflows) {
            let run = RunFields {
                id: "a-run".to_owned(),
                slot: Some(Time::parse("2026-03-29T01:30:00Z").expect("an instant")),
                workflow: plan.name.clone(),
                attempt: 1,
                ..RunFields::default()
            };
            let required = plan.params.iter().filter(|param| param.required);
            let required = required
                .map(|param| (param.name.clone(), param.default_value()))
                .collect();
            let params = bind_params(workflow, &required, run.clone()).expect("params");
            let world = World {
                plan,
                workflow,
                run,
                params: Arc::new(Value::Object(params)),
            };
            let mut outputs = vec![Value::Null; plan.tasks.len()];
            let mut done = vec![false; plan.tasks.len()];
            while let Some(at) = (0..done.len())
                .find(|&at| !done[at] && plan.tasks[at].depends_on.iter().all(|&above| done[above]))
            {
                outputs[at] = world.check(at, &outputs);
                done[at] = true;
            }
            assert!(done.iter().all(|done| *done));
        }
    }
}

#[test]
fn params_that_are_given_are_taken() {
    for seed in 0..300 {
        let scenario = scenario(seed, Size::Mid);
        let parsed = parsed(&scenario);
        for (plan, workflow) in scenario.workflows.iter().zip(&parsed.workflows) {
            let given = plan.given_params(&mut Random::new(seed));
            let run = RunFields {
                slot: Some(Time::parse("2026-03-29T01:30:00Z").expect("an instant")),
                ..RunFields::default()
            };
            bind_params(workflow, &given, run).expect("params");
        }
    }
}

#[test]
fn candidates_for_shrinking_parse_and_are_smaller() {
    for (size, seeds) in [(Size::Small, 40), (Size::Mid, 20), (Size::Large, 4)] {
        for seed in 0..seeds {
            let whole = scenario(seed, size);
            let candidates = whole.smaller();
            for one in &candidates {
                parsed(one);
                assert!(one.measure() < whole.measure(), "seed {seed} of {size:?}");
            }
            assert!(
                candidates.is_sorted_by_key(Scenario::measure),
                "the biggest cuts come first"
            );
        }
    }
}

#[test]
fn shrinking_ends_with_a_single_plain_task() {
    for seed in 0..60 {
        for last in [true, false] {
            let mut current =
                scenario(seed, [Size::Small, Size::Mid, Size::Mid][seed as usize % 3]);
            let mut steps = 0;
            loop {
                let mut candidates = current.smaller();
                let next = if last {
                    candidates.pop()
                } else {
                    candidates.into_iter().next()
                };
                let Some(next) = next else { break };
                current = next;
                steps += 1;
                assert!(steps < 1_000, "seed {seed}");
            }
            assert_eq!(
                current.measure(),
                2_000,
                "seed {seed} ends with\n{}",
                current.yaml()
            );
        }
    }
}

#[test]
fn shrinking_can_keep_what_matters() {
    // Whatever else goes, the task that defers and what it needs to have several instances stay.
    let matters = |scenario: &Scenario| {
        scenario.workflows[0]
            .tasks
            .iter()
            .any(|task| task.behaviour.defer_thousandths > 0 && task.foreach.is_some())
    };
    let mut met = 0;
    for seed in 0..200 {
        let mut current = scenario(seed, Size::Mid);
        if !matters(&current) {
            continue;
        }
        met += 1;
        while let Some(next) = current.smaller().into_iter().find(matters) {
            current = next;
        }
        let tasks = current
            .workflows
            .iter()
            .map(|plan| plan.tasks.len())
            .sum::<usize>();
        assert!(
            tasks <= 2 && current.workflows.len() == 1,
            "seed {seed}\n{}",
            current.yaml()
        );
    }
    assert!(met > 5, "only {met} scenarios had one");
}
