/** Administration of a running server through its control routes. */
import { AppError, type ErrorKind } from '../base/app-error.ts'
import type { HttpClient } from '../base/http-client.ts'
import type { AuditLine, AuditPage } from '../hub/audit-log.ts'
import type { Scope } from '../hub/caller.ts'
import type { Membership } from '../hub/organisations.ts'
import type { Admin, IssuedToken, ListedOrg, ListedToken, ListedUser, TokenWishes } from './admin.ts'

const REFUSALS: Readonly<Record<number, ErrorKind>> = {
  400: 'usage',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
}

export class RemoteAdmin implements Admin {
  readonly #http: HttpClient
  readonly #url: string
  readonly #token: string

  constructor(http: HttpClient, url: string, token: string) {
    this.#http = http
    this.#url = url
    this.#token = token
  }

  async createUser(user: string, scope: Scope): Promise<IssuedToken> {
    return (await this.#call('POST', 'users', { user, scope })) as IssuedToken
  }

  async listUsers(): Promise<ListedUser[]> {
    return (await this.#call('GET', 'users')) as ListedUser[]
  }

  async removeUser(user: string): Promise<void> {
    await this.#call('DELETE', `users/${encodeURIComponent(user)}`)
  }

  async createOrg(org: string): Promise<void> {
    await this.#call('POST', 'orgs', { org })
  }

  async listOrgs(): Promise<ListedOrg[]> {
    return (await this.#call('GET', 'orgs')) as ListedOrg[]
  }

  async removeOrg(org: string): Promise<void> {
    await this.#call('DELETE', `orgs/${encodeURIComponent(org)}`)
  }

  async setMember({ org, user, role }: Membership): Promise<void> {
    await this.#call('POST', `orgs/${encodeURIComponent(org)}/members`, { user, role })
  }

  async removeMember({ org, user }: Omit<Membership, 'role'>): Promise<void> {
    await this.#call('DELETE', `orgs/${encodeURIComponent(org)}/members/${encodeURIComponent(user)}`)
  }

  async createToken(owner: string, wishes: TokenWishes): Promise<IssuedToken> {
    return (await this.#call('POST', 'tokens', { user: owner, ...wishes })) as IssuedToken
  }

  async listTokens(owner?: string): Promise<ListedToken[]> {
    const query = owner === undefined ? '' : `?user=${encodeURIComponent(owner)}`
    return (await this.#call('GET', `tokens${query}`)) as ListedToken[]
  }

  async revokeToken(id: string): Promise<void> {
    await this.#call('DELETE', `tokens/${encodeURIComponent(id)}`)
  }

  async listAudit({ sinceMs, after, count }: AuditPage): Promise<AuditLine[]> {
    const query = new URLSearchParams({ limit: String(count) })
    if (sinceMs !== undefined) query.set('since', String(sinceMs))
    if (after !== undefined) query.set('after', String(after))
    return (await this.#call('GET', `audit?${query}`)) as AuditLine[]
  }

  async #call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown> {
    const { value, reply } = await this.#http.json({
      method,
      url: `${this.#url}/-/v1/${path}`,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      idempotent: false,
      accept: Object.keys(REFUSALS).map(Number),
    })
    const kind = REFUSALS[reply.status]
    if (kind === undefined) return value
    // Our own server's words, code included, as if the action had run here.
    const { error, code } = value as { error: string; code: string }
    throw new AppError(kind, code, error)
  }
}
