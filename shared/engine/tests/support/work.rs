//! Workers: what is started claims its attempt, does what the script says, and leaves a verdict that is created once.

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::{Attempt, Category, Event};
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_engine::conformance::block_on;
use ork_engine::ports::Objects;

use super::World;

/// What an attempt does.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// It ends so.
    Give(Verdict),
    /// It leaves these bytes as its verdict.
    Raw(Vec<u8>),
    /// It begins and is never heard of again.
    Dies,
    /// It never begins.
    Never,
}

impl Reply {
    pub(crate) fn output(text: &str) -> Self {
        Self::Give(Verdict::Success {
            output: Output::Inline(text.into()),
        })
    }
    pub(crate) fn fail(category: Category, message: &str) -> Self {
        Self::Give(Verdict::Failed {
            category,
            message: message.into(),
            log_tail: Vec::new(),
            exit_code: None,
        })
    }
    pub(crate) fn defer(jobs: &[&str]) -> Self {
        let list: Vec<_> = jobs
            .iter()
            .map(|id| serde_json::json!({"id": id}))
            .collect();
        let text = serde_json::to_string(&list).unwrap();
        Self::Give(Verdict::Deferred {
            jobs: Output::Inline(text.into()),
            count: u32::try_from(jobs.len()).unwrap(),
            every: None,
        })
    }
}

pub(crate) fn object(spec: &TaskSpec, file: AttemptFile) -> ObjectName {
    let index = spec.fans_out.then_some(spec.id.index);
    ObjectName::Attempt {
        run: spec.id.run.clone(),
        task: spec.task_name.clone(),
        index,
        attempt: spec.id.attempt,
        file,
    }
}

impl World {
    /// Lets every started attempt run; gives what the notifications of their verdicts would say.
    pub(crate) fn work(&self) -> Vec<(RunId, Event)> {
        let inbox: Vec<TaskSpec> = self.0.inbox.lock().unwrap().drain(..).collect();
        let mut said = Vec::new();
        for spec in inbox {
            let reply = (self.0.script.lock().unwrap())(&spec);
            if matches!(reply, Reply::Never)
                || block_on(
                    self.0
                        .objects
                        .create(&object(&spec, AttemptFile::Claim), b"{}"),
                )
                .is_err()
            {
                continue;
            }
            self.0.ran.lock().unwrap().push(spec.id.clone());
            let bytes = match reply {
                Reply::Never | Reply::Dies => continue,
                Reply::Raw(bytes) => bytes,
                Reply::Give(Verdict::Success {
                    output: Output::Inline(text),
                }) if text.len() > limits::VERDICT_OUTPUT_BYTES => {
                    block_on(self.0.objects.put(
                        &object(&spec, AttemptFile::Output),
                        text.as_bytes(),
                        None,
                    ))
                    .unwrap();
                    serde_json::to_vec(&Verdict::Success {
                        output: Output::Object {
                            bytes: text.len() as u64,
                        },
                    })
                    .unwrap()
                }
                Reply::Give(verdict) => serde_json::to_vec(&verdict).unwrap(),
            };
            if block_on(
                self.0
                    .objects
                    .create(&object(&spec, AttemptFile::Result), &bytes),
            )
            .is_ok()
            {
                let attempt = Attempt::from(&spec.id);
                if let Ok(verdict) = serde_json::from_slice(&bytes) {
                    said.push((
                        spec.id.run.clone(),
                        Event::Finished {
                            attempt,
                            verdict: small(verdict),
                            report: None,
                        },
                    ));
                }
            }
        }
        said
    }
}

impl World {
    /// An object as it lies there.
    pub(crate) fn object_bytes(&self, name: &str) -> Option<Vec<u8>> {
        let name = ObjectName::parse(name).expect("the name of an object");
        let found = block_on(self.0.objects.get(&name, u64::MAX)).unwrap();
        found.map(|object| object.bytes)
    }
    /// Puts an object there behind everybody's back.
    pub(crate) fn put_object(&self, name: &str, bytes: &[u8]) {
        let name = ObjectName::parse(name).expect("the name of an object");
        block_on(self.0.objects.put(&name, bytes, None)).unwrap();
    }
    /// How often processes have written an object.
    pub(crate) fn writes_of(&self, name: &str) -> usize {
        let writes = self.0.object_writes.lock().unwrap();
        writes.iter().filter(|written| *written == name).count()
    }
    /// What the executor was handed for the `n`-th start, from 0.
    pub(crate) fn spec(&self, n: usize) -> TaskSpec {
        self.0.started.lock().unwrap()[n].clone()
    }
}

/// As a monitor hands it over: what does not fit a page stays where it is.
fn small(verdict: Verdict) -> Verdict {
    let bytes = |text: &str| Output::Object {
        bytes: text.len() as u64,
    };
    match verdict {
        Verdict::Success {
            output: Output::Inline(text),
        } if text.len() > limits::INLINE_OUTPUT_BYTES => Verdict::Success {
            output: bytes(&text),
        },
        Verdict::Deferred {
            jobs: Output::Inline(text),
            count,
            ..
        } if text.len() > limits::INLINE_OUTPUT_BYTES => {
            Verdict::deferred(bytes(&text), count, &text)
        }
        other => other,
    }
}
