//! Whether an attempt in a service has its verdict from somebody else: nobody can call its worker, so the worker looks.

use std::time::Duration;

use ork_core::names::AttemptFile;
use ork_core::task::TaskSpec;
use ork_engine::ports::Objects;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

/// How far apart looks are at first: whoever cancels a run has mostly started it just now, and waits for it to be over.
const FIRST: Duration = Duration::from_secs(2);
/// Until when.
const YOUNG: Duration = Duration::from_secs(60);
/// How far apart they are later. A look is a read of class B, $0.0004 for 1,000: an attempt of an hour has 750 of them for $0.0003, and takes
/// a place for which Cloud Run wants a hundred times as much.
const LATER: Duration = Duration::from_secs(5);
/// A look that takes longer is given up for the next one.
const ANSWER: Duration = Duration::from_secs(10);

/// Waits until the attempt has a verdict. Nothing is written: signs of life are given beside this.
pub(crate) async fn verdict<O: Objects>(objects: &O, spec: &TaskSpec) {
    let name = spec.object(AttemptFile::Result);
    let began = Instant::now();
    loop {
        let young = began.elapsed() < YOUNG;
        sleep(if young { FIRST } else { LATER }).await;
        // What cannot be seen now is seen later, or by the sign of life, which says in the log what is wrong.
        match timeout(ANSWER, objects.updated(&name)).await {
            Ok(Ok(Some(_))) => return,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => debug!(%error, "whether there is a verdict cannot be seen"),
            Err(_) => debug!("whether there is a verdict: no answer in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ork_core::ids::TaskName;
    use ork_core::names::ObjectName;
    use ork_core::time::{Millis, Time};
    use ork_engine::ports::{Generation, Object, ObjectError};

    use super::*;
    use crate::service::spec::bare;

    /// Objects among which a verdict appears; they can be looked at and nothing else.
    struct Looked {
        began: Instant,
        verdict: ObjectName,
        there_after: Duration,
        /// Seconds after which each look was.
        looks: Mutex<Vec<u64>>,
    }

    impl Objects for Looked {
        async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
            assert_eq!(*name, self.verdict);
            let since = self.began.elapsed();
            let looks = {
                let mut looks = self.looks.lock().expect("nobody panicked");
                looks.push(since.as_secs());
                looks.len()
            };
            match looks {
                1 => Err(ObjectError::Unavailable("away".to_owned())),
                2 => std::future::pending().await,
                _ => Ok((since >= self.there_after).then_some(Time(0))),
            }
        }
        async fn create(&self, _: &ObjectName, _: &[u8]) -> Result<Generation, ObjectError> {
            unreachable!("nothing is written")
        }
        async fn put(
            &self,
            _: &ObjectName,
            _: &[u8],
            _: Option<Generation>,
        ) -> Result<Generation, ObjectError> {
            unreachable!("nothing is written")
        }
        async fn get(&self, _: &ObjectName, _: u64) -> Result<Option<Object>, ObjectError> {
            unreachable!("what it says is for the engine")
        }
        async fn list(
            &self,
            _: &str,
            _: Option<&str>,
            _: usize,
        ) -> Result<Vec<ObjectName>, ObjectError> {
            unreachable!("its name is known")
        }
        async fn delete(&self, _: &ObjectName) -> Result<(), ObjectError> {
            unreachable!("nothing is written")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn looks_are_close_together_at_first_and_trouble_ends_nothing() {
        let name = TaskName::new("t").expect("a name");
        let spec = bare(name, Millis::from_secs(60)).expect("a spec");
        let objects = Looked {
            began: Instant::now(),
            verdict: spec.object(AttemptFile::Result),
            there_after: Duration::from_secs(70),
            looks: Mutex::default(),
        };
        verdict(&objects, &spec).await;
        let looks = objects.looks.into_inner().expect("nobody panicked");
        // The second has no answer for ten seconds.
        let mut expected = vec![2, 4];
        expected.extend((16..=60).step_by(2));
        expected.extend([65, 70]);
        assert_eq!(looks, expected);
    }
}
