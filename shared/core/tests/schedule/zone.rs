//! Which names are time zones, and what is proposed instead.

use ork_core::schedule::Zone;

#[test]
fn iana_names_are_found_in_the_bundled_database() {
    for name in [
        "UTC",
        "Etc/UTC",
        "Europe/Berlin",
        "America/Argentina/Buenos_Aires",
        "Australia/Lord_Howe",
        "Asia/Calcutta",
        "Etc/GMT-14",
        "EST5EDT",
    ] {
        assert_eq!(
            Zone::parse(name)
                .map(|zone| zone.name().to_owned())
                .as_deref(),
            Ok(name)
        );
    }
    assert_eq!(Zone::parse("UTC"), Ok(Zone::utc()));
}

#[test]
fn names_that_only_a_machine_knows_are_refused() {
    // These exist in many system databases, as files; a schedule must mean the same everywhere.
    for name in [
        "posix/Europe/Berlin",
        "right/Europe/Berlin",
        "localtime",
        "posixrules",
        "../../etc/localtime",
        "/usr/share/zoneinfo/UTC",
        "Local",
    ] {
        assert!(Zone::parse(name).is_err(), "{name}");
    }
}

#[test]
fn wrong_names_get_the_right_one_as_a_hint() {
    for (name, hint) in [
        ("europe/berlin", "did you mean `Europe/Berlin`?"),
        ("EUROPE/BERLIN", "did you mean `Europe/Berlin`?"),
        ("Europe/Belrin", "did you mean `Europe/Berlin`?"),
        ("Berlin", "did you mean `Europe/Berlin`?"),
        ("New York", "did you mean `America/New_York`?"),
        ("America/New York", "did you mean `America/New_York`?"),
        (" UTC", "did you mean `UTC`?"),
        ("utc", "did you mean `UTC`?"),
        ("PST", "did you mean `America/Los_Angeles`?"),
        ("CEST", "did you mean `Europe/Berlin`?"),
        ("+02:00", "ahead"),
        ("UTC+2", "ahead"),
        ("", "leave `timezone` out for UTC"),
        ("Nowhere/At_All", "write an IANA name"),
        ("Etc/Unknown", "IANA"),
        ("W. Europe Standard Time", "write an IANA name"),
    ] {
        let error = Zone::parse(name).expect_err(name);
        assert!(
            error.message.contains(&format!("`{name}`")),
            "{name}: {error}"
        );
        assert!(
            error
                .hint
                .as_deref()
                .is_some_and(|given| given.contains(hint)),
            "{name}: {:?}",
            error.hint
        );
    }
}

#[test]
fn a_name_of_absurd_length_is_refused_quickly() {
    assert!(Zone::parse(&"Europe/".repeat(100_000)).is_err());
}
