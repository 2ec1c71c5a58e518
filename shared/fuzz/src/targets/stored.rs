//! What a stored definition promises.

use ork_core::Value;
use ork_core::definition::Workflow;
use ork_core::ids::VersionHash;

/// It is read back as what it was, under the same version. Gives what was read.
pub(super) fn check(workflow: &Workflow) -> Workflow {
    let stored = workflow.encode();
    let read = Workflow::decode(&stored).expect("what was stored can be read");
    if read != *workflow {
        let value = |one: &Workflow| serde_json::to_value(one).expect("it is plain data");
        assert!(
            !nearly(&value(workflow), &value(&read)),
            "a number lost its last digit when it was stored"
        );
        panic!("stored {workflow:?} and read {read:?}");
    }
    assert_eq!(read.encode(), stored, "stored twice");
    assert_eq!(read.version(), workflow.version(), "its version");
    assert_eq!(workflow.version(), VersionHash::of(&stored));
    read
}

/// Whether two values are the same but for the last digits of numbers.
fn nearly(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= a.abs() * 1e-14 + f64::MIN_POSITIVE,
            _ => a == b,
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| nearly(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| nearly(a, b)))
        }
        _ => a == b,
    }
}
