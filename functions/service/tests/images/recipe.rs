//! A Dockerfile by its stages, with what the checks ask of it.

use std::collections::BTreeMap;

use parse_dockerfile::{Command, Flag, Instruction, Source};

use crate::project::Project;

/// A Dockerfile.
pub(crate) struct Recipe {
    pub(crate) path: String,
    pub(crate) stages: Vec<Stage>,
}

/// From one FROM to the next.
pub(crate) struct Stage {
    pub(crate) name: String,
    /// The image or the stage it begins with, `${…}` filled in.
    pub(crate) base: String,
    pub(crate) steps: Vec<Step>,
}

/// An instruction, as far as it is asked about.
#[derive(Debug)]
pub(crate) enum Step {
    Copy {
        from: Option<String>,
        sources: Vec<String>,
    },
    Run(String),
    User(String),
    /// `None` is the form that needs a shell.
    Entrypoint(Option<Vec<String>>),
    Expose(Vec<String>),
    Env(String),
    /// By its name.
    Other(&'static str),
}

impl Recipe {
    pub(crate) fn of(project: &Project, path: &str) -> Result<Self, String> {
        let text = project.text(path)?;
        let file = parse_dockerfile::parse(&text).map_err(|error| format!("{path}: {error}"))?;
        let given: BTreeMap<&str, &str> = file
            .global_args()
            .filter_map(|arg| arg.arguments.value.split_once('='))
            .collect();
        let stages = file.stages().map(|stage| {
            let image = stage.from.image.value.as_ref();
            let base = image
                .strip_prefix("${")
                .and_then(|name| given.get(name.strip_suffix('}')?))
                .map_or(image, |value| *value);
            Stage {
                name: stage
                    .from
                    .as_
                    .as_ref()
                    .map_or_else(String::new, |(_, name)| name.value.clone().into_owned()),
                base: base.to_owned(),
                steps: stage.instructions.iter().map(step).collect(),
            }
        });
        Ok(Self {
            path: path.to_owned(),
            stages: stages.collect(),
        })
    }

    pub(crate) fn stage(&self, name: &str) -> Result<&Stage, String> {
        let mut all = self.stages.iter();
        all.find(|stage| stage.name == name)
            .ok_or_else(|| format!("{}: there is no stage {name}", self.path))
    }

    /// Images that come from elsewhere.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &str> {
        let own = |base: &str| base == "scratch" || self.stages.iter().any(|one| one.name == base);
        let all = self.stages.iter().map(|stage| stage.base.as_str());
        all.filter(move |base| !own(base))
    }
}

impl Stage {
    pub(crate) fn runs(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Run(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

fn step(instruction: &Instruction<'_>) -> Step {
    match instruction {
        Instruction::Copy(copy) => Step::Copy {
            from: flag(&copy.options, "from"),
            sources: copy.src.iter().map(source).collect(),
        },
        Instruction::Run(run) => {
            let mut text: String = run.options.iter().map(shown).collect();
            text.push_str(
                &words(&run.arguments)
                    .unwrap_or_else(|text| vec![text])
                    .join(" "),
            );
            Step::Run(text)
        }
        Instruction::User(user) => Step::User(user.arguments.value.clone().into_owned()),
        Instruction::Entrypoint(entry) => Step::Entrypoint(words(&entry.arguments).ok()),
        Instruction::Expose(expose) => {
            let ports = expose.arguments.iter();
            Step::Expose(ports.map(|port| port.value.clone().into_owned()).collect())
        }
        Instruction::Env(env) => Step::Env(env.arguments.value.clone().into_owned()),
        Instruction::Add(_) => Step::Other("ADD"),
        Instruction::Cmd(_) => Step::Other("CMD"),
        Instruction::Shell(_) => Step::Other("SHELL"),
        Instruction::Onbuild(_) => Step::Other("ONBUILD"),
        _ => Step::Other(""),
    }
}

fn source(source: &Source<'_>) -> String {
    match source {
        Source::Path(path) => path.value.clone().into_owned(),
        _ => "<<".to_owned(),
    }
}

fn flag(flags: &[Flag<'_>], name: &str) -> Option<String> {
    let found = flags.iter().find(|flag| flag.name.value == name)?;
    Some(found.value.as_ref()?.value.clone().into_owned())
}

fn shown(flag: &Flag<'_>) -> String {
    let value = flag.value.as_ref().map_or("", |value| &value.value);
    format!("--{}={value} ", flag.name.value)
}

/// The words of the form that is a list; of the other its text.
fn words(command: &Command<'_>) -> Result<Vec<String>, String> {
    match command {
        Command::Exec(words) => {
            let words = words.value.iter();
            Ok(words.map(|word| word.value.clone().into_owned()).collect())
        }
        Command::Shell(text) => Err(text.value.to_owned()),
        _ => Err(String::new()),
    }
}
