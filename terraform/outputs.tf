output "bucket" {
  value       = local.bucket
  description = "Bucket of workflows and runs."
}

output "database" {
  value       = local.database
  description = "Firestore database of the state."
}

output "api_url" {
  value       = local.urls["api"]
  description = "Where the HTTP API and its pages are."
}

output "address" {
  value       = var.domain.name == null ? null : module.domain[0].address
  description = "Address that the name of `domain` has to lead to; written into its zone, if one was named."
}

output "urls" {
  value       = merge(local.urls, { for profile, url in local.worker_urls : "worker-${profile}" => url })
  description = "Addresses of all services, by role; they are the audiences of tokens, too."
}

output "service_accounts" {
  value       = local.emails
  description = "Service accounts that were made, by what they are for."
}

output "worker_accounts" {
  value       = local.worker_emails
  description = "Service accounts of the workers, by profile: give them the roles that the tasks need."
}

output "topics" {
  value       = local.topics
  description = "Topics, by what they are for."
}

output "queue" {
  value       = local.queue
  description = "Cloud Tasks queue of wakes."
}

output "client" {
  value = {
    ORK_PROJECT        = var.project
    ORK_DATABASE       = local.database
    ORK_BUCKET         = local.bucket
    ORK_TOPIC_DISPATCH = local.topics["dispatch"]
    ORK_TOPIC_POLL     = local.topics["poll"]
  }
  description = "What `ork --project` needs to know, as variables."
}

output "images" {
  value       = var.artifact_registry ? "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images[0].repository_id}" : null
  description = "Repository of images, if one was made."
}

output "next" {
  value       = <<-EOT
    export ORK_PROJECT=${var.project} ORK_BUCKET=${local.bucket} ORK_DATABASE=${local.database}
    export ORK_TOPIC_DISPATCH=${local.topics["dispatch"]} ORK_TOPIC_POLL=${local.topics["poll"]}
    ork workflow deploy examples/quickstart      # or: gcloud storage cp workflow.yaml gs://${local.bucket}/workflows/NAME/workflow.yaml
    ork run start quickstart --wait

    The API and its pages:        ${local.urls["api"]}
    A tick now:                   gcloud scheduler jobs run ${var.name}-tick --location=${var.region} --project=${var.project}
    What tasks need is given to:  ${join(", ", values(local.worker_emails))}
  EOT
  description = "What to do next."
}

output "members" {
  value = sort(concat(
    module.identity.members,
    module.state.members,
    module.objects.members,
    module.messages.members,
    module.schedule.members,
    flatten([for domain in module.domain : domain.members]),
    flatten([for service in module.service : service.members]),
    flatten([for worker in module.worker : worker.members]),
  ))
  description = "Every role that is given, with who has it: what to read before an apply."
}
