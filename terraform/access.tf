# Which account has which role where: the one table. functions/service/tests/wiring compares it with what the code calls
# (shared/gcp/src/permissions.rs): nothing may be missing, and nothing may be wider than it has to be.

locals {
  # Names of objects only, for the whole bucket: without leave to list, Cloud Storage answers 403 instead of 404 for an object that is
  # not there, and listings are of prefixes that a condition on names does not see.
  names_only = "roles/storage.legacyBucketReader"

  starts = {
    database = ["roles/datastore.user"]
    objects = {
      ""           = [local.names_only]
      "runs/"      = ["roles/storage.objectUser"]
      "workflows/" = ["roles/storage.objectViewer"]
    }
    hints         = ["roles/pubsub.publisher"]
    worker_topics = ["roles/pubsub.publisher"]
    queue         = ["roles/cloudtasks.enqueuer"]
    wake          = ["roles/iam.serviceAccountUser"]
    jobs          = ["roles/run.jobsExecutorWithOverrides", "roles/run.viewer"]
    sign          = ["roles/iam.serviceAccountTokenCreator"]
  }

  access = {
    tick     = local.starts
    dispatch = local.starts
    poll     = local.starts
    # Starts nothing, stops what is to be stopped; says beside an upload what became of it.
    monitor = {
      database = ["roles/datastore.user"]
      objects = {
        ""           = [local.names_only]
        "runs/"      = ["roles/storage.objectUser"]
        "workflows/" = ["roles/storage.objectUser"]
      }
      hints         = ["roles/pubsub.publisher"]
      worker_topics = []
      queue         = ["roles/cloudtasks.enqueuer"]
      wake          = ["roles/iam.serviceAccountUser"]
      jobs          = ["roles/run.jobsExecutor", "roles/run.viewer"]
      sign          = []
    }
    api = {
      database = ["roles/datastore.user"]
      objects = {
        ""           = [local.names_only]
        "runs/"      = ["roles/storage.objectViewer"]
        "workflows/" = ["roles/storage.objectViewer"]
      }
      hints         = ["roles/pubsub.publisher"]
      worker_topics = []
      queue         = []
      wake          = []
      jobs          = []
      sign          = []
    }
    # Workers with credentials, and the account in whose name URLs are signed for those without.
    worker = {
      database = []
      objects = {
        ""           = [local.names_only]
        "runs/"      = ["roles/storage.objectUser"]
        "workflows/" = ["roles/storage.objectViewer"]
      }
      hints         = []
      worker_topics = []
      queue         = []
      wake          = []
      jobs          = []
      sign          = []
    }
  }

  # The same by account: `none` is in no row.
  holders = merge(
    { for role in local.services : role => { access = local.access[role], email = local.emails[role] } },
    { for profile, worker in var.workers : "w-${profile}" => { access = local.access["worker"], email = local.worker_emails[profile] } if worker.credentials == "account" },
    length(local.by_urls) > 0 ? { sign = { access = local.access["worker"], email = local.emails["sign"] } } : {},
  )

  database_grants = { for row in flatten([for holder, one in local.holders : [for role in one.access.database : { key = "${holder} ${role}", role = role, email = one.email }]]) : row.key => row }
  object_grants   = { for row in flatten([for holder, one in local.holders : [for prefix, roles in one.access.objects : [for role in roles : { key = "${holder} ${prefix} ${role}", prefix = prefix, role = role, email = one.email }]]]) : row.key => row }
  topic_grants = { for row in flatten([for holder, one in local.holders : concat(
    [for pair in setproduct(["dispatch", "poll"], one.access.hints) : { key = "${holder} ${pair[0]} ${pair[1]}", topic = pair[0], role = pair[1], email = one.email }],
    [for pair in setproduct([for profile in keys(local.lanes) : "worker-${profile}"], one.access.worker_topics) : { key = "${holder} ${pair[0]} ${pair[1]}", topic = pair[0], role = pair[1], email = one.email }],
  )]) : row.key => row }
  queue_grants = { for row in flatten([for holder, one in local.holders : [for role in one.access.queue : { key = "${holder} ${role}", role = role, email = one.email }]]) : row.key => row }
  account_grants = { for row in flatten([for holder, one in local.holders : concat(
    [for role in one.access.wake : { key = "${holder} wake ${role}", account = "wake", role = role, email = one.email }],
    [for role in one.access.sign : { key = "${holder} sign ${role}", account = "sign", role = role, email = one.email } if length(local.by_urls) > 0],
  )]) : row.key => row }
  job_grants = { for row in flatten([for holder, one in local.holders : [for role in one.access.jobs : { key = "${holder} ${role}", role = role, email = one.email }]]) : row.key => row }
}
