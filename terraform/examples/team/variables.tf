variable "project" {
  type        = string
  description = "Project ID."
}

variable "region" {
  type        = string
  description = "Region of everything."
  default     = "europe-west1"
}

variable "image" {
  type        = string
  description = "Image of ork-service."
}

variable "worker_image" {
  type        = string
  description = "Image of the workers."
}

variable "organisation" {
  type        = string
  description = "Domain whose people may operate runs, such as example.com."
}

variable "admins" {
  type        = list(string)
  description = "Addresses of those who may do everything."
}

variable "mailbox" {
  type        = string
  description = "Where alerts are sent to."
}
