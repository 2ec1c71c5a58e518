variable "project" {
  type        = string
  description = "Project ID."
}

variable "bucket" {
  type        = string
  description = "Name of the bucket."
}

variable "location" {
  type        = string
  description = "Region or multi-region of the bucket. It cannot be changed later."
}

variable "labels" {
  type        = map(string)
  description = "Labels of the bucket."
  default     = {}
}

variable "delete_runs_days" {
  type        = number
  description = "After how many days objects below runs/ are removed; never, if it is null."
  default     = null
}

variable "soft_delete_days" {
  type        = number
  description = "For how many days removed objects can be restored, and are paid for."
  default     = 0
}

variable "deletion_protection" {
  type        = bool
  description = "Whether a bucket that has objects cannot be removed."
}

variable "kms_key" {
  type        = string
  description = "Cloud KMS key that encrypts objects; Google's own without it."
  default     = null
}

variable "topic" {
  type        = string
  description = "Topic of the notices, `projects/P/topics/T`."
}

variable "grants" {
  type        = map(object({ prefix = string, role = string, email = string }))
  description = "Roles on objects whose names begin with `prefix`; on all of the bucket if that is empty."
}
