import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { Accounts } from './accounts.ts'
import { openAccountsDb } from './accounts-db.ts'
import { FIRST } from './migrations/first.ts'
import { parseRepoId } from './repo-id.ts'

test('a database of the first version opens with its users, tokens and repositories, and no new limits on them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xorbit-accounts-'))
  const path = join(folder, 'accounts.db')
  const token = `hf_${'a'.repeat(40)}`
  const db = new DatabaseSync(path)
  db.exec(`${FIRST} PRAGMA user_version = 1`)
  db.exec("INSERT INTO users VALUES ('u1', 'Ann', 'ann', 0, 5), ('u2', 'root', 'root', 1, 5)")
  const insert = "INSERT INTO tokens VALUES ('t1', 'u1', 'laptop', 'write', ?, 5, NULL)"
  db.prepare(insert).run(createHash('sha256').update(token).digest())
  db.exec("INSERT INTO repos VALUES (1, 'r1', 'model', 'Ann', 'x', 'model/ann/x', 'ann', 1, 5, '{}')")
  db.close()

  const accounts = Accounts.open(path, new ManualClock())
  const roles = [{ namespace: 'Ann', role: 'admin' }]
  expect(accounts.findCaller(token)).toMatchObject({ account: 'u1', name: 'Ann', roles, only: null, expiresMs: null })
  expect(accounts.listUsers().map(({ name, admin }) => [name, admin])).toEqual([
    ['Ann', false],
    ['root', true],
  ])
  expect(accounts.listTokens()).toMatchObject([{ id: 't1', repos: null, expiresMs: null }])
  expect(await accounts.filterReadable('u1', ['r1', 'r2'])).toEqual(['r1'])
  expect(accounts.repos.find(parseRepoId('ann/X'))?.id).toBe('r1')
  expect(accounts.quotas.bytesOf('ann')).toBe(0)
  accounts.close()
  openAccountsDb(path).close()
  await rm(folder, { recursive: true })
})
