variable "project" {
  type        = string
  description = "Project ID. The project must exist and have billing."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is the ID of a project, such as my-project-123: 6 to 30 lowercase letters, digits and hyphens."
  }
}

variable "region" {
  type        = string
  description = "Region of everything, such as europe-west1."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is a region of Cloud Run, such as us-central1."
  }
}

variable "name" {
  type        = string
  description = "What the names of everything begin with. Two deployments of one project have different ones."
  default     = "ork"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,9}[a-z0-9])?$", var.name))
    error_message = "name has 1 to 11 lowercase letters, digits and hyphens, begins with a letter and does not end in a hyphen: names of service accounts are made from it."
  }
}

variable "image" {
  type        = string
  description = "Image of ork-service, which all functions run; with its digest, if a deployment is to be the same tomorrow."
  nullable    = false

  validation {
    condition     = can(regex("^[^\\s]+/[^\\s]+$", var.image))
    error_message = "image is the full name of an image, such as europe-west1-docker.pkg.dev/PROJECT/ork/ork-service@sha256:…"
  }
}

variable "worker_image" {
  type        = string
  description = "Image of workers whose profile names none: ork-service with what the tasks need, such as Python."
  default     = null
}

variable "labels" {
  type        = map(string)
  description = "Labels of everything that can have some."
  default     = {}
  nullable    = false
}

variable "enable_apis" {
  type        = bool
  description = "Whether the APIs that are needed are enabled here. They stay enabled when this is destroyed."
  default     = true
  nullable    = false
}

variable "artifact_registry" {
  type        = bool
  description = "Whether a repository for images is made, called as `name`."
  default     = false
  nullable    = false
}

variable "kms_key" {
  type        = string
  description = "Cloud KMS key (`projects/P/locations/REGION/keyRings/R/cryptoKeys/K`) that encrypts database, bucket, topics, images and instances; Google's own keys without it."
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key is the full name of a key: projects/P/locations/REGION/keyRings/R/cryptoKeys/K."
  }
}

variable "deletion_protection" {
  type        = bool
  description = "Whether `terraform destroy` leaves the database, the services and jobs and a bucket that has objects alone."
  default     = true
  nullable    = false
}

variable "database" {
  type = object({
    name                   = optional(string)
    location               = optional(string)
    point_in_time_recovery = optional(bool, true)
    backup_days            = optional(number, 0)
  })
  description = "Firestore database: its name (`name`-state if not stated), its location (`region`), whether the last seven days can be read back, and for how many days daily backups are kept (0: none are made)."
  default     = {}
  nullable    = false

  validation {
    condition     = var.database.name == null || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database.name))
    error_message = "database.name has 4 to 63 lowercase letters, digits and hyphens. `(default)` is left to others: a database of its own can be protected, restored and removed by itself."
  }
  validation {
    condition     = var.database.backup_days >= 0 && var.database.backup_days <= 98
    error_message = "database.backup_days is 0 to 98: Firestore keeps backups for 14 weeks at most."
  }
}

variable "bucket" {
  type = object({
    name             = optional(string)
    location         = optional(string)
    delete_runs_days = optional(number)
    soft_delete_days = optional(number, 0)
  })
  description = "Bucket: its name (`project`-`name` if not stated), its location (`region`), after how many days objects of runs are removed whatever they belong to (never, if not stated; see docs/retention.md), and for how many days removed objects can be restored (0 or 7 to 90)."
  default     = {}
  nullable    = false

  validation {
    condition     = var.bucket.delete_runs_days == null || try(var.bucket.delete_runs_days >= 8, false)
    error_message = "bucket.delete_runs_days is 8 at least: it counts from when an object was written, and an attempt may take seven days."
  }
  validation {
    condition     = var.bucket.soft_delete_days == 0 || (var.bucket.soft_delete_days >= 7 && var.bucket.soft_delete_days <= 90)
    error_message = "bucket.soft_delete_days is 0 or 7 to 90."
  }
}

