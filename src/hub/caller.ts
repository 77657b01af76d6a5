/** Who asks, what their token lets them, and where they have a say. */
import { ANONYMOUS_ACCOUNT } from '../cas/access.ts'

export const SCOPES = ['read', 'write', 'admin', 'inference', 'metrics'] as const
export type Scope = (typeof SCOPES)[number]

/** Each includes those before it. `admin` deletes, moves and configures repositories. */
export const ROLES = ['read', 'write', 'admin'] as const
export type Role = (typeof ROLES)[number]

export interface NamespaceRole {
  readonly namespace: string
  readonly role: Role
}

export interface Caller {
  /**
   * Opaque id; `-` for whoever is not signed in. A token for some repositories only is an account of its own: what others
   * hold for its user in the CAS is out of its reach.
   */
  readonly account: string
  /** Id of the user, or of the organisation whose robot it is, behind whatever token. */
  readonly user: string | null
  readonly name: string | null
  readonly scope: Scope | null
  readonly tokenName: string | null
  /** Id of the token, for what is given out on its strength. */
  readonly tokenId: string | null
  /** Runs this server: may read, write and administer every repository, as far as the token's scope goes. */
  readonly admin: boolean
  /** Its own namespace and those of its organisations. */
  readonly roles: readonly NamespaceRole[]
  /** Opaque ids of the only repositories that the token is for; null when it is for all. */
  readonly only: ReadonlySet<string> | null
  /** When the token ends. */
  readonly expiresMs: number | null
}

export const ANONYMOUS: Caller = {
  account: ANONYMOUS_ACCOUNT,
  user: null,
  name: null,
  scope: null,
  tokenName: null,
  tokenId: null,
  admin: false,
  roles: [],
  only: null,
  expiresMs: null,
}

/** `admin` includes every scope, `write` includes `read`. */
export function hasScope({ scope }: Pick<Caller, 'scope'>, wanted: Scope): boolean {
  return scope === 'admin' || scope === wanted || (wanted === 'read' && scope === 'write')
}

/** What the caller is in a namespace, whatever its token's scope; null for a stranger. */
export function roleIn({ admin, roles }: Pick<Caller, 'admin' | 'roles'>, namespace: string): Role | null {
  if (admin) return 'admin'
  const key = namespace.toLowerCase()
  return roles.find((one) => one.namespace.toLowerCase() === key)?.role ?? null
}

export function includesRole(role: Role | null, wanted: Role): boolean {
  return role !== null && ROLES.indexOf(role) >= ROLES.indexOf(wanted)
}
