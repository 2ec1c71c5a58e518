//! What runs cost: store writes, object operations, dollars. The counting is that of the test `costs`.

use anyhow::Result;

use crate::counted::{Cost, Counted, chain, fan};
use crate::figures::{at_most, known};
use crate::table::Row;

pub(crate) async fn writes(rows: &mut Vec<Row>) -> Result<()> {
    let counted = Counted::start().await;
    let found = counted.cost_of(20, &chain(20)).await;
    writes_of(rows, "chain of 20", &found, 3.0);
    price_of(rows, "chain of 20", &found, 0.03);
    let found = counted.cost_of(1_002, &fan(1_000)).await;
    writes_of(rows, "1 → 1,000 → 1", &found, 0.1);
    rows.push(at_most(
        "class A operations a task, 1 → 1,000 → 1",
        found.class_a(),
        2.1,
        "",
        String::new(),
    ));
    price_of(rows, "1 → 1,000 → 1", &found, 0.012);
    let found = counted.cost_of(10_002, &fan(10_000)).await;
    writes_of(rows, "1 → 10,000 → 1", &found, 0.1);
    rows.push(known(
        "class A, price of 1,000 tasks, 1 → 10,000 → 1",
        format!("{:.3}, ${:.4}", found.class_a(), found.price()),
        with_requests(&found),
    ));
    counted.emulators.stop().await;
    Ok(())
}

fn writes_of(rows: &mut Vec<Row>, shape: &str, cost: &Cost, most: f64) {
    crate::say(&format!("{shape}: {}", cost.text()));
    let what = format!("store writes a task, {shape}");
    rows.push(at_most(&what, cost.writes(), most, "", String::new()));
}

fn price_of(rows: &mut Vec<Row>, shape: &str, cost: &Cost, most: f64) {
    let what = format!("price of 1,000 tasks, {shape}");
    rows.push(at_most(&what, cost.price(), most, "$", with_requests(cost)));
}

fn with_requests(cost: &Cost) -> String {
    let price = cost.price_with_requests();
    format!("${price:.4} with requests and the bucket's messages")
}
