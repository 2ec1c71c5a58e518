//! Texts of others on every page.

use crate::site::Site;

/// Things that a page shows and that somebody else made up.
const HOSTILE: &str = r#"name: hostile
description: <script>alert(1)</script>
params: {p: {type: str, default: '"><script>alert(2)</script>', description: '<script>alert(3)</script>'}}
tasks:
  bad:
    command: 'echo "<script>alert(4)</script>"; echo "<img src=x onerror=alert(5)>" >&2; exit 64'
    description: '<script>alert(6)</script>'
    when: "'<script>' == params.p or true"
  good:
    command: 'echo "ORK_OUTPUT:\"</pre><script>alert(7)</script>\""'
    env: {X: '<script>'}
    input: {x: '<script>alert(8)</script>'}
"#;

#[tokio::test]
async fn nothing_that_others_made_up_becomes_part_of_a_page() {
    let mut site = Site::new().await;
    site.deploy(HOSTILE).await;
    site.post("/api/workflows/hostile/runs", r#"{"idempotency_key": "h"}"#)
        .await;
    site.drive("h").await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    let reason = r#"{"reason": "<script>alert(9)</script>"}"#;
    site.post("/api/runs/r1/cancel", reason).await;
    let mut seen = 0;
    for path in [
        "/",
        "/parts/home",
        "/runs",
        "/parts/runs",
        "/runs?status=failed",
        "/runs/h",
        "/runs/h/live",
        "/runs/r1",
        "/runs/r1/recover",
        "/runs/h/cancel",
        "/runs/h/tasks/bad",
        "/runs/h/tasks/bad/live",
        "/runs/h/tasks/bad/retry",
        "/runs/h/tasks/good",
        "/runs/h/tasks/good/at/0",
        "/runs/h/tasks/good/at/0/inputs",
        "/runs/h/tasks/bad/at/0/log",
        "/runs/h/tasks/bad/at/0/log?q=script",
        "/runs/h/tasks/bad/at/0/more?from=0",
        "/workflows",
        "/workflows/hostile",
        "/workflows/hostile/start",
        "/workflows/hostile/start?like=h",
        "/workflows/hostile/versions",
        "/workflows/hostile/graph",
        "/workflows/hostile/grid",
        "/runs/h/graph",
        "/runs/h/graph/live",
        "/runs/h/graph?around=bad&longest=yes",
        "/runs/h/gantt",
        "/runs/h/gantt/live",
        "/jobs",
        "/parts/jobs",
        "/pools",
        "/submit",
        "/nothing/%3Cscript%3E",
        "/runs/%3Cscript%3E",
        "/runs?workflow=%3Cscript%3E",
    ] {
        let page = site.get(path).await;
        assert!(page.status.as_u16() < 500, "{path}: {page:?}");
        assert!(
            page.header("content-security-policy")
                .contains("default-src 'none'"),
            "{path}"
        );
        let text = &page.text;
        seen += text.matches("&#60;script&#62;").count();
        for part in text.split('<').skip(1) {
            let tag = part.split('>').next().unwrap_or_default();
            let name = tag.split([' ', '\n']).next().unwrap_or_default();
            assert!(
                name != "script" || tag.starts_with("script defer src=\"/assets/"),
                "{path}: <{tag}>"
            );
            assert!(
                !["style", "iframe", "object", "embed", "base"].contains(&name),
                "{path}: <{tag}>"
            );
            for attribute in [
                " style=",
                " onerror",
                " onclick",
                " onload",
                "hx-on",
                "javascript:",
            ] {
                assert!(!tag.contains(attribute), "{path}: <{tag}>");
            }
        }
        assert!(
            !text.contains("alert(1)</script>") && !text.contains("<img src=x"),
            "{path}"
        );
    }
    assert!(seen >= 8, "the hostile texts are shown: {seen}");
}
