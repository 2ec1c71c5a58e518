# Who calls what, as whom, and that nobody else may. Nothing is asked of Google: the provider is mocked.

mock_provider "google" {
  override_data {
    target = data.google_project.this
    values = { number = "123456789012" }
  }
  override_data {
    target = module.objects.data.google_storage_project_service_account.agent
    values = { email_address = "service-123456789012@gs-project-accounts.iam.gserviceaccount.com" }
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
  api               = { roles = { admin = ["ada@example.com"] }, invokers = ["user:ada@example.com"] }
  workers = {
    default = { secrets = { API_KEY = "api-key" } }
    fast    = { kind = "service", concurrency = 8, chaining = true }
    closed  = { credentials = "none" }
  }
}

# One run: each would apply everything again.
run "wiring" {
  # --- Who is pushed to.

  assert {
    condition     = toset(keys(module.messages.pushes)) == toset(["dispatch", "monitor", "poll", "worker-fast"])
    error_message = "Each function that is pushed to, and each worker service, has one subscription."
  }
  assert {
    condition     = alltrue([for push in module.messages.pushes : push.email != null && push.email != ""])
    error_message = "Every push carries a token."
  }
  assert {
    condition     = alltrue([for role in ["dispatch", "monitor", "poll"] : module.messages.pushes[role].audience == module.service[role].settings.env["ORK_AUTH_AUDIENCE"]])
    error_message = "The audience of a push is what its function compares with."
  }
  assert {
    condition     = alltrue([for role in ["dispatch", "monitor", "poll"] : contains(module.service[role].settings.audiences, module.messages.pushes[role].audience)])
    error_message = "The audience of a push is one that Cloud Run takes for its service."
  }
  assert {
    condition     = module.messages.pushes["worker-fast"].audience == module.worker["fast"].settings.env["ORK_AUTH_AUDIENCE"] && contains(module.worker["fast"].settings.audiences, module.messages.pushes["worker-fast"].audience)
    error_message = "The audience of a push to a worker service is that service's."
  }
  assert {
    condition     = alltrue([for push in module.messages.pushes : push.endpoint == "${push.audience}/push"])
    error_message = "A push goes to /push of the service that its token is for."
  }
  assert {
    condition     = alltrue([for role in ["dispatch", "monitor", "poll"] : module.service[role].settings.env["ORK_AUTH_EMAIL"] == module.messages.pushes[role].email])
    error_message = "A function takes messages of the account that brings them."
  }
  assert {
    condition     = length(toset([for push in module.messages.pushes : push.email])) == length(module.messages.pushes)
    error_message = "Each push has an account of its own."
  }
  assert {
    condition     = alltrue([for role in ["dispatch", "monitor", "poll"] : module.service[role].settings.env["ORK_SUBSCRIPTION"] == "projects/test-project/subscriptions/ork-${role}"])
    error_message = "A function takes messages of its own subscription."
  }
  assert {
    condition     = alltrue([for push in module.messages.pushes : push.dead_letter_topic != null && push.max_delivery_attempts >= 5 && push.max_delivery_attempts <= 100])
    error_message = "Every push has a dead-letter policy."
  }
  assert {
    condition     = alltrue([for push in module.messages.pushes : push.minimum_backoff != null && push.maximum_backoff != null])
    error_message = "Every push has a retry policy."
  }
  assert {
    condition     = alltrue([for push in module.messages.pushes : push.ttl == ""])
    error_message = "No subscription goes away because nothing happens for a month."
  }
  assert {
    condition     = alltrue([for role in ["dispatch", "monitor", "poll"] : module.messages.pushes[role].ack_seconds >= tonumber(module.service[role].settings.env["ORK_DEADLINE_SECONDS"])])
    error_message = "No message is sent again while it is worked on."
  }
  assert {
    condition     = length([for member in module.messages.members : member if startswith(member, "roles/pubsub.subscriber ") && strcontains(member, "gcp-sa-pubsub")]) == length(module.messages.pushes)
    error_message = "Pub/Sub's agent may take dead letters from every subscription."
  }
  assert {
    condition     = contains(module.messages.members, "roles/pubsub.publisher serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com")
    error_message = "Pub/Sub's agent may publish dead letters."
  }

  # --- Who else calls.

  assert {
    condition     = module.schedule.settings.uri == "${module.schedule.settings.audience}/tick" && module.schedule.settings.audience == module.service["tick"].settings.env["ORK_AUTH_AUDIENCE"]
    error_message = "Cloud Scheduler calls /tick of the tick with a token for it."
  }
  assert {
    condition     = module.schedule.settings.email == module.service["tick"].settings.env["ORK_AUTH_EMAIL"] && module.service["tick"].members == ["roles/run.invoker serviceAccount:${module.schedule.settings.email}"]
    error_message = "Only Cloud Scheduler's account may call the tick."
  }
  assert {
    condition     = module.schedule.settings.retries == 0
    error_message = "A tick is not tried again: the next one comes."
  }
  assert {
    condition     = alltrue([for role in ["tick", "dispatch", "monitor", "poll"] : module.service[role].settings.env["ORK_WAKE_URL"] == "${module.service["poll"].settings.env["ORK_AUTH_AUDIENCE"]}/wake"])
    error_message = "Wakes go to /wake of poll, whose address is their audience."
  }
  assert {
    condition     = toset(module.service["poll"].members) == toset(["roles/run.invoker serviceAccount:${module.messages.pushes["poll"].email}", "roles/run.invoker serviceAccount:${module.service["poll"].settings.env["ORK_WAKE_IDENTITY"]}"])
    error_message = "Only pushes and wakes may call poll."
  }
  assert {
    condition     = module.service["monitor"].members == ["roles/run.invoker serviceAccount:${module.messages.pushes["monitor"].email}"]
    error_message = "Only pushes may call monitor."
  }
  assert {
    condition     = toset(module.service["dispatch"].members) == toset(["roles/run.invoker serviceAccount:${module.messages.pushes["dispatch"].email}", "roles/run.invoker serviceAccount:${module.service["dispatch"].settings.env["ORK_CHAIN_IDENTITY"]}"])
    error_message = "Only pushes and the worker that chains may call dispatch."
  }
  assert {
    condition     = module.worker["fast"].settings.env["ORK_CHAIN_URL"] == "${module.service["dispatch"].settings.env["ORK_AUTH_AUDIENCE"]}/finished" && module.worker["fast"].settings.account == module.service["dispatch"].settings.env["ORK_CHAIN_IDENTITY"]
    error_message = "A worker that chains tells dispatch, as the account that dispatch takes."
  }
  assert {
    condition     = module.service["api"].members == ["roles/run.invoker user:ada@example.com"]
    error_message = "Only those who are named may call the API."
  }
  assert {
    condition     = alltrue([for account in ["schedule", "push-dispatch", "push-monitor", "push-poll", "wake", "pw-fast"] : length([for member in output.members : member if startswith(member, "roles/run.invoker ") && endswith(member, "serviceAccount:ork-${account}@test-project.iam.gserviceaccount.com")]) == 1])
    error_message = "Whoever calls may call one service, and nothing else."
  }

  # --- Who may do what.

  assert {
    condition     = length([for member in output.members : member if strcontains(member, "allUsers") || strcontains(member, "allAuthenticatedUsers")]) == 0
    error_message = "Nothing is open to everybody."
  }
  assert {
    condition     = length([for member in output.members : member if can(regex("^roles/(owner|editor|viewer|iam.securityAdmin|run.admin|run.developer|storage.admin|pubsub.admin|pubsub.editor|datastore.owner) ", member))]) == 0
    error_message = "No role is one that does everything."
  }
  assert {
    condition     = length(toset(concat([for service in module.service : service.settings.account], [for worker in module.worker : worker.settings.account]))) == length(module.service) + length(module.worker)
    error_message = "Each service and each worker runs as an account of its own."
  }
  assert {
    condition     = length([for member in output.members : member if strcontains(member, "ork-w-closed@")]) == 0
    error_message = "The account of a worker without credentials has no role at all."
  }
  assert {
    condition     = !contains(keys(module.worker["closed"].settings.env), "ORK_BUCKET") && !contains(keys(module.worker["closed"].settings.env), "ORK_PROJECT")
    error_message = "A worker without credentials is not told where the bucket is."
  }
  assert {
    condition     = module.service["tick"].settings.env["ORK_WORKER_URLS"] == "closed" && module.service["tick"].settings.env["ORK_SIGN_ACCOUNT"] == "ork-sign@test-project.iam.gserviceaccount.com"
    error_message = "Its URLs are signed, in the name of the sign account."
  }
  assert {
    condition     = toset([for member in output.members : member if startswith(member, "roles/iam.serviceAccountTokenCreator ")]) == toset([for role in ["tick", "dispatch", "poll"] : "roles/iam.serviceAccountTokenCreator serviceAccount:ork-${role}@test-project.iam.gserviceaccount.com"])
    error_message = "Only who starts attempts may have something signed."
  }
  assert {
    condition     = module.state.settings.conditions == toset(["resource.type == \"firestore.googleapis.com/Database\" && resource.name == \"projects/test-project/databases/ork-state\""])
    error_message = "Roles on the database count for this one only."
  }
  assert {
    condition     = module.service["dispatch"].settings.ingress == "INGRESS_TRAFFIC_ALL" && module.service["monitor"].settings.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && module.service["poll"].settings.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && module.service["tick"].settings.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    error_message = "Functions take requests from within the project, but dispatch where a worker calls it from outside."
  }

  # --- What is kept.

  assert {
    condition     = module.objects.settings.uniform && module.objects.settings.public == "enforced"
    error_message = "The bucket has uniform access and cannot become public."
  }
  assert {
    condition     = module.objects.settings.prefixes == toset(["runs/", "workflows/"]) && module.objects.settings.events == toset(["OBJECT_FINALIZE"]) && length(module.objects.settings.topics) == 1
    error_message = "The bucket tells one topic of what is written below runs/ and workflows/."
  }
  assert {
    condition     = one(module.objects.settings.topics) == module.messages.topics["objects"] && module.messages.topics["objects"] == "projects/test-project/topics/ork-objects"
    error_message = "Monitor hears what the bucket tells."
  }
  assert {
    condition     = length(module.objects.settings.deletes) == 0
    error_message = "No object goes by itself unless somebody says after how many days."
  }
  assert {
    condition     = module.state.settings.type == "FIRESTORE_NATIVE" && module.state.settings.recovery == "POINT_IN_TIME_RECOVERY_ENABLED" && module.state.settings.protection == "DELETE_PROTECTION_ENABLED"
    error_message = "The database is native, can be read back and is protected."
  }
  assert {
    condition     = length(module.state.settings.indexes) == 3 && length(module.state.settings.fields) == 15 && length(module.state.settings.ttl) == 0
    error_message = "Indexes are those of the code, and no document goes by itself."
  }

  # --- How they run.

  assert {
    condition     = alltrue([for role, service in module.service : service.settings.args == tolist([role])])
    error_message = "Each service is told its role."
  }
  assert {
    condition     = alltrue([for service in module.service : service.settings.least == 0])
    error_message = "Nothing runs while nothing happens."
  }
  assert {
    condition     = alltrue([for service in module.service : tostring(service.settings.concurrency) == service.settings.env["ORK_CONCURRENCY"]])
    error_message = "An instance is sent as many requests as it works on at once."
  }
  assert {
    condition     = alltrue([for service in module.service : tonumber(trimsuffix(service.settings.timeout, "s")) >= tonumber(service.settings.env["ORK_DEADLINE_SECONDS"]) * 1.1])
    error_message = "Cloud Run waits for longer than the program works."
  }
  assert {
    condition     = module.worker["default"].settings.max_retries == 0 && module.worker["closed"].settings.max_retries == 0
    error_message = "The engine decides what is tried again, not Cloud Run."
  }
  assert {
    condition     = module.worker["default"].settings.args == tolist(["worker"]) && module.worker["fast"].settings.args == tolist(["worker-service"])
    error_message = "Workers are told what they are."
  }
  assert {
    condition     = module.worker["fast"].settings.concurrency == 8 && module.worker["fast"].settings.env["ORK_CONCURRENCY"] == "8" && module.worker["fast"].settings.env["ORK_DEADLINE_SECONDS"] == tostring(module.messages.pushes["worker-fast"].ack_seconds)
    error_message = "A worker service is sent as many tasks as it has places, and knows when its message comes again."
  }
  assert {
    condition     = alltrue([for role in ["tick", "dispatch", "monitor", "poll"] : jsondecode(module.service[role].settings.env["ORK_WORKER_JOBS"]) == { closed = "projects/test-project/locations/europe-west1/jobs/ork-worker-closed", default = "projects/test-project/locations/europe-west1/jobs/ork-worker-default" } && jsondecode(module.service[role].settings.env["ORK_WORKER_SERVICES"]) == { fast = module.messages.topics["worker-fast"] }])
    error_message = "Functions know the jobs and services of the workers."
  }
  assert {
    condition     = contains(module.worker["default"].members, "roles/secretmanager.secretAccessor serviceAccount:ork-w-default@test-project.iam.gserviceaccount.com")
    error_message = "A worker may read the secrets that it is given."
  }
}

run "a_name_of_ones_own_leads_to_the_api" {
  command = plan
  variables {
    api    = { auth = ["iap", "iam", "keys"], roles = { admin = ["ada@example.com"] }, ingress = "load-balancer" }
    domain = { name = "ork.example.com", dns_zone = "example", iap = ["domain:example.com"] }
  }

  assert {
    condition     = module.domain[0].settings.service == "ork-api" && module.domain[0].settings.domains == tolist(["ork.example.com"]) && module.domain[0].settings.iap
    error_message = "The name leads to the API, and the proxy asks who somebody is."
  }
  assert {
    condition     = contains(split(",", module.service["api"].settings.env["ORK_AUTH_AUDIENCE"]), "https://ork.example.com")
    error_message = "Tokens may be for the name of the domain."
  }
  assert {
    condition     = module.domain[0].settings.redirect && module.domain[0].settings.tls == "TLS_1_2"
    error_message = "What comes without encryption is sent to https, with a TLS of today."
  }
  assert {
    condition     = contains(module.domain[0].members, "roles/iap.httpsResourceAccessor domain:example.com")
    error_message = "The proxy lets those through who are named."
  }
}
