# The least that runs workflows: one profile of workers, an API that people reach with Google's identity tokens.

provider "google" {
  project = var.project
  region  = var.region
}

module "ork" {
  source = "../.."

  project      = var.project
  region       = var.region
  name         = var.name
  image        = var.image
  worker_image = var.worker_image

  api = {
    roles    = { admin = [var.admin] }
    invokers = ["user:${var.admin}"]
  }
  deletion_protection = var.deletion_protection
}
