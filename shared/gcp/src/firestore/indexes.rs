//! Every query the store makes, and the indexes that serve them: the one place where both are written down.
//!
//! Firestore indexes each field by itself unless told not to, which costs storage and time of every write. So each field of
//! each collection is listed with the directions it needs, mostly none. The emulator enforces none of this; a test here holds queries
//! and indexes together.

use serde_json::{Value, json};

use super::row::{CREATED_AT, ORK, STATUS, WAKE_AT, WORKFLOW};

/// A document's name, which stands at the end of every index.
pub(super) const NAME: &str = "__name__";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

use Direction::{Ascending, Descending};

/// A field in its order.
pub(super) type Ordered = (&'static str, Direction);

/// What a query filters and orders by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The last part of the collection's path.
    pub(super) collection: &'static str,
    /// Fields that must equal something.
    pub(super) equal: &'static [&'static str],
    /// The order; a bound stands on its first field only.
    pub(super) order: &'static [Ordered],
}

const BY_NAME: &[Ordered] = &[(NAME, Ascending)];
const BY_WAKE: &[Ordered] = &[(WAKE_AT, Ascending), (NAME, Ascending)];
const NEWEST_FIRST: &[Ordered] = &[(CREATED_AT, Descending), (NAME, Descending)];

pub(super) const WORKFLOWS: Shape = Shape {
    collection: "workflows",
    equal: &[],
    order: BY_NAME,
};
pub(super) const VERSIONS: Shape = Shape {
    collection: "versions",
    equal: &[],
    order: BY_NAME,
};
pub(super) const DEAD: Shape = Shape {
    collection: "dead",
    equal: &[],
    order: BY_NAME,
};
pub(super) const API_KEYS: Shape = Shape {
    collection: "keys",
    equal: &[],
    order: BY_NAME,
};
pub(super) const AUDIT: Shape = Shape {
    collection: "audit",
    equal: &[],
    order: BY_NAME,
};
pub(super) const DUE_WORKFLOWS: Shape = Shape {
    collection: "workflows",
    equal: &[],
    order: BY_WAKE,
};
pub(super) const DUE_RUNS: Shape = Shape {
    collection: "runs",
    equal: &[],
    order: BY_WAKE,
};
pub(super) const RUNS: Shape = Shape {
    collection: "runs",
    equal: &[],
    order: NEWEST_FIRST,
};
pub(super) const RUNS_BY_STATUS: Shape = Shape {
    collection: "runs",
    equal: &[STATUS],
    order: NEWEST_FIRST,
};
pub(super) const RUNS_BY_WORKFLOW: Shape = Shape {
    collection: "runs",
    equal: &[WORKFLOW],
    order: NEWEST_FIRST,
};
pub(super) const RUNS_BY_BOTH: Shape = Shape {
    collection: "runs",
    equal: &[STATUS, WORKFLOW],
    order: NEWEST_FIRST,
};

/// An index over several fields.
struct Composite {
    collection: &'static str,
    fields: &'static [Ordered],
}

const COMPOSITES: &[Composite] = &[
    Composite {
        collection: "runs",
        fields: &[
            (STATUS, Ascending),
            (CREATED_AT, Descending),
            (NAME, Descending),
        ],
    },
    Composite {
        collection: "runs",
        fields: &[
            (WORKFLOW, Ascending),
            (CREATED_AT, Descending),
            (NAME, Descending),
        ],
    },
    Composite {
        collection: "runs",
        fields: &[
            (STATUS, Ascending),
            (WORKFLOW, Ascending),
            (CREATED_AT, Descending),
            (NAME, Descending),
        ],
    },
];

/// Which indexes a field has by itself, instead of the usual two.
struct Single {
    collection: &'static str,
    field: &'static str,
    directions: &'static [Direction],
}

const fn single(
    collection: &'static str,
    field: &'static str,
    directions: &'static [Direction],
) -> Single {
    Single {
        collection,
        field,
        directions,
    }
}

/// Only the fields that the engine writes into each kind of document. What lies in the map `ork` follows the map.
const SINGLES: &[Single] = &[
    single("runs", ORK, &[]),
    single("runs", WAKE_AT, &[Ascending]),
    single("runs", STATUS, &[]),
    single("runs", WORKFLOW, &[]),
    single("runs", CREATED_AT, &[Descending]),
    single("workflows", ORK, &[]),
    single("workflows", WAKE_AT, &[Ascending]),
    single("workflows", WORKFLOW, &[]),
    single("versions", ORK, &[]),
    single("versions", WORKFLOW, &[]),
    single("pages", ORK, &[]),
    single("pools", ORK, &[]),
    single("dead", ORK, &[]),
    single("keys", ORK, &[]),
    single("audit", ORK, &[]),
];

fn word(direction: Direction) -> &'static str {
    match direction {
        Ascending => "ASCENDING",
        Descending => "DESCENDING",
    }
}

