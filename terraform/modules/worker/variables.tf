variable "project" {
  type        = string
  description = "Project ID."
}

variable "region" {
  type        = string
  description = "Region of the worker."
}

variable "name" {
  type        = string
  description = "Name of the job or service."
}

variable "kind" {
  type        = string
  description = "job or service."
}

variable "image" {
  type        = string
  description = "Image of the worker: ork-service and what the tasks need."
  nullable    = false
}

variable "labels" {
  type        = map(string)
  description = "Labels of the job or service."
  default     = {}
}

variable "account" {
  type        = string
  description = "Service account that it runs as."
}

variable "env" {
  type        = map(string)
  description = "Environment."
}

variable "secrets" {
  type        = map(string)
  description = "Variables and the secrets of Secret Manager that fill them: a name in the project, or projects/P/secrets/S. The newest version counts when an instance starts."
  default     = {}
}

variable "audiences" {
  type        = list(string)
  description = "Audiences of tokens that Cloud Run takes; of a service."
}

variable "invokers" {
  type        = list(string)
  description = "Members that Cloud Run lets through; of a service."
}

variable "cpu" {
  type        = string
  description = "Processors of an instance."
}

variable "memory" {
  type        = string
  description = "Memory of an instance."
}

variable "cpu_always" {
  type        = bool
  description = "Whether an instance of a service has its processor when it answers nobody, and is billed for it: for attempts that outlast their message."
}

variable "concurrency" {
  type        = number
  description = "Tasks that an instance of a service takes at a time; the program is told the same."
}

variable "max_instances" {
  type        = number
  description = "Instances of a service at most. There are none while nothing happens."
}

variable "timeout_seconds" {
  type        = number
  description = "How long a task of a job may take whose execution states nothing, or a request of a service."
}

variable "vpc" {
  type = object({
    network    = string
    subnetwork = string
    egress     = string
    tags       = list(string)
  })
  description = "Network that requests go out by, if it is not the internet."
  default     = null
}

variable "grants" {
  type        = map(object({ role = string, email = string }))
  description = "Roles on the job."
  default     = {}
}

variable "deletion_protection" {
  type        = bool
  description = "Whether it can be removed only after this is false."
}

variable "kms_key" {
  type        = string
  description = "Cloud KMS key of instances; Google's own without it."
  default     = null
}
