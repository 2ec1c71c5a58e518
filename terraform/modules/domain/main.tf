# The API under a name of one's own: a load balancer for https, which sends http there, and who is let through by Identity-Aware Proxy.

resource "google_compute_global_address" "api" {
  project = var.project
  name    = "${var.name}-api"
}

resource "google_compute_region_network_endpoint_group" "api" {
  project               = var.project
  region                = var.region
  name                  = "${var.name}-api"
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = var.service
  }
}

# The proxy brings a client of Google's own; where an organisation asks for another one, it is set in the console.
resource "google_compute_backend_service" "api" {
  project               = var.project
  name                  = "${var.name}-api"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  # Answers with events last as long as the service lets them.
  timeout_sec = var.timeout_seconds

  backend {
    group = google_compute_region_network_endpoint_group.api.id
  }

  dynamic "iap" {
    for_each = var.iap ? [true] : []
    content {
      enabled = true
    }
  }

  log_config {
    enable = false
  }
}

resource "google_compute_managed_ssl_certificate" "api" {
  project = var.project
  name    = "${var.name}-api"

  managed {
    domains = [var.domain]
  }
}

resource "google_compute_ssl_policy" "api" {
  project         = var.project
  name            = "${var.name}-api"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_url_map" "https" {
  project         = var.project
  name            = "${var.name}-api"
  default_service = google_compute_backend_service.api.id
}

resource "google_compute_target_https_proxy" "api" {
  project          = var.project
  name             = "${var.name}-api"
  url_map          = google_compute_url_map.https.id
  ssl_certificates = [google_compute_managed_ssl_certificate.api.id]
  ssl_policy       = google_compute_ssl_policy.api.id
}

resource "google_compute_global_forwarding_rule" "https" {
  project               = var.project
  name                  = "${var.name}-api-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.api.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.api.id
  labels                = var.labels
}

resource "google_compute_url_map" "http" {
  project = var.project
  name    = "${var.name}-api-http"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "MOVED_PERMANENTLY_DEFAULT"
    strip_query            = false
  }
}

resource "google_compute_target_http_proxy" "api" {
  project = var.project
  name    = "${var.name}-api"
  url_map = google_compute_url_map.http.id
}

resource "google_compute_global_forwarding_rule" "http" {
  project               = var.project
  name                  = "${var.name}-api-http"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.api.id
  port_range            = "80"
  target                = google_compute_target_http_proxy.api.id
  labels                = var.labels
}

resource "google_dns_record_set" "api" {
  for_each = var.dns_zone == null ? toset([]) : toset([var.dns_zone])

  project      = var.project
  managed_zone = each.key
  name         = "${var.domain}."
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_global_address.api.address]
}

resource "google_iap_web_backend_service_iam_member" "members" {
  for_each = toset(var.members)

  project             = var.project
  web_backend_service = google_compute_backend_service.api.name
  role                = "roles/iap.httpsResourceAccessor"
  member              = each.key
}
