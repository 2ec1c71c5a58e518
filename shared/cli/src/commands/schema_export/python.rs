//! Asks an interpreter for the schemas of a Python file. Ork's own package travels in a pipe: nothing is unpacked.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ork_core::Value;
use serde_json::json;

use crate::config::Config;
use crate::failure::Failure;
use crate::workflow_file::{absolute, reason, shown};

macro_rules! package {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../sdk-python/src/ork/", $name, ".py")))),+]
    };
}

/// The modules of Ork's Python package. A test sees to it that none is forgotten.
const MODULES: &[(&str, &str)] = package![
    "__init__",
    "_call",
    "_child",
    "_codec",
    "_context",
    "_convert",
    "_errors",
    "_frames",
    "_modules",
    "_outcome",
    "_preload",
    "_result",
    "_schema",
    "_sitepath",
    "_task",
    "_template",
    "_types",
    "_warm",
    "testing",
];

/// Serves the package from memory, then asks it.
const ASK: &str = "\
import importlib.abc, importlib.util, json, sys
modules = json.load(sys.stdin)
class Carried(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path=None, target=None):
        head, _, tail = name.partition('.')
        if head != 'ork' or (tail or '__init__') not in modules:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=not tail)
    def is_package(self, name):
        return name == 'ork'
    def get_source(self, name):
        return modules[name.partition('.')[2] or '__init__']
sys.meta_path.insert(0, Carried())
from ork._schema import describe_file
said, sys.stdout = sys.stdout, sys.stderr
document = describe_file(sys.argv[1])
json.dump(document, said)
";

/// The document about a file's task functions.
pub(super) fn schemas(file: &Path, config: &Config) -> Result<Value, Failure> {
    if !file.is_file() {
        return Err(Failure::new(format!("there is no file `{}`", shown(file))));
    }
    let file = absolute(file)?;
    let (python, named) = match &config.python {
        Some(python) => (
            python.as_os_str(),
            format!("ORK_PYTHON={}", python.display()),
        ),
        None => ("python3".as_ref(), "`python3`".to_owned()),
    };
    let broken = |what: String| {
        Failure::new(what).hint("install Python 3.9 or newer, or set ORK_PYTHON to an interpreter")
    };
    let mut child = Command::new(python)
        .args(["-X", "utf8", "-c", ASK])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| {
            broken(format!(
                "the interpreter {named} cannot be started: {}",
                reason(&error)
            ))
        })?;
    let package: serde_json::Map<String, Value> = MODULES
        .iter()
        .map(|(name, text)| ((*name).to_owned(), json!(text)))
        .collect();
    if let Some(mut stdin) = child.stdin.take() {
        // An interpreter that does not listen says why by how it ends.
        let _ = stdin.write_all(Value::Object(package).to_string().as_bytes());
    }
    let answer = child.wait_with_output().map_err(|error| {
        broken(format!(
            "the interpreter {named} cannot be waited for: {}",
            reason(&error)
        ))
    })?;
    serde_json::from_slice(&answer.stdout).map_err(|_| {
        broken(format!(
            "the interpreter {named} gave no answer about `{}` ({})",
            shown(&file),
            answer.status
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_of_the_package_is_carried() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk-python/src/ork");
        let entries = std::fs::read_dir(source)
            .expect("the package")
            .map(|entry| entry.expect("an entry").path());
        let mut names: Vec<String> = entries
            .filter(|path| path.extension().is_some_and(|ending| ending == "py"))
            .map(|path| {
                path.file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        let carried: Vec<&str> = MODULES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, carried, "list them in this file, in order");
    }
}
