/** What a person can do next about an error whose own message does not say it. */
import type { AppError } from '../base/app-error.ts'

const BY_CODE: Readonly<Record<string, string>> = {
  REPO_NOT_FOUND: 'check the name with `xorbit ls OWNER/`; a private one needs a token, see `xorbit auth whoami`',
  REVISION_NOT_FOUND: 'check branch, tag or commit in --revision',
  REPO_GATED: 'ask for access on its page, then run this again with the token of that account',
  CONNECTION_FAILED: '`xorbit doctor` looks at address, network, proxies and certificates',
  CONNECT_TIMEOUT: '`xorbit doctor` looks at address, network, proxies and certificates',
  OFFLINE: 'pull it first, without --offline',
  CANCELLED: 'run it again to go on where it was',
}

const BY_KIND: Readonly<Partial<Record<AppError['kind'], string>>> = {
  unauthorized: 'give a token with --token or HF_TOKEN, or store one with `xorbit auth login`',
  forbidden: 'use a token that may do this: `xorbit auth whoami` tells which one is used',
  'no-space': 'free some space (`xorbit cache prune`, `xorbit cache rm`) and run it again to go on where it was',
  'rate-limited': 'wait and run it again; with a token the limits are wider',
  network: 'run it again to go on where it was; `xorbit doctor` looks at the network',
  timeout: 'run it again to go on where it was; `xorbit doctor` looks at the network',
}

/** Null when the message says it already, or nothing is known. */
export function findAdvice({ code, kind, message }: AppError): string | null {
  if (/`xorbit |--[a-z]|\bunset\b|pull again|run again/.test(message)) return null
  return BY_CODE[code] ?? BY_KIND[kind] ?? null
}
