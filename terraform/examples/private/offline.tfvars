project      = "offline-project"
image        = "europe-west1-docker.pkg.dev/offline-project/ork/ork-service:1"
worker_image = "europe-west1-docker.pkg.dev/offline-project/ork/ork-worker:1"
admins       = ["ada@example.com"]
