//! What holds for every cron, zone and instant; among it that slots are those of a walk over every minute.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use ork_core::definition::Catchup;
use ork_core::schedule::{Slots, due, last_slot, next_slot, slots_between};
use ork_core::time::Time;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use crate::{cron, schedule, zone};

const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Nuuk",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
];
const HOUR: i64 = 3_600_000;

/// A field with its numbers; `None` stands for `*`.
#[derive(Debug, Clone)]
struct Field(Option<BTreeSet<u8>>);

impl Field {
    fn text(&self) -> String {
        self.0.as_ref().map_or_else(
            || "*".to_owned(),
            |numbers| {
                numbers
                    .iter()
                    .map(u8::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            },
        )
    }
    fn has(&self, number: i8) -> bool {
        self.0
            .as_ref()
            .is_none_or(|numbers| numbers.contains(&number.unsigned_abs()))
    }
}

/// Minute, hour, day of month, month, day of week.
type Pattern = [Field; 5];

fn text(pattern: &Pattern) -> String {
    pattern.each_ref().map(Field::text).join(" ")
}

fn field(
    numbers: std::ops::RangeInclusive<u8>,
    most: usize,
    star: f64,
) -> impl Strategy<Value = Field> {
    prop::option::weighted(1.0 - star, btree_set(numbers, 1..=most)).prop_map(Field)
}

/// Days up to the 28th only, so that every pattern has slots.
fn pattern() -> impl Strategy<Value = Pattern> {
    let fields = (
        prop_oneof![field(0..=59, 4, 0.1), Just(Field(Some([0, 30].into())))],
        prop_oneof![field(0..=3, 3, 0.3), field(0..=23, 5, 0.3)],
        field(1..=28, 9, 0.8),
        field(1..=12, 6, 0.9),
        field(0..=6, 3, 0.8),
    );
    fields.prop_map(|(minute, hour, day, month, weekday)| [minute, hour, day, month, weekday])
}

/// A zone and an instant between 2005 and 2040; two thirds lie near a change of the clock.
fn moment() -> impl Strategy<Value = (&'static str, Time)> {
    let around = prop_oneof![
        Just(None),
        (-3 * HOUR / 2..3 * HOUR / 2).prop_map(Some),
        (-72 * HOUR..4 * HOUR).prop_map(Some)
    ];
    let anywhere = (1_104_537_600_000_i64..2_208_988_800_000).prop_map(Time);
    (prop::sample::select(&ZONES[..]), anywhere, around).prop_map(|(zone, at, around)| {
        let from = Timestamp::from_millisecond(at.0).expect("in range");
        let change = tz(zone)
            .following(from)
            .next()
            .map(|change| change.timestamp().as_millisecond());
        (
            zone,
            around
                .zip(change)
                .map_or(at, |(distance, change)| Time(change + distance)),
        )
    })
}

fn tz(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).expect("a known zone")
}

