//! Uploaded definitions: checked, stored as a version, and answered with a status file.
//!
//! What counts is the object as it is now, whatever notice brought us here: a late notice of an older upload finds the newer one. And
//! who was overtaken while at work looks again before he is done, so that the last upload always wins.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use ork_core::bundle;
use ork_core::definition::Workflow;
use ork_core::diagnostic::{Diagnostic, Position};
use ork_core::ids::{PoolName, VersionHash, WorkflowName};
use ork_core::limits;
use ork_core::names::{ObjectName, QueryPath};
use ork_core::parse::{
    Beside as QueryFile, Project, codes, file_name_for, parse_project, parse_workflow_beside,
};
use ork_engine::ports::{Clock, ObjectError, Objects, Ports};
use ork_engine::{Act, Actor, Engine, EngineError, EngineErrorKind};

use crate::status::{Finding, Judged, same};

/// The definition and the project's settings, as messages name them.
const FILE: &str = "workflow.yaml";
const PROJECT: &str = "ork.yaml";
/// How often somebody else's newer upload is followed before the next notice has to do it.
const TRIES: usize = 5;
/// Bytes of a status file, far above what its messages come to.
const STATUS_BYTES: u64 = 8 << 20;
/// An upload as it is now.
#[derive(PartialEq, Eq)]
enum Found {
    Nothing,
    TooLarge(u64),
    File {
        generation: u64,
        bytes: Vec<u8>,
        /// The `ork.yaml` beside it.
        project: Beside,
        /// The queries that it names and that lie beside it.
        queries: Queries,
    },
}

/// Files of SQL as they are now, by their paths.
type Queries = BTreeMap<QueryPath, QueryFile>;

/// The settings of the project that an upload belongs to.
#[derive(PartialEq, Eq)]
enum Beside {
    Nothing,
    TooLarge(u64),
    File(Vec<u8>),
}

/// Deals with whatever lies at the upload's place.
pub(crate) async fn take<P: Ports>(
    engine: &Engine<P>,
    name: &WorkflowName,
) -> Result<(), EngineError> {
    let mut found = find(engine, name).await?;
    for _ in 0..TRIES {
        let (judged, generation) = match &found {
            // Removed since: what was deployed stays until somebody deletes the workflow.
            Found::Nothing => return Ok(()),
            Found::TooLarge(bytes) => (Judged::refused(vec![too_large(FILE, *bytes)]), None),
            Found::File {
                generation,
                bytes,
                project,
                queries,
            } => {
                let judged = judge(engine, name, *generation, bytes, project, queries).await?;
                (judged, Some(*generation))
            }
        };
        tell(engine, name, &judged, generation).await?;
        let now = find(engine, name).await?;
        if now == found {
            let version = judged.version.as_ref().map(VersionHash::short);
            tracing::info!(
                workflow = name.as_str(),
                accepted = version.is_some(),
                version,
                errors = judged.errors.len(),
                "an upload was dealt with"
            );
            return Ok(());
        }
        found = now;
    }
    Err(EngineError::new(
        EngineErrorKind::Unavailable,
        format!("workflow {name} is being uploaded again and again"),
    ))
}

async fn find<P: Ports>(engine: &Engine<P>, name: &WorkflowName) -> Result<Found, EngineError> {
    let upload = ObjectName::Upload(name.clone());
    let beside = ObjectName::UploadProject(name.clone());
    let objects = engine.ports().objects();
    let limit = limits::FILE_BYTES as u64;
    let (generation, bytes) = match objects.get(&upload, limit).await {
        Ok(None) => return Ok(Found::Nothing),
        Ok(Some(object)) => (object.generation.0, object.bytes),
        Err(ObjectError::TooLarge { bytes, .. }) => return Ok(Found::TooLarge(bytes)),
        Err(error) => return Err(error.into()),
    };
    let project = match objects.get(&beside, limit).await {
        Ok(None) => Beside::Nothing,
        Ok(Some(object)) => Beside::File(object.bytes),
        Err(ObjectError::TooLarge { bytes, .. }) => Beside::TooLarge(bytes),
        Err(error) => return Err(error.into()),
    };
    let queries = queries(engine, name, &bytes, &project).await?;
    Ok(Found::File {
        generation,
        bytes,
        project,
        queries,
    })
}

