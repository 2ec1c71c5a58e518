# One deployment of Ork: what is called how is in wiring.tf, who may do what in access.tf, and the resources in modules/.

data "google_project" "this" {
  project_id = var.project
}

resource "google_project_service" "apis" {
  for_each = var.enable_apis ? toset(concat(
    [
      "cloudscheduler.googleapis.com",
      "cloudtasks.googleapis.com",
      "firestore.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
      "storage.googleapis.com",
    ],
    length(local.by_urls) > 0 ? ["iamcredentials.googleapis.com"] : [],
    var.artifact_registry ? ["artifactregistry.googleapis.com"] : [],
    length(local.all_secrets) > 0 ? ["secretmanager.googleapis.com"] : [],
    contains(var.api.auth, "iap") ? ["iap.googleapis.com"] : [],
    var.domain.name == null ? [] : ["compute.googleapis.com"],
    var.domain.dns_zone == null ? [] : ["dns.googleapis.com"],
    var.kms_key == null ? [] : ["cloudkms.googleapis.com"],
  )) : toset([])

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}

locals {
  all_secrets = concat(values(local.function_secrets), flatten([for worker in values(var.workers) : values(worker.secrets)]))

  ingress = {
    all           = "INGRESS_TRAFFIC_ALL"
    internal      = "INGRESS_TRAFFIC_INTERNAL_ONLY"
    load-balancer = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  }
  # A worker service without a network of the project calls dispatch from outside.
  calls_from_outside = length([for profile in local.chained : profile if var.workers[profile].vpc == null]) > 0
  service_ingress = {
    tick     = local.ingress[var.functions.ingress]
    dispatch = local.calls_from_outside ? local.ingress["all"] : local.ingress[var.functions.ingress]
    monitor  = local.ingress[var.functions.ingress]
    poll     = local.ingress[var.functions.ingress]
    api      = local.ingress[var.api.ingress]
  }
}

module "identity" {
  source = "./modules/identity"

  project  = var.project
  name     = var.name
  accounts = local.accounts
  grants   = local.account_grants
  roles    = merge([for project, roles in var.deferred : { for pair in setproduct(local.functions, roles) : "${pair[0]} ${project} ${pair[1]}" => { project = project, email = local.emails[pair[0]], role = pair[1] } }]...)
  kms_key  = var.kms_key
  kms_users = concat(
    [
      "service-${local.number}@gcp-sa-firestore.iam.gserviceaccount.com",
      "service-${local.number}@gs-project-accounts.iam.gserviceaccount.com",
      "service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com",
      "service-${local.number}@serverless-robot-prod.iam.gserviceaccount.com",
    ],
    var.artifact_registry ? ["service-${local.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"] : [],
  )

  depends_on = [google_project_service.apis]
}

module "state" {
  source = "./modules/state"

  project                = var.project
  database               = local.database
  location               = var.database.location == null ? var.region : var.database.location
  point_in_time_recovery = var.database.point_in_time_recovery
  backup_days            = var.database.backup_days
  deletion_protection    = var.deletion_protection
  kms_key                = var.kms_key
  grants                 = local.database_grants

  depends_on = [module.identity]
}

module "messages" {
  source = "./modules/messages"

  project       = var.project
  name          = var.name
  labels        = var.labels
  region        = var.region
  kms_key       = var.kms_key
  topics        = toset(keys(local.topics))
  pushes        = { for push, one in local.pushes : push => merge(one, { email = local.emails[one.account] }) }
  grants        = local.topic_grants
  pubsub_agent  = "serviceAccount:service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  others        = toset(var.outgoing.topics)
  others_emails = { for role in local.functions : role => local.emails[role] }

  depends_on = [module.identity]
}

module "objects" {
  source = "./modules/objects"

  project             = var.project
  bucket              = local.bucket
  location            = var.bucket.location == null ? var.region : var.bucket.location
  labels              = var.labels
  delete_runs_days    = var.bucket.delete_runs_days
  soft_delete_days    = var.bucket.soft_delete_days
  deletion_protection = var.deletion_protection
  kms_key             = var.kms_key
  topic               = module.messages.topics["objects"]
  grants              = local.object_grants

  depends_on = [module.identity]
}

module "service" {
  source   = "./modules/service"
  for_each = local.env

