variable "project" {
  type        = string
  description = "Project ID."
}

variable "name" {
  type        = string
  description = "What the names of topics and subscriptions begin with."
}

variable "labels" {
  type        = map(string)
  description = "Labels of topics and subscriptions."
  default     = {}
}

variable "region" {
  type        = string
  description = "The one region where messages are kept."
}

variable "kms_key" {
  type        = string
  description = "Cloud KMS key that encrypts messages; Google's own without it."
  default     = null
}

variable "topics" {
  type        = set(string)
  description = "Topics to make, by the end of their names. `dead-letters` has to be among them."
}

variable "pushes" {
  type = map(object({
    topic       = string
    url         = string
    path        = string
    email       = string
    ack_seconds = number
    attempts    = number
  }))
  description = "Push subscriptions: of which topic, to which path of which service, whose address is the token's audience, as whom, how long an answer may take, and how often a message is tried."
}

variable "grants" {
  type        = map(object({ topic = string, role = string, email = string }))
  description = "Roles on one of these topics."
}

variable "pubsub_agent" {
  type        = string
  description = "Pub/Sub's service agent, which moves dead letters."
}

variable "others" {
  type        = set(string)
  description = "Topics of somebody else that notifications go to, by their full names."
  default     = []
}

variable "others_emails" {
  type        = map(string)
  description = "Who sends those."
  default     = {}
}
