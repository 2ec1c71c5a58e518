locals {
  tick     = "resource.type=\"cloud_run_revision\" resource.labels.service_name=\"${var.name}-tick\""
  one_of   = "one_of(${join(",", [for service in var.services : "\"${service}\""])})"
  requests = "metric.type=\"run.googleapis.com/request_count\" resource.type=\"cloud_run_revision\" resource.labels.service_name=${local.one_of}"
  billed   = "metric.type=\"run.googleapis.com/container/billable_instance_time\" resource.type=\"cloud_run_revision\" resource.labels.service_name=${local.one_of}"
  pushes   = "resource.type=\"pubsub_subscription\" resource.labels.subscription_id=one_of(${join(",", [for subscription in var.subscriptions : "\"${subscription}\""])})"
  workers  = "metric.type=\"run.googleapis.com/job/completed_execution_count\" resource.type=\"cloud_run_job\" resource.labels.job_name=one_of(${join(",", [for job in concat(var.jobs, ["${var.name}-none"]) : "\"${job}\""])})"
  dead     = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" resource.type=\"pubsub_subscription\" resource.labels.subscription_id=\"${var.name}-dead-letters\""
  oldest   = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.oldest_wake.name}\" resource.type=\"cloud_run_revision\""
  broken   = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.broken.name}\" resource.type=\"cloud_run_revision\""
}

# --- Metrics from log lines. A test in functions/service/tests/wiring holds them against what the code writes.

resource "google_logging_metric" "oldest_wake" {
  project         = var.project
  name            = "${var.name}-oldest-wake"
  description     = "How long the first run had been due that a tick looked at, in seconds; 0 when none was"
  filter          = "${local.tick} jsonPayload.message=\"ticked\""
  value_extractor = "EXTRACT(jsonPayload.oldest_wake_seconds)"

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = "s"
    display_name = "Ork: oldest wake"
  }
  bucket_options {
    exponential_buckets {
      num_finite_buckets = 24
      growth_factor      = 1.6
      scale              = 1
    }
  }
}

resource "google_logging_metric" "broken" {
  project     = var.project
  name        = "${var.name}-broken-messages"
  description = "Messages that made no sense to whom they were sent"
  filter      = "resource.type=\"cloud_run_revision\" resource.labels.service_name=(${join(" OR ", [for service in var.services : "\"${service}\""])}) jsonPayload.message:\"a message that cannot be understood was thrown away\""

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "INT64"
    unit         = "1"
    display_name = "Ork: messages that made no sense"
  }
}

# --- Alerts.

resource "google_monitoring_alert_policy" "oldest_wake" {
  project               = var.project
  display_name          = "${var.name}: runs wait too long"
  combiner              = "OR"
  notification_channels = var.channels
  user_labels           = var.labels

  conditions {
    display_name = "a run had been due for more than ${var.oldest_wake_seconds} s"
    condition_threshold {
      filter          = local.oldest
      comparison      = "COMPARISON_GT"
      threshold_value = var.oldest_wake_seconds
      duration        = "300s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_PERCENTILE_99"
      }
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = "The tick does not keep up, or runs cannot be looked at. See its answers and errors in the log of `${var.name}-tick`; `ork run explain RUN` says what a run waits for. More of a tick's time: `functions.deadline_seconds`; more in one round: ORK_TICK_LIMIT in `settings`."
  }
}

