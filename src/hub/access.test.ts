import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { checkAdmin, checkNamespace, checkRead, checkWrite, mayRead, mayReadFiles, visibilityFor } from './access.ts'
import { Accounts } from './accounts.ts'
import { ANONYMOUS, type Caller, ROLES, type Role, type Scope } from './caller.ts'
import type { RepoQuery } from './repo-facts.ts'
import { parseRepoId } from './repo-id.ts'
import { type RepoRecord, RepoTable } from './repo-table.ts'

/** A listing of everything that is visible. */
const ALL: RepoQuery = {
  type: 'model',
  author: null,
  search: [],
  namespaces: [],
  tags: [],
  pipeline: null,
  gated: null,
  parameters: null,
  sort: 'created',
  ascending: false,
  after: null,
  count: 100,
}

const clock = new ManualClock()
let accounts: Accounts

beforeEach(() => {
  accounts = Accounts.open(':memory:', clock)
})
afterEach(() => accounts.close())

function addRepo(name: string, isPrivate = true): RepoRecord {
  return accounts.repos.insert(parseRepoId(name), { id: RepoTable.newId(), private: isPrivate, settings: {} })
}

function callerWith(owner: string, options: { scope?: Scope; repos?: RepoRecord[]; expiresMs?: number } = {}): Caller {
  const { scope = 'write', repos, expiresMs } = options
  const name = RepoTable.newId()
  const { token } = accounts.createToken(owner, { scope, name, repos: repos?.map(({ id }) => id), expiresMs })
  return accounts.findCaller(token) as Caller
}

