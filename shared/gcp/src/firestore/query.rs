//! Queries: what is due, and listings.

use ork_core::ids::{RunId, WorkflowName};
use ork_core::time::Time;
use ork_engine::ports::{Document, Key, ListQuery, Listed, StoreError, StoreErrorKind};

use super::cursor::{self, Position};
use super::error;
use super::indexes::{
    API_KEYS, AUDIT, DEAD, DUE_RUNS, DUE_WORKFLOWS, Direction, NAME, RUNS, RUNS_BY_BOTH,
    RUNS_BY_STATUS, RUNS_BY_WORKFLOW, Shape, VERSIONS, WORKFLOWS,
};
use super::observe::StoreOperation;
use super::proto;
use super::proto::structured_query::filter::FilterType;
use super::proto::structured_query::{
    self, CollectionSelector, CompositeFilter, FieldFilter, FieldReference, Filter, Projection,
    composite_filter, field_filter,
};
use super::proto::value::ValueType;
use super::retry::retried;
use super::row::{self, CREATED_AT, WAKE_AT};
use super::store::FirestoreStore;
use super::tonic::Status;

impl Shape {
    /// The query of this shape: `equal` in the order of the shape's fields, `at_most` on the first field of its order.
    fn query(
        &self,
        equal: Vec<proto::Value>,
        at_most: Option<proto::Value>,
        limit: usize,
    ) -> proto::StructuredQuery {
        debug_assert_eq!(equal.len(), self.equal.len(), "one value for each field");
        let mut filters: Vec<Filter> = self
            .equal
            .iter()
            .zip(equal)
            .map(|(name, value)| compared(name, field_filter::Operator::Equal, value))
            .collect();
        if let (Some(value), Some((name, _))) = (at_most, self.order.first()) {
            filters.push(compared(
                name,
                field_filter::Operator::LessThanOrEqual,
                value,
            ));
        }
        let order_by = self
            .order
            .iter()
            .map(|(name, direction)| structured_query::Order {
                field: Some(field(name)),
                direction: match direction {
                    Direction::Ascending => structured_query::Direction::Ascending,
                    Direction::Descending => structured_query::Direction::Descending,
                }
                .into(),
            });
        proto::StructuredQuery {
            from: vec![CollectionSelector {
                collection_id: self.collection.to_owned(),
                all_descendants: false,
            }],
            r#where: all_of(filters),
            order_by: order_by.collect(),
            limit: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
            ..Default::default()
        }
    }
}

fn field(name: &str) -> FieldReference {
    FieldReference {
        field_path: name.to_owned(),
    }
}

fn compared(name: &str, operator: field_filter::Operator, value: proto::Value) -> Filter {
    Filter {
        filter_type: Some(FilterType::FieldFilter(FieldFilter {
            field: Some(field(name)),
            op: operator.into(),
            value: Some(value),
        })),
    }
}

fn all_of(mut filters: Vec<Filter>) -> Option<Filter> {
    if filters.len() < 2 {
        return filters.pop();
    }
    Some(Filter {
        filter_type: Some(FilterType::CompositeFilter(CompositeFilter {
            op: composite_filter::Operator::And.into(),
            filters,
        })),
    })
}

/// Runs a query below `parent`, which is the database's root when empty, to its end.
async fn run(
    store: &FirestoreStore,
    parent: &str,
    query: proto::StructuredQuery,
    doing: &str,
) -> Result<Vec<proto::Document>, StoreError> {
    let request = proto::RunQueryRequest {
        parent: store.full(parent),
        query_type: Some(proto::run_query_request::QueryType::StructuredQuery(query)),
        ..Default::default()
    };
    let answer = retried(|| once(store, request.clone())).await;
    answer.map_err(|status| error::of_read(store.place(), doing, &status))
}

async fn once(
    store: &FirestoreStore,
    request: proto::RunQueryRequest,
) -> Result<Vec<proto::Document>, Status> {
    let mut answers = store
        .client()
        .run_query(store.request(request))
        .await?
        .into_inner();
    let mut documents = Vec::new();
    while let Some(answer) = answers.message().await? {
        documents.extend(answer.document);
    }
    Ok(documents)
}

/// The key of a document that a query gave.
fn key_of(store: &FirestoreStore, name: &str) -> Result<Key, StoreError> {
    store.relative(name).and_then(super::paths::key).ok_or_else(|| {
        StoreError::new(
            StoreErrorKind::Corrupt,
            format!("the Firestore document `{name}` stands where Ork keeps its own, and its name is none of Ork's; move it elsewhere"),
        )
    })
}

