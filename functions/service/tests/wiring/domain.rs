//! A name of one's own: it leads to the API, which believes the tokens and assertions that come that way, and nothing goes there unencrypted.

use serde_json::json;

use crate::deployment::Deployment;

/// What is wrong with it, where there is one.
pub(crate) fn check(deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    let all = |kind: &'static str| deployment.plan.all(kind);
    let programs = deployment.programs();
    let api = programs.iter().find(|one| one.role == "api");
    let told = |name: &str| {
        api.and_then(|api| api.env.get(name))
            .map_or("", String::as_str)
    };
    for one in all("google_compute_region_network_endpoint_group") {
        let leads_to = one.text("/cloud_run/0/service");
        if api.is_none_or(|api| api.resource.text("/name") != leads_to) {
            wrong.push(format!("{}: {leads_to} is not the API", one.address));
        }
        if api.is_some_and(|api| api.resource.text("/ingress") == "INGRESS_TRAFFIC_INTERNAL_ONLY") {
            wrong.push(format!(
                "{}: the API lets no load balancer through",
                one.address
            ));
        }
    }
    for one in all("google_compute_managed_ssl_certificate") {
        let domain = one.text("/managed/0/domains/0");
        let url = format!("https://{domain}");
        let audiences = told("ORK_AUTH_AUDIENCE");
        let by_token = ["iam", "verify"]
            .iter()
            .any(|way| told("ORK_AUTH").split(',').any(|one| one == *way));
        if by_token && !audiences.split(',').any(|one| one == url) {
            wrong.push(format!(
                "{}: tokens for {url} are refused: the API takes {audiences}",
                one.address
            ));
        }
        let custom = api.is_some_and(|api| {
            api.resource.values["custom_audiences"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(url)))
        });
        if !custom {
            wrong.push(format!(
                "{}: Cloud Run refuses tokens for {url}",
                one.address
            ));
        }
    }
    for one in all("google_compute_backend_service") {
        let asks = one.values["iap"][0]["enabled"] == true;
        let wanted = format!("/backendServices/{}", one.values["generated_id"]);
        let audience = told("ORK_IAP_AUDIENCE");
        if asks && !audience.ends_with(&wanted) {
            wrong.push(format!(
                "{}: assertions are for {wanted}, and the API takes {audience}",
                one.address
            ));
        }
        let members = all("google_iap_web_backend_service_iam_member").count();
        if asks && members == 0 {
            wrong.push(format!("{}: the proxy lets nobody through", one.address));
        }
    }
    for one in all("google_compute_target_http_proxy") {
        let map = one.text("/url_map").rsplit('/').next().unwrap_or_default();
        let leads = all("google_compute_url_map").find(|map_of| map_of.text("/name") == map);
        if leads.is_none_or(|map| map.values["default_url_redirect"][0]["https_redirect"] != true) {
            wrong.push(format!(
                "{}: what comes without encryption is not sent to https",
                one.address
            ));
        }
    }
    for one in all("google_compute_ssl_policy") {
        if one.text("/min_tls_version") != "TLS_1_2" {
            wrong.push(format!("{}: TLS before 1.2 is taken", one.address));
        }
    }
    wrong
}
