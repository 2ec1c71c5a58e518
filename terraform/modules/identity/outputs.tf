output "emails" {
  value       = { for account, made in google_service_account.accounts : account => made.email }
  description = "Addresses of the accounts."
}

output "members" {
  value = concat(
    [for grant in google_service_account_iam_member.grants : "${grant.role} ${grant.member}"],
    [for grant in google_project_iam_member.deferred : "${grant.role} ${grant.member}"],
    [for grant in google_kms_crypto_key_iam_member.agents : "${grant.role} ${grant.member}"],
  )
  description = "Roles that are given here, with who has them."
}
