output "policies" {
  value = concat([
    google_monitoring_alert_policy.oldest_wake.display_name,
    google_monitoring_alert_policy.tick_missing.display_name,
    google_monitoring_alert_policy.dead_letters.display_name,
    google_monitoring_alert_policy.backlog.display_name,
    google_monitoring_alert_policy.errors.display_name,
    google_monitoring_alert_policy.workers.display_name,
  ], google_monitoring_alert_policy.billed[*].display_name)
  description = "Names of the alert policies."
}
