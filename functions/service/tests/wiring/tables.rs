//! The tables of variables and outputs in the READMEs of `terraform/` are made from its files; `ORK_ADD_FIXTURES=1` writes them anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use hcl::expr::Expression;
use hcl::structure::Block;

use crate::plan::Folder;
use crate::terraform;

const BEGIN: &str = "<!-- made from the files -->\n";
const END: &str = "<!-- until here -->\n";

/// The folders with such a table.
fn folders() -> Vec<PathBuf> {
    let mut folders = vec![terraform()];
    for below in ["modules", "examples"] {
        let all = std::fs::read_dir(terraform().join(below)).expect("it is there");
        folders.extend(all.map(|entry| entry.expect("readable").path()));
    }
    folders.sort();
    folders
}

fn attribute<'a>(block: &'a Block, name: &str) -> Option<&'a Expression> {
    let mut all = block.body.attributes();
    all.find(|one| one.key.as_str() == name)
        .map(|one| &one.expr)
}

/// An expression on one line, shortened.
fn shown(expression: &Expression) -> String {
    let text = hcl::format::to_string(expression).expect("it was read");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > 60 {
        let start: String = text.chars().take(56).collect();
        format!("`{start} …`")
    } else {
        format!("`{text}`")
    }
}

fn said(block: &Block) -> String {
    match attribute(block, "description") {
        Some(Expression::String(text)) => text.replace('|', "\\|"),
        _ => String::new(),
    }
}

/// The tables of a folder.
fn tables(folder: &Path) -> String {
    let read = Folder::read(folder).expect("it can be read");
    let blocks = |kind: &'static str| {
        let all = read.body.blocks();
        all.filter(move |block| block.identifier.as_str() == kind)
    };
    let name = |block: &Block| {
        let label = block.labels.first();
        label.map_or_else(String::new, |label| label.as_str().to_owned())
    };
    let mut text = String::new();
    for (kind, title) in [("variable", "Variables"), ("output", "Outputs")] {
        if blocks(kind).next().is_none() {
            continue;
        }
        let heads = match kind {
            "variable" => "| variable | type | default | |\n|---|---|---|---|",
            _ => "| output | |\n|---|---|",
        };
        let _ = writeln!(text, "\n## {title}\n\n{heads}");
        for block in blocks(kind) {
            if kind == "output" {
                let _ = writeln!(text, "| `{}` | {} |", name(block), said(block));
                continue;
            }
            let of = match attribute(block, "type") {
                Some(Expression::FuncCall(call)) => format!("`{}(…)`", call.name.name),
                Some(other) => shown(other),
                None => String::new(),
            };
            let default = attribute(block, "default").map_or_else(|| "needed".to_owned(), shown);
            let _ = writeln!(
                text,
                "| `{}` | {of} | {default} | {} |",
                name(block),
                said(block)
            );
        }
    }
    let resources: std::collections::BTreeSet<String> = blocks("resource").map(name).collect();
    if !resources.is_empty() {
        let all: Vec<String> = resources.iter().map(|one| format!("`{one}`")).collect();
        let _ = writeln!(text, "\nResources: {}.", all.join(", "));
    }
    text.push('\n');
    text
}

#[test]
fn the_tables_in_the_readmes_are_those_of_the_files() {
    for folder in folders() {
        let file = folder.join("README.md");
        let old = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (before, rest) = old
            .split_once(BEGIN)
            .unwrap_or_else(|| panic!("{} has no line `{}`", file.display(), BEGIN.trim_end()));
        let (_, after) = rest
            .split_once(END)
            .unwrap_or_else(|| panic!("{} has no line `{}`", file.display(), END.trim_end()));
        let new = format!("{before}{BEGIN}{}{END}{after}", tables(&folder));
        if std::env::var_os("ORK_ADD_FIXTURES").is_some_and(|value| value == "1") {
            std::fs::write(&file, new).expect("written");
        } else {
            assert!(
                old == new,
                "the tables of {} are not those of its files: ORK_ADD_FIXTURES=1 writes them anew",
                file.display()
            );
        }
    }
}
