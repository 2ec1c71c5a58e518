//! `ork open` and `ork dev --open`: the pages in a browser.

use std::process::Command;

use rustix::process::Signal;

use crate::support::{Project, Running, WAITS};

/// A browser that tells the file `seen` where it was sent.
fn with_browser() -> Project {
    let project = Project::with("w.yaml", WAITS);
    project.write("browser", "echo \"$1\" > seen\n");
    project
}

/// `ork dev` and the address that it says.
fn dev(project: &Project, options: &[&str]) -> (Running, String) {
    let args = [&["dev", "--port", "0"], options].concat();
    let mut command = project.command(&args);
    let mut dev = project.begin(command.env("BROWSER", "sh browser"));
    let said = dev.until("1 workflow from");
    let address = said.split("pages at ").nth(1).expect("an address");
    let address = address.split(',').next().expect("an address").to_owned();
    (dev, address)
}

#[test]
fn the_page_of_whatever_is_named_is_opened() {
    let project = with_browser();
    project
        .ork(&["open", "--print"])
        .exits(3)
        .says("no `ork dev` is running");
    let (dev, address) = dev(&project, &[]);
    let printed = |what: &[&str]| {
        let args = [&["open", "--print"], what].concat();
        project.ork(&args).ok().out
    };
    assert_eq!(printed(&[]), format!("{address}\n"));
    assert_eq!(printed(&["waits"]), format!("{address}/workflows/waits\n"));
    let run = project.ork(&["run", "start", "waits"]).ok().out;
    assert_eq!(printed(&["latest"]), format!("{address}/runs/{run}"));
    assert_eq!(printed(&["waits-"]), format!("{address}/runs/{run}"));
    project
        .ork(&["open", "gone"])
        .exits(2)
        .says("there is no run `gone`")
        .says("ork workflow list");
    let mut open = project.command(&["open", "latest"]);
    project
        .finish(open.env("BROWSER", "/nowhere/browser:sh browser"))
        .ok()
        .says("opening http://127.0.0.1");
    assert_eq!(project.read("seen"), format!("{address}/runs/{run}"));
    let mut open = project.command(&["open"]);
    project
        .finish(open.env("BROWSER", "/nowhere/browser"))
        .exits(3)
        .says("no browser could be started")
        .says("--print");
    dev.signal(Signal::KILL);
    dev.end();
    project
        .ork(&["open"])
        .exits(3)
        .says("no `ork dev` is running on the state folder `.ork`")
        .says("ork dev --open");
}

#[test]
fn dev_opens_its_pages_and_takes_back_its_address() {
    let project = with_browser();
    // The one that reads waits for the one that writes.
    let pipe = project.path("seen");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo is there").success());
    let (dev, address) = dev(&project, &["--open"]);
    assert_eq!(project.read("seen"), format!("{address}\n"));
    dev.signal(Signal::INT);
    dev.end().exits(0);
    project.ork(&["open"]).exits(3);
    let left = std::fs::read_dir(project.path(".ork/dev")).expect("a folder");
    assert_eq!(left.count(), 0, "nothing is left behind");
}

#[test]
fn a_desktop_without_a_browser_does_not_keep_dev_from_serving() {
    let project = Project::with("w.yaml", WAITS);
    let mut command = project.command(&["dev", "--port", "0", "--open"]);
    let mut dev = project.begin(command.env("BROWSER", "/nowhere/browser"));
    dev.until("1 workflow from");
    dev.until("no browser could be started");
    project.ork(&["open", "--print"]).ok();
    dev.signal(Signal::INT);
    dev.end().exits(0);
}
