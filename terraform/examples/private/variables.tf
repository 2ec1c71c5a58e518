variable "project" {
  type        = string
  description = "Project ID."
}

variable "region" {
  type        = string
  description = "Region of everything; the key is there, too."
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

variable "admins" {
  type        = list(string)
  description = "Addresses of those who may do everything."
}

variable "range" {
  type        = string
  description = "Addresses of the subnetwork: an instance takes one each, and keeps it for a while."
  default     = "10.20.0.0/22"
}
