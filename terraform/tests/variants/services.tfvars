# One worker service whose account belongs to somebody else, no jobs, names and places of its own, keys only.
project             = "offline-project"
region              = "us-central1"
name                = "o"
image               = "r/i:1"
enable_apis         = false
deletion_protection = false
database            = { name = "other", location = "nam5", point_in_time_recovery = false }
bucket              = { name = "some-bucket", location = "US", soft_delete_days = 7 }
api                 = { auth = ["keys"], ingress = "load-balancer" }
alerts              = { enabled = false }
functions           = { concurrency = 20, deadline_seconds = 100, ingress = "all", vpc = { network = "n", subnetwork = "s" } }
telemetry           = { endpoint = "https://collector.example", headers_secret = "collector" }
settings            = { tick = { ORK_TICK_LIMIT = "50" }, api = { ORK_LOG = "debug" } }
workers = {
  default = { kind = "service", image = "r/w:1", service_account = "tasks@another-project.iam.gserviceaccount.com", cpu_always = true, secrets = { KEY = "projects/p/secrets/s" } }
}
