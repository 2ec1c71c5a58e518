output "queue" {
  value       = google_cloud_tasks_queue.wake.name
  description = "Name of the queue."
}

output "settings" {
  value = {
    schedule = google_cloud_scheduler_job.tick.schedule
    uri      = google_cloud_scheduler_job.tick.http_target[0].uri
    audience = google_cloud_scheduler_job.tick.http_target[0].oidc_token[0].audience
    email    = google_cloud_scheduler_job.tick.http_target[0].oidc_token[0].service_account_email
    retries  = google_cloud_scheduler_job.tick.retry_config[0].retry_count
  }
  description = "Who calls what, for tests and for looking at."
}

output "members" {
  value       = [for grant in google_cloud_tasks_queue_iam_member.grants : "${grant.role} ${grant.member}"]
  description = "Roles that are given here, with who has them."
}
