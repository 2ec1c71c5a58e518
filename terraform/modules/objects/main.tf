data "google_storage_project_service_account" "agent" {
  project = var.project
}

resource "google_storage_bucket" "objects" {
  project                     = var.project
  name                        = var.bucket
  location                    = var.location
  labels                      = var.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  # Uploads that were broken off are paid for and of no use.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  # What workers write after their run was removed; workflows/ is what runs are pinned to and never goes by itself.
  dynamic "lifecycle_rule" {
    for_each = var.delete_runs_days == null ? [] : [var.delete_runs_days]
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["runs/"]
      }
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key == null ? [] : [var.kms_key]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

resource "google_storage_bucket_iam_member" "grants" {
  for_each = var.grants

  bucket = google_storage_bucket.objects.name
  role   = each.value.role
  member = "serviceAccount:${each.value.email}"

  dynamic "condition" {
    for_each = each.value.prefix == "" ? [] : [each.value.prefix]
    content {
      title      = "${trimsuffix(condition.value, "/")} only"
      expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${condition.value}\")"
    }
  }
}

resource "google_pubsub_topic_iam_member" "agent" {
  project = var.project
  topic   = var.topic
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${data.google_storage_project_service_account.agent.email_address}"
}

# Everything that monitor looks at begins so; which of it matters it knows by the name. All it reads is in the attributes.
resource "google_storage_notification" "notices" {
  for_each = toset(["runs/", "workflows/"])

  bucket             = google_storage_bucket.objects.name
  topic              = var.topic
  object_name_prefix = each.key
  event_types        = ["OBJECT_FINALIZE"]
  payload_format     = "NONE"

  depends_on = [google_pubsub_topic_iam_member.agent]
}
