resource "google_cloud_run_v2_service" "service" {
  project             = var.project
  location            = var.region
  name                = var.name
  labels              = var.labels
  ingress             = var.ingress
  custom_audiences    = var.audiences
  deletion_protection = var.deletion_protection

  template {
    service_account                  = var.account
    timeout                          = "${var.timeout_seconds}s"
    max_instance_request_concurrency = var.concurrency
    encryption_key                   = var.kms_key
    labels                           = var.labels

    scaling {
      min_instance_count = 0
      max_instance_count = var.max_instances
    }

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
      args  = [var.role]

      resources {
        limits            = { cpu = var.cpu, memory = var.memory }
        cpu_idle          = !var.cpu_always
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 60
        http_get {
          path = "/healthz"
        }
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

  # Instances do not start while they may not read their secrets.
  depends_on = [google_secret_manager_secret_iam_member.secrets]
}

resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = toset(var.invokers)

  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.service.name
  role     = "roles/run.invoker"
  member   = each.key
}

resource "google_secret_manager_secret_iam_member" "secrets" {
  for_each = toset(values(var.secrets))

  project   = startswith(each.key, "projects/") ? split("/", each.key)[1] : var.project
  secret_id = startswith(each.key, "projects/") ? split("/", each.key)[3] : each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.account}"
}
