//! Who asks, and which of Google's APIs are enabled.

use std::rc::Rc;

use ork_core::Value;

use super::{Finding, Heard, MAY_NOT, NO_STAND_IN, Project, Seen, standing};
use crate::workflow_file::{count, shown};

/// The APIs that every deployment needs; a test compares them with terraform.
const APIS: [&str; 9] = [
    "cloudscheduler.googleapis.com",
    "cloudtasks.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "storage.googleapis.com",
];
/// What one needs for workers without credentials.
const SIGNING: &str = "iamcredentials.googleapis.com";

const LOGIN: &str =
    "gcloud auth application-default login; in a build set GOOGLE_APPLICATION_CREDENTIALS";

impl Project {
    /// Whether there is a token, and whose it is.
    pub(super) async fn credentials(&self) -> Result<Finding, Finding> {
        let google = match &self.google {
            Ok(google) => google,
            Err(why) => return Err(Finding::failed(why.as_str(), LOGIN)),
        };
        if !google.is_real() {
            return Ok(Finding::skipped("stand-ins are asked, which want none"));
        }
        if let Err(why) = google.token().await {
            return Err(Finding::failed(format!("there is no token: {why}"), LOGIN));
        }
        Ok(Finding::ok(self.whose()))
    }

    /// Whose credentials they are, as far as a file tells. Nothing secret of it is told.
    fn whose(&self) -> String {
        let read = self.credentials.as_ref().and_then(|file| {
            let bytes = std::fs::read(file).ok()?;
            let told: Value = serde_json::from_slice(&bytes).ok()?;
            Some((file, told))
        });
        let Some((file, told)) = read else {
            return "of the machine that this is, from its metadata server".to_owned();
        };
        let file = shown(file);
        match (told["type"].as_str(), told["client_email"].as_str()) {
            (_, Some(email)) => format!("{email}, from {file}"),
            (Some("authorized_user"), None) => format!("a user's, from {file}"),
            (Some(kind), None) => format!("of kind {kind}, from {file}"),
            (None, None) => format!("from {file}"),
        }
    }

    async fn enabled(&self) -> Rc<Heard> {
        let project = &self.at.project;
        let all = APIS.iter().chain([&SIGNING]);
        let names: Vec<String> = all
            .map(|api| format!("names=projects/{project}/services/{api}"))
            .collect();
        let path = format!(
            "/v1/projects/{project}/services:batchGet?{}",
            names.join("&")
        );
        self.look("serviceusage.googleapis.com", &path).await
    }

    pub(super) async fn clock(&self) -> Result<Finding, Finding> {
        let heard = self.enabled().await;
        let Heard {
            looked,
            before,
            after,
        } = &*heard;
        match (&looked.seen, looked.status) {
            (Seen::NoStandIn, _) => Err(Finding::skipped(NO_STAND_IN)),
            (seen, None) => {
                let told = self.value(seen, "Google's clock", "any").err();
                Err(told.unwrap_or_else(|| Finding::skipped(NO_STAND_IN)))
            }
            (_, Some(_)) => Ok(standing::clocks(looked.date.as_deref(), *before, *after)),
        }
    }

    pub(super) async fn apis(&self) -> Result<Finding, Finding> {
        let heard = self.enabled().await;
        let what = "which APIs are enabled";
        let told = self.value(&heard.looked.seen, what, "serviceusage.services.get");
        let told = told.map_err(|told| match heard.looked.seen {
            Seen::Absent => Finding::failed(
                format!(
                    "there is no project {}, or you may not know of it",
                    self.at.project
                ),
                MAY_NOT,
            ),
            _ => told,
        })?;
        let signs = self.variable("dispatch", "ORK_SIGN_ACCOUNT").await;
        let signs = matches!(signs, Ok(Some(_)));
        let needed: Vec<&str> = APIS.into_iter().chain(signs.then_some(SIGNING)).collect();
        let is_on = |api: &str| {
            let all = told["services"].as_array().into_iter().flatten();
            let mut those = all.filter(|one| {
                let name = one["name"].as_str().unwrap_or_default();
                name.rsplit('/').next() == Some(api)
            });
            those.any(|one| one["state"] == "ENABLED")
        };
        let off: Vec<&str> = needed.iter().copied().filter(|api| !is_on(api)).collect();
        if off.is_empty() {
            return Ok(Finding::ok(format!(
                "{} enabled",
                count(needed.len(), "API")
            )));
        }
        Err(Finding::failed(
            format!("not enabled: {}", off.join(", ")),
            format!(
                "gcloud services enable {} --project={}",
                off.join(" "),
                self.at.project
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apis_are_those_that_terraform_enables() {
        let text = include_str!("../../../../../terraform/main.tf");
        let list = text.split("toset(concat(\n    [").nth(1).expect("a list");
        let list = list.split(']').next().expect("its end");
        let names: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(names, APIS);
        assert!(text.contains(SIGNING));
    }
}
