# A team: a warm worker service for short tasks, a job for long ones, and a job without any credentials for code that nobody has read.
# Alerts go by e-mail, removed documents and objects can be brought back.

provider "google" {
  project = var.project
  region  = var.region
}

resource "google_monitoring_notification_channel" "team" {
  display_name = "Ork's team"
  type         = "email"
  labels       = { email_address = var.mailbox }
}

module "ork" {
  source = "../.."

  project           = var.project
  region            = var.region
  image             = var.image
  worker_image      = var.worker_image
  artifact_registry = true
  labels            = { team = "data" }

  workers = {
    # Tasks that name no profile.
    default = {
      cpu     = "2"
      memory  = "4Gi"
      secrets = { WAREHOUSE_PASSWORD = "warehouse-password" }
    }
    # worker: fast, for tasks of seconds.
    fast = {
      kind          = "service"
      concurrency   = 8
      max_instances = 10
      chaining      = true
    }
    # worker: closed, for what may reach nothing: its account has no role, and everything goes by signed URLs.
    closed = {
      credentials = "none"
    }
  }

  api = {
    auth = ["iam", "keys"]
    roles = {
      admin    = var.admins
      operator = ["@${var.organisation}"]
    }
    invokers = ["domain:${var.organisation}"]
  }

  database = { backup_days = 14 }
  bucket   = { delete_runs_days = 400, soft_delete_days = 7 }

  # Tasks hand over to BigQuery.
  deferred = { (var.project) = ["roles/bigquery.admin"] }

  outgoing = {
    secrets = { SLACK_URL = "slack-url" }
  }
  alerts = {
    channels           = [google_monitoring_notification_channel.team.name]
    billed_hours_a_day = 48
  }
}

# What the tasks use.
resource "google_project_iam_member" "workers" {
  for_each = toset(["default", "fast"])

  project = var.project
  role    = "roles/bigquery.dataEditor"
  member  = "serviceAccount:${module.ork.worker_accounts[each.key]}"
}
