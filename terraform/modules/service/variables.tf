variable "project" {
  type        = string
  description = "Project ID."
}

variable "region" {
  type        = string
  description = "Region of the service."
}

variable "name" {
  type        = string
  description = "Name of the service."
}

variable "role" {
  type        = string
  description = "Argument of ork-service: what the service is for."
}

variable "image" {
  type        = string
  description = "Image of ork-service."
}

variable "labels" {
  type        = map(string)
  description = "Labels of the service."
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
  description = "Audiences of tokens that Cloud Run takes."
}

variable "invokers" {
  type        = list(string)
  description = "Members that Cloud Run lets through."
}

variable "ingress" {
  type        = string
  description = "From where Cloud Run takes requests."
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
  description = "Whether an instance has its processor when it answers nobody, and is billed for it."
}

variable "concurrency" {
  type        = number
  description = "Requests that an instance takes at a time; the program is told the same."
}

variable "max_instances" {
  type        = number
  description = "Instances at most. There are none while nothing happens."
}

variable "timeout_seconds" {
  type        = number
  description = "How long a request may take; longer than the program's own deadline."
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

variable "deletion_protection" {
  type        = bool
  description = "Whether the service can be removed only after this is false."
}

variable "kms_key" {
  type        = string
  description = "Cloud KMS key of instances; Google's own without it."
  default     = null
}
