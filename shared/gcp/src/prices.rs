//! What usage costs at list prices, in billionths of a dollar, without any free tier.

use serde::Serialize;

use crate::meter::Usage;

/// When the prices were looked up. They are those of us-central1.
pub const PRICES_OF: &str = "2026-11";

/// List prices in billionths of a dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// A document read: $0.03 per 100,000.
    pub store_read: u64,
    /// A document written: $0.09 per 100,000.
    pub store_write: u64,
    /// A document removed: $0.01 per 100,000.
    pub store_delete: u64,
    /// An object write or listing: $0.005 per 1,000.
    pub class_a: u64,
    /// An object read: $0.0004 per 1,000.
    pub class_b: u64,
    /// A TiB of messages, published and delivered each: $40.
    pub message_tib: u64,
    /// A Cloud Tasks operation: $0.40 per million.
    pub task_operation: u64,
    /// A request to a service: $0.40 per million.
    pub request: u64,
    /// A second of one processor of a service: $0.000024.
    pub cpu_second: u64,
    /// A second of the 0.5 GiB beside it, at $0.0000025 per GiB.
    pub memory_second: u64,
}

/// The prices as of [`PRICES_OF`].
pub const PRICES: Prices = Prices {
    store_read: 300,
    store_write: 900,
    store_delete: 100,
    class_a: 5_000,
    class_b: 400,
    message_tib: 40_000_000_000,
    task_operation: 400,
    request: 400,
    cpu_second: 24_000,
    memory_second: 1_250,
};

/// A cost by service, in billionths of a dollar. What workers compute is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cost {
    /// Firestore.
    pub store: u64,
    /// Cloud Storage's operations.
    pub objects: u64,
    /// Pub/Sub.
    pub messages: u64,
    /// Cloud Tasks.
    pub tasks: u64,
    /// Requests to the functions and their processor time.
    pub requests: u64,
}

impl Cost {
    /// All of it, in billionths of a dollar.
    pub const fn total(&self) -> u64 {
        self.store
            .saturating_add(self.objects)
            .saturating_add(self.messages)
            .saturating_add(self.tasks)
            .saturating_add(self.requests)
    }
    /// All of it in dollars, for people.
    pub fn dollars(&self) -> f64 {
        self.total() as f64 / 1e9
    }
}

/// A message counts as having at least this many bytes.
const MESSAGE_BYTES_LEAST: u64 = 1_000;

/// The bytes that a message of so many is billed for.
pub(crate) const fn billed(bytes: u64) -> u64 {
    if bytes < MESSAGE_BYTES_LEAST {
        MESSAGE_BYTES_LEAST
    } else {
        bytes
    }
}

/// What `used` costs at [`PRICES`].
pub fn cost(used: &Usage) -> Cost {
    let prices = PRICES;
    // Counts come from documents and workers: nonsense in them is a nonsensical price and nothing worse.
    let of = |count: u64, price: u64| count.saturating_mul(price);
    let sum = |parts: &[u64]| {
        parts
            .iter()
            .fold(0_u64, |sum, part| sum.saturating_add(*part))
    };
    // Published and delivered.
    let messages = (2 * u128::from(used.message_bytes) * u128::from(prices.message_tib)) >> 40;
    let cpu = u128::from(used.cpu_micros) * u128::from(prices.cpu_second + prices.memory_second)
        / 1_000_000;
    let whole = |amount: u128| u64::try_from(amount).unwrap_or(u64::MAX);
    Cost {
        store: sum(&[
            of(used.store_reads, prices.store_read),
            of(used.store_writes, prices.store_write),
            of(used.store_deletes, prices.store_delete),
        ]),
        objects: sum(&[
            of(used.class_a, prices.class_a),
            of(used.class_b, prices.class_b),
        ]),
        messages: whole(messages),
        // Made, and delivered.
        tasks: of(used.tasks, 2 * prices.task_operation),
        requests: of(used.requests, prices.request).saturating_add(whole(cpu)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_naive_tasks_cost_what_was_reckoned_by_hand() {
        let used = Usage {
            store_reads: 10_000,
            store_writes: 6_000,
            class_a: 3_000,
            class_b: 3_000,
            messages: 3_000,
            message_bytes: 6_000_000,
            tasks: 1_000,
            requests: 5_000,
            cpu_micros: 500_000_000,
            ..Usage::default()
        };
        let cost = cost(&used);
        assert_eq!(cost.store, 5_400_000 + 3_000_000);
        assert_eq!(cost.objects, 15_000_000 + 1_200_000);
        assert_eq!(cost.messages, 436_557);
        assert_eq!(cost.tasks, 800_000);
        assert_eq!(cost.requests, 2_000_000 + 12_625_000);
        assert!((cost.dollars() - 0.0405).abs() < 0.0005, "{cost:?}");
    }

    #[test]
    fn nonsense_has_a_price_and_does_no_harm() {
        let nonsense = Usage {
            store_reads: u64::MAX,
            store_writes: u64::MAX,
            class_a: u64::MAX,
            message_bytes: u64::MAX,
            tasks: u64::MAX,
            requests: u64::MAX,
            cpu_micros: u64::MAX,
            ..Usage::default()
        };
        assert_eq!(cost(&nonsense).total(), u64::MAX);
    }

    #[test]
    fn nothing_costs_nothing_and_a_small_message_costs_a_thousand_bytes() {
        assert_eq!(cost(&Usage::default()).total(), 0);
        let million = Usage {
            messages: 1_000_000,
            message_bytes: 1_000_000 * billed(50),
            ..Usage::default()
        };
        assert_eq!(cost(&million).messages, 72_759_576);
    }
}
