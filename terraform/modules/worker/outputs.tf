output "name" {
  value       = var.name
  description = "Name of the job or service."
}

output "settings" {
  value = {
    account     = var.kind == "job" ? google_cloud_run_v2_job.job[0].template[0].template[0].service_account : module.service[0].settings.account
    args        = var.kind == "job" ? google_cloud_run_v2_job.job[0].template[0].template[0].containers[0].args : module.service[0].settings.args
    max_retries = var.kind == "job" ? google_cloud_run_v2_job.job[0].template[0].template[0].max_retries : null
    timeout     = var.kind == "job" ? google_cloud_run_v2_job.job[0].template[0].template[0].timeout : module.service[0].settings.timeout
    env         = var.kind == "job" ? { for variable in google_cloud_run_v2_job.job[0].template[0].template[0].containers[0].env : variable.name => variable.value } : module.service[0].settings.env
    audiences   = var.kind == "job" ? [] : module.service[0].settings.audiences
    concurrency = var.kind == "job" ? null : module.service[0].settings.concurrency
  }
  description = "How it runs, for tests and for looking at."
}

output "members" {
  value = concat(
    [for grant in google_cloud_run_v2_job_iam_member.grants : "${grant.role} ${grant.member}"],
    [for grant in google_secret_manager_secret_iam_member.secrets : "${grant.role} ${grant.member}"],
    flatten(module.service[*].members),
  )
  description = "Roles that are given here, with who has them."
}
