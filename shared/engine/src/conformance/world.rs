//! What a case needs of the adapter under test, and ways to run several futures at once.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use crate::ports::{Objects, Store};

/// One of several things that happen at once.
pub type Job<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Documents that start empty, and handles on them.
pub trait StoreWorld: Send + Sync {
    /// The adapter under test.
    type Store: Store;
    /// A handle on the world's documents, each as another process would have it.
    fn open(&self) -> impl Future<Output = Self::Store> + Send;
    /// Runs the jobs at once, as truly at once as the world can; a panic in one is a panic of all.
    fn together<'a>(&'a self, jobs: Vec<Job<'a>>) -> impl Future<Output = ()> + Send + 'a {
        in_turn(jobs)
    }
}

/// Objects that start empty, and handles on them.
pub trait ObjectsWorld: Send + Sync {
    /// The adapter under test.
    type Objects: Objects;
    /// A handle on the world's objects, each as another process would have it.
    fn open(&self) -> impl Future<Output = Self::Objects> + Send;
    /// Runs the jobs at once, as truly at once as the world can; a panic in one is a panic of all.
    fn together<'a>(&'a self, jobs: Vec<Job<'a>>) -> impl Future<Output = ()> + Send + 'a {
        in_turn(jobs)
    }
}

/// Raises the flag when dropped, so that whoever waits for it does not wait for somebody who panicked.
pub(super) struct RaiseAtEnd<'a>(pub(super) &'a AtomicBool);

impl Drop for RaiseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Polls all jobs until all are done: enough for an adapter that really waits.
pub async fn in_turn(mut jobs: Vec<Job<'_>>) {
    poll_fn(|context| {
        jobs.retain_mut(|job| job.as_mut().poll(context).is_pending());
        if jobs.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Gives each job a thread of its own: for an adapter that never waits, whose jobs would else run one after the other.
pub fn on_threads(jobs: Vec<Job<'_>>) {
    std::thread::scope(|scope| {
        for job in jobs {
            scope.spawn(move || block_on(job));
        }
    });
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
