//! Runs an `async fn` task to its end.

/// Polls the future on this thread, which sleeps while there is nothing to do.
#[cfg(not(feature = "tokio"))]
pub fn block_on<F: Future>(future: F) -> F::Output {
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::Thread;

    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }
        fn wake_by_ref(self: &Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A wake between the poll and here is not lost: the next park then returns at once.
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Runs the future on a tokio runtime of this thread, with what the task's own dependency on tokio has enabled.
#[cfg(feature = "tokio")]
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system gives a runtime what it needs")
        .block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::task::{Poll, Waker};

    #[test]
    fn a_future_that_is_woken_from_another_thread_ends() {
        let (wake, woken) = mpsc::channel::<Waker>();
        let waking = std::thread::spawn(move || {
            let mut count = 0;
            for waker in woken {
                count += 1;
                waker.wake();
            }
            count
        });
        let mut polls = 0;
        let found = block_on(std::future::poll_fn(move |context| {
            polls += 1;
            if polls == 4 {
                return Poll::Ready(polls);
            }
            wake.send(context.waker().clone())
                .expect("somebody listens");
            Poll::Pending
        }));
        assert_eq!(found, 4);
        assert_eq!(waking.join().expect("it ends"), 3);
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn a_task_may_wait_for_the_runtime_and_spawn_on_it() {
        let found = block_on(async {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            tokio::spawn(async { 7 }).await.expect("it ends")
        });
        assert_eq!(found, 7);
    }
}
