resource "google_cloud_run_v2_job" "job" {
  count = var.kind == "job" ? 1 : 0

  project             = var.project
  location            = var.region
  name                = var.name
  labels              = var.labels
  deletion_protection = var.deletion_protection

  template {
    labels = var.labels

    template {
      service_account = var.account
      timeout         = "${var.timeout_seconds}s"
      encryption_key  = var.kms_key
      # The engine decides what is tried again.
      max_retries = 0

      dynamic "vpc_access" {
        for_each = var.vpc == null ? [] : [var.vpc]
        content {
          egress = vpc_access.value.egress
          network_interfaces {
            network    = vpc_access.value.network
            subnetwork = vpc_access.value.subnetwork
            tags       = vpc_access.value.tags
          }
        }
      }

      containers {
        image = var.image
        args  = ["worker"]

        resources {
          limits = { cpu = var.cpu, memory = var.memory }
        }

        dynamic "env" {
          for_each = var.env
          content {
            name  = env.key
            value = env.value
          }
        }
        dynamic "env" {
          for_each = var.secrets
          content {
            name = env.key
            value_source {
              secret_key_ref {
                secret  = env.value
                version = "latest"
              }
            }
          }
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.secrets]
}

resource "google_cloud_run_v2_job_iam_member" "grants" {
  for_each = var.kind == "job" ? var.grants : {}

  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_job.job[0].name
  role     = each.value.role
  member   = "serviceAccount:${each.value.email}"
}

resource "google_secret_manager_secret_iam_member" "secrets" {
  for_each = var.kind == "job" ? toset(values(var.secrets)) : toset([])

  project   = startswith(each.key, "projects/") ? split("/", each.key)[1] : var.project
  secret_id = startswith(each.key, "projects/") ? split("/", each.key)[3] : each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.account}"
}

module "service" {
  source = "../service"
  count  = var.kind == "service" ? 1 : 0

  project             = var.project
  region              = var.region
  name                = var.name
  role                = "worker-service"
  image               = var.image
  labels              = var.labels
  account             = var.account
  env                 = var.env
  secrets             = var.secrets
  audiences           = var.audiences
  invokers            = var.invokers
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  cpu                 = var.cpu
  memory              = var.memory
  cpu_always          = var.cpu_always
  concurrency         = var.concurrency
  max_instances       = var.max_instances
  timeout_seconds     = var.timeout_seconds
  vpc                 = var.vpc
  deletion_protection = var.deletion_protection
  kms_key             = var.kms_key
}
