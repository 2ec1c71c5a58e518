//! What becomes of an uploaded file: refused with the place of what is wrong, or run from its bundle.

use ork_core::ids::{VersionHash, WorkflowName};
use ork_core::names::ObjectName;
use ork_engine::ports::{Objects, Ports};
use serde_json::json;

use crate::cloud::{Cloud, Setup};

/// One deployment for all: what is uploaded under different names has nothing to do with each other.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_checked_and_run_from_their_bundle() {
    let Some(cloud) = Cloud::start("uploads on the emulators", Setup::default()).await else {
        return;
    };
    // What lies beside the worker is not what was bundled.
    let image = cloud.copy_of("schedules");
    let words = "def say(): return 'from the image'\n";
    std::fs::write(image.join("words.py"), words).expect("a file");
    cloud.work_in(&image);
    a_broken_file_is_answered_with_what_is_wrong_and_where(&cloud).await;
    a_workflow_with_a_bundle_runs_from_it_and_from_no_other(&cloud).await;
    cloud.stop().await;
}

async fn a_broken_file_is_answered_with_what_is_wrong_and_where(cloud: &Cloud) {
    cloud
        .deploy("w", "name: w\ntasks:\n  a: {command: \"true\"}\n")
        .await;
    let status = cloud
        .upload("w", "name: w\ntasks:\n  a: {comand: \"true\"}\n")
        .await;
    assert_eq!(status["accepted"], json!(false), "{status:#}");
    let errors = status["errors"].as_array().expect("a list");
    assert_eq!(errors[0]["line"], json!(3), "{status:#}");
    assert!(
        errors[0]["message"].to_string().contains("comand"),
        "{status:#}"
    );
    // What was accepted before stays.
    let run = cloud.run("w", json!({})).await;
    assert_eq!(cloud.outcome(&run).await["status"], json!("success"));
}

/// A folder as `ork workflow deploy` bundles it: a compressed archive.
pub(crate) fn bundle(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o755);
        archive
            .append_data(&mut header, name, text.as_bytes())
            .expect("written to memory");
    }
    let plain = archive.into_inner().expect("written to memory");
    zstd::encode_all(plain.as_slice(), 1).expect("compressed in memory")
}

async fn a_workflow_with_a_bundle_runs_from_it_and_from_no_other(cloud: &Cloud) {
    let name = WorkflowName::new("bundled").expect("a name");
    let upload = async |bundle: &[u8]| {
        let hash = VersionHash::of(bundle);
        let text = format!(
            "# bundle: sha256:{hash}
name: bundled
tasks:
  say: {{executor: python, file: words.py, function: say}}
  many: {{command: 'sh deep/count.sh', parallel: 3, depends_on: [say]}}
"
        );
        cloud.upload("bundled", &text).await
    };
    let files = |word: &str| {
        let python = format!("def say(): return '{word}'\n");
        let shell = "test ! -e workflow.yaml && echo ORK_OUTPUT:$ORK_PARALLEL_INDEX\n";
        bundle(&[("words.py", &python), ("deep/count.sh", shell)])
    };
    // A file that names a bundle which is not there is refused.
    let (first, second) = (files("first"), files("second"));
    let status = upload(&first).await;
    assert_eq!(status["accepted"], json!(false), "{status:#}");
    assert!(
        status.to_string().contains("there is no bundle"),
        "{status:#}"
    );
    for (bytes, word) in [(&first, "first"), (&second, "second")] {
        let object = ObjectName::Bundle(name.clone(), VersionHash::of(bytes));
        let objects = cloud.engine.ports().objects();
        objects
            .put(&object, bytes, None)
            .await
            .expect("it is stored");
        let status = upload(bytes).await;
        assert_eq!(status["accepted"], json!(true), "{status:#}");
        let run = cloud.run("bundled", json!({})).await;
        let found = cloud.outcome(&run).await;
        assert_eq!(found["status"], json!("success"), "{found:#}");
        assert_eq!(found["tasks"]["say"]["output"], json!(word), "{found:#}");
        assert_eq!(
            found["tasks"]["many"]["output"],
            json!([0, 1, 2]),
            "{found:#}"
        );
    }
}
