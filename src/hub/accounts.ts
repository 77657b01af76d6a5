/**
 * accounts.db as one object: users and organisations, their tokens, the rows of repositories, the audit log, quotas,
 * signing keys and the epoch. Synchronous, because SQLite is; durable when a call returns. Also answers the CAS which
 * repositories an account may read.
 */
import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import { type Access, ANONYMOUS_ACCOUNT } from '../cas/access.ts'
import { visibilityOf } from './access.ts'
import { AccessRequests } from './access-requests.ts'
import { openAccountsDb, transact } from './accounts-db.ts'
import { AuditLog } from './audit-log.ts'
import type { Caller, Role } from './caller.ts'
import { Discussions } from './discussions.ts'
import { StoredEpochs } from './epochs.ts'
import { type Membership, Organisations } from './organisations.ts'
import { Quotas } from './quotas.ts'
import { RepoFactsTable } from './repo-facts.ts'
import { formatTypedRepoId, isRepoName, isReservedName } from './repo-id.ts'
import { RepoMoves } from './repo-moves.ts'
import { RepoTable } from './repo-table.ts'
import { type NewToken, type TokenInfo, type TokenOptions, Tokens } from './tokens.ts'

const SECRET_BYTES = 32
const NAMED_REPOS_MAX = 5

export interface User {
  /** Opaque: the `account` of callers, CAS addresses and leases. */
  readonly id: string
  readonly name: string
  readonly admin: boolean
  readonly createdMs: number
}

/** A name that owns a namespace: a user's or an organisation's. */
export interface Owner extends User {
  readonly kind: 'user' | 'org'
}

/** What is signed with which key. */
export type SecretName = 'cas-token' | 'signed-url' | 'lfs'

/**
 * The reader that a repository is to itself: `findVerified` for it finds exactly the files that the repository holds,
 * whoever asks. No account has an id like it.
 */
export function repoAccount(repo: string): string {
  return `repo:${repo}`
}

export class Accounts implements Access {
  readonly repos: RepoTable
  readonly facts: RepoFactsTable
  readonly moves: RepoMoves
  readonly requests: AccessRequests
  readonly discussions: Discussions
  readonly epoch: StoredEpochs
  readonly audit: AuditLog
  readonly quotas: Quotas
  readonly #db: DatabaseSync
  readonly #clock: Clock
  readonly #tokens: Tokens
  readonly #orgs: Organisations

