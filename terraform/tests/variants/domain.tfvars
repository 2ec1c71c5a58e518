# A name of one's own, with the proxy at the load balancer.
project      = "offline-project"
region       = "europe-west1"
image        = "r/i:1"
worker_image = "r/w:1"
api          = { auth = ["iap", "iam", "keys"], roles = { admin = ["a@example.com"] }, ingress = "load-balancer" }
domain       = { name = "ork.example.com", dns_zone = "example", iap = ["domain:example.com"] }
