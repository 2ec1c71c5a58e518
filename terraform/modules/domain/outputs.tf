output "address" {
  value       = google_compute_global_address.api.address
  description = "Address that the name has to lead to."
}

output "backend" {
  value       = google_compute_backend_service.api.generated_id
  description = "Number of the backend service: audience of the proxy's assertions."
}

output "settings" {
  value = {
    service  = google_compute_region_network_endpoint_group.api.cloud_run[0].service
    domains  = google_compute_managed_ssl_certificate.api.managed[0].domains
    iap      = length(google_compute_backend_service.api.iap) > 0
    redirect = google_compute_url_map.http.default_url_redirect[0].https_redirect
    tls      = google_compute_ssl_policy.api.min_tls_version
  }
  description = "Where the name leads, for tests and for looking at."
}

output "members" {
  value       = [for member in google_iap_web_backend_service_iam_member.members : "${member.role} ${member.member}"]
  description = "Roles that are given here, with who has them."
}
