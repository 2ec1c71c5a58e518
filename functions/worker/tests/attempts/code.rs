//! Bundles: fetched once, checked, and shared by workers that come at the same moment.

use ork_core::ids::{VersionHash, WorkflowName};
use ork_core::names::ObjectName;
use ork_core::run::Category;
use ork_core::task::TaskSpec;
use ork_engine::ports::Objects;

use crate::harness::*;

/// An archive of these files, compressed.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        // As an attacker would write it: `set_path` refuses what leads out.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).expect("written to memory");
    }
    let plain = builder.into_inner().expect("written to memory");
    zstd::encode_all(plain.as_slice(), 1).expect("compressed in memory")
}

fn name(hash: &VersionHash) -> ObjectName {
    ObjectName::Bundle(WorkflowName::new("flow").expect("valid"), hash.clone())
}

impl Bench {
    /// Uploads a bundle and has `spec` run in it.
    fn bundle(&self, spec: &mut TaskSpec, bytes: &[u8]) -> ObjectName {
        let hash = VersionHash::of(bytes);
        let name = name(&hash);
        self.put(&name, bytes);
        spec.bundle = Some(hash);
        name
    }

    /// What lies among the unpacked bundles.
    fn kept(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path("cache/bundles")) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names
            .map(|name| name.into_string().expect("text"))
            .collect()
    }
}

#[test]
fn a_bundle_is_fetched_once_and_tasks_run_in_it() {
    let bench = Bench::new();
    let mut spec = python("lib/tasks.py", "main");
    let name = bench.bundle(
        &mut spec,
        &archive(&[
            (
                "lib/tasks.py",
                b"import helper\ndef main():\n    return helper.VALUE\n",
            ),
            ("lib/helper.py", b"VALUE = open('data.txt').read()\n"),
            ("data.txt", b"from the bundle"),
        ]),
    );
    bench.run(&spec);
    assert_eq!(bench.output(&spec), "\"from the bundle\"");
    wait(bench.objects.delete(&name)).expect("removed");
    spec.id.attempt = 2;
    bench.run(&spec);
    assert_eq!(bench.output(&spec), "\"from the bundle\"");
    let hash = spec.bundle.expect("a bundle").to_string();
    assert_eq!(bench.kept(), [hash]);
}

#[test]
fn workers_that_unpack_the_same_bundle_at_once_do_not_disturb_each_other() {
    let bench = Bench::new();
    let names: Vec<String> = (0..400).map(|n| format!("data/{n}")).collect();
    let mut files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &[7; 2000][..]))
        .collect();
    files.push(("tasks.py", b"import os\ndef main():\n    return sum(os.path.getsize('data/' + f) for f in os.listdir('data'))\n"));
    let bytes = archive(&files);
    let specs: Vec<TaskSpec> = (1..=4)
        .map(|attempt| {
            let mut spec = python("tasks.py", "main");
            spec.id.attempt = attempt;
            bench.bundle(&mut spec, &bytes);
            spec
        })
        .collect();
    let batch = bench.batch(&specs);
    let workers: Vec<_> = (0..specs.len())
        .map(|index| bench.start(&batch, index))
        .collect();
    for (worker, spec) in workers.into_iter().zip(&specs) {
        let (code, log) = worker.end();
        assert_eq!(code, Some(0), "{log}");
        assert_eq!(bench.output(spec), "800000");
    }
    assert_eq!(bench.kept(), [VersionHash::of(&bytes).to_string()]);
}

#[test]
fn requirements_in_a_bundle_get_an_environment_of_their_own() {
    const WHEEL: &str = "
import sys, zipfile
info = 'ork_demo-1.0.dist-info/'
with zipfile.ZipFile(sys.argv[1] + '/ork_demo-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('ork_demo.py', 'VALUE = 42\\n')
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: ork-demo\\nVersion: 1.0\\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(info + 'RECORD', '')
";
    let bench = Bench::new();
    let made = std::process::Command::new("python3")
        .args(["-c", WHEEL])
        .arg(bench.path("code"))
        .status()
        .expect("python3");
    assert!(made.success());
    let wheel = std::fs::read(bench.path("code/ork_demo-1.0-py3-none-any.whl")).expect("a wheel");
    let mut spec = python("tasks.py", "main");
    bench.bundle(
        &mut spec,
        &archive(&[
            (
                "tasks.py",
                b"import ork_demo\ndef main():\n    return ork_demo.VALUE\n",
            ),
            (
                "requirements.txt",
                b"--no-index\n--find-links wheels\nork-demo==1.0\n",
            ),
            ("wheels/ork_demo-1.0-py3-none-any.whl", &wheel),
        ]),
    );
    let log = bench.run(&spec);
    assert_eq!(bench.output(&spec), "42");
    assert!(log.contains("the virtual environment is ready"), "{log}");
}

#[test]
fn a_bundle_that_is_not_right_is_a_permanent_failure_that_says_why() {
    let escaping = archive(&[("../../evil.py", b"x")]);
    let other = archive(&[("a.py", b"x")]);
    let hash = VersionHash::of(b"another one");
    for (hash, bytes, why) in [
        (
            VersionHash::of(&escaping),
            Some(escaping),
            "`../../evil.py` in it leads out of its folder",
        ),
        (hash.clone(), Some(other), "is not what its name says"),
        (hash, None, "is not there"),
        (
            VersionHash::of(b"text"),
            Some(b"text".to_vec()),
            "not a tar archive",
        ),
    ] {
        let bench = Bench::new();
        let mut spec = shell("true");
        if let Some(bytes) = bytes {
            bench.put(&name(&hash), &bytes);
        }
        spec.bundle = Some(hash);
        bench.run(&spec);
        let (category, message, _) = bench.failure(&spec);
        assert_eq!(category, Category::Permanent, "{message}");
        assert!(message.contains(why), "{message}");
        assert_eq!(bench.kept(), Vec::<String>::new());
        assert!(!bench.path("evil.py").exists() && !bench.path("cache/evil.py").exists());
    }
}

#[test]
fn without_bundle_and_code_in_the_image_the_task_fails_for_good() {
    let bench = Bench::new();
    std::fs::remove_dir(bench.path("code")).expect("removed");
    let spec = shell("true");
    bench.run(&spec);
    let (category, message, _) = bench.failure(&spec);
    assert_eq!(category, Category::Permanent);
    assert!(message.contains("ORK_CODE_DIR"), "{message}");
}
