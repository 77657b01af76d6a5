/**
 * accounts.db as one object: users, their tokens, the rows of repositories, signing keys and the epoch. Synchronous,
 * because SQLite is; durable when a call returns. Also answers the CAS which repositories an account may read.
 */
import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import { type Access, ANONYMOUS_ACCOUNT } from '../cas/access.ts'
import { AccessRequests } from './access-requests.ts'
import { openAccountsDb, transact } from './accounts-db.ts'
import type { Caller, Scope } from './caller.ts'
import { Discussions } from './discussions.ts'
import { StoredEpochs } from './epochs.ts'
import { RepoFactsTable } from './repo-facts.ts'
import { isRepoName, isReservedName } from './repo-id.ts'
import { RepoMoves } from './repo-moves.ts'
import { RepoTable } from './repo-table.ts'
import { type NewToken, type TokenInfo, Tokens } from './tokens.ts'

const SECRET_BYTES = 32

export interface User {
  /** Opaque: the `account` of callers, CAS addresses and leases. */
  readonly id: string
  readonly name: string
  readonly admin: boolean
  readonly createdMs: number
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
  readonly #db: DatabaseSync
  readonly #clock: Clock
  readonly #tokens: Tokens

  private constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#clock = clock
    this.#tokens = new Tokens(db, clock)
    this.repos = new RepoTable(db, clock)
    this.facts = new RepoFactsTable(db)
    this.moves = new RepoMoves(db)
    this.requests = new AccessRequests(db, clock)
    this.discussions = new Discussions(db, clock)
    this.epoch = new StoredEpochs(db, clock)
  }

  /** Opens or makes the database; `:memory:` for tests. */
  static open(path: string, clock: Clock): Accounts {
    return new Accounts(openAccountsDb(path), clock)
  }

  close(): void {
    this.#db.close()
  }

  createUser(name: string, { admin = false }: { admin?: boolean } = {}): User {
    if (!isRepoName(name) || isReservedName(name)) {
      throw new AppError('usage', 'USER_NAME_INVALID', `${JSON.stringify(name.slice(0, 100))} cannot name a user`)
    }
    return transact(this.#db, () => {
      if (this.findUser(name) !== null) throw new AppError('conflict', 'USER_EXISTS', `There is a user ${name}`)
      // Whoever got the name would own what an administrator put there.
      if (this.repos.hasNamespace(name)) {
        throw new AppError('conflict', 'NAMESPACE_IN_USE', `Namespace ${name} holds repositories: delete them first`)
      }
      const id = randomBytes(12).toString('hex')
      const sql = 'INSERT INTO users (id, name, name_key, admin, created_ms) VALUES (?, ?, ?, ?, ?)'
      this.#db.prepare(sql).run(id, name, name.toLowerCase(), admin ? 1 : 0, this.#clock.nowMs())
      return this.getUser(name)
    })
  }

  findUserById(id: string): User | null {
    return userOf(this.#db.prepare('SELECT * FROM users WHERE id = ?').get(id))
  }

  findUser(name: string): User | null {
    return userOf(this.#db.prepare('SELECT * FROM users WHERE name_key = ?').get(name.toLowerCase()))
  }

  getUser(name: string): User {
    const user = this.findUser(name)
    if (user === null) throw new AppError('not-found', 'USER_UNKNOWN', `There is no user ${name.slice(0, 100)}`)
    return user
  }

  listUsers(): User[] {
    return this.#db
      .prepare('SELECT * FROM users ORDER BY name_key')
      .all()
      .flatMap((row) => userOf(row) ?? [])
  }

  /** A token of scope `admin` makes its user one of those who run the server. */
  createToken(user: string, options: { scope: Scope; name?: string | undefined }): NewToken {
    return transact(this.#db, () => {
      const { id } = this.getUser(user)
      if (options.scope === 'admin') this.#db.prepare('UPDATE users SET admin = 1 WHERE id = ?').run(id)
      return this.#tokens.create(id, options)
    })
  }

  listTokens(user?: string): TokenInfo[] {
    return this.#tokens.list(user === undefined ? undefined : this.getUser(user).id)
  }

  /** `token` is a token's id, the token itself, or with `user` the name of one. Whether there was one. */
  revokeToken({ user, token }: { user?: string | undefined; token: string }): boolean {
    return this.#tokens.revoke({ user: user === undefined ? undefined : this.getUser(user).id, token })
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

  /** `account` is a user's id, `-`, or what `repoAccount` gives. */
  async readableRepos(account: string): Promise<readonly string[]> {
    if (account === ANONYMOUS_ACCOUNT) return this.repos.listReadable([])
    if (account.startsWith(repoAccount(''))) {
      const repo = account.slice(repoAccount('').length)
      return this.repos.has(repo) ? [repo] : []
    }
    const user = this.findUserById(account)
    if (user === null) return []
    return this.repos.listReadable(user.admin ? null : [user.name], account)
  }
}

function userOf(row: Record<string, unknown> | undefined): User | null {
  if (row === undefined) return null
  return { id: String(row.id), name: String(row.name), admin: row.admin === 1, createdMs: Number(row.created_ms) }
}