resource "google_monitoring_alert_policy" "tick_missing" {
  project               = var.project
  display_name          = "${var.name}: no tick succeeds"
  combiner              = "OR"
  notification_channels = var.channels
  user_labels           = var.labels

  conditions {
    display_name = "no 2xx of ${var.name}-tick for ${var.tick_missing_seconds} s"
    condition_absent {
      filter   = "metric.type=\"run.googleapis.com/request_count\" ${local.tick} metric.labels.response_code_class=\"2xx\""
      duration = "${var.tick_missing_seconds}s"
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = "Schedules do not fire and nothing lost is found again; runs still go on by messages. Look at the job `${var.name}-tick` of Cloud Scheduler (paused? 403: may its account call the service?) and at the log of the service (503: Firestore)."
  }
}

resource "google_monitoring_alert_policy" "dead_letters" {
  project               = var.project
  display_name          = "${var.name}: dead letters"
  combiner              = "OR"
  notification_channels = var.channels
  user_labels           = var.labels

  conditions {
    display_name = "a message was given up"
    condition_threshold {
      filter          = local.dead
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = "Nothing is lost by it: the tick finds what the message told of. But somebody did not answer for a long time, or refuses a caller. `gcloud pubsub subscriptions pull ${var.name}-dead-letters --limit=10` shows them with the subscription that they come from; `--auto-ack` takes them away."
  }
}

resource "google_monitoring_alert_policy" "backlog" {
  project               = var.project
  display_name          = "${var.name}: messages are not taken"
  combiner              = "OR"
  notification_channels = var.channels
  user_labels           = var.labels

  conditions {
    display_name = "a message is older than ${var.oldest_wake_seconds} s"
    condition_threshold {
      filter          = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" ${local.pushes}"
      comparison      = "COMPARISON_GT"
      threshold_value = var.oldest_wake_seconds
      duration        = "300s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = "A function does not keep up (`functions.max_instances`), answers 503 (Firestore, Cloud Storage) or refuses Pub/Sub (403). Of a worker service: its tasks take longer than there are places (`max_instances`, `concurrency`)."
  }
}

resource "google_monitoring_alert_policy" "errors" {
  project               = var.project
  display_name          = "${var.name}: too many errors"
  combiner              = "OR"
  notification_channels = var.channels
  user_labels           = var.labels

  conditions {
    display_name = "more than ${var.error_ratio * 100} % of a service's answers are 5xx"
    condition_threshold {
      filter             = "${local.requests} metric.labels.response_code_class=\"5xx\""
      denominator_filter = local.requests
      comparison         = "COMPARISON_GT"
      threshold_value    = var.error_ratio
      duration           = "600s"
      aggregations {
        alignment_period     = "600s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.labels.service_name"]
      }
      denominator_aggregations {
        alignment_period     = "600s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.labels.service_name"]
      }
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = "503 says that Firestore or Cloud Storage cannot be reached, or that there is no time left; 500 comes from Cloud Run when an instance dies. The log of the service has a line of severity WARNING or ERROR for each."
  }
}

resource "google_monitoring_alert_policy" "workers" {
  project               = var.project
  display_name          = "${var.name}: workers fail"
  combiner              = "OR"
  notification_channels = var.channels
  user_labels           = var.labels

  conditions {
    display_name = "executions of a worker job failed"
    condition_threshold {
      filter          = "${local.workers} metric.labels.result=\"failed\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_DELTA"
      }
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = "A task that fails is no failed execution. This is one that could do nothing: the batch could not be read, the attempt not be claimed or its verdict not be written, or the image does not start. The execution's log says which."
  }
}

resource "google_monitoring_alert_policy" "billed" {
  count = var.billed_hours_a_day == null ? 0 : 1

  project               = var.project
  display_name          = "${var.name}: more is billed than was meant"
  combiner              = "OR"
  notification_channels = var.channels
  user_labels           = var.labels

  conditions {
    display_name = "services were billed for more than ${var.billed_hours_a_day} h in a day"
    condition_threshold {
      filter          = local.billed
      comparison      = "COMPARISON_GT"
      threshold_value = var.billed_hours_a_day * 3600
      duration        = "0s"
      aggregations {
        # Cloud Monitoring aligns over a day at most, and 25 hours with what is late.
        alignment_period     = "86400s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = "Instance time of the services, not of worker jobs; a budget of the billing account tells of money (docs/deploy.md)."
  }
}

# --- The dashboard: what one looks at first.

locals {
  # From the names in shared/telemetry/src/names.rs; a test in functions/service/tests/wiring compares. The exporter writes `_` for `.` in labels.
  own = var.metrics == null ? [] : [
    { title = "Queue delay of tasks, p99 (s)", filter = "metric.type=\"${var.metrics}/ork.task.queue_delay\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_99", by = ["metric.labels.ork_workflow"] },
    { title = "Time of attempts, p95 (s)", filter = "metric.type=\"${var.metrics}/ork.task.duration\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_95", by = ["metric.labels.ork_workflow", "metric.labels.ork_outcome"] },
    { title = "Retries", filter = "metric.type=\"${var.metrics}/ork.task.retries\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.labels.ork_workflow", "metric.labels.error_type"] },
    { title = "Time of runs, p95 (s)", filter = "metric.type=\"${var.metrics}/ork.run.duration\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_95", by = ["metric.labels.ork_workflow", "metric.labels.ork_status"] },
    { title = "Cost of runs, p95 (US dollars)", filter = "metric.type=\"${var.metrics}/ork.run.cost\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_95", by = ["metric.labels.ork_workflow"] },
    { title = "Wakes that are late, p99 (s)", filter = "metric.type=\"${var.metrics}/ork.wake.late\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_99", by = [] },
    { title = "Commits", filter = "metric.type=\"${var.metrics}/ork.store.commits\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = [] },
    { title = "Commits that lost", filter = "metric.type=\"${var.metrics}/ork.store.conflicts\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = [] },
    { title = "Traces and metrics that were given up", filter = "metric.type=\"${var.metrics}/ork.telemetry.dropped\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.labels.ork_signal"] },
  ]
  charts = concat([
    { title = "Oldest wake (s)", filter = local.oldest, aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX", by = [] },
    { title = "Messages not taken: age of the oldest (s)", filter = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" ${local.pushes}", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.labels.subscription_id"] },
    { title = "Requests a second, by service and answer", filter = local.requests, aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.labels.service_name", "metric.labels.response_code_class"] },
    { title = "Time of a request, p99 (ms)", filter = replace(local.requests, "request_count", "request_latencies"), aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX", by = ["resource.labels.service_name"] },
    { title = "Executions of workers, by result", filter = local.workers, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["resource.labels.job_name", "metric.labels.result"] },
    { title = "Wakes in the queue", filter = "metric.type=\"cloudtasks.googleapis.com/queue/depth\" resource.type=\"cloud_tasks_queue\" resource.labels.queue_id=\"${var.name}-wake\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = [] },
    { title = "Dead letters", filter = local.dead, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = [] },
    { title = "Messages that made no sense", filter = local.broken, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["resource.labels.service_name"] },
    { title = "Billed instance time (s a second)", filter = local.billed, aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.labels.service_name"] },
  ], local.own)
}

resource "google_monitoring_dashboard" "overview" {
  project = var.project
  dashboard_json = jsonencode({
    displayName = "Ork: ${var.name}"
    mosaicLayout = {
      columns = 12
      tiles = [for place, chart in local.charts : {
        xPos   = (place % 3) * 4
        yPos   = floor(place / 3) * 4
        width  = 4
        height = 4
        widget = {
          title = chart.title
          xyChart = {
            dataSets = [{
              plotType = "LINE"
              timeSeriesQuery = {
                timeSeriesFilter = {
                  filter = chart.filter
                  aggregation = {
                    alignmentPeriod    = "300s"
                    perSeriesAligner   = chart.aligner
                    crossSeriesReducer = chart.reducer
                    groupByFields      = chart.by
                  }
                }
              }
            }]
          }
        }
      }]
    }
  })
}