  project             = var.project
  region              = var.region
  name                = "${var.name}-${each.key}"
  role                = each.key
  image               = var.image
  labels              = var.labels
  account             = local.emails[each.key]
  env                 = each.value
  secrets             = each.key == "api" ? local.collector_secrets : local.function_secrets
  audiences           = each.key == "api" ? local.api_audiences : [local.urls[each.key]]
  invokers            = local.invokers[each.key]
  ingress             = local.service_ingress[each.key]
  cpu                 = var.functions.cpu
  memory              = var.functions.memory
  cpu_always          = false
  concurrency         = var.functions.concurrency
  max_instances       = each.key == "api" ? var.api.max_instances : var.functions.max_instances
  timeout_seconds     = local.timeout_seconds
  vpc                 = each.key == "api" ? null : var.functions.vpc
  deletion_protection = var.deletion_protection
  kms_key             = var.kms_key

  depends_on = [google_project_service.apis, module.identity, module.state, module.objects, module.messages]
}

module "worker" {
  source   = "./modules/worker"
  for_each = var.workers

  project             = var.project
  region              = var.region
  name                = "${var.name}-worker-${each.key}"
  kind                = each.value.kind
  image               = each.value.image != null ? each.value.image : var.worker_image
  labels              = var.labels
  account             = local.worker_emails[each.key]
  env                 = each.value.kind == "job" ? local.job_env[each.key] : local.lane_env[each.key]
  secrets             = merge(each.value.credentials == "account" ? local.collector_secrets : {}, each.value.secrets)
  cpu                 = each.value.cpu
  memory              = each.value.memory
  timeout_seconds     = each.value.kind == "job" ? each.value.timeout_seconds : local.worker_timeout_seconds
  concurrency         = each.value.concurrency
  max_instances       = each.value.max_instances
  cpu_always          = each.value.cpu_always
  vpc                 = each.value.vpc
  audiences           = each.value.kind == "job" ? [] : [local.worker_urls[each.key]]
  invokers            = each.value.kind == "job" ? [] : ["serviceAccount:${local.emails["pw-${each.key}"]}"]
  grants              = each.value.kind == "job" ? local.job_grants : {}
  deletion_protection = var.deletion_protection
  kms_key             = var.kms_key

  depends_on = [google_project_service.apis, module.identity, module.objects, module.messages]
}

module "domain" {
  source = "./modules/domain"
  count  = var.domain.name == null ? 0 : 1

  project         = var.project
  region          = var.region
  name            = var.name
  labels          = var.labels
  service         = "${var.name}-api"
  timeout_seconds = local.timeout_seconds
  domain          = var.domain.name
  dns_zone        = var.domain.dns_zone
  iap             = length(var.domain.iap) > 0
  members         = var.domain.iap

  depends_on = [google_project_service.apis]
}

module "schedule" {
  source = "./modules/schedule"

  project          = var.project
  region           = var.region
  name             = var.name
  schedule         = var.tick_schedule
  url              = local.tick_url
  audience         = local.urls["tick"]
  email            = local.emails["schedule"]
  deadline_seconds = local.timeout_seconds
  grants           = local.queue_grants

  depends_on = [google_project_service.apis, module.identity, module.service]
}

module "observability" {
  source = "./modules/observability"
  count  = var.alerts.enabled ? 1 : 0

  project              = var.project
  name                 = var.name
  labels               = var.labels
  services             = concat([for role in local.services : "${var.name}-${role}"], [for profile in keys(local.lanes) : "${var.name}-worker-${profile}"])
  jobs                 = [for profile in keys(local.jobs) : "${var.name}-worker-${profile}"]
  subscriptions        = [for push in keys(local.pushes) : "${var.name}-${push}"]
  channels             = var.alerts.channels
  oldest_wake_seconds  = var.alerts.oldest_wake_seconds
  tick_missing_seconds = var.alerts.tick_missing_seconds
  error_ratio          = var.alerts.error_ratio
  billed_hours_a_day   = var.alerts.billed_hours_a_day
  metrics              = var.telemetry.endpoint == null ? null : var.telemetry.metrics

  depends_on = [google_project_service.apis, module.service]
}

resource "google_artifact_registry_repository" "images" {
  count = var.artifact_registry ? 1 : 0

  project       = var.project
  location      = var.region
  repository_id = var.name
  format        = "DOCKER"
  description   = "Images of Ork and of its workers"
  kms_key_name  = var.kms_key
  labels        = var.labels

  depends_on = [google_project_service.apis, module.identity]
}
