import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { Accounts, repoAccount } from './accounts.ts'
import { hasScope, SCOPES } from './caller.ts'
import type { RepoQuery } from './repo-facts.ts'
import { parseRepoId } from './repo-id.ts'
import { RepoTable } from './repo-table.ts'

const clock = new ManualClock()
let accounts: Accounts

beforeEach(() => {
  accounts = Accounts.open(':memory:', clock)
})
afterEach(() => accounts.close())

function addRepo(name: string, isPrivate: boolean): string {
  const row = { id: RepoTable.newId(), private: isPrivate, settings: {} }
  return accounts.repos.insert(parseRepoId(name), row).id
}

describe('users', () => {
  test('are found by their name in any case, once', () => {
    const user = accounts.createUser('Alice')
    expect(accounts.findUser('aLICE')).toEqual(user)
    expect(() => accounts.createUser('ALICE')).toThrow(expect.objectContaining({ code: 'USER_EXISTS' }))
    expect(() => accounts.getUser('bob')).toThrow(expect.objectContaining({ code: 'USER_UNKNOWN' }))
    expect(accounts.listUsers()).toEqual([user])
  })

  test.each(['api', 'Datasets', 'cas', '-', '..', 'a--b', 'a/b', '', 'x'.repeat(97), 'health', 'v1', 'users'])(
    'may not be called %j',
    (name) => {
      expect(() => accounts.createUser(name)).toThrow(expect.objectContaining({ code: 'USER_NAME_INVALID' }))
    },
  )

  test('do not inherit a namespace that an administrator filled', () => {
    addRepo('meta/llama', false)
    expect(() => accounts.createUser('Meta')).toThrow(expect.objectContaining({ code: 'NAMESPACE_IN_USE' }))
  })
})

describe('tokens', () => {
  test('are hf_ and letters, known by hash only, and say who calls', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xorbit-accounts-'))
    const kept = Accounts.open(join(folder, 'a.db'), clock)
    const { id } = kept.createUser('alice')
    const { token, info } = kept.createToken('alice', { scope: 'write', name: 'laptop' })
    expect(token).toMatch(/^hf_[A-Za-z0-9]{34,}$/)
    const facts = {
      account: id,
      user: id,
      name: 'alice',
      scope: 'write',
      tokenName: 'laptop',
      tokenId: info.id,
      admin: false,
    }
    const caller = { ...facts, roles: [{ namespace: 'alice', role: 'admin' }], only: null, expiresMs: null }
    expect(kept.findCaller(token)).toEqual(caller)
    expect(kept.listTokens('alice')).toEqual([{ ...info, usedMs: clock.nowMs() }])
    kept.close()
    const again = Accounts.open(join(folder, 'a.db'), clock)
    expect(again.findCaller(token)).toEqual(caller)
    again.close()
    expect((await readFile(join(folder, 'a.db'))).includes(token)).toBe(false)
    await rm(folder, { recursive: true })
  })

  test('a revoked one ends at once, by id, by name or by itself', () => {
    accounts.createUser('alice')
    const [one, two, three] = ['one', 'two', 'three'].map((name) =>
      accounts.createToken('alice', { scope: 'read', name }),
    )
    expect(accounts.revokeToken({ token: one?.info.id ?? '' })).toBe(true)
    expect(accounts.revokeToken({ user: 'alice', token: 'two' })).toBe(true)
    expect(accounts.revokeToken({ token: three?.token ?? '' })).toBe(true)
    expect(accounts.revokeToken({ token: three?.token ?? '' })).toBe(false)
    for (const made of [one, two, three]) expect(accounts.findCaller(made?.token ?? '')).toBeNull()
  })

  test.each(['', 'hf_', 'hf_wrong', `hf_${'x'.repeat(40)}`, `hf_${'x'.repeat(300)}`, 'xet_abc'])(
    '%j is nobody',
    (token) => {
      expect(accounts.findCaller(token)).toBeNull()
    },
  )

  test('names are bounded and unique for a user', () => {
    accounts.createUser('alice')
    accounts.createToken('alice', { scope: 'read' })
    expect(() => accounts.createToken('alice', { scope: 'read' })).toThrow(
      expect.objectContaining({ code: 'TOKEN_EXISTS' }),
    )
    for (const name of ['', 'x'.repeat(65), 'a\nb']) {
      const make = () => accounts.createToken('alice', { scope: 'read', name })
      expect(make).toThrow(expect.objectContaining({ code: 'TOKEN_NAME_INVALID' }))
    }
  })

  test('scopes include each other as they should', () => {
    const of = (scope: (typeof SCOPES)[number]) => {
      return SCOPES.filter((wanted) => hasScope({ scope }, wanted))
    }
    expect(SCOPES.map(of)).toEqual([['read'], ['read', 'write'], [...SCOPES], ['inference'], ['metrics']])
  })
})

