/** Meanings of the codes of accounts: users, organisations, tokens, quotas, rates. */
export const ACCOUNT_MEANINGS: Readonly<Record<string, string>> = {
  LAST_ADMIN: 'Nobody could administer the server without this user. Make another admin first.',
  MEMBER_UNKNOWN: 'The user is not in the organisation. `xorbit org ls` shows who is.',
  ORG_UNKNOWN: 'There is no organisation of this name. `xorbit org ls` shows them.',
  QUOTA_BYTES_EXCEEDED:
    'The namespace would hold more bytes than its quota. Delete repositories, or ask who runs the server (`serve --quota-bytes`).',
  QUOTA_REPOS_EXCEEDED:
    'The namespace holds as many repositories as its quota allows. Delete some, or ask who runs the server (`serve --quota-repos`).',
  RATE_LIMITED:
    'Too many requests in five minutes. Wait as long as Retry-After says; `serve --rate-limit` sets the limits.',
  ROBOT_SCOPE: 'A token of an organisation cannot administer the server. Choose read, write, inference or metrics.',
  ROLE_UNKNOWN: 'A role in an organisation is read, write or admin.',
  TOKEN_LIMITS_INVALID:
    'A token for some repositories has scope read or write and names 1 to 100; a token ends after 1 to 3650 days.',
}
