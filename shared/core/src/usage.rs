//! What work used of what costs money.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

macro_rules! kinds {
    ($($(#[$meaning:meta])+ $kind:ident,)+) => {
        /// Counts of billed operations. Tries that a client repeats by itself count once.
        ///
        /// Stored as an object of those that are not zero; reading passes over kinds it does not know.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Usage {
            $($(#[$meaning])+ pub $kind: u64,)+
        }

        impl Usage {
            /// Every count with the name of its kind.
            pub const fn counts(&self) -> [(&'static str, u64); [$(stringify!($kind)),+].len()] {
                [$((stringify!($kind), self.$kind)),+]
            }
            fn count_mut(&mut self, kind: &str) -> Option<&mut u64> {
                match kind {
                    $(stringify!($kind) => Some(&mut self.$kind),)+
                    _ => None,
                }
            }
            fn with(&mut self, other: &Self, combine: fn(u64, u64) -> u64) {
                $(self.$kind = combine(self.$kind, other.$kind);)+
            }
        }
    };
}

kinds! {
    /// Documents read; a query that finds nothing counts as one.
    store_reads,
    /// Documents written.
    store_writes,
    /// Documents removed.
    store_deletes,
    /// Object writes and listings.
    class_a,
    /// Object reads.
    class_b,
    /// Messages published.
    messages,
    /// Their bytes.
    message_bytes,
    /// Wakes scheduled.
    tasks,
    /// Executions started.
    job_starts,
    /// Requests served.
    requests,
    /// Processor time of those, in microseconds.
    cpu_micros,
}

impl Usage {
    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.with(other, u64::saturating_add);
    }
    /// Takes `other` away, down to nothing.
    pub fn subtract(&mut self, other: &Self) {
        self.with(other, u64::saturating_sub);
    }
    /// Whether nothing was used.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.counts().into_iter().filter(|(_, count)| *count > 0))
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counts;
        impl<'de> Visitor<'de> for Counts {
            type Value = Usage;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of counts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Usage, A::Error> {
                let mut usage = Usage::default();
                while let Some((kind, count)) = map.next_entry::<String, u64>()? {
                    if let Some(known) = usage.count_mut(&kind) {
                        *known = count;
                    }
                }
                Ok(usage)
            }
        }
        deserializer.deserialize_map(Counts)
    }
}

/// What a run used, by function: `dispatch`, `monitor`, `worker`, … Keeps kinds that a newer Ork counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct UsageByFunction(BTreeMap<String, BTreeMap<String, u64>>);

impl UsageByFunction {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Adds what `function` used.
    pub fn add(&mut self, function: &str, used: &Usage) {
        if used.is_nothing() {
            return;
        }
        let known = self.0.entry(function.to_owned()).or_default();
        for (kind, count) in used.counts() {
            if count > 0 {
                let sum = known.entry(kind.to_owned()).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }
    /// Every function that used something.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Usage)> {
        self.0.iter().map(|(function, counts)| {
            let mut usage = Usage::default();
            for (kind, count) in counts {
                if let Some(known) = usage.count_mut(kind) {
                    *known = *count;
                }
            }
            (function.as_str(), usage)
        })
    }
    /// What all of it costs: the sum of what each function's share costs, so that the parts of a bill come to its total.
    pub fn cost(&self, price: impl Fn(&Usage) -> u64) -> u64 {
        let shares = self.iter().map(|(_, used)| price(&used));
        shares.fold(0, u64::saturating_add)
    }
    /// All functions together.
    pub fn total(&self) -> Usage {
        let mut total = Usage::default();
        for (_, usage) in self.iter() {
            total.add(&usage);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_stored_sparsely_and_read_back() {
        let usage = Usage {
            store_writes: 2,
            cpu_micros: 1500,
            ..Usage::default()
        };
        let text = serde_json::to_string(&usage).expect("plain data");
        assert_eq!(text, r#"{"store_writes":2,"cpu_micros":1500}"#);
        assert_eq!(
            serde_json::from_str::<Usage>(&text).expect("its own"),
            usage
        );
        let newer = r#"{"store_writes":2,"cpu_micros":1500,"egress_bytes":7}"#;
        assert_eq!(serde_json::from_str::<Usage>(newer).expect("newer"), usage);
        assert!(serde_json::from_str::<Usage>(r#"{"store_writes":-1}"#).is_err());
    }

    #[test]
    fn counts_of_a_newer_ork_are_kept() {
        let stored = r#"{"monitor":{"egress_bytes":7,"messages":1}}"#;
        let mut usage: UsageByFunction = serde_json::from_str(stored).expect("newer");
        let one = Usage {
            messages: 1,
            ..Usage::default()
        };
        usage.add("monitor", &one);
        usage.add("tick", &Usage::default());
        assert_eq!(
            serde_json::to_string(&usage).expect("plain data"),
            r#"{"monitor":{"egress_bytes":7,"messages":2}}"#
        );
        assert_eq!(usage.total().messages, 2);
    }

    #[test]
    fn the_cost_of_all_is_that_of_its_parts() {
        let stored = r#"{"monitor":{"cpu_micros":15},"tick":{"cpu_micros":15}}"#;
        let usage: UsageByFunction = serde_json::from_str(stored).expect("usage");
        // A price is rounded down for each.
        assert_eq!(usage.cost(|used| used.cpu_micros / 10), 2);
        assert_eq!(usage.cost(|_| u64::MAX), u64::MAX);
        assert_eq!(UsageByFunction::default().cost(|_| 1), 0);
    }

    #[test]
    fn usage_is_added_and_taken_away_but_never_below_nothing() {
        let (one, two) = (
            Usage {
                class_a: 1,
                ..Usage::default()
            },
            Usage {
                class_a: 2,
                class_b: 1,
                ..Usage::default()
            },
        );
        let mut sum = one;
        sum.add(&two);
        assert_eq!((sum.class_a, sum.class_b), (3, 1));
        sum.subtract(&two);
        assert_eq!(sum, one);
        sum.subtract(&two);
        assert!(sum.is_nothing());
    }
}
