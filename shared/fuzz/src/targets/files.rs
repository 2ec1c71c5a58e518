//! Files people write: workflows in YAML and as `fun` blocks, and `ork.yaml`.

use ork_core::definition::Workflow;
use ork_core::expr;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::parse::{Parsed, parse_project, parse_workflow, parse_workflow_with};
use ork_core::run::{Event, Graph, Header, Out, RunState};
use ork_core::schedule;
use ork_core::time::Time;

use super::{diagnostics, stored};
use crate::Reading;

/// A workflow in YAML.
///
/// Whatever the bytes, reading ends and gives the same twice. An accepted workflow keeps to the limits, is stored and read
/// back as what it was under the same version, has a graph, schedules that can be asked, conditions that compile, and a run
/// of it can be made and begun. A refused one has problems that stand inside the file and can be printed.
pub fn yaml(bytes: &[u8]) -> Reading {
    workflow("fuzz.yaml", bytes)
}

/// A workflow of `fun` blocks; it promises what [`yaml`] promises.
pub fn fun(bytes: &[u8]) -> Reading {
    workflow("fuzz.workflow", bytes)
}

/// An `ork.yaml`: reading ends and gives the same twice; problems stand inside the file; a workflow can be read with
/// whatever was accepted.
pub fn project(bytes: &[u8]) -> Reading {
    match parse_project("ork.yaml", bytes) {
        Ok(project) => {
            assert_eq!(
                parse_project("ork.yaml", bytes).as_ref(),
                Ok(&project),
                "read twice"
            );
            let uses = b"name: w\ntasks:\n  a: {executor: own, pool: p, x: 1}\n";
            match parse_workflow_with("w.yaml", uses, &project) {
                Ok(parsed) => accepted(uses, &parsed),
                Err(found) => diagnostics::check_refusal(uses, &found),
            }
            Reading::Accepted
        }
        Err(found) => {
            diagnostics::check_refusal(bytes, &found);
            Reading::Rejected
        }
    }
}

fn workflow(file: &str, bytes: &[u8]) -> Reading {
    match parse_workflow(file, bytes) {
        Ok(parsed) => {
            assert!(bytes.len() <= limits::FILE_BYTES);
            assert_eq!(
                parse_workflow(file, bytes).as_ref(),
                Ok(&parsed),
                "read twice"
            );
            accepted(bytes, &parsed);
            Reading::Accepted
        }
        Err(found) => {
            diagnostics::check_refusal(bytes, &found);
            Reading::Rejected
        }
    }
}

fn accepted(bytes: &[u8], parsed: &Parsed) {
    let workflow = &parsed.workflow;
    diagnostics::check(bytes, &parsed.warnings);
    assert!((1..=limits::TASKS).contains(&workflow.tasks.len()));
    assert_eq!(parsed.task_positions.len(), workflow.tasks.len());

    assert!(workflow.encode().len() as u64 <= limits::DEFINITION_OBJECT_BYTES);
    let read = stored::check(workflow);

    for schedule in &workflow.schedules {
        schedule::preview(std::slice::from_ref(schedule), MADE, 2)
            .expect("a schedule can be asked");
    }
    for task in &workflow.tasks {
        if let Some(when) = &task.when {
            assert!(
                expr::compile(&when.source).is_ok() || expr::compile_template(&when.source).is_ok(),
                "`when` does not compile: {}",
                when.source
            );
        }
    }
    begin(read);
}

const MADE: Time = Time(1_780_000_000_000);

/// A run of the workflow is made and begun.
fn begin(workflow: Workflow) {
    let version = workflow.version();
    let name = workflow.name.clone();
    let graph = Graph::new(workflow);
    assert_eq!(graph.order().len(), graph.workflow.tasks.len());
    let id = RunId::for_slot(&name, MADE);
    let mut run = RunState::new(&graph, Header::new(id, name, version, MADE));
    let mut out = Out::default();
    run.apply(&graph, &Event::Start, MADE, &mut out)
        .expect("an event is never refused");
    run.verify(&graph).expect("a run that has begun is sound");
    for note in &out.notes {
        note.render(&graph);
    }
    run.touch_all();
    for bytes in run.encode().pages.iter().map(|(_, bytes)| bytes) {
        assert!(bytes.len() <= limits::DOCUMENT_BYTES);
    }
}
