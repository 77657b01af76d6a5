/**
 * Administration of a server: users and their tokens. One interface; over the accounts themselves for the server's own
 * routes and for a stopped server's home, over HTTP for a running one (remote-admin.ts).
 */
import { AppError } from '../base/app-error.ts'
import type { Accounts } from '../hub/accounts.ts'
import { SCOPES, type Scope } from '../hub/caller.ts'
import type { NewToken } from '../hub/tokens.ts'

export interface IssuedToken {
  readonly id: string
  readonly user: string
  readonly scope: Scope
  readonly name: string
  /** Shown this once. */
  readonly token: string
}

export interface ListedToken {
  readonly id: string
  readonly user: string
  readonly scope: Scope
  readonly name: string
  readonly createdMs: number
  readonly usedMs: number | null
}

export interface Admin {
  /** A new user with a first token. */
  createUser(user: string, scope: Scope): Promise<IssuedToken>
  createToken(user: string, options: { scope: Scope; name?: string | undefined }): Promise<IssuedToken>
  listTokens(user?: string): Promise<ListedToken[]>
  /** Takes effect at once. Throws TOKEN_UNKNOWN when there is none of this id. */
  revokeToken(id: string): Promise<void>
}

export class AccountsAdmin implements Admin {
  readonly #accounts: Accounts

  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  async createUser(user: string, scope: Scope): Promise<IssuedToken> {
    this.#accounts.createUser(user)
    return issued(this.#accounts.createToken(user, { scope }))
  }

  async createToken(user: string, options: { scope: Scope; name?: string | undefined }): Promise<IssuedToken> {
    return issued(this.#accounts.createToken(user, options))
  }

  async listTokens(user?: string): Promise<ListedToken[]> {
    return this.#accounts.listTokens(user)
  }

  async revokeToken(id: string): Promise<void> {
    if (!this.#accounts.revokeToken({ token: id })) {
      throw new AppError('not-found', 'TOKEN_UNKNOWN', 'There is no such token: see xorbit token ls')
    }
  }
}

export function parseScope(text: string): Scope {
  const scope = SCOPES.find((one) => one === text)
  if (scope === undefined) {
    throw new AppError('usage', 'SCOPE_UNKNOWN', `Scope ${JSON.stringify(text)} is none of ${SCOPES.join(', ')}`)
  }
  return scope
}

function issued({ token, info: { id, user, scope, name } }: NewToken): IssuedToken {
  return { id, user, scope, name, token }
}
