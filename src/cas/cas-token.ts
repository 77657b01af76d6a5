/**
 * The bearer token of the CAS: who, what, under which epoch, until when, on the strength of which token of the Hub, and
 * our HMAC over it. Clients treat it as opaque. It ends with the Hub's token, however that ends.
 *
 * `xet_` + base64url(JSON) + `.` + base64url(HMAC-SHA256 over the text before the dot).
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface CasClaims {
  /** As Access knows it; `-` for whoever is not signed in. */
  readonly account: string
  /** Write includes read. */
  readonly scope: 'read' | 'write'
  readonly epoch: string
  readonly expirySeconds: number
  /** Id of the Hub's token it was got with; null when it was got with none. */
  readonly grant: string | null
}

const PREFIX = 'xet_'
const TOKEN_LENGTH_MAX = 2048

export function mintCasToken(key: Uint8Array, { account, scope, epoch, expirySeconds, grant }: CasClaims): string {
  const text = Buffer.from(JSON.stringify([account, scope, epoch, expirySeconds, grant])).toString('base64url')
  return `${PREFIX}${text}.${sign(key, text)}`
}

/** Null unless we signed exactly this. Expiry and epoch are the caller's to compare. */
export function readCasToken(key: Uint8Array, token: string): CasClaims | null {
  if (!token.startsWith(PREFIX) || token.length > TOKEN_LENGTH_MAX) return null
  const [text = '', signature = '', ...rest] = token.slice(PREFIX.length).split('.')
  const ours = Buffer.from(sign(key, text))
  const theirs = Buffer.from(signature)
  if (rest.length > 0 || ours.length !== theirs.length || !timingSafeEqual(ours, theirs)) return null
  const [account, scope, epoch, expirySeconds, grant = null] = JSON.parse(Buffer.from(text, 'base64url').toString())
  return { account, scope, epoch, expirySeconds, grant }
}

function sign(key: Uint8Array, text: string): string {
  return createHmac('sha256', key).update(`cas-token ${text}`).digest('base64url')
}
