locals {
  # Made from the code's own list (shared/gcp/src/firestore/indexes.rs); a test compares.
  declared = jsondecode(file("${path.module}/indexes.json"))
  composites = {
    for index in local.declared.indexes : "${index.collectionGroup} ${join(" ", [for field in index.fields : field.fieldPath])}" => index
  }
  fields = { for field in local.declared.fieldOverrides : "${field.collectionGroup} ${field.fieldPath}" => field }
}

resource "google_firestore_database" "state" {
  project                           = var.project
  name                              = var.database
  location_id                       = var.location
  type                              = "FIRESTORE_NATIVE"
  app_engine_integration_mode       = "DISABLED"
  point_in_time_recovery_enablement = var.point_in_time_recovery ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.deletion_protection ? "ABANDON" : "DELETE"

  dynamic "cmek_config" {
    for_each = var.kms_key == null ? [] : [var.kms_key]
    content {
      kms_key_name = cmek_config.value
    }
  }
}

resource "google_firestore_index" "composites" {
  for_each = local.composites

  project     = var.project
  database    = google_firestore_database.state.name
  collection  = each.value.collectionGroup
  query_scope = each.value.queryScope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = fields.value.fieldPath
      order      = fields.value.order
    }
  }
}

# Fields with fewer indexes of their own than Firestore would make. None has a TTL: Ork writes no field for one (docs/retention.md).
resource "google_firestore_field" "fields" {
  for_each = local.fields

  project    = var.project
  database   = google_firestore_database.state.name
  collection = each.value.collectionGroup
  field      = each.value.fieldPath

  index_config {
    dynamic "indexes" {
      for_each = each.value.indexes
      content {
        order       = indexes.value.order
        query_scope = indexes.value.queryScope
      }
    }
  }
}

resource "google_firestore_backup_schedule" "daily" {
  count = var.backup_days > 0 ? 1 : 0

  project   = var.project
  database  = google_firestore_database.state.name
  retention = "${var.backup_days * 86400}s"

  daily_recurrence {}
}

# Roles on databases are given in the project; the condition makes them those of this one.
resource "google_project_iam_member" "users" {
  for_each = var.grants

  project = var.project
  role    = each.value.role
  member  = "serviceAccount:${each.value.email}"

  condition {
    title       = "database ${var.database} only"
    description = "Ork's state and nothing else"
    expression  = "resource.type == \"firestore.googleapis.com/Database\" && resource.name == \"projects/${var.project}/databases/${var.database}\""
  }
}
