# What the module is checked with where there is no project.
project           = "offline-project"
region            = "europe-west1"
image             = "europe-west1-docker.pkg.dev/offline-project/ork/ork-service:1"
worker_image      = "europe-west1-docker.pkg.dev/offline-project/ork/ork-worker:1"
artifact_registry = true
kms_key           = "projects/offline-project/locations/europe-west1/keyRings/ring/cryptoKeys/ork"
database          = { backup_days = 7 }
bucket            = { delete_runs_days = 400 }
api               = { auth = ["iap", "keys"], roles = { admin = ["ada@example.com"] } }
alerts            = { channels = ["projects/offline-project/notificationChannels/1"], billed_hours_a_day = 48 }
deferred          = { "data-project" = ["roles/bigquery.admin", "roles/dataproc.editor"] }
telemetry         = { endpoint = "http://collector.internal:4318", settings = { OTEL_TRACES_SAMPLER = "traceidratio", OTEL_TRACES_SAMPLER_ARG = "0.1" } }
outgoing = {
  allow    = ["jobs.internal"]
  trackers = { vertex = "https://jobs.example/vertex" }
  secrets  = { PARTNER_TOKEN = "partner-token" }
  topics   = ["projects/offline-project/topics/run-ends"]
  smtp     = { url_secret = "projects/other-project/secrets/smtp", from = "Ork <ork@example.com>" }
}
workers = {
  default = { secrets = { API_KEY = "api-key" } }
  fast    = { kind = "service", chaining = true, concurrency = 8 }
  closed  = { credentials = "none" }
}