variable "functions" {
  type = object({
    cpu              = optional(string, "1")
    memory           = optional(string, "512Mi")
    concurrency      = optional(number, 80)
    max_instances    = optional(number, 20)
    deadline_seconds = optional(number, 50)
    ingress          = optional(string, "internal")
    log              = optional(string, "info")
    vpc = optional(object({
      network    = string
      subnetwork = string
      egress     = optional(string, "PRIVATE_RANGES_ONLY")
      tags       = optional(list(string), [])
    }))
  })
  description = "How tick, dispatch, monitor and poll run. `ingress` is internal (Pub/Sub, Cloud Tasks and Cloud Scheduler of this project may call) or all; IAM checks every caller either way."
  default     = {}
  nullable    = false

  validation {
    condition     = var.functions.concurrency >= 1 && var.functions.concurrency <= 1000
    error_message = "functions.concurrency is 1 to 1000."
  }
  validation {
    condition     = var.functions.deadline_seconds >= 10 && var.functions.deadline_seconds <= 500
    error_message = "functions.deadline_seconds is 10 to 500: messages are sent again after 600 seconds at most."
  }
  validation {
    condition     = contains(["internal", "all"], var.functions.ingress)
    error_message = "functions.ingress is internal or all."
  }
}

variable "settings" {
  type        = map(map(string))
  description = "Further variables of the functions, by role (`tick`, `dispatch`, `monitor`, `poll`, `api`): those of functions/README.md that are not set here already."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for role in keys(var.settings) : contains(["tick", "dispatch", "monitor", "poll", "api"], role)])
    error_message = "settings is by role: tick, dispatch, monitor, poll or api."
  }
  validation {
    condition     = alltrue(flatten([for role in values(var.settings) : [for name in keys(role) : can(regex("^ORK_[A-Z_]+$", name)) && !can(regex("^ORK_(AUTH|WAKE|CHAIN|WORKER|TOPIC)", name)) && !contains(["ORK_PROJECT", "ORK_DATABASE", "ORK_BUCKET", "ORK_REGION", "ORK_SUBSCRIPTION", "ORK_SIGN_ACCOUNT", "ORK_ROLES", "ORK_CONCURRENCY", "ORK_DEADLINE_SECONDS", "ORK_SMTP_URL", "ORK_HTTP_SECRETS", "ORK_ONE_REQUEST"], name)]]))
    error_message = "settings has a variable that is no ORK_… or that this module sets itself, from what it made."
  }
}

variable "workers" {
  type = map(object({
    kind            = optional(string, "job")
    image           = optional(string)
    cpu             = optional(string, "1")
    memory          = optional(string, "1Gi")
    credentials     = optional(string, "account")
    service_account = optional(string)
    secrets         = optional(map(string), {})
    env             = optional(map(string), {})
    timeout_seconds = optional(number, 86400)
    concurrency     = optional(number, 4)
    max_instances   = optional(number, 20)
    cpu_always      = optional(bool, false)
    chaining        = optional(bool, false)
    vpc = optional(object({
      network    = string
      subnetwork = string
      egress     = optional(string, "PRIVATE_RANGES_ONLY")
      tags       = optional(list(string), [])
    }))
  }))
  description = "Worker profiles; `default` is for tasks that name none. `kind` is job (any length) or service (tasks of less than an hour, without a container's start). With `credentials = \"none\"` the account of a job may do nothing and everything goes by signed URLs. `secrets`: variables and the secrets of Secret Manager they hold. `service_account` is somebody else's account instead of one made here. `timeout_seconds` counts for executions that state none, and the engine always does. `chaining`: a service asks dispatch for the next task."
  default     = { default = {} }
  nullable    = false

  validation {
    condition     = contains(keys(var.workers), "default")
    error_message = "workers has no profile called default, which runs the tasks that name none."
  }
  validation {
    condition     = alltrue([for profile in keys(var.workers) : can(regex("^[a-z]([a-z0-9-]{0,9}[a-z0-9])?$", profile))])
    error_message = "a profile of workers has 1 to 11 lowercase letters, digits and hyphens, begins with a letter and does not end in a hyphen."
  }
  validation {
    condition     = alltrue([for worker in values(var.workers) : contains(["job", "service"], worker.kind)])
    error_message = "kind of a worker is job or service."
  }
  validation {
    condition     = alltrue([for worker in values(var.workers) : contains(["account", "none"], worker.credentials)])
    error_message = "credentials of a worker is account or none."
  }
  validation {
    condition     = alltrue([for worker in values(var.workers) : worker.credentials == "account" || (worker.kind == "job" && length(worker.secrets) == 0 && worker.service_account == null)])
    error_message = "a worker without credentials is a job, has no secrets (nobody could read them for it) and an account of its own that may do nothing."
  }
  validation {
    condition     = alltrue([for worker in values(var.workers) : !worker.chaining || worker.kind == "service"]) && length([for worker in values(var.workers) : 1 if worker.chaining]) <= 1
    error_message = "chaining is for a worker service, and for one of them: dispatch takes one caller."
  }
  validation {
    condition     = alltrue([for worker in values(var.workers) : worker.timeout_seconds >= 60 && worker.timeout_seconds <= 604800])
    error_message = "timeout_seconds of a worker is 60 to 604800."
  }
  validation {
    condition     = alltrue([for worker in values(var.workers) : worker.concurrency >= 1 && worker.concurrency <= 1000])
    error_message = "concurrency of a worker is 1 to 1000."
  }
  validation {
    condition     = alltrue(flatten([for worker in values(var.workers) : [for name in concat(keys(worker.env), keys(worker.secrets)) : !startswith(name, "ORK_") || contains(["ORK_CODE_DIR", "ORK_CACHE_DIR", "ORK_PYTHON", "ORK_LOG"], name)]]))
    error_message = "env of a worker has an ORK_… other than ORK_CODE_DIR, ORK_CACHE_DIR, ORK_PYTHON and ORK_LOG, which this module sets itself or which Ork does not know."
  }
}