/// The queries that a definition names. What is wrong with it is said when all of it is there.
fn wanted(name: &WorkflowName, bytes: &[u8], project: &Beside) -> BTreeSet<QueryPath> {
    let project = match project {
        Beside::File(bytes) => parse_project(PROJECT, bytes).unwrap_or_default(),
        Beside::Nothing | Beside::TooLarge(_) => Project::default(),
    };
    let wanted = RefCell::new(BTreeSet::new());
    let note = |path: &QueryPath| {
        wanted.borrow_mut().insert(path.clone());
        QueryFile::NoFolder
    };
    let _ = parse_workflow_beside(&file_name_for(name, bytes), bytes, &project, &note);
    wanted.into_inner()
}

/// Reads them.
async fn queries<P: Ports>(
    engine: &Engine<P>,
    name: &WorkflowName,
    bytes: &[u8],
    project: &Beside,
) -> Result<Queries, EngineError> {
    let mut found = Queries::new();
    let mut all = 0;
    for path in wanted(name, bytes, project) {
        let limit = limits::QUERY_FILE_BYTES as u64;
        let place = ObjectName::UploadQuery(name.clone(), path.clone());
        let file = if all > limits::QUERY_FILES_BYTES {
            QueryFile::Unusable("was not read, as the others are too large together".into())
        } else {
            match engine.ports().objects().get(&place, limit).await {
                Ok(Some(object)) => {
                    all += object.bytes.len();
                    QueryFile::File(object.bytes)
                }
                Ok(None) => QueryFile::Missing(format!(
                    "`ork workflow deploy` brings it along; whoever uploads by hand puts it at `{place}` before {FILE}"
                )),
                Err(ObjectError::TooLarge { bytes, .. }) => {
                    QueryFile::Unusable(format!("has {bytes} bytes, and may have {limit}"))
                }
                Err(error) => return Err(error.into()),
            }
        };
        found.insert(path, file);
    }
    Ok(found)
}

fn too_large(file: &str, bytes: u64) -> Finding {
    let limit = limits::FILE_BYTES;
    let mut one = Diagnostic::error(
        file,
        codes::FILE_TOO_LARGE,
        Position::START,
        format!("the file has {bytes} bytes, and may have {limit}"),
    );
    if file == FILE {
        one.hint("split the workflow, or generate its tasks with foreach");
    }
    one.into()
}

/// Checks a file and stores its version. An error means that nobody can tell now.
async fn judge<P: Ports>(
    engine: &Engine<P>,
    name: &WorkflowName,
    generation: u64,
    bytes: &[u8],
    beside: &Beside,
    queries: &Queries,
) -> Result<Judged, EngineError> {
    let project = match beside {
        Beside::Nothing => Ok(Project::default()),
        Beside::File(bytes) => parse_project(PROJECT, bytes).map_err(findings),
        Beside::TooLarge(bytes) => Err(vec![too_large(PROJECT, *bytes)]),
    };
    let read = project.and_then(|project| {
        let pools = pools(&project)?;
        let (workflow, warnings) = read(name, bytes, &project, queries)?;
        Ok((workflow, warnings, pools))
    });
    let (workflow, warnings, pools) = match read {
        Ok(read) => read,
        Err(errors) => return Ok(Judged::refused(errors)),
    };
    let mut source = None;
    if let Some(hash) = &workflow.bundle {
        let bundle = ObjectName::Bundle(name.clone(), hash.clone());
        if engine.ports().objects().updated(&bundle).await?.is_none() {
            let mut missing = Finding::of_all(format!("there is no bundle `{bundle}`"));
            missing.hint =
                Some("upload the bundle before the file, as `ork workflow deploy` does".into());
            return Ok(Judged::refused(vec![missing]));
        }
        source = Some(bundle.to_string());
    }
    // Who put it there only the bucket knows.
    let by = engine.by(Act::of(Actor::new(
        "upload",
        ObjectName::Upload(name.clone()).to_string(),
    )));
    match Box::pin(by.deploy_upload(&workflow, source, &pools, generation)).await {
        Ok(deployment) => Ok(Judged {
            version: Some(deployment.version),
            errors: Vec::new(),
            warnings,
        }),
        Err(error) if error.kind == EngineErrorKind::Unavailable => Err(error),
        Err(error) => Ok(Judged::refused(vec![Finding::of_all(error.message)])),
    }
}

