/** Who asks, and what their token lets them. */
import { ANONYMOUS_ACCOUNT } from '../cas/access.ts'

export const SCOPES = ['read', 'write', 'admin', 'inference', 'metrics'] as const
export type Scope = (typeof SCOPES)[number]

export interface Caller {
  /** Opaque id; `-` for whoever is not signed in. */
  readonly account: string
  readonly name: string | null
  readonly scope: Scope | null
  readonly tokenName: string | null
  /** Runs this server: may read, write and administer every repository, as far as the token's scope goes. */
  readonly admin: boolean
}

export const ANONYMOUS: Caller = { account: ANONYMOUS_ACCOUNT, name: null, scope: null, tokenName: null, admin: false }

/** `admin` includes every scope, `write` includes `read`. */
export function hasScope({ scope }: Caller, wanted: Scope): boolean {
  return scope === 'admin' || scope === wanted || (wanted === 'read' && scope === 'write')
}
