//! What carries messages: topics, the subscriptions that push to services, the queue of wakes, the job that ticks.

use ork_core::Value;

use super::{APPLY, Finding, PUSHED, Project, Several};

impl Project {
    pub(super) async fn topics(&self) -> Result<Finding, Finding> {
        let mut several = Several::default();
        for what in ["dispatch", "poll", "objects", "dead-letters"] {
            let topic = self.topic_name(what);
            let path = format!("/v1/{topic}");
            let named = format!("topic {topic}");
            let told = self.found("pubsub.googleapis.com", &path, &named, "pubsub.topics.get");
            match told.await {
                Ok(_) => several.fine(what),
                Err(told) => several.wrong(told),
            }
        }
        Ok(several.told(|all| all.join(", ")))
    }

    /// Whether each subscription is pushed to where its service is, with a token, and gives up some day.
    pub(super) async fn pushes(&self) -> Result<Finding, Finding> {
        let mut several = Several::default();
        for role in PUSHED {
            match self.subscription(role).await {
                Ok(told) => self.push(role, &told, &mut several),
                Err(told) => several.wrong(told),
            }
        }
        Ok(several.told(|all| all.join(", ")))
    }

    fn push(&self, role: &str, told: &Value, several: &mut Several) {
        let name = format!("{}-{role}", self.name);
        let fine = several.wrong.len();
        let wanted = self.topic_name(if role == "monitor" { "objects" } else { role });
        let topic = told["topic"].as_str().unwrap_or_default();
        if topic != wanted {
            several.failed(
                format!("{name} is on the topic {topic}, not on {wanted}"),
                APPLY,
            );
        }
        if let Some(state) = told["state"].as_str().filter(|state| *state != "ACTIVE") {
            several.failed(
                format!("{name} is {state}: Pub/Sub cannot push"),
                "look at its last errors in the console, then terraform apply",
            );
        }
        let push = &told["pushConfig"];
        let endpoint = push["pushEndpoint"].as_str().unwrap_or_default();
        let base = endpoint.strip_suffix("/push");
        match base {
            _ if endpoint.is_empty() => several.failed(format!("{name} is pushed nowhere"), APPLY),
            None => several.failed(
                format!("{name} is pushed to {endpoint}, and services take messages at /push"),
                APPLY,
            ),
            Some(_) => {}
        }
        // The emulator knows neither tokens nor how long a subscription lasts.
        if self.is_real() {
            let token = &push["oidcToken"];
            let audience = token["audience"].as_str();
            match (token["serviceAccountEmail"].as_str(), audience, base) {
                (None, ..) => several.failed(
                    format!(
                        "{name} is pushed without a token, and Cloud Run lets nobody in without one"
                    ),
                    APPLY,
                ),
                // Without one the whole address stands in the token.
                (Some(_), None, _) => several.failed(
                    format!("{name} names no audience, and the service takes its own address only"),
                    APPLY,
                ),
                (Some(_), Some(audience), Some(base)) if audience != base => several.failed(
                    format!("tokens of {name} are for {audience}, and it is pushed to {base}"),
                    APPLY,
                ),
                _ => {}
            }
            match told["expirationPolicy"]["ttl"].as_str() {
                Some(ttl) if !ttl.is_empty() => several.warning(
                    format!("{name} is removed when nothing comes for {ttl}"),
                    APPLY,
                ),
                None if told["expirationPolicy"].is_null() => several.warning(
                    format!("{name} is removed when nothing comes for 31 days"),
                    APPLY,
                ),
                _ => {}
            }
        }
        if !told["deadLetterPolicy"].is_object() {
            several.warning(
                format!(
                    "{name} has no dead-letter topic: what cannot be handled comes again and again"
                ),
                APPLY,
            );
        }
        if several.wrong.len() == fine {
            several.fine(format!("{name} to {endpoint}"));
        }
    }

