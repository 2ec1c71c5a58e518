//! Questions that are open: nobody asks the same twice at the same time, and an answer is not lost to whoever was faster.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ork_engine::ports::TrackerError;

/// Answers kept for whoever asks next, at most. Without them the service is asked again.
const KEPT: usize = 64;

/// The open questions of one kind, by what they are about.
#[derive(Debug)]
pub(super) struct Questions<T>(Mutex<BTreeMap<String, Question<T>>>);

#[derive(Debug)]
enum Question<T> {
    /// Nobody has answered yet; whether somebody else asked meanwhile, whose commit may be first.
    Open { overtaken: bool },
    /// What was answered to somebody who was overtaken.
    Answered(T),
}

impl<T> Default for Questions<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Questions<T> {
    /// Asks, unless that is being done already: then nothing is known yet. An answer that is `final` is given to the next who asks if
    /// somebody was turned away meanwhile.
    pub(super) async fn ask(
        &self,
        about: String,
        is_final: impl Fn(&T) -> bool,
        asking: impl Future<Output = Result<T, TrackerError>>,
    ) -> Result<T, TrackerError> {
        {
            let mut all = self.all();
            match all.get_mut(&about) {
                Some(Question::Open { overtaken }) => {
                    *overtaken = true;
                    return Err(TrackerError::Elsewhere("it is being asked already"));
                }
                Some(Question::Answered(_)) => {
                    if let Some(Question::Answered(answer)) = all.remove(&about) {
                        return Ok(answer);
                    }
                }
                None => {}
            }
            all.insert(about.clone(), Question::Open { overtaken: false });
        }
        let mut open = Open {
            questions: self,
            about: Some(about),
        };
        let answer = asking.await;
        if let Ok(answer) = &answer
            && is_final(answer)
        {
            open.answered(answer);
        }
        answer
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Question<T>>> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question while it is open: whoever goes away without an answer leaves room for the next.
struct Open<'a, T: Clone> {
    questions: &'a Questions<T>,
    about: Option<String>,
}

impl<T: Clone> Open<'_, T> {
    fn answered(&mut self, answer: &T) {
        let mut all = self.questions.all();
        let kept = all
            .values()
            .filter(|one| matches!(one, Question::Answered(_)));
        let room = kept.count() < KEPT;
        if let Some(about) = &self.about
            && let Some(question @ Question::Open { overtaken: true }) = all.get_mut(about)
            && room
        {
            *question = Question::Answered(answer.clone());
            self.about = None;
        }
    }
}

impl<T: Clone> Drop for Open<'_, T> {
    fn drop(&mut self) {
        if let Some(about) = self.about.take() {
            self.questions.all().remove(&about);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::pin::pin;
    use std::task::Poll;

    use ork_engine::conformance::block_on;

    use super::*;

    type Asked = Result<u32, TrackerError>;

    async fn ask(questions: &Questions<u32>, asking: impl Future<Output = Asked>) -> Asked {
        questions
            .ask("job".to_owned(), |answer| *answer > 0, asking)
            .await
    }

    /// Asks, and has somebody else ask before the answer comes.
    fn overtaken(questions: &Questions<u32>, answer: Asked) -> Asked {
        let mut open = true;
        block_on(ask(
            questions,
            poll_fn(|cx| {
                if !std::mem::take(&mut open) {
                    return Poll::Ready(answer.clone());
                }
                cx.waker().wake_by_ref();
                let second = pin!(ask(questions, ready(Ok(7)))).poll(cx);
                assert!(
                    matches!(&second, Poll::Ready(Err(TrackerError::Elsewhere(_)))),
                    "{second:?}"
                );
                Poll::Pending
            }),
        ))
    }

    #[test]
    fn a_question_that_is_open_is_not_asked_again_and_its_answer_is_there_for_the_next() {
        let questions = Questions::default();
        assert_eq!(overtaken(&questions, Ok(1)), Ok(1));
        assert_eq!(block_on(ask(&questions, ready(Ok(2)))), Ok(1));
        assert_eq!(block_on(ask(&questions, ready(Ok(3)))), Ok(3));
        assert_eq!(
            block_on(ask(&questions, ready(Ok(4)))),
            Ok(4),
            "nobody was turned away"
        );
    }

    #[test]
    fn what_may_change_yet_and_what_was_not_answered_is_asked_again() {
        let questions = Questions::default();
        assert_eq!(overtaken(&questions, Ok(0)), Ok(0));
        assert_eq!(block_on(ask(&questions, ready(Ok(5)))), Ok(5));
        let denied = Err(TrackerError::Denied("no".to_owned()));
        assert_eq!(overtaken(&questions, denied.clone()), denied);
        assert_eq!(block_on(ask(&questions, ready(Ok(6)))), Ok(6));
    }

    #[test]
    fn whoever_goes_away_leaves_room_for_the_next() {
        let questions = Questions::default();
        block_on(poll_fn(|cx| {
            let left = pin!(ask(&questions, pending())).poll(cx);
            assert!(left.is_pending());
            Poll::Ready(())
        }));
        assert_eq!(block_on(ask(&questions, ready(Ok(8)))), Ok(8));
    }
}
