output "next" {
  value       = module.ork.next
  description = "What to do next."
}

output "bucket" {
  value       = module.ork.bucket
  description = "Bucket of workflows and runs."
}

output "api_url" {
  value       = module.ork.api_url
  description = "Where the API is."
}

output "client" {
  value       = module.ork.client
  description = "Names of the deployment, for the `ork` command."
}
