//! What runs cost on the emulators: store writes, object operations and their price, counted where they are made.

mod counted;
mod instant;

use counted::{Cost, Counted, chain, fan};
use ork_emulators::google::testing;

/// Says what was counted, and that it is at most so much for each task: store writes, class A, dollars for a thousand.
#[expect(clippy::print_stdout, reason = "shown with --nocapture only")]
fn expect(what: &str, cost: &Cost, most: [f64; 3]) {
    let said = format!("{what}: {}", cost.text());
    println!("{said}");
    let found = [cost.writes(), cost.class_a(), cost.price()];
    for (found, most) in found.into_iter().zip(most) {
        assert!(found <= most, "{found} is more than {most}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_cost_what_they_may() {
    if testing::sdk_or_skip("what runs cost").is_none() {
        return;
    }
    let counted = Counted::start().await;
    let found = counted.cost_of(20, &chain(20)).await;
    expect("chain", &found, [3.0, 4.5, 0.03]);
    let found = counted.cost_of(1_002, &fan(1_000)).await;
    expect("fan-out", &found, [0.1, 2.1, 0.012]);
    counted.emulators.stop().await;
}
