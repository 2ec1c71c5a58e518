//! The workflow files of a folder: which there are, which changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ork_core::ids::WorkflowName;
use ork_core::parse::{Project, parse_project};

use crate::failure::Failure;
use crate::workflow_file::{self, Checked, PROJECT_FILE, WorkflowFile, shown};

/// What is new about a file.
pub(super) enum News {
    /// A workflow, new or changed.
    Right(Box<WorkflowFile>),
    /// It cannot be used.
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Why.
        checked: Box<Checked>,
    },
    /// It cannot be read.
    Unreadable(Failure),
    /// Another file holds a workflow of that name.
    Double {
        /// Which file.
        path: PathBuf,
        /// The name.
        name: WorkflowName,
        /// The file that had it first.
        first: PathBuf,
    },
    /// The settings changed while the engine runs.
    Settings(PathBuf),
    /// It was there.
    Gone {
        /// Which file.
        path: PathBuf,
        /// Its workflow.
        name: WorkflowName,
    },
}

/// What a file was when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(SystemTime, u64);

/// The files of a folder as they were last seen.
pub(super) struct Folder {
    root: PathBuf,
    seen: BTreeMap<PathBuf, Stamp>,
    names: BTreeMap<PathBuf, WorkflowName>,
    /// The files of SQL that each names, as they were.
    queries: BTreeMap<PathBuf, Vec<(PathBuf, Option<Stamp>)>>,
    project: Option<Stamp>,
    looked: bool,
}

impl Folder {
    /// Nothing seen yet.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            seen: BTreeMap::new(),
            names: BTreeMap::new(),
            queries: BTreeMap::new(),
            project: None,
            looked: false,
        }
    }

    /// What changed since the last look. A changed `ork.yaml` makes every file new.
    pub(super) fn look(&mut self) -> Vec<News> {
        let present: BTreeMap<PathBuf, Stamp> = files(&self.root);
        let mut news = Vec::new();
        let gone: Vec<PathBuf> = self
            .seen
            .keys()
            .filter(|path| !present.contains_key(*path))
            .cloned()
            .collect();
        for path in gone {
            self.seen.remove(&path);
            self.queries.remove(&path);
            if let Some(name) = self.names.remove(&path) {
                news.push(News::Gone { path, name });
            }
        }
        let settings = self.root.join(PROJECT_FILE);
        let project = stamp(&settings);
        if project != self.project {
            self.project = project;
            self.seen.clear();
            if self.looked {
                news.push(News::Settings(settings));
            }
        }
        self.looked = true;
        let changed: Vec<(PathBuf, Stamp)> = present
            .into_iter()
            .filter(|(path, stamp)| self.seen.get(path) != Some(stamp) || self.has_new_query(path))
            .collect();
        if changed.is_empty() {
            return news;
        }
        let project = match self.read_project() {
            Ok(project) => project,
            Err(wrong) => {
                // Without the settings nothing can be checked; the next change of either tries again.
                self.seen.extend(changed);
                news.push(wrong);
                return news;
            }
        };
        for (path, stamp) in changed {
            self.seen.insert(path.clone(), stamp);
            news.extend(self.read(path, &project));
        }
        news
    }

    /// Whether a file that a workflow file names changed, came or went.
    fn has_new_query(&self, path: &Path) -> bool {
        let known = self.queries.get(path).map_or(&[][..], Vec::as_slice);
        known.iter().any(|(query, was)| stamp(query) != *was)
    }

    fn read(&mut self, path: PathBuf, project: &Project) -> Option<News> {
        let bytes = match workflow_file::read(&path) {
            Ok(bytes) => bytes,
            Err(failure) => return Some(News::Unreadable(failure)),
        };
        if !workflow_file::claims_to_be_one(&path, &bytes) {
            return None;
        }
        let mut checked = workflow_file::check(&shown(&path), &bytes, project, Some(&self.root));
        let queries = checked.queries.keys().map(|name| {
            let query = self.root.join(name.as_str());
            let stamp = stamp(&query);
            (query, stamp)
        });
        self.queries.insert(path.clone(), queries.collect());
        let Some(workflow) = checked.workflow.take() else {
            return Some(News::Wrong {
                path,
                checked: Box::new(checked),
            });
        };
        let first = self
            .names
            .iter()
            .find(|(other, name)| **name == workflow.name && **other != path);
        if let Some((first, name)) = first {
            return Some(News::Double {
                path,
                name: name.clone(),
                first: first.clone(),
            });
        }
        self.names.insert(path.clone(), workflow.name.clone());
        Some(News::Right(Box::new(WorkflowFile {
            path,
            workflow,
            project: project.clone(),
            queries: checked.queries,
        })))
    }

    fn read_project(&self) -> Result<Project, News> {
        let path = self.root.join(PROJECT_FILE);
        if !path.is_file() {
            return Ok(Project::default());
        }
        let bytes = workflow_file::read(&path).map_err(News::Unreadable)?;
        parse_project(&shown(&path), &bytes).map_err(|found| {
            let source = String::from_utf8_lossy(&bytes).into_owned();
            News::Wrong {
                path,
                checked: Box::new(Checked {
                    workflow: None,
                    found,
                    source,
                    queries: workflow_file::Queries::new(),
                }),
            }
        })
    }
}

/// The files that may be workflow files, by their names; what they hold is looked at only when they change.
fn files(root: &Path) -> BTreeMap<PathBuf, Stamp> {
    let Ok(entries) = fs::read_dir(root) else {
        return BTreeMap::new();
    };
    let paths = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| workflow_file::is_named_like_one(path));
    paths
        .filter_map(|path| Some((path.clone(), stamp(&path)?)))
        .collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Stamp(about.modified().ok()?, about.len()))
}
