resource "google_pubsub_topic" "topics" {
  for_each = var.topics

  project      = var.project
  name         = "${var.name}-${each.key}"
  labels       = var.labels
  kms_key_name = var.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_subscription" "pushes" {
  for_each = var.pushes

  project              = var.project
  name                 = "${var.name}-${each.key}"
  topic                = google_pubsub_topic.topics[each.value.topic].id
  labels               = var.labels
  ack_deadline_seconds = each.value.ack_seconds
  # What is older tells nothing new: the tick has looked long since.
  message_retention_duration = "86400s"

  push_config {
    push_endpoint = "${each.value.url}${each.value.path}"
    oidc_token {
      service_account_email = each.value.email
      audience              = each.value.url
    }
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "60s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.topics["dead-letters"].id
    max_delivery_attempts = each.value.attempts
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_pubsub_topic_iam_member.dead_letters]
}

# Dead letters are kept for a week, for a person to look at.
resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.project
  name                       = "${var.name}-dead-letters"
  topic                      = google_pubsub_topic.topics["dead-letters"].id
  labels                     = var.labels
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project
  topic   = google_pubsub_topic.topics["dead-letters"].name
  role    = "roles/pubsub.publisher"
  member  = var.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = var.pushes

  project      = var.project
  subscription = google_pubsub_subscription.pushes[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}

resource "google_pubsub_topic_iam_member" "grants" {
  for_each = var.grants

  project = var.project
  topic   = google_pubsub_topic.topics[each.value.topic].name
  role    = each.value.role
  member  = "serviceAccount:${each.value.email}"
}

resource "google_pubsub_topic_iam_member" "others" {
  for_each = { for pair in setproduct(var.others, keys(var.others_emails)) : "${pair[1]} ${pair[0]}" => { topic = pair[0], email = var.others_emails[pair[1]] } }

  project = split("/", each.value.topic)[1]
  topic   = split("/", each.value.topic)[3]
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${each.value.email}"
}
