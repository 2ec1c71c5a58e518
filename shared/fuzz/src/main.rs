//! `ork-fuzz TARGET [FILE…]` replays files; without any it runs the corpus and mutations of it.

use std::io::{self, Write};
use std::process::ExitCode;

use ork_fuzz::{Entry, Judgement, Reading, TARGETS, Target, corpus, fuzz, judge};

const USAGE: &str = "\
ork-fuzz TARGET FILE…            replay files
ork-fuzz TARGET [--seed S] [--inputs N] [--each]
                                 replay the corpus, then N mutations of it; --each names every input before it runs
ork-fuzz all [--seed S] [--inputs N]
ork-fuzz TARGET --words          the words of the target as a dictionary for libFuzzer";

/// What was asked for.
struct Asked {
    targets: Vec<&'static Target>,
    files: Vec<String>,
    seed: u64,
    inputs: Option<u64>,
    each: bool,
    words: bool,
}

fn main() -> ExitCode {
    match asked(std::env::args().skip(1)).and_then(|asked| run(&asked)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(
                io::stderr(),
                "{error}\n\n{USAGE}\n\ntargets: {}",
                names.join(" ")
            );
            ExitCode::from(2)
        }
    }
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let name = arguments.next().ok_or("name a target")?;
    let targets: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| name == "all" || target.name == name)
        .collect();
    if targets.is_empty() {
        return Err(format!("there is no target `{name}`"));
    }
    let mut asked = Asked {
        targets,
        files: Vec::new(),
        seed: 1,
        inputs: None,
        each: false,
        words: false,
    };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments
                .next()
                .ok_or_else(|| format!("{argument} is followed by a number"))?;
            text.parse::<u64>()
                .map_err(|error| format!("{argument} {text}: {error}"))
        };
        match argument.as_str() {
            "--seed" => asked.seed = number()?,
            "--inputs" => asked.inputs = Some(number()?),
            "--each" => asked.each = true,
            "--words" => asked.words = true,
            option if option.starts_with("--") => return Err(format!("there is no {option}")),
            _ => asked.files.push(argument),
        }
    }
    Ok(asked)
}

/// Whether every promise held.
fn run(asked: &Asked) -> Result<bool, String> {
    let mut out = io::stdout().lock();
    let mut held = true;
    for target in &asked.targets {
        let lines = if asked.words {
            (target.words)().into_iter().map(dictionary_line).collect()
        } else if asked.files.is_empty() {
            mutations(target, asked, &mut held)?
        } else {
            files(target, &asked.files, &mut held)?
        };
        for line in lines {
            writeln!(out, "{line}").map_err(|error| error.to_string())?;
        }
    }
    Ok(held)
}

fn files(target: &Target, names: &[String], held: &mut bool) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for name in names {
        let bytes = std::fs::read(name).map_err(|error| format!("{name}: {error}"))?;
        let said = match judge(target, &bytes) {
            Judgement::Held(Reading::Accepted) => "accepted".to_owned(),
            Judgement::Held(Reading::Rejected) => "rejected".to_owned(),
            Judgement::Open => "a known defect".to_owned(),
            Judgement::Broken(said) => {
                *held = false;
                let entry = Entry {
                    name: name.clone(),
                    bytes,
                };
                match fuzz(target, &[entry], 0, 0, |_| {}) {
                    Ok(_) => format!("broken, but only sometimes: {said}"),
                    Err(broken) => broken.to_string(),
                }
            }
        };
        lines.push(format!("{name}: {said}"));
    }
    Ok(lines)
}

fn mutations(target: &Target, asked: &Asked, held: &mut bool) -> Result<Vec<String>, String> {
    let entries =
        corpus(target.name).map_err(|error| format!("corpus/{}: {error}", target.name))?;
    let inputs = asked.inputs.unwrap_or(target.inputs);
    let each = |origin: &str| {
        if asked.each {
            // For inputs that end the process: its last line is the one.
            let _ = writeln!(io::stderr(), "{}: {origin}", target.name);
        }
    };
    Ok(vec![
        match fuzz(target, &entries, asked.seed, inputs, each) {
            Ok(report) => format!("{}: {report}", target.name),
            Err(broken) => {
                *held = false;
                format!("{broken}\n")
            }
        },
    ])
}

/// A word as libFuzzer's dictionaries have it.
fn dictionary_line(word: &str) -> String {
    let escaped: String = word
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).to_string(),
            other => format!("\\x{other:02x}"),
        })
        .collect();
    format!("\"{escaped}\"")
}
