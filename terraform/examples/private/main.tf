# Nothing can be reached from the internet, everything is encrypted with a key of one's own, and workers go out by a network of the project.

provider "google" {
  project = var.project
  region  = var.region
}

resource "google_compute_network" "ork" {
  name                    = "ork"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "ork" {
  name          = "ork"
  network       = google_compute_network.ork.id
  ip_cidr_range = var.range
  # Google's services are reached without an address of the internet.
  private_ip_google_access = true
}

resource "google_kms_key_ring" "ork" {
  name     = "ork"
  location = var.region
}

resource "google_kms_crypto_key" "ork" {
  name            = "ork"
  key_ring        = google_kms_key_ring.ork.id
  rotation_period = "7776000s"

  lifecycle {
    prevent_destroy = true
  }
}

locals {
  vpc = {
    network    = google_compute_network.ork.name
    subnetwork = google_compute_subnetwork.ork.name
    egress     = "ALL_TRAFFIC"
    tags       = ["ork"]
  }
}

module "ork" {
  source = "../.."

  project      = var.project
  region       = var.region
  image        = var.image
  worker_image = var.worker_image
  kms_key      = "projects/${var.project}/locations/${var.region}/keyRings/${google_kms_key_ring.ork.name}/cryptoKeys/${google_kms_crypto_key.ork.name}"

  functions = {
    ingress = "internal"
    vpc     = local.vpc
  }
  workers = {
    default = { vpc = local.vpc }
    fast    = { kind = "service", chaining = true, vpc = local.vpc }
  }

  # From the project's networks only, and by keys or identity tokens.
  api = {
    ingress  = "internal"
    roles    = { admin = var.admins }
    invokers = [for admin in var.admins : "user:${admin}"]
  }
}
