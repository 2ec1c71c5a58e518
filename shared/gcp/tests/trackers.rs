//! Jobs of BigQuery, Cloud Run and Dataproc: asked about, stopped and started, against a server that answers what each test says.

#[path = "trackers/bigquery.rs"]
mod bigquery;
#[path = "trackers/categories.rs"]
mod categories;
#[path = "trackers/cloud_run.rs"]
mod cloud_run;
#[path = "trackers/dataproc.rs"]
mod dataproc;
#[path = "trackers/errors.rs"]
mod errors;
#[path = "trackers/image.rs"]
mod image;
#[path = "trackers/sensor.rs"]
mod sensor;
#[path = "trackers/server.rs"]
mod server;
#[path = "trackers/start_bigquery.rs"]
mod start_bigquery;
#[path = "trackers/start_cloud_run.rs"]
mod start_cloud_run;
#[path = "trackers/start_dataproc.rs"]
mod start_dataproc;
#[path = "trackers/work.rs"]
mod work;
