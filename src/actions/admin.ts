/**
 * Administration of a server: users, organisations, their tokens, the audit log. One interface; over the accounts
 * themselves for the server's own routes and for a stopped server's home, over HTTP for a running one (remote-admin.ts).
 * Each change and its line in the audit log are one transaction.
 */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Accounts } from '../hub/accounts.ts'
import type { Actor, AuditLine, AuditPage, Deed } from '../hub/audit-log.ts'
import { ROLES, type Role, SCOPES, type Scope } from '../hub/caller.ts'
import type { Membership } from '../hub/organisations.ts'
import { parseTypedRepoId } from '../hub/repo-id.ts'
import type { NewToken, TokenInfo } from '../hub/tokens.ts'

const DAY_MS = 86_400_000
const DAYS_MAX = 3650

export interface IssuedToken {
  readonly id: string
  readonly user: string
  readonly scope: Scope
  readonly name: string
  readonly repos: readonly string[] | null
  readonly expiresMs: number | null
  /** Shown this once. */
  readonly token: string
}

export type ListedToken = TokenInfo

export interface TokenWishes {
  readonly scope: Scope
  readonly name?: string | undefined
  /** `NS/NAME`, `datasets/NS/NAME` or `spaces/NS/NAME`: the only repositories it is for. */
  readonly repos?: readonly string[] | undefined
  readonly days?: number | undefined
}

export interface ListedUser {
  readonly name: string
  readonly admin: boolean
  readonly createdMs: number
  readonly orgs: readonly { readonly name: string; readonly role: Role }[]
  readonly repoCount: number
}

export interface ListedOrg {
  readonly name: string
  readonly createdMs: number
  readonly members: readonly { readonly name: string; readonly role: Role }[]
  readonly repoCount: number
}

export interface Admin {
  /** A new user with a first token. */
  createUser(user: string, scope: Scope): Promise<IssuedToken>
  listUsers(): Promise<ListedUser[]>
  /** Tokens and memberships end with it; refused while repositories bear its name. */
  removeUser(user: string): Promise<void>
  createOrg(org: string): Promise<void>
  listOrgs(): Promise<ListedOrg[]>
  removeOrg(org: string): Promise<void>
  /** Adds a user to an organisation, or gives it another role there. */
  setMember(member: Membership): Promise<void>
  removeMember(member: Omit<Membership, 'role'>): Promise<void>
  /** `owner` is a user, or an organisation that gets a robot. */
  createToken(owner: string, wishes: TokenWishes): Promise<IssuedToken>
  listTokens(owner?: string): Promise<ListedToken[]>
  /** Takes effect at once. Throws TOKEN_UNKNOWN when there is none of this id. */
  revokeToken(id: string): Promise<void>
  listAudit(page: AuditPage): Promise<AuditLine[]>
}

export interface AccountsAdminParts {
  readonly accounts: Accounts
  readonly clock: Clock
  readonly actor: Actor
}

export class AccountsAdmin implements Admin {
  readonly #accounts: Accounts
  readonly #clock: Clock
  readonly #actor: Actor

  constructor({ accounts, clock, actor }: AccountsAdminParts) {
    this.#accounts = accounts
    this.#clock = clock
    this.#actor = actor
  }

