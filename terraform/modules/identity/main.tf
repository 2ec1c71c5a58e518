resource "google_service_account" "accounts" {
  for_each = var.accounts

  project      = var.project
  account_id   = "${var.name}-${each.key}"
  display_name = each.value
}

resource "google_service_account_iam_member" "grants" {
  for_each = var.grants

  service_account_id = google_service_account.accounts[each.value.account].name
  role               = each.value.role
  member             = "serviceAccount:${each.value.email}"

  depends_on = [google_service_account.accounts]
}

resource "google_project_iam_member" "deferred" {
  for_each = var.roles

  project = each.value.project
  role    = each.value.role
  member  = "serviceAccount:${each.value.email}"

  depends_on = [google_service_account.accounts]
}

resource "google_kms_crypto_key_iam_member" "agents" {
  for_each = var.kms_key == null ? toset([]) : toset(var.kms_users)

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}
