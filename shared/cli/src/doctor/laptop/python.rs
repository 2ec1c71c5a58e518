//! The interpreter that Python tasks would get, asked once for everything that is told of it. Nothing of the user's is imported.

use std::path::PathBuf;
use std::rc::Rc;

use ork_core::Value;
use ork_local::exec::{OLDEST_PYTHON, PYTHON_PACKAGE, find_python};
use tokio::sync::OnceCell;

use crate::own_environment;

use super::{Checks, Finding, Shell};

/// What it is asked. It is also understood by interpreters that are far too old.
const QUESTION: &str = r#"
import sys, json
said = {"version": list(sys.version_info[:3]), "executable": sys.executable}
try:
    import importlib.util, re
    spec = importlib.util.find_spec
    said["packages"] = bool(spec("venv") and spec("ensurepip"))
    found = spec("ork")
    if found is not None:
        said["sdk"] = found.origin or str(list(found.submodule_search_locations or ["?"])[0])
        with open(found.origin, encoding="utf-8") as text:
            version = re.search(r'^__version__ = "([^"]+)"', text.read(), re.M)
        said["sdk_version"] = version and version.group(1)
except Exception as error:
    said["trouble"] = repr(error)
print("\n" + json.dumps(said))
"#;

const INSTALL: &str =
    "install Python 3.9 or newer, or set ORK_PYTHON to an interpreter that is there";

/// The interpreter, asked by whoever wants to know first.
struct Interpreter {
    shell: Shell,
    asked: Option<PathBuf>,
    answer: OnceCell<Result<Value, String>>,
}

impl Interpreter {
    async fn answer(&self) -> &Result<Value, String> {
        self.answer.get_or_init(|| self.ask()).await
    }

    async fn ask(&self) -> Result<Value, String> {
        let Shell { folder, path } = &self.shell;
        let program = match (&self.asked, own_environment::python()) {
            (None, Some(own)) => own,
            (asked, _) => find_python(asked.as_deref(), folder, path.as_deref())?,
        };
        let named = match self.asked {
            Some(_) => format!("ORK_PYTHON={}", program.display()),
            None => program.display().to_string(),
        };
        let said = self.shell.says(&program, &["-c", QUESTION]).await;
        let said = said.map_err(|why| format!("the interpreter {named} {why}"))?;
        // What is printed at its start, or after it, is none of ours.
        let mut lines = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .rfind(|line: &Value| line["version"].is_array())
            .ok_or_else(|| format!("the interpreter {named} does not answer as Python does"))
    }

    async fn version(&self) -> Finding {
        let answer = match self.answer().await {
            Ok(answer) => answer,
            Err(why) => return Finding::failed(why.as_str(), INSTALL),
        };
        let numbers: Vec<u32> = answer["version"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one.as_u64()?.try_into().ok())
            .collect();
        let found = format!("{} at {}", dotted(&numbers), word(&answer["executable"]));
        let (major, minor) = OLDEST_PYTHON;
        if numbers.as_slice() < [major, minor].as_slice() {
            let found = format!("{found}; tasks need {major}.{minor} or newer");
            return Finding::failed(found, INSTALL);
        }
        Finding::ok(found)
    }

    /// A package `ork` that the user's own tests and editor see. Tasks get the one that this command carries, whatever is installed.
    async fn sdk(&self) -> Finding {
        let Ok(answer) = self.answer().await else {
            return Finding::skipped("there is no Python");
        };
        let own = own_sdk();
        let Some(place) = answer["sdk"].as_str() else {
            return Finding::skipped(format!(
                "not installed; tasks get version {own}, which ork carries, and only editors and tests of yours would want it"
            ));
        };
        match answer["sdk_version"].as_str() {
            Some(version) if version == own => Finding::ok(format!("{version} at {place}")),
            Some(version) => Finding::warning(
                format!("{version} at {place}; tasks get {own}, which ork carries"),
                format!("pip install ork-sdk=={own}, or shared/sdk-python of this version"),
            ),
            None => Finding::warning(
                format!(
                    "the module `ork` at {place} is not Ork's; editors and tests of yours see that one"
                ),
                "rename it, or take it out of the way of imports",
            ),
        }
    }

    /// What makes environments for workflows that ask for packages.
    async fn packages(&self) -> Finding {
        let Ok(answer) = self.answer().await else {
            return Finding::skipped("there is no Python");
        };
        if self.shell.find("uv").is_some() {
            return Finding::ok("uv makes environments for workflows with requirements");
        }
        match answer["packages"].as_bool() {
            Some(true) => {
                Finding::ok("venv and pip make environments for workflows with requirements")
            }
            _ => Finding::warning(
                "neither uv nor venv with pip: workflows with a requirements.txt cannot run",
                "apt-get install python3-venv, or install uv: https://docs.astral.sh/uv",
            ),
        }
    }
}

/// Adds the checks of Python.
pub(super) fn add(checks: &mut Checks, shell: &Shell, asked: Option<PathBuf>) {
    let python = Rc::new(Interpreter {
        shell: shell.clone(),
        asked,
        answer: OnceCell::new(),
    });
    let of = Rc::clone(&python);
    checks.add("python.version", async move { of.version().await });
    let of = Rc::clone(&python);
    checks.add("python.sdk", async move { of.sdk().await });
    checks.add("python.packages", async move { python.packages().await });
    let shell = shell.clone();
    checks.add("python.uv", async move {
        let Some(uv) = shell.find("uv") else {
            return Finding::optional(
                "not found; environments are made by venv and pip, which takes longer",
                "https://docs.astral.sh/uv installs it",
            );
        };
        match shell.says(&uv, &["--version"]).await {
            Ok(said) => Finding::ok(said.lines().next().unwrap_or_default().to_owned()),
            Err(why) => Finding::failed(
                format!(
                    "`{}` {why}, and environments are made with it",
                    uv.display()
                ),
                "mend it or take it off PATH; without it venv and pip are used",
            ),
        }
    });
}

fn dotted(numbers: &[u32]) -> String {
    let all: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    all.join(".")
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("a place it does not tell")
}

/// The version of the package that this command carries.
fn own_sdk() -> &'static str {
    let (_, text) = PYTHON_PACKAGE
        .iter()
        .find(|(name, _)| *name == "__init__.py")
        .expect("a package begins so");
    text.split("__version__ = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("it says its version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_says_its_version() {
        let parts = own_sdk()
            .split('.')
            .filter(|part| part.parse::<u32>().is_ok());
        assert_eq!(parts.count(), 3, "{}", own_sdk());
    }
}
