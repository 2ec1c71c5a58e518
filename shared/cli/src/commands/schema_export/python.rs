//! Asks an interpreter for the schemas of a Python file. Ork's own package travels in a pipe: nothing is unpacked.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ork_core::Value;
use serde_json::json;

use crate::config::Config;
use crate::failure::Failure;
use crate::own_environment;
use crate::workflow_file::{absolute, reason, shown};

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
    let own = own_environment::python();
    let (python, named) = match &config.python {
        Some(python) => (
            python.as_os_str(),
            format!("ORK_PYTHON={}", python.display()),
        ),
        None => match &own {
            Some(own) => (own.as_os_str(), format!("`{}`", own.display())),
            None => ("python3".as_ref(), "`python3`".to_owned()),
        },
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
    let package: serde_json::Map<String, Value> = ork_local::exec::PYTHON_PACKAGE
        .iter()
        .filter_map(|(name, text)| Some((name.strip_suffix(".py")?.to_owned(), json!(text))))
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
