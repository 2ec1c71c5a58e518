//! Slots over five years in twelve zones, against `make_golden.py`, which walks over every minute in Python.

use ork_core::schedule::{Cron, Slots, Zone};
use ork_core::time::Time;
use sha2::{Digest, Sha256};

use crate::{cron, time, zone};

const GOLDEN: &str = include_str!("golden.txt");

/// The slots `from <= slot < until`.
fn slots(cron: &Cron, zone: &Zone, from: Time, until: Time) -> Vec<i64> {
    Slots::new(cron, zone, from)
        .take_while(|slot| *slot < until)
        .map(|slot| slot.0 / 1000)
        .collect()
}

/// The slots around a change of the clock as the golden file has them: minutes from the change.
fn around(slots: &[i64], change: i64) -> Vec<i64> {
    let near = |hours: i64| {
        slots
            .iter()
            .map(|slot| slot - change)
            .filter(|distance| distance.abs() <= hours * 3600)
            .collect::<Vec<_>>()
    };
    let week = near(84);
    let shown = if week.len() > 40 { near(3) } else { week };
    shown
        .into_iter()
        .map(|distance| distance.div_euclid(60))
        .collect()
}

#[test]
fn slots_agree_with_the_independent_implementation() {
    let mut here = None;
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    let (mut patterns, mut changes) = (0, 0);
    for line in GOLDEN.lines() {
        match line
            .split_once(' ')
            .expect("every line has a word and a rest")
        {
            ("zone", rest) => {
                let [name, from, until] = rest.split(' ').collect::<Vec<_>>()[..] else {
                    panic!("{line}")
                };
                here = Some((name, zone(name), time(from), time(until)));
            }
            ("cron", rest) => {
                let [count, digest, text] = rest.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                    panic!("{line}")
                };
                let (name, zone, from, until) = here.as_ref().expect("a zone comes first");
                found = slots(&cron(text), zone, *from, *until);
                let lines: String = found.iter().map(|slot| format!("{slot}\n")).collect();
                let hash: String = Sha256::digest(lines)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                if hash != digest {
                    wrong.push(format!(
                        "{name} `{text}`: {} slots, expected {count}",
                        found.len()
                    ));
                }
                patterns += 1;
            }
            ("change", rest) => {
                let mut words = rest.split(' ');
                let change = time(words.next().expect("an instant")).0 / 1000;
                let expected: Vec<i64> = words.map(|word| word.parse().expect("minutes")).collect();
                if around(&found, change) != expected {
                    wrong.push(format!("  {line}\n  found {:?}", around(&found, change)));
                }
                changes += 1;
            }
            _ => panic!("{line}"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(patterns, 12 * 12);
    assert!(changes > 500, "{changes}");
}
