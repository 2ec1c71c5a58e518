//! One file reads the environment, one prints.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_config_reads_variables_and_only_output_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30);
    for file in files {
        let name = file
            .strip_prefix(&root)
            .expect("below")
            .display()
            .to_string();
        let text = fs::read_to_string(&file).expect("read");
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        assert!(
            name == "config.rs" || !has(&["env::var"]),
            "{name} reads a variable: that belongs into config.rs"
        );
        assert!(
            name == "output.rs" || !has(&["io::stdout", "println!", "print!("]),
            "{name} prints: that belongs into output.rs"
        );
    }
}
