output "topics" {
  value       = { for topic, made in google_pubsub_topic.topics : topic => "projects/${var.project}/topics/${made.name}" }
  description = "Full names of the topics."
}

output "pushes" {
  value = { for push, made in google_pubsub_subscription.pushes : push => {
    endpoint              = made.push_config[0].push_endpoint
    audience              = made.push_config[0].oidc_token[0].audience
    email                 = made.push_config[0].oidc_token[0].service_account_email
    topic                 = made.topic
    dead_letter_topic     = made.dead_letter_policy[0].dead_letter_topic
    max_delivery_attempts = made.dead_letter_policy[0].max_delivery_attempts
    minimum_backoff       = made.retry_policy[0].minimum_backoff
    maximum_backoff       = made.retry_policy[0].maximum_backoff
    ack_seconds           = made.ack_deadline_seconds
    ttl                   = made.expiration_policy[0].ttl
  } }
  description = "What is pushed where, as whom, for tests and for looking at."
}

output "members" {
  value = concat(
    [for grant in google_pubsub_topic_iam_member.grants : "${grant.role} ${grant.member}"],
    [for grant in google_pubsub_topic_iam_member.others : "${grant.role} ${grant.member}"],
    [for grant in google_pubsub_subscription_iam_member.dead_letters : "${grant.role} ${grant.member}"],
    ["${google_pubsub_topic_iam_member.dead_letters.role} ${google_pubsub_topic_iam_member.dead_letters.member}"],
  )
  description = "Roles that are given here, with who has them."
}
