# What is refused before anything is made.

mock_provider "google" {
  override_data {
    target = data.google_project.this
    values = { number = "123456789012" }
  }
}

# Everything that has a default is stated where it matters here: offline.tfvars states it, too.
variables {
  artifact_registry = false
  kms_key           = null
  database          = {}
  bucket            = {}
  alerts            = {}
  deferred          = {}
  outgoing          = {}
  project           = "test-project"
  region            = "europe-west1"
  image             = "europe-west1-docker.pkg.dev/test-project/ork/ork-service:1"
  worker_image      = "europe-west1-docker.pkg.dev/test-project/ork/ork-worker:1"
  api               = { roles = { admin = ["ada@example.com"] } }
  workers           = { default = {} }
}

run "the_api_is_not_open_to_everybody" {
  command = plan
  variables {
    api = { roles = { admin = ["ada@example.com"] }, invokers = ["allUsers"] }
  }
  expect_failures = [var.api]
}

run "somebody_may_use_the_api" {
  command = plan
  variables {
    api = {}
  }
  expect_failures = [var.api]
}

run "there_are_workers_for_all_tasks" {
  command = plan
  variables {
    workers = { fast = { kind = "service" } }
  }
  expect_failures = [var.workers]
}

run "a_worker_without_credentials_has_no_secrets" {
  command = plan
  variables {
    workers = { default = { credentials = "none", secrets = { KEY = "key" } } }
  }
  expect_failures = [var.workers]
}

run "one_worker_chains" {
  command = plan
  variables {
    workers = { default = {}, a = { kind = "service", chaining = true }, b = { kind = "service", chaining = true } }
  }
  expect_failures = [var.workers]
}

run "what_the_module_sets_is_not_set_by_hand" {
  command = plan
  variables {
    settings = { tick = { ORK_BUCKET = "another" } }
  }
  expect_failures = [var.settings]
}

run "a_collector_is_a_url_without_a_password" {
  command = plan
  variables {
    telemetry = { endpoint = "https://user:password@collector.example" }
  }
  expect_failures = [var.telemetry]
}

run "objects_of_runs_are_kept_for_a_while" {
  command = plan
  variables {
    bucket = { delete_runs_days = 1 }
  }
  expect_failures = [var.bucket]
}

run "wide_roles_are_not_given_for_jobs" {
  command = plan
  variables {
    deferred = { data-project = ["roles/editor"] }
  }
  expect_failures = [var.deferred]
}

run "a_domain_is_a_name" {
  command = plan
  variables {
    api    = { roles = { admin = ["ada@example.com"] } }
    domain = { name = "https://ork.example.com" }
  }
  expect_failures = [var.domain]
}

run "the_proxy_is_known_to_the_api" {
  command = plan
  variables {
    api    = { roles = { admin = ["ada@example.com"] } }
    domain = { name = "ork.example.com", iap = ["domain:example.com"] }
  }
  expect_failures = [var.domain]
}

run "the_proxy_lets_not_everybody_through" {
  command = plan
  variables {
    api    = { auth = ["iap"], roles = { admin = ["ada@example.com"] } }
    domain = { name = "ork.example.com", iap = ["allUsers"] }
  }
  expect_failures = [var.domain]
}

run "a_load_balancer_is_let_through" {
  command = plan
  variables {
    api    = { roles = { admin = ["ada@example.com"] }, ingress = "internal" }
    domain = { name = "ork.example.com" }
  }
  expect_failures = [var.domain]
}
