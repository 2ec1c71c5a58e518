variable "project" {
  type        = string
  description = "Project ID."
}

variable "name" {
  type        = string
  description = "What the names of metrics begin with."
}

variable "labels" {
  type        = map(string)
  description = "Labels of alert policies."
  default     = {}
}

variable "services" {
  type        = list(string)
  description = "Names of the Cloud Run services."
}

variable "jobs" {
  type        = list(string)
  description = "Names of the Cloud Run jobs."
}

variable "subscriptions" {
  type        = list(string)
  description = "Names of the push subscriptions."
}

variable "channels" {
  type        = list(string)
  description = "Notification channels that are told, projects/P/notificationChannels/N."
}

variable "oldest_wake_seconds" {
  type        = number
  description = "How long a run may have been due when the tick looks at it."
}

variable "tick_missing_seconds" {
  type        = number
  description = "For how long no tick may succeed."
}

variable "error_ratio" {
  type        = number
  description = "Answers of 5xx among all of one service, over ten minutes."
}

variable "metrics" {
  type        = string
  description = "What stands before the names of Ork's own metrics in Cloud Monitoring; no charts of them, if it is null."
  default     = null
}

variable "billed_hours_a_day" {
  type        = number
  description = "Instance hours of all services that a day may be billed for; no alert, if it is null."
  default     = null
}
