# What everything is called, where it is, and what each program is told. Locals only, made from variables, the project's number and the
# number of the load balancer's backend:
# functions/service/tests/wiring reads this file without Terraform and gives what comes of it to the programs' own readers.

locals {
  number   = data.google_project.this.number
  database = var.database.name == null ? "${var.name}-state" : var.database.name
  bucket   = var.bucket.name == null ? "${var.project}-${var.name}" : var.bucket.name

  # Functions that move runs forward, each a service of its own; and all services of the image.
  functions = ["tick", "dispatch", "monitor", "poll"]
  services  = concat(local.functions, ["api"])

  # --- Workers, by profile.

  jobs      = { for profile, worker in var.workers : profile => worker if worker.kind == "job" }
  lanes     = { for profile, worker in var.workers : profile => worker if worker.kind == "service" }
  by_urls   = [for profile, worker in var.workers : profile if worker.credentials == "none"]
  chained   = [for profile, worker in var.workers : profile if worker.chaining]
  job_names = { for profile in keys(local.jobs) : profile => "projects/${var.project}/locations/${var.region}/jobs/${var.name}-worker-${profile}" }

  # --- Service accounts: one for each service and worker, and one for each who calls a service.

  accounts = merge(
    { for role in local.services : role => "Ork: runs ${role}" },
    {
      schedule      = "Ork: Cloud Scheduler calls tick"
      push-dispatch = "Ork: Pub/Sub calls dispatch"
      push-monitor  = "Ork: Pub/Sub calls monitor"
      push-poll     = "Ork: Pub/Sub calls poll"
      wake          = "Ork: Cloud Tasks calls poll"
    },
    { for profile, worker in var.workers : "w-${profile}" => "Ork: runs worker ${profile}" if worker.service_account == null },
    { for profile in keys(local.lanes) : "pw-${profile}" => "Ork: Pub/Sub calls worker ${profile}" },
    length(local.by_urls) > 0 ? { sign = "Ork: URLs are signed in its name; nothing runs as it" } : {},
  )
  emails = { for account in keys(local.accounts) : account => "${var.name}-${account}@${var.project}.iam.gserviceaccount.com" }
  worker_emails = {
    for profile, worker in var.workers : profile => worker.service_account == null ? local.emails["w-${profile}"] : worker.service_account
  }

  # --- Addresses. Cloud Run makes this one for each service beside the older one with a hash, and it is known beforehand: a service is
  # told its own, as the audience its callers' tokens must have.

  urls        = { for role in local.services : role => "https://${var.name}-${role}-${local.number}.${var.region}.run.app" }
  worker_urls = { for profile in keys(local.lanes) : profile => "https://${var.name}-worker-${profile}-${local.number}.${var.region}.run.app" }

  # Addresses of the API that a token may be for. The proxy's assertions are for the place where it stands: a load balancer or Cloud Run.
  api_audiences = concat([local.urls["api"]], var.domain.name == null ? [] : ["https://${var.domain.name}"], var.api.audiences)
  iap_place     = length(var.domain.iap) > 0 ? "global/backendServices/${module.domain[0].backend}" : "locations/${var.region}/services/${var.name}-api"
  iap_audience  = var.api.iap_audience == null ? "/projects/${local.number}/${local.iap_place}" : var.api.iap_audience

  # --- Topics, and who is pushed to. The bucket's notices go to monitor.

  topics = merge(
    { for topic in ["dispatch", "poll", "objects", "dead-letters"] : topic => "projects/${var.project}/topics/${var.name}-${topic}" },
    { for profile in keys(local.lanes) : "worker-${profile}" => "projects/${var.project}/topics/${var.name}-worker-${profile}" },
  )
  worker_topics = { for profile in keys(local.lanes) : profile => local.topics["worker-${profile}"] }

  # Work ends after the deadline and a tenth of it; nobody may ask again before.
  timeout_seconds        = floor(var.functions.deadline_seconds * 11 / 10) + 5
  worker_seconds         = 600
  worker_timeout_seconds = floor(local.worker_seconds * 11 / 10)

  pushes = merge(
    {
      dispatch = { topic = "dispatch", url = local.urls["dispatch"], path = "/push", account = "push-dispatch", ack_seconds = local.timeout_seconds, attempts = 10 }
      monitor  = { topic = "objects", url = local.urls["monitor"], path = "/push", account = "push-monitor", ack_seconds = local.timeout_seconds, attempts = 10 }
      poll     = { topic = "poll", url = local.urls["poll"], path = "/push", account = "push-poll", ack_seconds = local.timeout_seconds, attempts = 10 }
    },
    {
      # A worker that is full says so, which counts as an attempt.
      for profile in keys(local.lanes) : "worker-${profile}" => {
        topic = "worker-${profile}", url = local.worker_urls[profile], path = "/push", account = "pw-${profile}", ack_seconds = local.worker_seconds, attempts = 100
      }
    },
  )
  subscriptions = { for push in keys(local.pushes) : push => "projects/${var.project}/subscriptions/${var.name}-${push}" }

  queue    = "projects/${var.project}/locations/${var.region}/queues/${var.name}-wake"
  tick_url = "${local.urls["tick"]}/tick"

  # Whom Cloud Run lets through to each service. IAP asks in the name of an account of its own.
  invokers = {
    tick     = ["serviceAccount:${local.emails["schedule"]}"]
    dispatch = concat(["serviceAccount:${local.emails["push-dispatch"]}"], [for profile in local.chained : "serviceAccount:${local.worker_emails[profile]}"])
    monitor  = ["serviceAccount:${local.emails["push-monitor"]}"]
    poll     = ["serviceAccount:${local.emails["push-poll"]}", "serviceAccount:${local.emails["wake"]}"]
    api      = concat(var.api.invokers, contains(var.api.auth, "iap") ? ["serviceAccount:service-${local.number}@gcp-sa-iap.iam.gserviceaccount.com"] : [])
  }

  # --- What each program is told.

  # Where traces and metrics go (docs/telemetry.md), for all of them. Workers without credentials cannot read a secret.
  told_of_collector = var.telemetry.endpoint == null ? {} : merge({ OTEL_EXPORTER_OTLP_ENDPOINT = var.telemetry.endpoint }, var.telemetry.settings)
  collector_secrets = var.telemetry.headers_secret == null ? {} : { OTEL_EXPORTER_OTLP_HEADERS = var.telemetry.headers_secret }

  told_to_all = merge(local.told_of_collector, {
    ORK_PROJECT        = var.project
    ORK_DATABASE       = local.database
    ORK_BUCKET         = local.bucket
    ORK_TOPIC_DISPATCH = local.topics["dispatch"]
    ORK_TOPIC_POLL     = local.topics["poll"]
    ORK_LOG            = var.functions.log
    # As many as Cloud Run sends: what waits here could be worked on elsewhere.
    ORK_CONCURRENCY      = tostring(var.functions.concurrency)
    ORK_DEADLINE_SECONDS = tostring(var.functions.deadline_seconds)
  })
  told_to_functions = merge(
    local.told_to_all,
    {
      ORK_REGION        = var.region
      ORK_AUTH          = "iam"
      ORK_WORKER_JOBS   = jsonencode(local.job_names)
      ORK_WAKE_QUEUE    = local.queue
      ORK_WAKE_URL      = "${local.urls["poll"]}/wake"
      ORK_WAKE_IDENTITY = local.emails["wake"]
    },
    length(local.lanes) > 0 ? { ORK_WORKER_SERVICES = jsonencode(local.worker_topics) } : {},
    length(local.by_urls) > 0 ? { ORK_WORKER_URLS = join(",", local.by_urls), ORK_SIGN_ACCOUNT = local.emails["sign"] } : {},
    length(var.outgoing.allow) > 0 ? { ORK_OUTGOING_ALLOW = join(", ", var.outgoing.allow) } : {},
    length(var.outgoing.trackers) > 0 ? { ORK_TRACKERS = jsonencode(var.outgoing.trackers) } : {},
    length(var.outgoing.secrets) > 0 ? { ORK_HTTP_SECRETS = join(", ", keys(var.outgoing.secrets)) } : {},
    var.outgoing.smtp == null ? {} : { ORK_SMTP_FROM = var.outgoing.smtp.from },
  )

  env = {
    tick = merge(
      local.told_to_functions,
      { ORK_AUTH_AUDIENCE = local.urls["tick"], ORK_AUTH_EMAIL = local.emails["schedule"] },
      lookup(var.settings, "tick", {}),
    )
    dispatch = merge(
      local.told_to_functions,
      { ORK_AUTH_AUDIENCE = local.urls["dispatch"], ORK_AUTH_EMAIL = local.emails["push-dispatch"], ORK_SUBSCRIPTION = local.subscriptions["dispatch"] },
      length(local.chained) > 0 ? { ORK_CHAIN_IDENTITY = local.worker_emails[local.chained[0]] } : {},
      lookup(var.settings, "dispatch", {}),
    )
    monitor = merge(
      local.told_to_functions,
      { ORK_AUTH_AUDIENCE = local.urls["monitor"], ORK_AUTH_EMAIL = local.emails["push-monitor"], ORK_SUBSCRIPTION = local.subscriptions["monitor"] },
      lookup(var.settings, "monitor", {}),
    )
    poll = merge(
      local.told_to_functions,
      { ORK_AUTH_AUDIENCE = local.urls["poll"], ORK_AUTH_EMAIL = local.emails["push-poll"], ORK_SUBSCRIPTION = local.subscriptions["poll"] },
      lookup(var.settings, "poll", {}),
    )
    api = merge(
      local.told_to_all,
      { ORK_AUTH = join(",", var.api.auth), ORK_RATE = var.api.rate },
      contains(var.api.auth, "iam") || contains(var.api.auth, "verify") ? { ORK_AUTH_AUDIENCE = join(",", local.api_audiences) } : {},
      contains(var.api.auth, "iap") ? { ORK_IAP_AUDIENCE = local.iap_audience } : {},
      length(var.api.roles) > 0 ? { ORK_ROLES = jsonencode(var.api.roles) } : {},
      lookup(var.settings, "api", {}),
    )
  }

  # Secrets of the functions, by variable. The API makes no requests of workflows and gets none of theirs.
  function_secrets = merge(
    local.collector_secrets,
    var.outgoing.secrets,
    var.outgoing.smtp == null ? {} : { ORK_SMTP_URL = var.outgoing.smtp.url_secret },
  )

  # A job is told the rest with each execution; without credentials it needs to know neither project nor bucket.
  job_env = {
    for profile, worker in local.jobs : profile => merge(
      local.told_of_collector,
      { ORK_LOG = var.functions.log },
      worker.credentials == "account" ? { ORK_PROJECT = var.project, ORK_BUCKET = local.bucket } : {},
      worker.env,
    )
  }
  lane_env = {
    for profile, worker in local.lanes : profile => merge(
      local.told_of_collector,
      {
        ORK_PROJECT          = var.project
        ORK_BUCKET           = local.bucket
        ORK_LOG              = var.functions.log
        ORK_AUTH             = "iam"
        ORK_AUTH_AUDIENCE    = local.worker_urls[profile]
        ORK_AUTH_EMAIL       = local.emails["pw-${profile}"]
        ORK_SUBSCRIPTION     = local.subscriptions["worker-${profile}"]
        ORK_CONCURRENCY      = tostring(worker.concurrency)
        ORK_DEADLINE_SECONDS = tostring(local.worker_seconds)
      },
      worker.chaining ? { ORK_CHAIN_URL = "${local.urls["dispatch"]}/finished" } : {},
      worker.env,
    )
  }
}