variable "api" {
  type = object({
    auth          = optional(list(string), ["iam", "keys"])
    roles         = optional(map(list(string)), {})
    invokers      = optional(list(string), [])
    audiences     = optional(list(string), [])
    iap_audience  = optional(string)
    ingress       = optional(string, "all")
    rate          = optional(string, "20/100")
    max_instances = optional(number, 5)
  })
  description = "The HTTP API and its pages (functions/api/README.md). `auth`: who is let in (iam or verify, iap, keys). `roles`: what people may do, as ORK_ROLES. `invokers`: members that Cloud Run lets through, such as user:ada@example.com. `audiences`: further audiences of tokens, such as a custom domain's URL. `ingress`: all, internal or load-balancer."
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.api.auth) > 0 && alltrue([for way in var.api.auth : contains(["iam", "verify", "iap", "keys"], way)])
    error_message = "api.auth has one or more of iam, verify, iap and keys; nothing lets everybody in."
  }
  validation {
    condition     = !(contains(var.api.auth, "iam") && contains(var.api.auth, "verify"))
    error_message = "api.auth has iam and verify: either Cloud Run checks tokens or nobody has."
  }
  validation {
    condition     = length(var.api.roles) > 0 || (length(var.api.auth) == 1 && contains(var.api.auth, "keys"))
    error_message = "api.roles says what people may do, such as { admin = [\"ada@example.com\"] }: without it nobody could do anything."
  }
  validation {
    condition     = alltrue([for role in keys(var.api.roles) : contains(["viewer", "operator", "author", "admin"], role)])
    error_message = "api.roles is by role: viewer, operator, author or admin."
  }
  validation {
    condition     = alltrue([for member in var.api.invokers : can(regex("^(user|serviceAccount|group|domain|principal|principalSet):", member))])
    error_message = "api.invokers are members such as user:ada@example.com or group:team@example.com; allUsers and allAuthenticatedUsers are not taken."
  }
  validation {
    condition     = contains(["all", "internal", "load-balancer"], var.api.ingress)
    error_message = "api.ingress is all, internal or load-balancer."
  }
}

variable "domain" {
  type = object({
    name     = optional(string)
    dns_zone = optional(string)
    iap      = optional(list(string), [])
  })
  description = "A name of one's own for the API, such as { name = \"ork.example.com\" }: a load balancer, a certificate, and the address in a managed zone of Cloud DNS, if one is named. `iap`: members whom Identity-Aware Proxy at the load balancer lets through; `api.auth` must have iap. None without it, for it costs money while nothing happens."
  default     = {}
  nullable    = false

  validation {
    condition     = var.domain.name == null ? var.domain.dns_zone == null && length(var.domain.iap) == 0 : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "domain.name is a name such as ork.example.com, without https:// and without a dot at its end; dns_zone and iap are of no use without one."
  }
  validation {
    condition     = length(var.domain.iap) == 0 || contains(var.api.auth, "iap")
    error_message = "domain.iap has the proxy ask who somebody is, and api.auth does not have iap: the API would not know them."
  }
  validation {
    condition     = alltrue([for member in var.domain.iap : can(regex("^(user|serviceAccount|group|domain|principal|principalSet):", member))])
    error_message = "domain.iap are members such as user:ada@example.com or group:team@example.com; allUsers and allAuthenticatedUsers are not taken."
  }
  validation {
    condition     = var.domain.name == null || var.api.ingress != "internal"
    error_message = "domain is for a load balancer, which api.ingress = \"internal\" lets nobody through from: it has to be load-balancer or all."
  }
}

