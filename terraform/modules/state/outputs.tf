output "database" {
  value       = google_firestore_database.state.name
  description = "Name of the database."
}

output "settings" {
  value = {
    type       = google_firestore_database.state.type
    recovery   = google_firestore_database.state.point_in_time_recovery_enablement
    protection = google_firestore_database.state.delete_protection_state
    indexes    = toset(keys(google_firestore_index.composites))
    fields     = toset(keys(google_firestore_field.fields))
    ttl        = [for field in google_firestore_field.fields : field.field if length(field.ttl_config) > 0]
    conditions = toset([for grant in google_project_iam_member.users : grant.condition[0].expression])
  }
  description = "How the database is kept, for tests and for looking at."
}

output "members" {
  value       = [for grant in google_project_iam_member.users : "${grant.role} ${grant.member}"]
  description = "Roles that are given here, with who has them."
}
