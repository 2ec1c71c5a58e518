//! The OpenAPI document, made from the routes.

use std::collections::BTreeMap;

use utoipa::OpenApi;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::Ref;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{RefOr, Required, Response, ResponseBuilder, Schema};

use crate::access::table::{self, Need};
use crate::routes::{
    audit, backfill, commands, events, health, keys, logs, me, notices, runs, system, tasks,
    uploads, workflows,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ork",
        description = "Workflows and their runs. Every answer that is no success is a problem document (RFC 9457). Documents may gain fields."
    ),
    paths(
        health::health,
        health::openapi,
        me::me,
        system::system,
        audit::list,
        keys::list,
        keys::create,
        keys::revoke,
        workflows::list,
        workflows::show,
        workflows::delete,
        workflows::schedule,
        workflows::versions,
        workflows::definition,
        uploads::upload,
        uploads::status,
        runs::start,
        backfill::backfill,
        runs::list,
        runs::show,
        runs::state,
        runs::explain,
        runs::cost,
        commands::cancel,
        commands::pause,
        commands::resume,
        commands::retry,
        commands::recover,
        notices::list,
        notices::resend_all,
        notices::resend,
        events::follow,
        tasks::list,
        tasks::show,
        tasks::output,
        logs::read,
        commands::pause_task,
        commands::resume_task,
        commands::retry_task,
        commands::mark_success,
    )
)]
struct Document;

/// Ways to say who one is, by name: an API key, an identity token of Google, and what Identity-Aware Proxy adds by itself.
fn schemes() -> [(&'static str, SecurityScheme); 3] {
    let bearer = |format: &str, text: &str| {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.bearer_format = Some(format.to_owned());
        http.description = Some(text.to_owned());
        SecurityScheme::Http(http)
    };
    let iap = ApiKeyValue::with_description(
        "x-goog-iap-jwt-assertion",
        "Added by Identity-Aware Proxy; changes have to come from a page of the same origin",
    );
    [
        ("key", bearer("ork_<id>_<secret>", "An API key of Ork's")),
        ("google", bearer("JWT", "An identity token of Google")),
        ("iap", SecurityScheme::ApiKey(ApiKey::Header(iap))),
    ]
}

/// What every operation answers to whoever may not use it, or not now.
fn refusals(operation: &mut Operation, need: Need) {
    let problem = |text: &str| -> Response {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        ResponseBuilder::new()
            .description(text)
            .content("application/problem+json", content)
            .build()
    };
    let known = &mut operation.responses.responses;
    let mut add = |status: &str, text: &str| {
        known
            .entry(status.to_owned())
            .or_insert_with(|| problem(text).into());
    };
    add(
        "403",
        "whoever asks may not do this, or it is not known to come from here",
    );
    if let Need::Role(_) = need {
        add("401", "it is not known who asks");
        add(
            "429",
            "whoever asks does so too often; `Retry-After` says when to try again",
        );
    }
    add("default", "any other trouble");
}

/// Adds who may use an operation.
fn guard(operation: &mut Operation, need: Need) {
    refusals(operation, need);
    let (word, security) = match need {
        Need::Anyone => ("anyone", vec![SecurityRequirement::default()]),
        Need::Role(role) => {
            let by = |(name, _): &(&str, SecurityScheme)| {
                SecurityRequirement::new(*name, [role.as_str()])
            };
            // On a loopback address there is nothing to show.
            let nothing = SecurityRequirement::default();
            let shown = schemes().iter().map(by).chain([nothing]).collect();
            (role.as_str(), shown)
        }
    };
    operation.security = Some(security);
    let role = ExtensionsBuilder::new().add("x-ork-role", word).build();
    operation.extensions.get_or_insert_default().merge(role);
}

/// Whether a body may be left out: none at all is an empty object, which is enough where the request asks for nothing.
fn may_lack_its_body(body: &RequestBody, known: &BTreeMap<String, RefOr<Schema>>) -> bool {
    let Some(RefOr::T(content)) = body.content.get("application/json") else {
        return false;
    };
    let Some(RefOr::Ref(named)) = &content.schema else {
        return false;
    };
    let name = named.ref_location.rsplit('/').next().unwrap_or_default();
    matches!(known.get(name), Some(RefOr::T(Schema::Object(one))) if one.required.is_empty())
}

fn operations(item: &mut PathItem) -> [(&'static str, &mut Option<Operation>); 5] {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ]
}

/// The document as JSON text, two spaces a level.
pub fn document() -> String {
    let mut document = Document::openapi();
    let known = document.components.get_or_insert_default().schemas.clone();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            if let Some(operation) = operation
                && let Some(RefOr::T(body)) = &mut operation.request_body
                && may_lack_its_body(body, &known)
            {
                body.required = Some(Required::False);
            }
            let listed = |route: &&table::Route| (route.method, route.path) == (method, path);
            if let Some(operation) = operation
                && let Some(route) = table::ROUTES.iter().find(listed)
            {
                guard(operation, route.need);
            }
        }
    }
    let components = document.components.get_or_insert_default();
    for (name, scheme) in schemes() {
        components.add_security_scheme(name, scheme);
    }
    document
        .to_pretty_json()
        .expect("a document of fixed parts can be written")
}
