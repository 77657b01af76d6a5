/** Administration of a running server through its control routes. */
import { AppError, type ErrorKind } from '../base/app-error.ts'
import type { HttpClient } from '../base/http-client.ts'
import type { Scope } from '../hub/caller.ts'
import type { Admin, IssuedToken, ListedToken } from './admin.ts'

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

  async createToken(user: string, options: { scope: Scope; name?: string | undefined }): Promise<IssuedToken> {
    return (await this.#call('POST', 'tokens', { user, ...options })) as IssuedToken
  }

  async listTokens(user?: string): Promise<ListedToken[]> {
    const query = user === undefined ? '' : `?user=${encodeURIComponent(user)}`
    return (await this.#call('GET', `tokens${query}`)) as ListedToken[]
  }

  async revokeToken(id: string): Promise<void> {
    await this.#call('DELETE', `tokens/${encodeURIComponent(id)}`)
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