const codeOf = (attempt: () => unknown): string => {
  try {
    attempt()
    return 'allowed'
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Read, write, administer, make another in the namespace. */
function rights(caller: Caller, repo: RepoRecord): string[] {
  return [
    codeOf(() => checkRead(caller, repo)),
    codeOf(() => checkWrite(caller, repo)),
    codeOf(() => checkAdmin(caller, repo)),
    codeOf(() => checkNamespace(caller, { ...repo, name: 'more' }, 'make more')),
  ]
}

const YES = 'allowed'
const NO = 'RIGHTS_MISSING'

describe('members of an organisation', () => {
  test.each<[Role, string[]]>([
    ['read', [YES, NO, NO, NO]],
    ['write', [YES, YES, NO, YES]],
    ['admin', [YES, YES, YES, YES]],
  ])('with role %s', (role, expected) => {
    accounts.createOrg('acme')
    accounts.createUser('ann')
    const repo = addRepo('ACME/secret')
    expect(rights(callerWith('ann'), repo)).toEqual(['REPO_NOT_FOUND', 'REPO_NOT_FOUND', 'REPO_NOT_FOUND', NO])
    accounts.setMember('acme', 'ann', role)
    expect(rights(callerWith('ann'), repo)).toEqual(expected)
    const reader = rights(callerWith('ann', { scope: 'read' }), repo)
    expect(reader).toEqual([YES, 'SCOPE_MISSING', 'SCOPE_MISSING', 'SCOPE_MISSING'])
    accounts.removeMember('acme', 'ann')
    expect(rights(callerWith('ann'), repo)[0]).toBe('REPO_NOT_FOUND')
    expect(() => accounts.removeMember('acme', 'ann')).toThrow(expect.objectContaining({ code: 'MEMBER_UNKNOWN' }))
  })

  test('a robot writes to what the organisation has, and is nobody’s admin', () => {
    accounts.createOrg('acme')
    accounts.createUser('ann')
    const [own, other] = [addRepo('acme/secret'), addRepo('ann/secret')]
    const robot = callerWith('acme')
    expect(rights(robot, own)).toEqual([YES, YES, NO, YES])
    expect(rights(robot, other)[0]).toBe('REPO_NOT_FOUND')
    expect(() => callerWith('acme', { scope: 'admin' })).toThrow(expect.objectContaining({ code: 'ROBOT_SCOPE' }))
  })
})

describe('names', () => {
  test('of users and organisations are one set, reserved ones are nobody’s', () => {
    accounts.createUser('ann')
    accounts.createOrg('Acme')
    for (const [make, code] of [
      [() => accounts.createOrg('ANN'), 'USER_EXISTS'],
      [() => accounts.createUser('acme'), 'USER_EXISTS'],
      [() => accounts.createOrg('datasets'), 'USER_NAME_INVALID'],
      [() => accounts.createOrg('a--b'), 'USER_NAME_INVALID'],
      [() => accounts.getUser('acme'), 'USER_UNKNOWN'],
      [() => accounts.getOrg('ann'), 'ORG_UNKNOWN'],
      [() => accounts.setMember('acme', 'acme', 'read'), 'USER_UNKNOWN'],
    ] as const) {
      expect(codeOf(make)).toBe(code)
    }
    expect(accounts.listUsers().map(({ name }) => name)).toEqual(['ann'])
    expect(accounts.listOrgs().map(({ name }) => name)).toEqual(['Acme'])
  })

  test('who owns repositories stays; who goes takes tokens and memberships along', () => {
    accounts.createUser('root', { admin: true })
    accounts.createUser('ann')
    accounts.createOrg('acme')
    accounts.setMember('acme', 'ann', 'admin')
    const [own, common] = [addRepo('ann/x'), addRepo('acme/y')]
    const { token } = accounts.createToken('ann', { scope: 'write' })
    for (const remove of [() => accounts.removeUser('ann'), () => accounts.removeOrg('acme')]) {
      expect(remove).toThrow(expect.objectContaining({ code: 'NAMESPACE_IN_USE' }))
    }
    expect(() => accounts.removeUser('ann')).toThrow(/owns 1 repositories \(ann\/x\)/)
    accounts.repos.delete(own.id)
    accounts.removeUser('ann')
    expect([accounts.findCaller(token), accounts.listMembers('acme')]).toEqual([null, []])
    accounts.repos.delete(common.id)
    accounts.removeOrg('acme')
    expect(accounts.findOwner('acme')).toBeNull()
    expect(() => accounts.removeUser('root')).toThrow(expect.objectContaining({ code: 'LAST_ADMIN' }))
  })
})

describe('a token for some repositories', () => {
  test('opens those alone, is an account of its own, and makes nothing new', () => {
    const { id } = accounts.createUser('ann')
    const [one, two] = [addRepo('ann/one'), addRepo('ann/two')]
    const caller = callerWith('ann', { repos: [one] })
    expect(rights(caller, one)).toEqual([YES, YES, YES, NO])
    expect(rights(caller, two)).toEqual(['REPO_NOT_FOUND', 'REPO_NOT_FOUND', 'REPO_NOT_FOUND', NO])
    expect(caller.account).not.toBe(id)
  })

  test('of who runs the server gives no say elsewhere', () => {
    accounts.createUser('root', { admin: true })
    const [one, two] = [addRepo('ann/one'), addRepo('ann/two')]
    const caller = callerWith('root', { repos: [one] })
    expect(caller.admin).toBe(false)
    expect(rights(caller, one)).toEqual([YES, YES, YES, NO])
    expect(rights(caller, two)[0]).toBe('REPO_NOT_FOUND')
  })

  test('whose repositories are all gone is for none, and follows no new one of the name', async () => {
    accounts.createUser('ann')
    const one = addRepo('ann/one')
    const caller = callerWith('ann', { repos: [one] })
    accounts.repos.delete(one.id)
    const again = addRepo('ann/one')
    const other = addRepo('ann/two')
    const { token } = accounts.createToken('ann', { scope: 'read', name: 'x', repos: [other.id] })
    accounts.repos.delete(other.id)
    const now = accounts.findCaller(token) as Caller
    expect([mayRead(now, again), mayRead(caller, again)]).toEqual([false, false])
    expect(await accounts.filterReadable(caller.account, [one.id, again.id, other.id])).toEqual([])
    expect(accounts.listTokens('ann').map(({ repos }) => repos)).toEqual([[], []])
  })

  test('has scope read or write and names at least one', () => {
    accounts.createUser('ann')
    const repo = addRepo('ann/one')
    const wishes: { scope?: Scope; repos: RepoRecord[] }[] = [{ scope: 'admin', repos: [repo] }, { repos: [] }]
    for (const options of wishes) expect(codeOf(() => callerWith('ann', options))).toBe('TOKEN_LIMITS_INVALID')
    expect(accounts.findUser('ann')?.admin).toBe(false)
  })

  test('ends when it should, in the CAS too', async () => {
    accounts.createUser('ann')
    const repo = addRepo('ann/one')
    const expiresMs = clock.nowMs() + 5_000
    const { token } = accounts.createToken('ann', { scope: 'read', repos: [repo.id], expiresMs })
    const { account } = accounts.findCaller(token) as Caller
    expect(await accounts.filterReadable(account, [repo.id])).toEqual([repo.id])
    clock.advance(5)
    expect(accounts.findCaller(token)).toBeNull()
    expect(await accounts.filterReadable(account, [repo.id])).toEqual([])
    expect(accounts.listTokens('ann')).toMatchObject([{ expiresMs, repos: ['ann/one'] }])
  })
})

test('the CAS opens the files and listings show the repositories that mayReadFiles and mayRead allow, for any caller', async () => {
  const owner = fc.constantFrom('ann', 'bob', 'acme', 'corp')
  const gated = fc.constantFrom(null, 'auto' as const)
  const repo = fc.record({ owner, isPrivate: fc.boolean(), gated, letIn: fc.option(fc.constantFrom('ann', 'bob')) })
  const orgs = { org: fc.constantFrom('acme', 'corp'), user: fc.constantFrom('ann', 'bob') }
  const member = fc.record({ ...orgs, role: fc.constantFrom(...ROLES) })
  const token = fc.record({
    owner: fc.constantFrom('ann', 'bob', 'acme', 'root'),
    scope: fc.constantFrom('read' as const, 'write' as const),
    only: fc.option(fc.array(fc.nat(9), { minLength: 1, maxLength: 3 })),
  })
  const world = fc.record({ repos: fc.array(repo, { minLength: 1, maxLength: 8 }), members: fc.array(member), token })
  await fc.assert(
    fc.asyncProperty(world, async ({ repos, members, token: wish }) => {
      accounts.close()
      accounts = Accounts.open(':memory:', clock)
      accounts.createUser('root', { admin: true })
      for (const name of ['ann', 'bob']) accounts.createUser(name)
      for (const name of ['acme', 'corp']) accounts.createOrg(name)
      const records = repos.map((one, i) => {
        const record = addRepo(`${one.owner}/r${i}`, one.isPrivate)
        accounts.repos.update(record, { gated: one.gated })
        const guest = one.letIn === null ? null : accounts.getUser(one.letIn).id
        if (guest !== null) accounts.requests.put(record.id, guest, { status: 'accepted', reason: null })
        return accounts.repos.find(record) as RepoRecord
      })
      for (const { org, user, role } of members) accounts.setMember(org, user, role)
      const only = wish.only?.map((i) => records[i % records.length] as RepoRecord)
      const caller = callerWith(wish.owner, { scope: wish.scope, ...(only === undefined ? {} : { repos: only }) })
      for (const one of [caller, ANONYMOUS]) {
        const readable = records.filter((record) => mayReadFiles(accounts, one, record)).map(({ id }) => id)
        const all = records.map(({ id }) => id)
        expect(new Set(await accounts.filterReadable(one.account, all))).toEqual(new Set(readable))
        const seen = records.filter((record) => mayRead(one, record)).map(({ id }) => id)
        const listed = accounts.facts.list({ ...ALL, ...visibilityFor(one) })
        expect(new Set(listed.repos.map(({ repo: { id } }) => id))).toEqual(new Set(seen))
      }
    }),
    { numRuns: 100 },
  )
})
