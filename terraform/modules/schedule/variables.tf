variable "project" {
  type        = string
  description = "Project ID."
}

variable "region" {
  type        = string
  description = "Region of the job and the queue."
}

variable "name" {
  type        = string
  description = "What their names begin with."
}

variable "schedule" {
  type        = string
  description = "When the tick is called, as unix cron in UTC."
}

variable "url" {
  type        = string
  description = "What is called: `/tick` of the tick."
}

variable "audience" {
  type        = string
  description = "Audience of the call's token: the tick's address."
}

variable "email" {
  type        = string
  description = "Service account in whose name it is called."
}

variable "deadline_seconds" {
  type        = number
  description = "How long a tick may take."
}

variable "grants" {
  type        = map(object({ role = string, email = string }))
  description = "Roles on the queue."
}
