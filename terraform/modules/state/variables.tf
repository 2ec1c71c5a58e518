variable "project" {
  type        = string
  description = "Project ID."
}

variable "database" {
  type        = string
  description = "Name of the database."
}

variable "location" {
  type        = string
  description = "Region or multi-region of the database. It cannot be changed later."
}

variable "point_in_time_recovery" {
  type        = bool
  description = "Whether the last seven days can be read back."
}

variable "backup_days" {
  type        = number
  description = "For how many days daily backups are kept; 0: none are made."
}

variable "deletion_protection" {
  type        = bool
  description = "Whether the database can be removed only after this is false."
}

variable "kms_key" {
  type        = string
  description = "Cloud KMS key that encrypts it; Google's own without it."
  default     = null
}

variable "grants" {
  type        = map(object({ role = string, email = string }))
  description = "Roles on this database only."
}