/// The indexes that the store needs, in the form of `firestore.indexes.json`: `indexes` over several fields, and
/// `fieldOverrides` for the fields whose own indexes are fewer than Firestore would make.
pub fn indexes_json() -> String {
    // Keys stand in the order of the alphabet, so that the text does not depend on how maps are kept.
    let indexes: Vec<Value> = COMPOSITES
        .iter()
        .map(|index| {
            let fields: Vec<Value> = index
                .fields
                .iter()
                .map(|(field, direction)| json!({"fieldPath": field, "order": word(*direction)}))
                .collect();
            json!({"collectionGroup": index.collection, "fields": fields, "queryScope": "COLLECTION"})
        })
        .collect();
    let overrides: Vec<Value> = SINGLES
        .iter()
        .map(|single| {
            let indexes: Vec<Value> = single
                .directions
                .iter()
                .map(|direction| json!({"order": word(*direction), "queryScope": "COLLECTION"}))
                .collect();
            json!({"collectionGroup": single.collection, "fieldPath": single.field, "indexes": indexes})
        })
        .collect();
    let mut text =
        serde_json::to_string_pretty(&json!({"fieldOverrides": overrides, "indexes": indexes}))
            .expect("texts and lists are JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const QUERIES: &[Shape] = &[
        WORKFLOWS,
        VERSIONS,
        DEAD,
        API_KEYS,
        AUDIT,
        DUE_WORKFLOWS,
        DUE_RUNS,
        RUNS,
        RUNS_BY_STATUS,
        RUNS_BY_WORKFLOW,
        RUNS_BY_BOTH,
    ];

    /// The index that serves a query, in words; `None` when Firestore would refuse it.
    fn serving(shape: &Shape) -> Option<String> {
        match (shape.equal, shape.order) {
            ([], [(NAME, Ascending)]) => Some("the names".to_owned()),
            ([], [(field, direction), (NAME, last)]) if direction == last => SINGLES
                .iter()
                .find(|single| {
                    (single.collection, single.field) == (shape.collection, field)
                        && single.directions.contains(direction)
                })
                .map(|_| format!("{} {direction:?}", field)),
            (equal, order) => COMPOSITES
                .iter()
                .find(|index| {
                    let Some((filtered, ordered)) = index.fields.split_at_checked(equal.len())
                    else {
                        return false;
                    };
                    let fields: BTreeSet<&str> = filtered.iter().map(|(field, _)| *field).collect();
                    index.collection == shape.collection
                        && fields == equal.iter().copied().collect()
                        && ordered == order
                })
                .map(|index| format!("{:?}", index.fields)),
        }
    }

    #[test]
    fn every_query_is_served_by_a_declared_index_and_every_index_serves_one() {
        let mut used = BTreeSet::new();
        for shape in QUERIES {
            let index = serving(shape);
            let index = index.unwrap_or_else(|| panic!("no index serves {shape:?}"));
            used.insert((shape.collection, index));
        }
        let declared = COMPOSITES.len()
            + SINGLES
                .iter()
                .map(|single| single.directions.len())
                .sum::<usize>();
        let built_in = used
            .iter()
            .filter(|(_, index)| index == "the names")
            .count();
        assert_eq!(
            used.len() - built_in,
            declared,
            "no index is there for nothing: {used:?}"
        );
    }

    #[test]
    fn every_query_of_this_module_is_in_the_list() {
        let written = include_str!("indexes.rs")
            .matches(": Shape = Shape {")
            .count();
        // The pattern itself occurs once, above.
        assert_eq!(written - 1, QUERIES.len());
    }

    #[test]
    fn a_query_without_its_index_would_be_noticed() {
        for shape in [
            Shape {
                collection: "runs",
                equal: &[STATUS],
                order: BY_WAKE,
            },
            Shape {
                collection: "pages",
                equal: &[],
                order: BY_WAKE,
            },
            Shape {
                collection: "workflows",
                equal: &[],
                order: NEWEST_FIRST,
            },
            Shape {
                collection: "workflows",
                equal: &[STATUS],
                order: NEWEST_FIRST,
            },
        ] {
            assert_eq!(serving(&shape), None, "{shape:?}");
        }
    }

    #[test]
    fn bodies_are_indexed_nowhere() {
        let collections: BTreeSet<&str> = SINGLES.iter().map(|single| single.collection).collect();
        assert_eq!(
            collections,
            BTreeSet::from([
                "audit",
                "dead",
                "keys",
                "pages",
                "pools",
                "runs",
                "versions",
                "workflows"
            ]),
            "every collection of the store"
        );
        for collection in collections {
            let exempt = SINGLES.iter().any(|single| {
                (single.collection, single.field) == (collection, ORK)
                    && single.directions.is_empty()
            });
            assert!(exempt, "{collection}");
        }
    }

    #[test]
    fn the_json_for_terraform_is_as_it_was() {
        let expected = include_str!("indexes.json");
        assert_eq!(
            indexes_json(),
            expected,
            "when this is meant, write the new text to indexes.json"
        );
    }
}
