# The one thing that happens by itself: everything else follows from it, or from somebody's request.
resource "google_cloud_scheduler_job" "tick" {
  project          = var.project
  region           = var.region
  name             = "${var.name}-tick"
  description      = "Ork: makes the runs that are due and looks at those that wait"
  schedule         = var.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "${var.deadline_seconds}s"

  # The next tick does what this one did not.
  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = var.url
    oidc_token {
      service_account_email = var.email
      audience              = var.audience
    }
  }
}

# Wakes before the next tick. The tasks bring their own address and identity. One that is not done in a few tries is the tick's.
resource "google_cloud_tasks_queue" "wake" {
  project  = var.project
  location = var.region
  name     = "${var.name}-wake"

  rate_limits {
    max_dispatches_per_second = 100
    max_concurrent_dispatches = 200
  }

  retry_config {
    max_attempts  = 3
    min_backoff   = "1s"
    max_backoff   = "30s"
    max_doublings = 4
  }
}

resource "google_cloud_tasks_queue_iam_member" "grants" {
  for_each = var.grants

  project  = var.project
  location = var.region
  name     = google_cloud_tasks_queue.wake.name
  role     = each.value.role
  member   = "serviceAccount:${each.value.email}"
}
