# Jobs without credentials, a chained service within the network, tokens and the proxy.
project      = "offline-project"
region       = "us-central1"
image        = "r/i:1"
worker_image = "r/w:1"
api          = { auth = ["verify", "iap", "keys"], roles = { admin = ["a@example.com"] }, audiences = ["https://ork.example.com"], invokers = ["domain:example.com"] }
workers = {
  default = { credentials = "none" }
  a       = { credentials = "none" }
  fast    = { kind = "service", chaining = true, vpc = { network = "n", subnetwork = "s" } }
}
