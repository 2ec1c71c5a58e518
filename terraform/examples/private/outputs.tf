output "next" {
  value       = module.ork.next
  description = "What to do next."
}

output "api_url" {
  value       = module.ork.api_url
  description = "Where the API is, from within the network."
}