  private constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#clock = clock
    this.#orgs = new Organisations(db)
    this.#tokens = new Tokens(db, clock, this.#orgs)
    this.repos = new RepoTable(db, clock)
    this.facts = new RepoFactsTable(db)
    this.moves = new RepoMoves(db)
    this.requests = new AccessRequests(db, clock)
    this.discussions = new Discussions(db, clock)
    this.epoch = new StoredEpochs(db, clock)
    this.audit = new AuditLog(db, clock)
    this.quotas = new Quotas(db, this.repos)
  }

  /** Opens or makes the database; `:memory:` for tests. */
  static open(path: string, clock: Clock): Accounts {
    return new Accounts(openAccountsDb(path), clock)
  }

  close(): void {
    this.#db.close()
  }

  /** All of `work`, or none of it when it throws. */
  transact<T>(work: () => T): T {
    return transact(this.#db, work)
  }

  createUser(name: string, { admin = false }: { admin?: boolean } = {}): User {
    return userOf(this.#createOwner(name, { kind: 'user', admin }))
  }

  createOrg(name: string): Owner {
    return this.#createOwner(name, { kind: 'org', admin: false })
  }

  /** The user or organisation of this name. */
  findOwner(name: string): Owner | null {
    return ownerOf(this.#db.prepare('SELECT * FROM users WHERE name_key = ?').get(name.toLowerCase()))
  }

  findUserById(id: string): User | null {
    return ownerOf(this.#db.prepare('SELECT * FROM users WHERE id = ?').get(id))
  }

  findUser(name: string): User | null {
    const owner = this.findOwner(name)
    return owner?.kind === 'user' ? userOf(owner) : null
  }

  getUser(name: string): User {
    const user = this.findUser(name)
    if (user === null) throw new AppError('not-found', 'USER_UNKNOWN', `There is no user ${name.slice(0, 100)}`)
    return user
  }

  getOrg(name: string): Owner {
    const owner = this.findOwner(name)
    if (owner?.kind === 'org') return owner
    throw new AppError('not-found', 'ORG_UNKNOWN', `There is no organisation ${name.slice(0, 100)}`)
  }

  listUsers(): User[] {
    return this.#listOwners('user').map(userOf)
  }

  listOrgs(): Owner[] {
    return this.#listOwners('org')
  }

  /** Its tokens end and its memberships with it. Refused while repositories bear its name, and for the last admin. */
  removeUser(name: string): void {
    this.transact(() => {
      const user = this.getUser(name)
      if (user.admin && this.listUsers().filter(({ admin }) => admin).length === 1) {
        throw new AppError('conflict', 'LAST_ADMIN', `${user.name} alone runs this server: make another admin first`)
      }
      this.#removeOwner(user)
    })
  }

  /** The same for an organisation. */
  removeOrg(name: string): void {
    this.transact(() => this.#removeOwner(this.getOrg(name)))
  }

  setMember(org: string, user: string, role: Role): void {
    this.transact(() => this.#orgs.setMember(this.getOrg(org).id, this.getUser(user).id, role))
  }

  removeMember(org: string, user: string): void {
    this.transact(() => this.#orgs.removeMember(this.getOrg(org).id, this.getUser(user).id))
  }

  listMembers(org: string): Membership[] {
    return this.#orgs.listMembers(this.getOrg(org).id)
  }

  /** The organisations of a user, with their ids. */
  listMemberships(user: string): (Membership & { readonly id: string })[] {
    return this.#orgs.listOf(this.getUser(user).id)
  }

  /** A token of scope `admin` makes its user one of those who run the server; an organisation's is a robot. */
  createToken(owner: string, options: TokenOptions): NewToken {
    return this.transact(() => {
      const known = this.findOwner(owner)
      if (known?.kind === 'org' && options.scope === 'admin') {
        throw new AppError('usage', 'ROBOT_SCOPE', 'A robot has scope read, write, inference or metrics')
      }
      const { id } = known ?? this.getUser(owner)
      if (options.scope === 'admin') this.#db.prepare('UPDATE users SET admin = 1 WHERE id = ?').run(id)
      return this.#tokens.create(id, options)
    })
  }

  listTokens(owner?: string): TokenInfo[] {
    return this.#tokens.list(owner === undefined ? undefined : (this.findOwner(owner) ?? this.getUser(owner)).id)
  }

  /** `token` is a token's id, the token itself, or with `user` the name of one. What it was; null when there is none. */
  findToken({ user, token }: { user?: string | undefined; token: string }): TokenInfo | null {
    return this.#tokens.find({ user: user === undefined ? undefined : this.getUser(user).id, token })
  }

  /** As `findToken` finds it. Whether there was one. */
  revokeToken(which: { user?: string | undefined; token: string }): boolean {
    const found = this.findToken(which)
    if (found !== null) this.#tokens.delete(found.id)
    return found !== null
  }

  /** Whether the token of this id is neither revoked nor ended. */
  isGoodToken(id: string): boolean {
    return this.#tokens.isGood(id)
  }

  findCaller(token: string): Caller | null {
    return this.#tokens.findCaller(token)
  }

  /** Made at first use, then always the same. */
  secret(name: SecretName): Uint8Array {
    const sql = 'INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING'
    const select = this.#db.prepare('SELECT value FROM secrets WHERE name = ?')
    if (select.get(name) === undefined) this.#db.prepare(sql).run(name, randomBytes(SECRET_BYTES))
    return select.get(name)?.value as Uint8Array
  }

  /** `account` is a caller's, or what `repoAccount` gives. The same repositories whose files the caller may read. */
  async filterReadable(account: string, repos: readonly string[]): Promise<readonly string[]> {
    if (account === ANONYMOUS_ACCOUNT) return this.repos.filterReadable(repos, { namespaces: [] }, null)
    const sole = this.soleRepo(account)
    if (sole !== null) return repos.includes(sole) && this.repos.has(sole) ? [sole] : []
    const limited = this.#tokens.findByAccount(account)
    if (limited !== null) return this.repos.filterReadable(repos, visibilityOf(limited), limited.user)
    const owner = ownerOf(this.#db.prepare('SELECT * FROM users WHERE id = ?').get(account))
    if (owner === null) return []
    const roles = this.#orgs.rolesOf(owner)
    return this.repos.filterReadable(repos, visibilityOf({ admin: owner.admin, roles, only: null }), owner.id)
  }

  soleRepo(account: string): string | null {
    const prefix = repoAccount('')
    return account.startsWith(prefix) ? account.slice(prefix.length) : null
  }

  #createOwner(name: string, { kind, admin }: Pick<Owner, 'kind' | 'admin'>): Owner {
    if (!isRepoName(name) || isReservedName(name)) {
      const what = kind === 'user' ? 'a user' : 'an organisation'
      throw new AppError('usage', 'USER_NAME_INVALID', `${JSON.stringify(name.slice(0, 100))} cannot name ${what}`)
    }
    return this.transact(() => {
      const known = this.findOwner(name)
      if (known !== null) {
        const what = known.kind === 'user' ? 'a user' : 'an organisation'
        throw new AppError('conflict', 'USER_EXISTS', `There is ${what} ${known.name}`)
      }
      // Whoever got the name would own what an administrator put there.
      if (this.repos.hasNamespace(name)) {
        throw new AppError('conflict', 'NAMESPACE_IN_USE', `Namespace ${name} holds repositories: delete them first`)
      }
      const id = randomBytes(12).toString('hex')
      const sql = 'INSERT INTO users (id, name, name_key, admin, created_ms, kind) VALUES (?, ?, ?, ?, ?, ?)'
      this.#db.prepare(sql).run(id, name, name.toLowerCase(), admin ? 1 : 0, this.#clock.nowMs(), kind)
      return this.findOwner(name) as Owner
    })
  }

  #removeOwner({ id, name }: User): void {
    const count = this.repos.countOwned(name)
    if (count > 0) {
      const shown = this.repos.listOwned(name, NAMED_REPOS_MAX).map(formatTypedRepoId)
      const list = `${shown.join(', ')}${count > shown.length ? ', …' : ''}`
      const message = `${name} owns ${count} repositories (${list}): move or delete them first`
      throw new AppError('conflict', 'NAMESPACE_IN_USE', message)
    }
    this.#tokens.deleteAllOf(id)
    this.#db.prepare('DELETE FROM users WHERE id = ?').run(id)
  }

  #listOwners(kind: Owner['kind']): Owner[] {
    const rows = this.#db.prepare('SELECT * FROM users WHERE kind = ? ORDER BY name_key').all(kind)
    return rows.flatMap((row) => ownerOf(row) ?? [])
  }
}

function ownerOf(row: Record<string, unknown> | undefined): Owner | null {
  if (row === undefined) return null
  const { id, name, admin, created_ms, kind } = row
  const facts = { id: String(id), name: String(name), admin: admin === 1, createdMs: Number(created_ms) }
  return { ...facts, kind: kind === 'org' ? 'org' : 'user' }
}

function userOf({ id, name, admin, createdMs }: Owner): User {
  return { id, name, admin, createdMs }
}
