/** The listener against the route table: nothing unlisted, nobody answered otherwise, no difference between hidden and missing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { actionOf, UNAUDITED } from '../../src/http/guards/audit.ts'
import { docOf } from '../../src/http/route-docs.ts'
import { type Route, routesOf } from '../../src/http/route-list.ts'
import { pack, SmallClient } from '../cas/small-client.ts'
import { type Answer, file, HubServer } from './hub-server.ts'
import { ANONYMOUS, ROUTE_TABLE, type RouteRow, type Statuses } from './route-table.ts'

const TYPES = ['model', 'dataset', 'space'] as const
const COLUMNS = ['none', 'read', 'foreign', 'owner', 'admin'] as const
/** Sent by no client, and by no client library. */
const UNSENT = new Set(['TRACE', 'QUERY'])

let hub: HubServer
let routes: readonly Route[]
const tokens: Record<(typeof COLUMNS)[number] | 'limited', string | undefined> = {
  ...{ none: undefined, read: undefined, foreign: undefined, owner: undefined, admin: undefined, limited: undefined },
}
const cas = { url: '', tokens: new Map<string, string | undefined>(), file: '', xorb: '' }

beforeAll(async () => {
  hub = await HubServer.start()
  routes = routesOf(hub.parts.server)
  const { accounts } = hub.parts
  const tokenOf = (user: string, scope: 'read' | 'write' | 'admin', repos?: string[]) =>
    accounts.createToken(user, { scope, name: `${scope}${repos ?? ''}`, repos }).token
  for (const type of TYPES) {
    for (const name of ['open', 'closed', 'other']) {
      await hub.post('/api/repos/create', { name, type, private: name !== 'open' })
      await hub.commit(`alice/${name}`, [file('a.txt', 'secret')], { type: `${type}s` })
    }
  }
  const other = accounts.repos.find({ type: 'model', namespace: 'alice', name: 'other' })?.id as string
  accounts.createUser('root')
  Object.assign(tokens, { owner: hub.alice, read: tokenOf('alice', 'read'), foreign: tokenOf('bob', 'write') })
  Object.assign(tokens, { admin: tokenOf('root', 'admin'), limited: tokenOf('alice', 'write', [other]) })
  await openCas()
})
afterAll(() => hub.remove())

async function openCas(): Promise<void> {
  for (const [who, scope] of [
    ['read', 'read'],
    ['owner', 'write'],
    ['foreign', 'read'],
  ] as const) {
    const token = tokens[who] as string
    const { json } = await hub.ask(`/api/models/alice/open/xet-${scope}-token/main`, { token })
    cas.tokens.set(who, json.accessToken)
    if (who === 'owner') cas.url = json.casUrl
  }
  const packed = await pack([Buffer.alloc(1000, 'x')])
  await new SmallClient(cas.url, cas.tokens.get('owner') as string).upload(packed)
  cas.file = packed.files[0]?.hash as string
  cas.xorb = packed.xorbs[0]?.hash as string
}

/** The routes that a row stands for, by the type of their repositories. */
function expand({ route }: RouteRow): { route: Route; type: (typeof TYPES)[number] | null }[] {
  const [method = '', pattern = ''] = route.split(' ')
  const isRepo = /^(API|WEB)/.test(pattern)
  const urls = (isRepo ? TYPES : [null]).map((type) => {
    const web = type === 'model' || type === null ? '' : `/${type}s`
    const url = pattern.replace('API', `/api/${type}s/:ns/:name`).replace('WEB', `${web}/:ns/:name`)
    return { type, url: url.replace('CAS', '/cas/:epoch/:account') }
  })
  return urls.flatMap(({ type, url }) => {
    const found = routes.filter((one) => one.url === url && (method === '*' || one.method === method))
    return found.map((one) => ({ route: one, type }))
  })
}

function ask({ method, url }: Route, row: RouteRow, name: string, token: string | undefined): Promise<Answer> {
  const values: Record<string, string> = { ns: 'alice', name, '*': row.rest ?? '', ...row.params }
  const filled = url.replace(/:(\w+)|\*/g, (text, param: string | undefined) => values[param ?? text] ?? text)
  const path = filled.replace('XORB', cas.xorb).replace('FILE', cas.file)
  const type = row.type ?? 'application/json'
  const body = typeof row.body === 'string' ? row.body : JSON.stringify(row.body)?.replace('NAME', name)
  const sent = row.body === undefined ? {} : { body, headers: { 'content-type': type } }
  return hub.ask(path, { method, ...sent, ...(token === undefined ? {} : { token }) })
}