    pub(super) async fn dead_letters(&self) -> Result<Finding, Finding> {
        let told = self.subscription("dead-letters").await.map_err(|told| {
            match told.state {
                // Nothing but the letters themselves depends on it.
                super::super::State::Failed => Finding::warning(told.found, APPLY),
                _ => told,
            }
        })?;
        let wanted = self.topic_name("dead-letters");
        match told["topic"].as_str() {
            Some(topic) if topic == wanted => Ok(Finding::ok(format!(
                "kept; `gcloud pubsub subscriptions pull {}-dead-letters --project={}` shows them",
                self.name, self.at.project
            ))),
            _ => Err(Finding::warning(
                format!("nobody keeps what comes to {wanted}"),
                APPLY,
            )),
        }
    }

    pub(super) async fn queue(&self) -> Result<Finding, Finding> {
        let (project, region) = (&self.at.project, self.region().await?);
        let path = format!(
            "/v2/projects/{project}/locations/{region}/queues/{}-wake",
            self.name
        );
        let what = format!("queue {}-wake", self.name);
        let host = "cloudtasks.googleapis.com";
        let told = self
            .found(host, &path, &what, "cloudtasks.queues.get")
            .await;
        let told = match told {
            Ok(told) => told,
            Err(told) => {
                let is_off = self.variable("dispatch", "ORK_WAKE_QUEUE").await;
                return Err(match is_off {
                    Ok(Some(off)) if off == "off" => {
                        Finding::skipped("off: what is due is found by the tick")
                    }
                    _ => told,
                });
            }
        };
        match told["state"].as_str() {
            Some("RUNNING") => Ok(Finding::ok(what)),
            state => Err(Finding::failed(
                format!(
                    "{what} is {}",
                    state.unwrap_or("in a state that is not told")
                ),
                format!(
                    "gcloud tasks queues resume {}-wake --location={region} --project={project}",
                    self.name
                ),
            )),
        }
    }

    pub(super) async fn scheduler(&self) -> Result<Finding, Finding> {
        let told = self.tick_job().await?;
        let (name, project, region) = (&self.name, &self.at.project, self.region().await?);
        let place = format!("{name}-tick --location={region} --project={project}");
        match told["state"].as_str() {
            Some("ENABLED") => {}
            state => {
                return Err(Finding::failed(
                    format!(
                        "the job is {}",
                        state.unwrap_or("in a state that is not told")
                    ),
                    format!("gcloud scheduler jobs resume {place}"),
                ));
            }
        }
        let target = &told["httpTarget"];
        let uri = target["uri"].as_str().unwrap_or_default();
        if !uri.ends_with("/tick") {
            return Err(Finding::failed(
                format!("it asks {uri}, not /tick of the service"),
                APPLY,
            ));
        }
        if target["oidcToken"]["serviceAccountEmail"]
            .as_str()
            .is_none()
        {
            return Err(Finding::failed(
                "it asks without a token, and Cloud Run lets nobody in without one",
                APPLY,
            ));
        }
        let at = told["lastAttemptTime"].as_str();
        let code = told["status"]["code"].as_i64().unwrap_or(0);
        if code != 0 {
            let said = told["status"]["message"]
                .as_str()
                .unwrap_or("without a word");
            return Err(Finding::failed(
                format!(
                    "its last attempt, at {}, failed with code {code}: {said}",
                    at.unwrap_or("an instant that is not told")
                ),
                format!(
                    "look at the log of {name}-tick, and try it: gcloud scheduler jobs run {place}"
                ),
            ));
        }
        let schedule = told["schedule"]
            .as_str()
            .unwrap_or("a schedule that is not told");
        match at {
            Some(at) => Ok(Finding::ok(format!("{schedule}, last at {at}"))),
            None => Err(Finding::warning(
                format!("{schedule}, and it has not run yet"),
                format!("gcloud scheduler jobs run {place}"),
            )),
        }
    }
}
