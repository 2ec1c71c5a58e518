//! Executors as people read them, and whether they can run on this machine.

use ork_core::definition::{Binding, CommandLine, Executor, Input, Operator, PythonSource, Task};

/// What a task runs, in a few words.
pub(crate) fn describe(executor: &Executor) -> String {
    match executor {
        Executor::Marker => String::new(),
        Executor::Python {
            source, function, ..
        } => format!("{}:{function}", python(source)),
        Executor::Process { command } => self::command(command),
        Executor::Script { line, .. } => format!("script at line {line}"),
        Executor::Library { file, function } => format!("{file}:{function}"),
        Executor::Workflow { name } => name.to_string(),
        Executor::CloudRun { job, command } => either(job.as_deref(), command.as_ref()),
        Executor::Service { source, function } => {
            let source = source.as_ref().map(python).unwrap_or_default();
            function.as_ref().map_or_else(
                || source.to_owned(),
                |function| format!("{source}:{function}"),
            )
        }
        Executor::Docker { command } | Executor::Kubernetes { command } => {
            either(None, command.as_ref())
        }
        Executor::Http { method, url, .. } => format!("{method} {}", url.source),
        Executor::Remote { operator, request } => remote(*operator, request),
        Executor::Dbt { project, models } => format!("{project} {}", models.join(" ")),
        Executor::Custom { .. } => String::new(),
    }
}

/// Fan-out in a few words: `per item of …`, `3 instances`.
pub(crate) fn fan_out(task: &Task) -> String {
    use ork_core::definition::Count;
    let parallel = match &task.parallel {
        None => None,
        Some(Count::Fixed(n)) => Some(format!("{n} instances")),
        Some(Count::Ref(_)) => Some("as many as computed".to_owned()),
    };
    let foreach = task.foreach.as_ref().map(|_| match task.batch {
        Some(batch) => format!("one per {batch} items"),
        None => "one per item".to_owned(),
    });
    match (foreach, parallel) {
        (Some(foreach), Some(parallel)) => format!("{foreach} × {parallel}"),
        (foreach, parallel) => foreach.or(parallel).unwrap_or_default(),
    }
}

/// Characters of a query that are shown.
const LONGEST_SHOWN: usize = 200;

fn remote(operator: Operator, request: &[Input]) -> String {
    let key = match operator {
        Operator::BigQuery | Operator::BigQuerySensor => "query",
        Operator::CloudRun => "job",
        Operator::CloudRunImage => "image",
        Operator::Dataproc => "cluster",
        Operator::ObjectSensor => "object",
        Operator::HttpSensor => "url",
        Operator::WorkflowSensor => "name",
    };
    let value = request.iter().find(|input| input.name == key);
    let text = match value.map(|input| &input.value) {
        Some(Binding::Const(value)) => value.as_str(),
        Some(Binding::Template(template)) => template.value.as_str(),
        _ => None,
    };
    let line = text.unwrap_or_default().lines().map(str::trim);
    let line = line.collect::<Vec<_>>().join(" ");
    // A query may be a file of its own.
    match line.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn python(source: &PythonSource) -> &str {
    match source {
        PythonSource::File(name) | PythonSource::Module(name) => name,
    }
}

fn either(job: Option<&str>, command: Option<&CommandLine>) -> String {
    job.map(str::to_owned)
        .or_else(|| command.map(self::command))
        .unwrap_or_default()
}

fn command(command: &CommandLine) -> String {
    const SHOWN: usize = 48;
    let text = match command {
        CommandLine::Shell(text) => text.source.clone(),
        CommandLine::Argv(words) => words
            .iter()
            .map(|word| word.source.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        CommandLine::File(name) => name.clone(),
    };
    let line = text.trim().lines().next().unwrap_or_default();
    if line.chars().count() > SHOWN || line.len() < text.trim().len() {
        return line.chars().take(SHOWN).chain(['…']).collect();
    }
    line.to_owned()
}
