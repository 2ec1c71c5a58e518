//! The files that images are made with, held against the project: what Dockerfiles copy is there and gets through `.dockerignore`, versions and names
//! are those of everything else, nobody is root, and what builds and publishes them asks for no more than it needs.

mod checks;
mod ignored;
mod mistakes;
mod names;
mod programs;
mod project;
mod recipe;
mod workflows;

use project::Project;

/// Everything that is wrong.
fn problems(project: &Project) -> Vec<String> {
    let found = checks::check(project).and_then(|mut wrong| {
        wrong.extend(names::check(project)?);
        wrong.extend(workflows::check(project)?);
        Ok(wrong)
    });
    found.unwrap_or_else(|error| vec![error])
}

#[test]
fn images_are_made_of_what_there_is() {
    let wrong = problems(&Project::default());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
