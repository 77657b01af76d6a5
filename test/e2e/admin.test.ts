/** Administration as its operator types it: on a running server, and on the home of a stopped one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../farm/http-send.ts'
import { HubProcess, xorbit } from '../farm/hub-process.ts'

let folder = ''
let hub: HubProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'admin-'))
  hub = await HubProcess.start(folder)
})
afterAll(async () => {
  await hub.stop()
  await rm(folder, { recursive: true })
})

// biome-ignore lint/suspicious/noExplicitAny: events are looked at field by field
async function run(...args: string[]): Promise<{ code: number | null; events: any[] }> {
  const { code, stdout } = await xorbit(folder, [...args, '--home', hub.home, '--json'])
  const events = stdout.split('\n').filter((line) => line !== '')
  return { code, events: events.map((line) => JSON.parse(line)) }
}

async function ok(...args: string[]) {
  const { code, events } = await run(...args)
  expect([args.join(' '), code, events.at(-1)?.event]).toEqual([args.join(' '), 0, 'done'])
  return events.filter(({ event }) => event !== 'done')
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
const whoami = async (token: string) => (await send(hub.url, '/api/whoami-v2', { token })).json() as any
const create = (token: string, body: Record<string, unknown>) =>
  send(hub.url, '/api/repos/create', { method: 'POST', token, body })

test('an organisation, its members, a token for one repository and a robot, on a running server', async () => {
  const [{ token: ann }] = await ok('user', 'create', 'ann')
  await ok('org', 'create', 'acme')
  await ok('org', 'add', 'acme', 'ann', '--role', 'write')
  expect((await whoami(ann)).orgs).toMatchObject([{ type: 'org', name: 'acme', roleInOrg: 'write' }])
  expect((await create(ann, { name: 'model', organization: 'acme', private: true })).status).toBe(200)
  expect((await create(ann, { name: 'data', organization: 'acme', type: 'dataset', private: true })).status).toBe(200)

  const limits = ['--repo', 'acme/model', '--repo', 'datasets/acme/data', '--scope', 'read', '--expires', '7']
  const [limited] = await ok('token', 'create', '--user', 'ann', '--name', 'ci', ...limits)
  expect(limited).toMatchObject({ event: 'token', repos: ['datasets/acme/data', 'acme/model'], scope: 'read' })
  const { accessToken } = (await whoami(limited.token)).auth
  expect(accessToken).toMatchObject({
    role: 'fineGrained',
    displayName: 'ci',
    fineGrained: {
      scoped: [
        { entity: { type: 'dataset', name: 'acme/data' }, permissions: ['repo.content.read'] },
        { entity: { type: 'model', name: 'acme/model' } },
      ],
    },
  })
  expect((await send(hub.url, '/api/models/acme/model', { token: limited.token })).status).toBe(200)

  const [robot] = await ok('token', 'create', '--org', 'acme', '--name', 'builder')
  expect(await whoami(robot.token)).toMatchObject({ type: 'org', name: 'acme', orgs: [] })
  expect((await create(robot.token, { name: 'built' })).json()).toMatchObject({ name: 'acme/built' })

  const listed = await ok('token', 'ls', '--user', 'ann')
  expect(listed.find(({ name }) => name === 'ci')).toMatchObject({
    ...{ scope: 'read', repos: ['datasets/acme/data', 'acme/model'] },
    ...{ used: expect.stringMatching(/^\d{4}-/), expires: expect.stringMatching(/^\d{4}-/) },
  })
  expect(await ok('org', 'ls')).toMatchObject([{ org: 'acme', members: [{ name: 'ann', role: 'write' }], repos: 3 }])
  const users = await ok('user', 'ls')
  expect(users.map(({ user, admin }) => [user, admin])).toEqual([
    ['admin', true],
    ['ann', false],
  ])
})

test('what cannot be is refused in words', async () => {
  for (const [args, code] of [
    [['user', 'rm', 'nobody'], 'USER_UNKNOWN'],
    [['user', 'rm', 'admin'], 'LAST_ADMIN'],
    [['org', 'rm', 'acme'], 'NAMESPACE_IN_USE'],
    [['org', 'rm', 'ann'], 'ORG_UNKNOWN'],
    [['org', 'create', 'ann'], 'USER_EXISTS'],
    [['org', 'add', 'acme', 'ann', '--role', 'king'], 'ROLE_UNKNOWN'],
    [['org', 'remove', 'acme', 'admin'], 'MEMBER_UNKNOWN'],
    [['token', 'create', '--user', 'ann', '--repo', 'acme/none', '--name', 'n'], 'REPO_NOT_FOUND'],
    [['token', 'create', '--user', 'ann', '--org', 'acme'], 'FLAG_MISSING'],
    [['token', 'create', '--org', 'acme', '--scope', 'admin'], 'ROBOT_SCOPE'],
    [['token', 'create', '--user', 'ann', '--expires', '0', '--name', 'n'], 'TOKEN_LIMITS_INVALID'],
    [['audit', '--since', 'yesterday'], 'FLAG_INVALID'],
  ] as const) {
    const { code: exit, events } = await run(...args)
    expect([args.join(' '), events.at(-1)?.code]).toEqual([args.join(' '), code])
    expect(exit).not.toBe(0)
  }
})

test('the audit log tells it all, and goes on while the server is stopped', async () => {
  await hub.stop()
  await ok('user', 'create', 'late')
  await ok('user', 'rm', 'late')
  const lines = await ok('audit', '--since', '1h')
  expect(lines.map(({ action, what, who }) => `${who} ${action} ${what}`)).toEqual([
    'local user.create admin',
    'admin user.create ann',
    'admin org.create acme',
    'admin org.add acme',
    'ann repo.create acme/model',
    'ann repo.create datasets/acme/data',
    'admin token.create ann',
    'admin token.create acme',
    'acme repo.create acme/built',
    'local user.create late',
    'local user.remove late',
  ])
  expect(lines.every(({ event, time, from }) => event === 'audit' && Date.parse(time) > 0 && from !== '')).toBe(true)
  expect(await ok('audit', '--since', '2999-01-01')).toEqual([])
})
