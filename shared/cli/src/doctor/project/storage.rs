//! Where the state and the objects are: the database with its indexes, the bucket with its notices.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::Value;
use ork_gcp::firestore::indexes_json;

use super::{APPLY, Finding, Project, STATE, Several};
use crate::workflow_file::count;

/// Pages of a list that are read.
const PAGES: usize = 20;

/// An index: its collection, and its fields with their orders. A document's name stands at the end of each.
type Index = (String, Vec<(String, String)>);

impl Project {
    fn database_path(&self) -> String {
        format!(
            "/v1/projects/{}/databases/{}",
            self.at.project, self.at.database
        )
    }

    pub(super) async fn database(&self) -> Result<Finding, Finding> {
        let what = format!("database {}", self.at.database);
        let path = self.database_path();
        let needs = "datastore.databases.getMetadata";
        let told = self
            .found("firestore.googleapis.com", &path, &what, needs)
            .await?;
        let kind = told["type"].as_str().unwrap_or("a type that is not told");
        if kind != "FIRESTORE_NATIVE" {
            return Err(Finding::failed(
                format!("{what} is of type {kind}"),
                "Ork needs one in native mode: terraform's `database.name` names another",
            ));
        }
        let place = told["locationId"]
            .as_str()
            .unwrap_or("a place that is not told");
        let found = format!("{what} in {place}");
        if told["deleteProtectionState"] != "DELETE_PROTECTION_ENABLED" {
            return Err(Finding::warning(
                format!("{found}, which anybody who may can delete at once"),
                "terraform's `deletion_protection = true`, which is usual",
            ));
        }
        Ok(Finding::ok(found))
    }

