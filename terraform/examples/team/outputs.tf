output "next" {
  value       = module.ork.next
  description = "What to do next."
}

output "worker_accounts" {
  value       = module.ork.worker_accounts
  description = "Accounts of the workers, by profile."
}