/// The slots of a window in seconds by the rules as they are written down: minute by minute.
fn walk(pattern: &Pattern, zone: &str, from: i64, until: i64) -> Vec<i64> {
    let tz = tz(zone);
    let [minute, hour, day, month, weekday] = pattern;
    let matches = |local: jiff::civil::DateTime| {
        let (by_date, by_weekday) = (
            day.has(local.day()),
            weekday.has(local.weekday().to_sunday_zero_offset()),
        );
        let either = day.0.is_some() && weekday.0.is_some();
        minute.has(local.minute())
            && hour.has(local.hour())
            && month.has(local.month())
            && if either {
                by_date || by_weekday
            } else {
                by_date && by_weekday
            }
    };
    let local = |second: i64| tz.to_datetime(Timestamp::from_second(second).expect("in range"));
    let minute_long = jiff::Span::new().minutes(1);
    let mut slots = Vec::new();
    let mut furthest = local(from - 3 * 86_400);
    let mut second = from - 3 * 86_400 + 60;
    while second < until {
        let now = local(second);
        let mut fires = hour.0.is_none() && matches(now);
        while furthest < now {
            furthest = furthest.checked_add(minute_long).expect("in range");
            fires |= hour.0.is_some() && matches(furthest);
        }
        if fires && second >= from {
            slots.push(second);
        }
        second += 60;
    }
    slots
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn slots_around_a_change_of_the_clock_are_those_of_a_walk(pattern in pattern(), (name, at) in moment()) {
        let from = at.0.div_euclid(60_000) * 60;
        let until = from + 4 * 86_400;
        let (cron, zone) = (cron(&text(&pattern)), zone(name));
        let found: Vec<i64> = Slots::new(&cron, &zone, Time(from * 1000)).map(|slot| slot.0 / 1000).take_while(|slot| *slot < until).collect();
        prop_assert_eq!(found, walk(&pattern, name, from, until), "{} in {}", cron, name);
    }

    #[test]
    fn slots_increase_and_each_can_be_found_from_anywhere_before_it(pattern in pattern(), (name, from) in moment(), part in 0.0..1.0) {
        let (cron, zone) = (cron(&text(&pattern)), zone(name));
        let slots: Vec<Time> = Slots::new(&cron, &zone, from).take(40).collect();
        prop_assert_eq!(slots.len(), 40);
        prop_assert_eq!(next_slot(&cron, &zone, from), slots.first().copied());
        prop_assert!(slots[0] >= from);
        for pair in slots.windows(2) {
            let [slot, next] = [pair[0], pair[1]];
            prop_assert!(slot < next);
            prop_assert_eq!(next_slot(&cron, &zone, slot), Some(slot));
            let between = slot.0 + 1 + ((next.0 - slot.0 - 1) as f64 * part) as i64;
            prop_assert_eq!(next_slot(&cron, &zone, Time(between)), Some(next));
        }
    }

    #[test]
    fn splitting_a_window_changes_nothing(pattern in pattern(), (name, b) in moment(), before in 0..900 * HOUR, after in 0..900 * HOUR) {
        let (cron, zone) = (cron(&text(&pattern)), zone(name));
        let (a, c) = (Time(b.0 - before), Time(b.0 + after));
        let whole = slots_between(&cron, &zone, a, c, usize::MAX);
        let mut parts = slots_between(&cron, &zone, a, b, usize::MAX);
        parts.extend(slots_between(&cron, &zone, b, c, usize::MAX));
        prop_assert_eq!(&whole, &parts);
        prop_assert_eq!(last_slot(&cron, &zone, a, c), whole.last().copied());
        // Splitting at a slot leaves it in the first part.
        if let Some(slot) = whole.first() {
            prop_assert_eq!(slots_between(&cron, &zone, *slot, c, usize::MAX), &whole[1..]);
        }
    }

    #[test]
    fn what_is_started_and_what_is_dropped_is_all_there_was(pattern in pattern(), (name, at) in moment(), before in prop_oneof![Just(0), 0..500 * HOUR], after in prop_oneof![Just(0), 0..500 * HOUR]) {
        let (cursor, now) = (Time(at.0 - before), Time(at.0 + after));
        let text = text(&pattern);
        let all = slots_between(&cron(&text), &zone(name), cursor, now, usize::MAX);
        for catchup in [Catchup::None, Catchup::Latest] {
            let found = due(&schedule(&text, name, catchup), cursor, now).expect("valid");
            let count = usize::try_from(found.dropped).expect("small");
            prop_assert_eq!(&all[count..], &found.slots, "{:?}", catchup);
            prop_assert_eq!(found.cursor, now);
        }
    }

    #[test]
    fn ticks_that_catch_up_on_everything_start_every_slot_once(
        pattern in pattern(), (name, start) in moment(), steps in vec(-30 * HOUR..100 * HOUR, 1..20),
    ) {
        let text = text(&pattern);
        let all = schedule(&text, name, Catchup::All);
        let (mut cursor, mut now, mut latest) = (start, start, start);
        let mut started = Vec::new();
        for step in steps {
            now = Time(now.0 + step);
            latest = latest.max(now);
            let found = due(&all, cursor, now).expect("valid");
            prop_assert!(found.cursor >= cursor);
            prop_assert_eq!(found.next, next_slot(&cron(&text), &zone(name), Time(found.cursor.0 + 1)));
            cursor = found.cursor;
            started.extend(found.slots);
        }
        while cursor < latest {
            let found = due(&all, cursor, latest).expect("valid");
            cursor = found.cursor;
            started.extend(found.slots);
        }
        prop_assert_eq!(started, slots_between(&cron(&text), &zone(name), start, latest, usize::MAX));
    }

    #[test]
    fn any_text_is_read_or_refused_within_its_bounds(text in "[@0-9A-Za-z*/,?#é \\t-]{0,24}") {
        if let Err(error) = ork_core::schedule::Cron::parse(&text) {
            let length = text.chars().count();
            prop_assert!(error.width >= 1 && error.offset + error.width <= length.max(error.offset + 1), "{:?}", error);
            prop_assert!(error.offset <= length, "{:?}", error);
        }
    }

    #[test]
    fn almost_crons_are_read_or_refused_without_a_panic(fields in vec("[*0-9]{1,2}([-/,][0-9A-Z]{0,3}){0,3}", 5)) {
        let text = fields.join(" ");
        match ork_core::schedule::Cron::parse(&text) {
            Ok(cron) => prop_assert!(next_slot(&cron, &zone("Europe/Berlin"), Time(0)).is_some()),
            Err(error) => prop_assert!(error.hint.is_some()),
        }
    }
}
