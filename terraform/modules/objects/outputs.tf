output "bucket" {
  value       = google_storage_bucket.objects.name
  description = "Name of the bucket."
}

output "settings" {
  value = {
    uniform  = google_storage_bucket.objects.uniform_bucket_level_access
    public   = google_storage_bucket.objects.public_access_prevention
    deletes  = flatten([for rule in google_storage_bucket.objects.lifecycle_rule : [for condition in rule.condition : condition.matches_prefix] if one(rule.action).type == "Delete"])
    prefixes = toset([for notice in google_storage_notification.notices : notice.object_name_prefix])
    events   = toset(flatten([for notice in google_storage_notification.notices : notice.event_types]))
    topics   = toset([for notice in google_storage_notification.notices : notice.topic])
  }
  description = "What protects the bucket and what it tells of, for tests and for looking at."
}

output "members" {
  value       = concat([for grant in google_storage_bucket_iam_member.grants : "${grant.role} ${grant.member}"], ["${google_pubsub_topic_iam_member.agent.role} ${google_pubsub_topic_iam_member.agent.member}"])
  description = "Roles that are given here, with who has them."
}
