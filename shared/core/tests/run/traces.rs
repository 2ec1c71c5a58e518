//! Whole stories: a workflow and a script in, every note, effect and state out.

use std::path::Path;

use crate::world::World;

/// Each file holds a workflow, a line of dashes and a script.
const TRACES: [&str; 5] = ["diamond", "fan_out", "remote", "people", "without_worker"];

#[test]
fn each_story_goes_as_it_is_written_down() {
    for name in TRACES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/run/traces")
            .join(format!("{name}.yaml"));
        let text = std::fs::read_to_string(path).expect("the file exists");
        let (yaml, script) = text
            .split_once("\n---\n")
            .expect("a workflow, ---, a script");
        let mut world = World::new(yaml);
        for line in script.lines().filter(|line| !line.is_empty()) {
            // What is refused is part of the story.
            let _refused = world.line(line);
        }
        insta::with_settings!({ snapshot_path => "traces", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, world.trace);
        });
    }
}
