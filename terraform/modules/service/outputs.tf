output "name" {
  value       = google_cloud_run_v2_service.service.name
  description = "Name of the service."
}

output "settings" {
  value = {
    account     = google_cloud_run_v2_service.service.template[0].service_account
    audiences   = google_cloud_run_v2_service.service.custom_audiences
    ingress     = google_cloud_run_v2_service.service.ingress
    args        = google_cloud_run_v2_service.service.template[0].containers[0].args
    concurrency = google_cloud_run_v2_service.service.template[0].max_instance_request_concurrency
    timeout     = google_cloud_run_v2_service.service.template[0].timeout
    least       = google_cloud_run_v2_service.service.template[0].scaling[0].min_instance_count
    env         = { for variable in google_cloud_run_v2_service.service.template[0].containers[0].env : variable.name => variable.value }
    kms_key     = google_cloud_run_v2_service.service.template[0].encryption_key
  }
  description = "How it runs, for tests and for looking at."
}

output "members" {
  value       = concat([for grant in google_cloud_run_v2_service_iam_member.invokers : "${grant.role} ${grant.member}"], [for grant in google_secret_manager_secret_iam_member.secrets : "${grant.role} ${grant.member}"])
  description = "Roles that are given here, with who has them."
}