variable "deferred" {
  type        = map(list(string))
  description = "Roles of tick, dispatch, monitor and poll in projects whose jobs tasks hand over to, by project: { \"data-project\" = [\"roles/bigquery.admin\"] }. None without it."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for role in flatten(values(var.deferred)) : !contains(["roles/owner", "roles/editor"], role)])
    error_message = "deferred gives neither roles/owner nor roles/editor: name the roles of the service, such as roles/dataproc.editor."
  }
}

variable "outgoing" {
  type = object({
    allow    = optional(list(string), [])
    trackers = optional(map(string), {})
    secrets  = optional(map(string), {})
    topics   = optional(list(string), [])
    smtp     = optional(object({ url_secret = string, from = string }))
  })
  description = "What workflows may reach from tick, dispatch, monitor and poll: internal hosts (ORK_OUTGOING_ALLOW), further types of jobs (ORK_TRACKERS), secrets that headers may name (variable and secret; ORK_HTTP_SECRETS), topics (`projects/P/topics/T`) of notifications, and the server of letters, whose URL lies in a secret."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.outgoing.secrets) : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !startswith(name, "ORK_")])
    error_message = "outgoing.secrets is by variable: capital letters, digits and _, and not ORK_…"
  }
  validation {
    condition     = alltrue([for topic in var.outgoing.topics : can(regex("^projects/[^/]+/topics/[^/]+$", topic))])
    error_message = "outgoing.topics are full names: projects/P/topics/T."
  }
}

variable "telemetry" {
  type = object({
    endpoint       = optional(string)
    headers_secret = optional(string)
    settings       = optional(map(string), {})
    metrics        = optional(string, "workload.googleapis.com")
  })
  description = "Traces and metrics over OTLP (docs/telemetry.md), of all services and workers; none without an `endpoint`, such as http://collector.internal:4318. `headers_secret`: secret of Secret Manager that holds OTEL_EXPORTER_OTLP_HEADERS; workers without credentials do without. `settings`: further variables of OpenTelemetry. `metrics`: what stands before the names of metrics in Cloud Monitoring, for the dashboard; the googlecloud exporter of a collector writes workload.googleapis.com."
  default     = {}
  nullable    = false

  validation {
    condition     = var.telemetry.endpoint == null || can(regex("^https?://[^/@?#]+(/[^@?#]*)?$", var.telemetry.endpoint))
    error_message = "telemetry.endpoint is an http or https URL without a user and a query."
  }
  validation {
    condition     = alltrue([for name in keys(var.telemetry.settings) : can(regex("^OTEL_[A-Z_]+$", name)) && !contains(["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"], name)])
    error_message = "telemetry.settings has variables that begin with OTEL_, other than those of endpoint and headers_secret."
  }
}

variable "tick_schedule" {
  type        = string
  description = "When Cloud Scheduler calls the tick. Every minute, unless a slot of a schedule may be later than that."
  default     = "* * * * *"
  nullable    = false
}

variable "alerts" {
  type = object({
    enabled              = optional(bool, true)
    channels             = optional(list(string), [])
    oldest_wake_seconds  = optional(number, 600)
    tick_missing_seconds = optional(number, 600)
    error_ratio          = optional(number, 0.05)
    billed_hours_a_day   = optional(number)
  })
  description = "Alerts and the dashboard. `channels`: names of notification channels. `oldest_wake_seconds`: how late a run may be looked at. `tick_missing_seconds`: for how long no tick may succeed. `error_ratio`: answers of 5xx among all of a function. `billed_hours_a_day`: instance hours of the services that a day may be billed for; no such alert without it."
  default     = {}
  nullable    = false

  validation {
    condition     = var.alerts.tick_missing_seconds >= 180 && var.alerts.tick_missing_seconds <= 84600
    error_message = "alerts.tick_missing_seconds is 180 to 84600: Cloud Monitoring sees data some minutes late, and waits for a day at most."
  }
}
