variable "project" {
  type        = string
  description = "Project ID."
}

variable "region" {
  type        = string
  description = "Region of everything."
  default     = "europe-west1"
}

variable "name" {
  type        = string
  description = "What the names of everything begin with."
  default     = "ork"
}

variable "image" {
  type        = string
  description = "Image of ork-service."
}

variable "worker_image" {
  type        = string
  description = "Image of the workers."
}

variable "admin" {
  type        = string
  description = "Address of the person who may do everything."
}

variable "deletion_protection" {
  type        = bool
  description = "Whether `terraform destroy` leaves database, services and a bucket that has objects alone."
  default     = true
}