let seenLine = 0
/** Actions of the audit lines since the last call. */
function newDeeds(): string[] {
  const lines = hub.parts.accounts.audit.list({ after: seenLine, count: 1_000 })
  seenLine = lines.at(-1)?.seq ?? seenLine
  return lines.map(({ action }) => action).filter((action) => action !== 'login.failure')
}

/** Every write that was answered with success has left one line, of its name; nothing else has left any. */
function expectAudited({ method, url }: Route, status: number): void {
  // Care of the store writes its lines when it is done: test/care.
  if (url.startsWith('/-/v1/care')) return void newDeeds()
  const route = `${method} ${url}`
  const isControl = url.startsWith('/-/') && method !== 'GET'
  const isWrite = isControl || !UNAUDITED.some((pattern) => pattern.test(route))
  const wanted =
    !isWrite || status >= 400 ? [] : [isControl ? expect.stringMatching(/^(user|org|token)\./) : actionOf(route)]
  expect([route, status, newDeeds()]).toEqual([route, status, wanted])
}

test('every route has a row, every row a route', () => {
  const listed = new Set(ROUTE_TABLE.flatMap((row) => expand(row).map(({ route }) => `${route.method} ${route.url}`)))
  expect(routes.map(({ method, url }) => `${method} ${url}`).filter((route) => !listed.has(route))).toEqual([])
  expect(ROUTE_TABLE.filter((row) => expand(row).length === 0)).toEqual([])
})

test('only the exempt routes answer without a token', () => {
  const answering = ROUTE_TABLE.filter(({ all, closed }) => ((all ?? closed)?.[0] ?? 0) < 400).map(({ route }) => route)
  expect(answering.sort()).toEqual([...ANONYMOUS].sort())
})

test('every route is described; every write is audited or known to be none', () => {
  for (const { method, url } of routes) expect(docOf(method, url).summary).not.toBe('')
  const all = routes.map(({ method, url }) => `${method} ${url}`)
  const writes = all.filter((route) => !UNAUDITED.some((pattern) => pattern.test(route)))
  expect(writes.filter((route) => actionOf(route) === null)).toEqual([])
  expect(writes.length).toBeGreaterThan(10)
})

const rows = ROUTE_TABLE.map((row) => [row.route, row] as const)

describe('answers to each token', () => {
  test.each(rows.filter(([, { all }]) => all !== undefined))('%s', async (_name, row) => {
    const expected = row.all as Statuses
    const isCas = row.route.includes(' CAS/')
    for (const { route } of expand(row)) {
      const place = isCas ? { ...route, url: route.url.replace('/cas/:epoch/:account', cas.url) } : route
      for (const [i, column] of COLUMNS.entries()) {
        if (expected[i] === undefined) continue
        const token = isCas ? cas.tokens.get(column) : tokens[column]
        newDeeds()
        const { status } = await ask(place, row, '', token)
        expectAudited(route, status)
        expect([column, status]).toEqual([column, expected[i]])
      }
    }
  })

  test.each(rows.filter(([, { all }]) => all === undefined))('%s', async (_name, row) => {
    for (const { route } of expand(row)) {
      if (UNSENT.has(route.method)) continue
      for (const name of ['closed', 'open'] as const) {
        const expected = row[name] as Statuses
        for (const column of ['none', 'read', 'foreign', 'limited', 'owner'] as const) {
          newDeeds()
          const { status } = await ask(route, row, name, tokens[column])
          expectAudited(route, status)
          const foreign = name === 'open' ? (row.limited ?? expected[2]) : expected[2]
          const wanted = column === 'limited' ? foreign : expected[COLUMNS.indexOf(column)]
          expect([route.url, name, column, status]).toEqual([route.url, name, column, wanted])
        }
      }
    }
  })
})

describe('hidden and missing look the same', () => {
  test.each(rows.filter(([, { all }]) => all === undefined))('%s', async (_name, row) => {
    for (const { route } of expand(row)) {
      if (UNSENT.has(route.method)) continue
      for (const column of ['none', 'foreign', 'limited'] as const) {
        const [hidden, missing] = [
          await ask(route, row, 'closed', tokens[column]),
          await ask(route, row, 'absent', tokens[column]),
        ]
        expect([route.url, column, shown(hidden)]).toEqual([route.url, column, shown(missing)])
      }
    }
  })
})

function shown({ status, headers, text }: Answer) {
  const { 'x-request-id': _id, date: _date, ratelimit: _rate, ...rest } = headers
  return { status, rest, text: text.replace(/"request_id":"[^"]*"/, '').replace(/closed|absent/g, 'NAME') }
}
