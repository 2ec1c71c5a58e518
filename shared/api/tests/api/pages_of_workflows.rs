//! The pages of workflows and their forms.

use axum::http::StatusCode;

use crate::pages::{send, shows};
use crate::site::Site;

const TYPED: &str = "name: typed
schedule: {cron: '*/5 * * * *', timezone: Europe/Berlin}
params:
  n: int
  day: {type: date, default: 2026-01-02}
  size: {type: 'enum[small, large]', default: small}
  list: {type: '[str]', default: []}
  note: str?
tasks: {a: {command: 'true', pool: narrow}}
";

#[tokio::test]
async fn a_workflow_is_shown_paused_and_run_from_its_form() {
    let site = Site::new().await;
    site.deploy(TYPED).await;
    shows(&site.get("/workflows").await, &["flow", "typed", "in "]);
    shows(
        &site.get("/workflows/typed").await,
        &[
            "every 5 minutes",
            " Europe/Berlin</span>",
            "<dd>flow.yaml</dd>",
            "fires",
            "Run now",
            "enum[small, large]",
            "It has not run yet.",
        ],
    );
    send(&site, "/workflows/typed/schedule", "fires=no").await;
    shows(
        &site.get("/workflows/typed?done=disable").await,
        &[
            "Its schedules are paused.",
            "Let it fire",
            "No slot is due.",
        ],
    );
    let form = site.get("/workflows/typed/start").await;
    shows(
        &form,
        &[
            r#"type="date""#,
            "<option selected>small</option>",
            "Required.",
            r#"name="param.list""#,
            r#"value="2026-01-02""#,
        ],
    );
    let wrong = send(
        &site,
        "/workflows/typed/start",
        "param.n=many&param.list=%5B1%5D&param.size=huge",
    )
    .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        wrong.text.matches(r#"class="wrong""#).count(),
        3,
        "{}",
        wrong.text
    );
    shows(&wrong, &[r#"value="many""#, r#"aria-invalid="true""#]);
    let none = send(&site, "/workflows/typed/start", "").await;
    shows(&none, &["It is required: int."]);
    for _ in 0..2 {
        let started = send(
            &site,
            "/workflows/typed/start",
            "id=once&param.n=3&param.size=large&param.note=",
        )
        .await;
        assert_eq!(started.header("location"), "/runs/once?done=start");
    }
    let run = site.get("/api/runs/once").await.json();
    assert_eq!(
        run["params"],
        serde_json::json!({"day": "2026-01-02", "list": [], "n": 3, "note": null, "size": "large"})
    );
    shows(
        &site.get("/workflows/typed/start?like=once").await,
        &[r#"value="3""#, "<option selected>large</option>"],
    );
    shows(&site.get("/pools").await, &["narrow", "0 of 1 taken"]);
    shows(&site.get("/jobs").await, &["of the 1 active runs"]);
}

#[tokio::test]
async fn versions_are_compared() {
    let site = Site::new().await;
    site.deploy("name: flow\ntasks: {a: {command: 'echo old'}}\n")
        .await;
    let listed = site.get("/workflows/flow/versions").await;
    shows(&listed, &["(current)", "2 versions stored"]);
    let all = site.get("/api/workflows/flow/versions").await.json();
    let hash = |at: usize| {
        all["items"][at]["version"]
            .as_str()
            .expect("a hash")
            .to_owned()
    };
    let path = format!("/workflows/flow/versions?from={}&to={}", hash(1), hash(0));
    shows(
        &site.get(&path).await,
        &[r#"class="plus">+ "#, "echo old", r#"class="minus">- "#],
    );
    let same = format!("/workflows/flow/versions?from={0}&to={0}", hash(0));
    shows(&site.get(&same).await, &["They say the same."]);
    assert_eq!(
        site.get("/workflows/flow/versions?from=x&to=y")
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_text_is_checked_as_a_terminal_would_and_stored_when_it_is_right() {
    let mut site = Site::new().await;
    let broken = "text=name%3A+new%0Atasks%3A%0A++a%3A+%7Bcomand%3A+%3Cb%3E%7D%0A";
    let checked = send(&site, "/submit/check", broken).await;
    shows(&checked, &["problem", "^", "hint", "&#60;b&#62;"]);
    assert!(!checked.text.contains("<html"), "{}", checked.text);
    let refused = send(&site, "/submit", broken).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    shows(&refused, &["comand", "<textarea"]);
    let right = "text=name%3A+new%0D%0Atasks%3A%0D%0A++a%3A+%7Bcommand%3A+%27true%27%7D%0D%0A";
    shows(
        &send(&site, "/submit/check", right).await,
        &["It is right", "1 task,"],
    );
    let stored = send(&site, "/submit", right).await;
    assert_eq!(stored.header("location"), "/workflows/new?done=deploy");
    shows(
        &site.get("/workflows/new?done=deploy").await,
        &["stored as the current version"],
    );
    assert_eq!(send(&site, "/submit/check", "").await.text, "");
    // It came without a folder, and gets one of its own.
    send(&site, "/workflows/new/start", "id=n1").await;
    site.drive("n1").await;
    shows(
        &site.get("/runs/n1").await,
        &[r#"class="state good">success"#],
    );
}