describe('what the CAS asks', () => {
  test('an account reads public repositories and its own, an administrator all, a repository itself', async () => {
    const alice = accounts.createUser('alice')
    const root = accounts.createUser('root')
    accounts.createToken('root', { scope: 'admin' })
    const open = addRepo('bob/open', false)
    const own = addRepo('ALICE/own', true)
    const hidden = addRepo('bob/hidden', true)
    const readable = (account: string) => accounts.filterReadable(account, [open, own, hidden, 'gone'])
    expect(await readable('-')).toEqual([open])
    expect(new Set(await readable(alice.id))).toEqual(new Set([open, own]))
    expect(new Set(await readable(root.id))).toEqual(new Set([open, own, hidden]))
    expect(await readable(repoAccount(hidden))).toEqual([hidden])
    expect(await readable('nobody')).toEqual([])
    accounts.repos.delete(hidden)
    expect(await readable(repoAccount(hidden))).toEqual([])
  })

  test('epochs follow each other; an old one is served until its last token has ended', async () => {
    const first = accounts.epoch.current()
    expect(accounts.epoch.accepts(first)).toBe(true)
    const second = await accounts.epoch.advance('damage')
    expect(second).not.toBe(first)
    expect(accounts.epoch.current()).toBe(second)
    clock.advance(3600)
    expect(accounts.epoch.accepts(first)).toBe(true)
    clock.advance(3600)
    expect([accounts.epoch.accepts(first), accounts.epoch.accepts(second), accounts.epoch.accepts('x')]).toEqual([
      false,
      true,
      false,
    ])
  })

  test('secrets are made once and differ', () => {
    const key = accounts.secret('cas-token')
    expect(key).toHaveLength(32)
    expect(accounts.secret('cas-token')).toEqual(key)
    expect(accounts.secret('lfs')).not.toEqual(key)
  })
})

const ANY: RepoQuery = {
  ...{ type: 'model', author: null, search: [], namespaces: null, tags: [], pipeline: null, gated: null },
  ...{ parameters: null, sort: 'created', ascending: false, after: null, count: 10 },
}

describe('listings and versions', () => {
  test('pages are newest first and end', () => {
    for (let i = 0; i < 5; i++) addRepo(`alice/r${i}`, i === 3)
    const names: string[] = []
    let after: RepoQuery['after'] = null
    do {
      const page = accounts.facts.list({ ...ANY, namespaces: [], count: 2, after })
      names.push(...page.repos.map(({ repo }) => repo.name))
      after = page.last
    } while (after !== null)
    expect(names).toEqual(['r4', 'r2', 'r1', 'r0'])
    const search = { ...ANY, namespaces: ['Alice'], search: ['E/R3'], author: 'ALICE', count: 9 }
    expect(accounts.facts.list(search).repos.map(({ repo }) => repo.name)).toEqual(['r3'])
  })

  test('a name is taken in any case', () => {
    addRepo('alice/x', false)
    expect(() => addRepo('Alice/X', false)).toThrow(expect.objectContaining({ code: 'REPO_EXISTS' }))
  })

  test('a database of a newer version is refused unread', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xorbit-accounts-'))
    const path = join(folder, 'a.db')
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(() => Accounts.open(path, clock)).toThrow(expect.objectContaining({ code: 'DATABASE_NEWER' }))
    await rm(folder, { recursive: true })
  })
})

test('a database that takes no write still tells who asks', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'accounts-full-'))
  const path = join(folder, 'accounts.db')
  const full = Accounts.open(path, clock)
  full.createUser('ann')
  const { token } = full.createToken('ann', { scope: 'read' })
  const other = new DatabaseSync(path)
  other.exec("CREATE TRIGGER full BEFORE UPDATE ON tokens BEGIN SELECT RAISE(FAIL, 'disk full'); END")
  expect(full.findCaller(token)).toMatchObject({ name: 'ann' })
  other.exec('DROP TRIGGER full')
  other.close()
  clock.advance(61)
  expect(full.findCaller(token)).toMatchObject({ name: 'ann' })
  expect(full.listTokens('ann')[0]?.usedMs).toBe(clock.nowMs())
  full.close()
  await rm(folder, { recursive: true })
})

test('a database of somebody else is named damaged, and ours is private', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'accounts-damaged-'))
  const path = join(folder, 'accounts.db')
  Accounts.open(path, clock).close()
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  await writeFile(path, 'these are other bytes, of something else. '.repeat(200))
  const damaged = expect.objectContaining({ kind: 'damaged', code: 'DATABASE_DAMAGED' })
  expect(() => Accounts.open(path, clock)).toThrow(damaged)
  await rm(folder, { recursive: true })
})