    /// All of a list that comes in pages.
    async fn pages(&self, path: &str, list: &str, what: &str) -> Result<Vec<Value>, Finding> {
        let host = "firestore.googleapis.com";
        let (mut all, mut next) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let this = format!("{path}{next}");
            let page = self
                .found(host, &this, what, "datastore.indexes.list")
                .await?;
            all.extend(page[list].as_array().cloned().unwrap_or_default());
            let Some(token) = page["nextPageToken"]
                .as_str()
                .filter(|token| !token.is_empty())
            else {
                return Ok(all);
            };
            let mark = if path.contains('?') { '&' } else { '?' };
            next = format!("{mark}pageToken={}", escaped(token));
        }
        Err(Finding::unknown(
            format!("{what}: more than {PAGES} pages"),
            "look at them in the console",
        ))
    }

    /// Whether every index that queries need is there and ready.
    pub(super) async fn indexes(&self) -> Result<Finding, Finding> {
        let path = format!("{}/collectionGroups/-/indexes", self.database_path());
        let all = self.pages(&path, "indexes", "the indexes").await?;
        let there: BTreeMap<Index, &str> = all
            .iter()
            .filter_map(|one| {
                let state = one["state"]
                    .as_str()
                    .unwrap_or("in a state that is not told");
                Some((index(one, collection_of(one)?), state))
            })
            .collect();
        let mut several = Several::default();
        for wanted in declared()["indexes"].as_array().into_iter().flatten() {
            let collection = wanted["collectionGroup"].as_str().unwrap_or_default();
            let wanted = index(wanted, collection.to_owned());
            let name = in_words(&wanted);
            match there.get(&wanted) {
                Some(&"READY") => several.fine(name),
                Some(&"CREATING") => several.failed(
                    format!("{name} is being built"),
                    "wait: lists by status and workflow fail until it is ready",
                ),
                Some(state) => several.failed(
                    format!("{name} is {state}"),
                    "delete it and terraform apply: it has to be built anew",
                ),
                None => several.failed(format!("{name} is missing"), APPLY),
            }
        }
        Ok(several.told(|all| format!("all {} are ready", all.len())))
    }

    /// Which fields have indexes of their own, and that none removes documents after a time.
    pub(super) async fn fields(&self) -> Result<Finding, Finding> {
        let filter = escaped("indexConfig.usesAncestorConfig:false OR ttlConfig:*");
        let path = format!(
            "{}/collectionGroups/-/fields?filter={filter}",
            self.database_path()
        );
        let all = self.pages(&path, "fields", "the fields").await?;
        let mut there: BTreeMap<(String, String), &Value> = BTreeMap::new();
        for one in &all {
            let name = one["name"].as_str().unwrap_or_default();
            let (Some(collection), Some((_, field))) =
                (collection_of(one), name.rsplit_once("/fields/"))
            else {
                continue;
            };
            there.insert((collection, field.to_owned()), one);
        }
        let declared = declared();
        let wanted: Vec<&Value> = declared["fieldOverrides"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        let ours: BTreeSet<&str> = wanted
            .iter()
            .filter_map(|one| one["collectionGroup"].as_str())
            .collect();
        let mut several = Several::default();
        for ((collection, field), one) in &there {
            if ours.contains(collection.as_str()) && one["ttlConfig"].is_object() {
                several.failed(
                    format!("{collection}.{field} has a TTL, by which Firestore removes documents that Ork needs"),
                    format!("gcloud firestore fields ttls update {field} --collection-group={collection} --disable-ttl --project={} --database={}", self.at.project, self.at.database),
                );
            }
        }
        let mut usual = 0;
        for one in wanted {
            let name = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            let (collection, field) = (name("collectionGroup"), name("fieldPath"));
            let Some(found) = there.get(&(collection.clone(), field.clone())) else {
                usual += 1;
                continue;
            };
            for order in one["indexes"].as_array().into_iter().flatten() {
                let order = order["order"].as_str().unwrap_or_default();
                match state_of(found, order) {
                    Some("READY") => several.fine(format!("{collection}.{field}")),
                    Some(state) => several.failed(
                        format!("the index of {collection}.{field} is {state}"),
                        "wait until it is ready; queries for what is due fail until then",
                    ),
                    None => several.failed(
                        format!("{collection}.{field} has no index in the order {order}, which queries need"),
                        APPLY,
                    ),
                }
            }
        }
        if usual > 0 {
            several.warning(
                format!("{} of Ork's documents have indexes that nothing asks for, which costs at every write", count(usual, "field")),
                APPLY,
            );
        }
        Ok(several.told(|_| "only what is asked for is indexed".to_owned()))
    }

    /// Whether the state can be read by who asks.
    pub(super) async fn state(&self) -> Result<Finding, Finding> {
        let engine = self.remote().await?.engine();
        let read = tokio::time::timeout(STATE, engine.runs(None, None, None, 1)).await;
        let needs = "roles/datastore.user lets somebody read and change the state; firestore.database and google.apis say more";
        match read {
            Ok(Ok(_)) => Ok(Finding::ok("it can be read")),
            Ok(Err(error)) => Err(Finding::failed(error.message, needs)),
            Err(_) => Err(Finding::failed(
                format!("it does not answer within {} s", STATE.as_secs()),
                needs,
            )),
        }
    }

    pub(super) async fn bucket(&self) -> Result<Finding, Finding> {
        let bucket = &self.at.bucket;
        let path = format!("/storage/v1/b/{bucket}");
        let what = format!("bucket {bucket}");
        let host = "storage.googleapis.com";
        let told = self
            .found(host, &path, &what, "storage.buckets.get")
            .await?;
        let iam = &told["iamConfiguration"];
        if self.is_real() && iam["uniformBucketLevelAccess"]["enabled"] != true {
            return Err(Finding::failed(
                format!(
                    "{what} has no uniform access, and roles for parts of it count only with that"
                ),
                format!(
                    "gcloud storage buckets update gs://{bucket} --uniform-bucket-level-access"
                ),
            ));
        }
        if self.is_real() && iam["publicAccessPrevention"] != "enforced" {
            return Err(Finding::warning(
                format!("{what} may be made public"),
                format!("gcloud storage buckets update gs://{bucket} --public-access-prevention"),
            ));
        }
        let place = told["location"]
            .as_str()
            .unwrap_or("a place that is not told");
        Ok(Finding::ok(format!("{what} in {place}")))
    }

    /// Whether monitor hears of verdicts and uploads.
    pub(super) async fn notices(&self) -> Result<Finding, Finding> {
        let bucket = &self.at.bucket;
        let path = format!("/storage/v1/b/{bucket}/notificationConfigs");
        let what = format!("bucket {bucket}");
        let host = "storage.googleapis.com";
        let told = self
            .found(host, &path, &what, "storage.buckets.get")
            .await?;
        let topic = self.topic_name("objects");
        let all: Vec<&Value> = told["items"].as_array().into_iter().flatten().collect();
        let mut several = Several::default();
        for prefix in ["runs/", "workflows/"] {
            let tells = |one: &&&Value| {
                let begins = one["object_name_prefix"].as_str().unwrap_or_default();
                let events = one["event_types"].as_array();
                // Without a list everything is told.
                let finalized =
                    events.is_none_or(|all| all.iter().any(|event| event == "OBJECT_FINALIZE"));
                let to = one["topic"].as_str().unwrap_or_default();
                prefix.starts_with(begins) && finalized && to.ends_with(&topic)
            };
            match all.iter().find(tells) {
                Some(_) => several.fine(prefix),
                None => several.failed(
                    format!("nobody tells {topic} of objects below {prefix}"),
                    APPLY,
                ),
            }
        }
        Ok(several
            .told(|_| format!("{topic} is told of what is written below runs/ and workflows/")))
    }
}

/// What the code needs.
fn declared() -> Value {
    serde_json::from_str(&indexes_json()).unwrap_or_default()
}

/// The collection in the name of an index or a field.
fn collection_of(one: &Value) -> Option<String> {
    let (_, rest) = one["name"].as_str()?.split_once("/collectionGroups/")?;
    Some(rest.split('/').next()?.to_owned())
}

/// An index without the document's name at its end, which Google adds by itself.
fn index(one: &Value, collection: String) -> Index {
    let fields = one["fields"].as_array().into_iter().flatten();
    let mut fields: Vec<(String, String)> = fields
        .map(|field| {
            let word = |key: &str| field[key].as_str().unwrap_or_default().to_owned();
            (word("fieldPath"), word("order"))
        })
        .collect();
    if fields.last().is_some_and(|(path, _)| path == "__name__") {
        fields.pop();
    }
    (collection, fields)
}

fn in_words((collection, fields): &Index) -> String {
    let fields: Vec<&str> = fields.iter().map(|(path, _)| path.as_str()).collect();
    format!("the index of {collection} by {}", fields.join(", "))
}

/// The state of a field's own index in an order.
fn state_of<'a>(field: &'a Value, order: &str) -> Option<&'a str> {
    let all = field["indexConfig"]["indexes"].as_array()?;
    let one = all.iter().find(|one| {
        let fields = one["fields"].as_array().map_or(&[][..], Vec::as_slice);
        one["queryScope"] == "COLLECTION" && fields.iter().any(|field| field["order"] == order)
    })?;
    one["state"].as_str()
}

/// Fit for a query.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
