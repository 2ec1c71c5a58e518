variable "project" {
  type        = string
  description = "Project ID."
}

variable "name" {
  type        = string
  description = "What the accounts' names begin with."
}

variable "accounts" {
  type        = map(string)
  description = "Service accounts to make: what each is for, by the end of its name."
}

variable "grants" {
  type        = map(object({ account = string, role = string, email = string }))
  description = "Roles on one of these accounts: `email` gets `role` on `account`."
}

variable "roles" {
  type        = map(object({ project = string, role = string, email = string }))
  description = "Roles in projects, for jobs outside Ork."
  default     = {}
}

variable "kms_key" {
  type        = string
  description = "Cloud KMS key that Google's services encrypt with, if there is one."
  default     = null
}

variable "kms_users" {
  type        = list(string)
  description = "Google's service agents that encrypt with it."
  default     = []
}
