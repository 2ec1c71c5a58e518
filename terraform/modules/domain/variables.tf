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
  description = "What the names of everything begin with."
}

variable "labels" {
  type        = map(string)
  description = "Labels of what can have some."
}

variable "service" {
  type        = string
  description = "Name of the Cloud Run service."
}

variable "timeout_seconds" {
  type        = number
  description = "How long an answer may take."
}

variable "domain" {
  type        = string
  description = "The name, such as ork.example.com."
}

variable "dns_zone" {
  type        = string
  description = "Managed zone of Cloud DNS in which the name's address is written; nowhere if null."
}

variable "iap" {
  type        = bool
  description = "Whether Identity-Aware Proxy asks who somebody is."
}

variable "members" {
  type        = list(string)
  description = "Whom it lets through."
}
