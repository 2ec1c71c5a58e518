//! The macros as a crate of tasks uses them. Such a crate may forbid unsafe code of its own, as this one does.

mod jobs {
    //! Tasks in a module of their own.

    use ork::Context;

    /// Says who it is,
    /// in one line.
    ///
    /// And no more.
    #[ork::task]
    pub(crate) fn who(ctx: &Context) -> String {
        ctx.task_name.clone()
    }

    #[ork::task(name = "in-two-words")]
    pub(crate) async fn named(input: String) -> String {
        input
    }
}

#[ork::executor]
fn sql(options: ork::Value) -> ork::Value {
    options
}

use jobs::who;

ork::main!(who, jobs::named, sql);

#[test]
fn tasks_are_known_by_name_kind_and_purpose() {
    let tasks = ork::tasks![who, jobs::named, sql];
    let known: Vec<(&str, ork::Kind, &str)> = tasks
        .iter()
        .map(|task| (task.name(), task.kind(), task.about()))
        .collect();
    assert_eq!(
        known,
        [
            ("who", ork::Kind::Task, "Says who it is, in one line."),
            ("in-two-words", ork::Kind::Task, ""),
            ("sql", ork::Kind::Executor, ""),
        ]
    );
}

#[test]
fn functions_stay_functions() {
    let mut ctx = ork::Context::default();
    ctx.task_name = "t".to_owned();
    assert_eq!(who(&ctx), "t");
    assert_eq!(sql(ork::json!({"a": 1})), ork::json!({"a": 1}));
}

#[test]
fn one_line_makes_a_main_and_the_entry_points_of_a_shared_object() {
    // This is no program of cargo's, so it has both: a second `library!` would not link.
    let _: fn() -> std::process::ExitCode = main;
    let named = std::fs::read(std::env::current_exe().expect("this program")).expect("it is read");
    let entry = b"ork_task_abi_version";
    assert!(named.windows(entry.len()).any(|bytes| bytes == entry));
}