fn findings(found: Vec<Diagnostic>) -> Vec<Finding> {
    found.into_iter().map(Finding::from).collect()
}

/// The pools of a project and their places.
fn pools(project: &Project) -> Result<BTreeMap<PoolName, u32>, Vec<Finding>> {
    let pool = |(name, size): (&String, &u32)| PoolName::new(name).map(|name| (name, *size));
    let pools: Result<_, _> = project.pools.iter().map(pool).collect();
    pools.map_err(|error| {
        let mut wrong = Finding::of_all(error.to_string());
        wrong.file = PROJECT.to_owned();
        vec![wrong]
    })
}

/// A definition with its warnings, or everything that is wrong with the file.
fn read(
    name: &WorkflowName,
    bytes: &[u8],
    project: &Project,
    queries: &Queries,
) -> Result<(Workflow, Vec<Finding>), Vec<Finding>> {
    let file = file_name_for(name, bytes);
    let query = |path: &QueryPath| queries.get(path).cloned().unwrap_or(QueryFile::NoFolder);
    let parsed = parse_workflow_beside(&file, bytes, project, &query).map_err(findings)?;
    let mut workflow = parsed.workflow;
    let mut errors = Vec::new();
    if workflow.name != *name {
        let mut other = Diagnostic::error(
            &file,
            codes::BAD_NAME,
            place_of_name(bytes),
            format!(
                "the workflow is called `{}`, but it was uploaded as `{name}`",
                workflow.name
            ),
        );
        other.hint(format!(
            "upload it to workflows/{}/workflow.yaml, or call it `{name}`",
            workflow.name
        ));
        errors.push(other);
    }
    match bundle::named_by(bytes) {
        Ok(hash) => workflow.bundle = hash,
        Err(wrong) => {
            let mut wrong = Diagnostic::error(&file, codes::WRONG_KIND, Position::START, wrong);
            wrong.hint("write `# bundle: sha256:` and 64 hexadecimal digits, or no such line");
            errors.push(wrong);
        }
    }
    if errors.is_empty() {
        Ok((workflow, findings(parsed.warnings)))
    } else {
        Err(findings(errors))
    }
}

/// Where the file says its name, for people; its beginning when that cannot be seen.
fn place_of_name(bytes: &[u8]) -> Position {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().position(|line| line.starts_with("name:"));
    line.and_then(|line| u32::try_from(line).ok())
        .map_or(Position::START, |line| Position::new(line + 1, 1, 5))
}

/// Writes the status file, unless it says the same already: nothing writes one name twice within a second without need.
async fn tell<P: Ports>(
    engine: &Engine<P>,
    name: &WorkflowName,
    judged: &Judged,
    generation: Option<u64>,
) -> Result<(), EngineError> {
    let status = ObjectName::UploadStatus(name.clone());
    let objects = engine.ports().objects();
    let said = judged.encode(generation, engine.ports().clock().now());
    let stored = match objects.get(&status, STATUS_BYTES).await {
        Ok(stored) => stored,
        // Whatever that is, it is not ours.
        Err(ObjectError::TooLarge { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if stored.is_some_and(|stored| same(&stored.bytes, &said)) {
        return Ok(());
    }
    let bytes = said.to_string();
    objects.put(&status, bytes.as_bytes(), None).await?;
    Ok(())
}
