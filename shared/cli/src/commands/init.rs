//! `ork init`: writes a small workflow to start from.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ork_core::schema::workflow_schema;

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::workflow_file::shown;

/// The schema that editors are pointed to.
const SCHEMA: &str = "ork.schema.json";

/// How a workflow is written. The variants have no doc comments so that `--help` stays one line per option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Style {
    #[default]
    Planned,
    Strict,
    Fun,
}

/// `ork init`
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Folder, made when missing
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Free inputs with {{ }} (planned), every input and output typed (strict), Python scripts (fun)
    #[arg(long, value_enum, default_value_t)]
    style: Style,
}

/// Writes the files; none if one of them is there already.
pub(crate) fn init(args: &InitArgs, out: &Output) -> Result<Exit, Failure> {
    let schema = format!("{:#}\n", workflow_schema());
    let files: Vec<(&str, &str)> = match args.style {
        Style::Planned => vec![
            ("hello.yaml", include_str!("init/planned.yaml")),
            ("tasks.py", include_str!("init/tasks.py")),
            (SCHEMA, &schema),
        ],
        Style::Strict => vec![
            ("hello.yaml", include_str!("init/strict.yaml")),
            ("tasks.py", include_str!("init/tasks.py")),
            (SCHEMA, &schema),
        ],
        Style::Fun => vec![("hello.workflow", include_str!("init/fun.workflow"))],
    };
    let there: Vec<String> = files
        .iter()
        .map(|(name, _)| args.folder.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| shown(&path))
        .collect();
    if !there.is_empty() {
        return Err(Failure::new(format!(
            "{} would be overwritten; nothing was written",
            there.join(", ")
        ))
        .hint("name another folder: `ork init DIR`"));
    }
    fs::create_dir_all(&args.folder).map_err(|error| {
        Failure::io(
            &format!("cannot make the folder `{}`", shown(&args.folder)),
            &error,
        )
    })?;
    for (name, text) in &files {
        let path = args.folder.join(name);
        write(&path, text)
            .map_err(|error| Failure::io(&format!("cannot write `{}`", shown(&path)), &error))?;
        out.say(&format!("wrote {}", shown(&path)));
    }
    let file = shown(&args.folder.join(files[0].0));
    let param = if args.style == Style::Fun {
        ""
    } else {
        " --param name=you"
    };
    out.say("\nnext:");
    out.say(&format!("  ork execute {file}{param}"));
    out.say(&format!("  ork execute {file} --dry-run"));
    out.say(&format!("  ork validate {file}"));
    Ok(Exit::Success)
}

/// Somebody who wrote the file in the meantime keeps it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    File::create_new(path)?.write_all(text.as_bytes())
}
