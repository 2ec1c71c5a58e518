//! How often somebody may ask: a bucket of tokens each, in this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Callers that are remembered; whoever has asked for nothing lately need not be.
const MOST: usize = 10_000;

/// How often one caller may ask one process. With several processes it is as many times that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// What each caller has left.
#[derive(Debug)]
pub(crate) struct Buckets {
    rate: Option<Rate>,
    all: Mutex<BTreeMap<String, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Buckets {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            all: Mutex::default(),
        }
    }

    /// Takes a token of `caller`, or says after how many seconds there is one.
    pub(crate) fn take(&self, caller: &str) -> Result<(), u64> {
        self.take_at(caller, Instant::now())
    }

    fn take_at(&self, caller: &str, now: Instant) -> Result<(), u64> {
        let Some(rate) = self.rate else { return Ok(()) };
        let (speed, burst) = (f64::from(rate.per_second), f64::from(rate.burst));
        let filled = |bucket: &Bucket| {
            let passed = now.duration_since(bucket.at).as_secs_f64();
            (bucket.tokens + passed * speed).min(burst)
        };
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(caller) {
            all.retain(|_, bucket| filled(bucket) < burst);
        }
        let tokens = all.get(caller).map_or(burst, filled);
        let left = tokens - 1.0;
        if left < 0.0 {
            return Err((-left / speed).ceil().max(1.0) as u64);
        }
        let bucket = Bucket {
            tokens: left,
            at: now,
        };
        all.insert(caller.to_owned(), bucket);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_caller_has_a_bucket_that_fills_up_again() {
        let buckets = Buckets::new(Some(Rate {
            per_second: 2,
            burst: 3,
        }));
        let mut now = Instant::now();
        for _ in 0..3 {
            assert_eq!(buckets.take_at("a", now), Ok(()));
        }
        assert_eq!(buckets.take_at("a", now), Err(1));
        assert_eq!(
            buckets.take_at("b", now),
            Ok(()),
            "another one's is another's"
        );
        now += Duration::from_millis(500);
        assert_eq!(buckets.take_at("a", now), Ok(()));
        assert_eq!(buckets.take_at("a", now), Err(1));
        now += Duration::from_secs(3600);
        let taken = (0..10).filter(|_| buckets.take_at("a", now).is_ok());
        assert_eq!(taken.count(), 3, "no more than fits");
    }

    #[test]
    fn callers_who_ask_no_more_are_forgotten() {
        let buckets = Buckets::new(Some(Rate {
            per_second: 1,
            burst: 1,
        }));
        let now = Instant::now();
        for n in 0..MOST {
            assert_eq!(buckets.take_at(&n.to_string(), now), Ok(()));
        }
        let later = now + Duration::from_secs(2);
        assert_eq!(buckets.take_at("new", later), Ok(()));
        assert_eq!(buckets.all.lock().expect("nobody died").len(), 1);
    }

    #[test]
    fn without_a_rate_nobody_waits() {
        let buckets = Buckets::new(None);
        assert!((0..1000).all(|_| buckets.take("a").is_ok()));
    }
}