  async createUser(user: string, scope: Scope): Promise<IssuedToken> {
    return this.#change({ action: 'user.create', what: user, details: { scope } }, () => {
      this.#accounts.createUser(user)
      return issued(this.#accounts.createToken(user, { scope }))
    })
  }

  async listUsers(): Promise<ListedUser[]> {
    return this.#accounts.listUsers().map(({ name, admin, createdMs }) => {
      const orgs = this.#accounts.listMemberships(name).map(({ org, role }) => ({ name: org, role }))
      return { name, admin, createdMs, orgs, repoCount: this.#accounts.repos.countOwned(name) }
    })
  }

  async removeUser(user: string): Promise<void> {
    this.#change({ action: 'user.remove', what: user }, () => this.#accounts.removeUser(user))
  }

  async createOrg(org: string): Promise<void> {
    this.#change({ action: 'org.create', what: org }, () => this.#accounts.createOrg(org))
  }

  async listOrgs(): Promise<ListedOrg[]> {
    return this.#accounts.listOrgs().map(({ name, createdMs }) => {
      const members = this.#accounts.listMembers(name).map(({ user, role }) => ({ name: user, role }))
      return { name, createdMs, members, repoCount: this.#accounts.repos.countOwned(name) }
    })
  }

  async removeOrg(org: string): Promise<void> {
    this.#change({ action: 'org.remove', what: org }, () => this.#accounts.removeOrg(org))
  }

  async setMember({ org, user, role }: Membership): Promise<void> {
    const deed = { action: 'org.add', what: org, details: { user, role } }
    this.#change(deed, () => this.#accounts.setMember(org, user, role))
  }

  async removeMember({ org, user }: Omit<Membership, 'role'>): Promise<void> {
    const deed = { action: 'org.remove-member', what: org, details: { user } }
    this.#change(deed, () => this.#accounts.removeMember(org, user))
  }

  async createToken(owner: string, { scope, name, repos, days }: TokenWishes): Promise<IssuedToken> {
    const details = { scope, name, repos, days }
    return this.#change({ action: 'token.create', what: owner, details }, () => {
      const ids = repos?.map((repo) => this.#idOf(repo))
      const expiresMs = days === undefined ? undefined : this.#clock.nowMs() + checkDays(days) * DAY_MS
      return issued(this.#accounts.createToken(owner, { scope, name, repos: ids, expiresMs }))
    })
  }

  async listTokens(owner?: string): Promise<ListedToken[]> {
    return this.#accounts.listTokens(owner)
  }

  async revokeToken(id: string): Promise<void> {
    const token = this.#accounts.findToken({ token: id })
    if (token === null) {
      throw new AppError('not-found', 'TOKEN_UNKNOWN', 'There is no such token: see xorbit token ls')
    }
    const deed = { action: 'token.revoke', what: token.user, details: { id: token.id, name: token.name } }
    this.#change(deed, () => this.#accounts.revokeToken({ token: token.id }))
  }

  async listAudit(page: AuditPage): Promise<AuditLine[]> {
    return this.#accounts.audit.list(page)
  }

  #change<T>(deed: Deed, work: () => T): T {
    return this.#accounts.transact(() => {
      const result = work()
      this.#accounts.audit.append(this.#actor, deed)
      return result
    })
  }

  #idOf(repo: string): string {
    const record = this.#accounts.repos.find(parseTypedRepoId(repo))
    if (record !== null) return record.id
    throw new AppError('not-found', 'REPO_NOT_FOUND', `There is no repository ${repo.slice(0, 200)} on this server`)
  }
}

export function parseScope(text: string): Scope {
  const scope = SCOPES.find((one) => one === text)
  if (scope === undefined) {
    throw new AppError('usage', 'SCOPE_UNKNOWN', `Scope ${JSON.stringify(text)} is none of ${SCOPES.join(', ')}`)
  }
  return scope
}

export function parseRole(text: string): Role {
  const role = ROLES.find((one) => one === text)
  if (role === undefined) {
    throw new AppError('usage', 'ROLE_UNKNOWN', `Role ${JSON.stringify(text)} is none of ${ROLES.join(', ')}`)
  }
  return role
}

function checkDays(days: number): number {
  if (Number.isInteger(days) && days >= 1 && days <= DAYS_MAX) return days
  throw new AppError('usage', 'TOKEN_LIMITS_INVALID', `A token ends after 1 to ${DAYS_MAX} days`)
}

function issued({ token, info: { id, user, scope, name, repos, expiresMs } }: NewToken): IssuedToken {
  return { id, user, scope, name, repos, expiresMs, token }
}