/// Documents of `shape` whose `wake_at` has come.
async fn due(
    store: &FirestoreStore,
    shape: &Shape,
    now: Time,
    limit: usize,
) -> Result<Vec<(Key, Time)>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut query = shape.query(Vec::new(), Some(row::integer(now.0)), limit);
    // The bodies would only be thrown away.
    query.select = Some(Projection {
        fields: vec![field(WAKE_AT)],
    });
    let doing = format!("asking which {} are due", shape.collection);
    let found = run(store, "", query, &doing).await?;
    store.observe(
        StoreOperation::Query {
            documents: found.len(),
        },
        None,
    );
    let mut due = Vec::with_capacity(found.len());
    for document in found {
        let key = key_of(store, &document.name)?;
        let at = row::instant(&key, &document.fields, WAKE_AT)?;
        // The query gives only numbers.
        due.extend(at.map(|at| (key, at)));
    }
    Ok(due)
}

pub(super) async fn due_runs(
    store: &FirestoreStore,
    now: Time,
    limit: usize,
) -> Result<Vec<(RunId, Time)>, StoreError> {
    let due = due(store, &DUE_RUNS, now, limit).await?;
    let runs = due.into_iter().filter_map(|(key, at)| match key {
        Key::Run(run) => Some((run, at)),
        _ => None,
    });
    Ok(runs.collect())
}

pub(super) async fn due_workflows(
    store: &FirestoreStore,
    now: Time,
    limit: usize,
) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
    let due = due(store, &DUE_WORKFLOWS, now, limit).await?;
    let workflows = due.into_iter().filter_map(|(key, at)| match key {
        Key::Workflow(name) => Some((name, at)),
        _ => None,
    });
    Ok(workflows.collect())
}

/// The query of a listing, with the path below which it looks.
fn listing(query: &ListQuery, limit: usize) -> (String, proto::StructuredQuery) {
    let mut at_most = None;
    let (parent, shape, equal) = match query {
        ListQuery::Workflows => (String::new(), &WORKFLOWS, Vec::new()),
        ListQuery::Versions(name) => (format!("workflows/{name}"), &VERSIONS, Vec::new()),
        ListQuery::Dead => (String::new(), &DEAD, Vec::new()),
        ListQuery::ApiKeys => (String::new(), &API_KEYS, Vec::new()),
        ListQuery::Audit => (String::new(), &AUDIT, Vec::new()),
        ListQuery::Runs {
            status,
            workflow,
            made_by,
        } => {
            let status = status.map(|status| row::text(status.as_str()));
            let workflow = workflow.as_ref().map(|name| row::text(name.as_str()));
            let shape = match (&status, &workflow) {
                (None, None) => &RUNS,
                (Some(_), None) => &RUNS_BY_STATUS,
                (None, Some(_)) => &RUNS_BY_WORKFLOW,
                (Some(_), Some(_)) => &RUNS_BY_BOTH,
            };
            // The first field of their order, which the index has already.
            at_most = made_by.map(|at| row::created_at(Some(at)));
            (
                String::new(),
                shape,
                status.into_iter().chain(workflow).collect(),
            )
        }
    };
    (parent, shape.query(equal, at_most, limit))
}

/// The values behind which a page starts, one for each field of the query's order.
fn start(
    store: &FirestoreStore,
    query: &proto::StructuredQuery,
    position: &Position,
) -> Result<proto::Cursor, StoreError> {
    let mut values = Vec::new();
    for order in &query.order_by {
        let name = order
            .field
            .as_ref()
            .map_or("", |field| field.field_path.as_str());
        values.push(match name {
            CREATED_AT => row::created_at(position.created_at),
            NAME => row::value(ValueType::ReferenceValue(store.name(&position.key)?)),
            other => unreachable!("no listing is ordered by `{other}`"),
        });
    }
    Ok(proto::Cursor {
        values,
        before: false,
    })
}

/// One page of a listing.
pub(super) async fn list(
    store: &FirestoreStore,
    wanted: &ListQuery,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Listed, StoreError> {
    let limit = limit.max(1);
    // One more than asked for tells whether anything follows.
    let (parent, mut query) = listing(wanted, limit.saturating_add(1));
    if let Some(cursor) = cursor {
        let position = cursor::position(wanted, cursor)?;
        query.start_at = Some(start(store, &query, &position)?);
    }
    let found = run(store, &parent, query, &format!("listing {wanted:?}")).await?;
    let workflow = match wanted {
        ListQuery::Versions(name) => Some(Key::Workflow(name.clone())),
        _ => None,
    };
    store.observe(
        StoreOperation::Query {
            documents: found.len(),
        },
        workflow.as_ref(),
    );
    let more = found.len() > limit;
    let mut items: Vec<(Key, Document)> = Vec::with_capacity(found.len().min(limit));
    for document in found.into_iter().take(limit) {
        let key = key_of(store, &document.name)?;
        let document = row::document(&key, document)?;
        items.push((key, document));
    }
    let cursor = items
        .last()
        .filter(|_| more)
        .map(|(key, document)| cursor::after(wanted, key, document))
        .transpose()?;
    Ok(Listed { items, cursor })
}
