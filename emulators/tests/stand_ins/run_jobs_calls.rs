//! Cloud Run jobs: creating, listing, wiping, and which requests are refused.

use google_cloud_gax::error::rpc::Code;
use google_cloud_run_v2::model::run_job_request::Overrides;
use google_cloud_run_v2::model::{
    Container, EnvVar, Execution, ExecutionTemplate, Job as GoogleJob, TaskTemplate,
};
use ork_emulators::run_jobs::{Job, Phase, RunJobsOptions};

use crate::run_jobs::{JOB, World};

#[tokio::test]
async fn a_job_is_created_read_and_run_through_the_api() {
    let world = World::with(RunJobsOptions::default()).await;
    let container = Container::new()
        .set_command(["sh"])
        .set_args(["-c", "echo $WHO"])
        .set_env([EnvVar::new().set_name("WHO").set_value("me")]);
    let template = TaskTemplate::new()
        .set_containers([container])
        .set_max_retries(0);
    let job = GoogleJob::new().set_template(
        ExecutionTemplate::new()
            .set_task_count(2)
            .set_template(template),
    );
    let create = || {
        world
            .jobs
            .create_job()
            .set_parent("projects/p/locations/r")
            .set_job_id("ork-worker")
            .set_job(job.clone())
    };
    assert!(create().send().await.unwrap().done);
    let again = create().send().await.unwrap_err();
    assert_eq!(again.status().unwrap().code, Code::AlreadyExists);
    let operation = world.jobs.run_job().set_name(JOB).send().await.unwrap();
    let name = operation
        .metadata
        .unwrap()
        .to_msg::<Execution>()
        .unwrap()
        .name;
    assert_eq!(world.end_of(&name).await.succeeded_count, 2);
    assert_eq!(world.stand_in.output(&name).unwrap(), "me\nme\n");
    let job = world.jobs.get_job().set_name(JOB).send().await.unwrap();
    assert_eq!(
        (job.execution_count, job.template.unwrap().task_count),
        (1, 2)
    );
    assert!(name.ends_with(&job.latest_created_execution.unwrap().name));
    let delete = || world.jobs.delete_job().set_name(JOB);
    assert!(delete().send().await.unwrap().done);
    let gone = delete().send().await.unwrap_err();
    assert_eq!(gone.status().unwrap().code, Code::NotFound);
    assert_eq!(
        world.stand_in.execution(&name),
        None,
        "it went with its job"
    );
    assert_eq!(world.stand_in.jobs("projects/p/locations/r"), [""; 0]);
}

#[tokio::test]
async fn executions_are_listed_in_pages_the_newest_first() {
    let world = World::shell("true").await;
    let mut names = Vec::new();
    for _ in 0..5 {
        names.push(world.run(1).await);
    }
    names.reverse();
    let mut listed = Vec::new();
    let mut token = String::new();
    loop {
        let page = world
            .executions
            .list_executions()
            .set_parent(JOB)
            .set_page_size(2)
            .set_page_token(token)
            .send()
            .await
            .unwrap();
        assert!(page.executions.len() <= 2);
        listed.extend(page.executions.into_iter().map(|execution| execution.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, names);
    let everywhere = world
        .executions
        .list_executions()
        .set_parent("projects/p/locations/r/jobs/-")
        .send()
        .await
        .unwrap();
    assert_eq!(everywhere.executions.len(), 5);
    world.stand_in.wipe("other");
    assert_eq!(world.stand_in.executions(JOB).len(), 5);
    world.stand_in.wipe("p");
    assert_eq!(world.stand_in.executions(JOB).len(), 0);
}

#[tokio::test]
async fn what_cloud_run_would_refuse_is_refused_with_its_codes() {
    let world = World::shell("true").await;
    let code = |error: google_cloud_run_v2::Error| error.status().unwrap().code;
    let missing = world
        .jobs
        .run_job()
        .set_name("projects/p/locations/r/jobs/other")
        .send()
        .await
        .unwrap_err();
    assert_eq!(missing.http_status_code(), Some(404));
    assert_eq!(code(missing), Code::NotFound);
    let missing = world
        .executions
        .get_execution()
        .set_name(format!("{JOB}/executions/none"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(missing), Code::NotFound);
    let missing = world
        .executions
        .list_executions()
        .set_parent("projects/p/locations/r/jobs/other")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(missing), Code::NotFound);
    let many = world
        .jobs
        .run_job()
        .set_name(JOB)
        .set_overrides(Overrides::new().set_task_count(10_001))
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(many), Code::InvalidArgument);
    let done = world.run(1).await;
    world.end_of(&done).await;
    let late = world
        .executions
        .cancel_execution()
        .set_name(&done)
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(late), Code::FailedPrecondition);
    let unknown = world
        .jobs
        .update_job()
        .set_job(GoogleJob::new().set_name(JOB))
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(unknown), Code::Unimplemented);
    let garbage = reqwest::Client::new()
        .post(format!("{}/v2/{JOB}:run", world.stand_in.endpoint()))
        .body("{not json")
        .send()
        .await
        .unwrap();
    assert_eq!(garbage.status(), 400);
    assert!(
        world
            .stand_in
            .register("ork-worker", Job::new(["true"]))
            .is_err()
    );
    assert!(
        world
            .stand_in
            .register(JOB, Job::new(Vec::<String>::new()))
            .is_err()
    );
    assert_eq!(world.stand_in.executions(JOB).len(), 1);
    assert_eq!(
        world.stand_in.execution(&done).unwrap().phase,
        Phase::Succeeded
    );
}
