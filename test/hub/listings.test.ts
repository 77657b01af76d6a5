/** Listings: pages that end, filters, orders, fields; what belongs to a user. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { file, HubServer } from './hub-server.ts'

const CARDS = {
  llama: '---\nlicense: mit\ntags:\n- chat\nlanguage: en\nbase_model: org/base\n---\n',
  bert: '---\nlicense: apache-2.0\nlibrary_name: sklearn\npipeline_tag: fill-mask\n---\n',
  plain: '# nothing said',
}
let hub: HubServer

beforeAll(async () => {
  hub = await HubServer.start()
  for (const [name, card] of Object.entries(CARDS)) {
    await hub.create(name)
    await hub.commit(`alice/${name}`, [file('README.md', card)])
  }
  const config = { architectures: ['LlamaForCausalLM'], model_type: 'llama', quantization_config: { deep: [[[1]]] } }
  await hub.commit('alice/llama', [file('config.json', JSON.stringify(config))])
  await hub.create('hidden', { private: true })
  await hub.post('/api/repos/create', { name: 'set', type: 'dataset' })
  const card = '---\nlanguage:\n- de\ntask_categories:\n- translation\nsize_categories: n<1K\n---\n'
  await hub.commit('alice/set', [file('README.md', card)], { type: 'datasets' })
})
afterAll(() => hub.remove())

async function names(query: string, token?: string, kind = 'models'): Promise<string[]> {
  const { json } = await hub.ask(`/api/${kind}?${query}`, token === undefined ? {} : { token })
  return json.map(({ id }: { id: string }) => id.replace('alice/', ''))
}

describe('filters', () => {
  test.each([
    ['', ['plain', 'bert', 'llama']],
    ['author=ALICE', ['plain', 'bert', 'llama']],
    ['author=bob', []],
    ['search=LLA', ['llama']],
    ['search=alice%20bert', ['bert']],
    ['search=alice&search=llama', ['llama']],
    ['filter=chat', ['llama']],
    ['filter=license:mit&filter=transformers', ['llama']],
    ['filter=license:mit&filter=sklearn', []],
    ['filter=license:mit,chat', ['llama']],
    ['filter=base_model:org/base', ['llama']],
    ['pipeline_tag=text-generation', ['llama']],
    ['pipeline_tag=fill-mask', ['bert']],
    ['gated=true', []],
    ['gated=false&search=bert', ['bert']],
    ['sort=createdAt&direction=1', ['llama', 'bert', 'plain']],
    ['sort=downloads&limit=2', ['plain', 'bert']],
    ['search=%27%20OR%201=1%20--', []],
  ])('%s', async (query, expected) => {
    expect(await names(query)).toEqual(expected)
  })

  test('of data sets have their own prefixes', async () => {
    expect(await names('filter=language:de&filter=task_categories:translation', undefined, 'datasets')).toEqual(['set'])
    expect(await names('filter=language:en', undefined, 'datasets')).toEqual([])
  })

  test('a gate is found', async () => {
    const body = '{"gated":"auto"}'
    await hub.ask('/api/models/alice/bert/settings', { method: 'PUT', token: hub.alice, body })
    expect(await names('gated=true')).toEqual(['bert'])
  })
})

describe('pages', () => {
  test('follow each other to the end, in any order, with their filters', async () => {
    for (const query of ['author=alice', 'sort=lastModified&author=alice', 'sort=createdAt&direction=1&author=alice']) {
      const whole = await names(query, hub.alice)
      const seen: string[] = []
      let next: string | undefined = `${hub.origin}/api/models?${query}&limit=1`
      while (next !== undefined) {
        const page: Awaited<ReturnType<HubServer['ask']>> = await hub.ask(next, { token: hub.alice })
        seen.push(...page.json.map(({ id }: { id: string }) => id.replace('alice/', '')))
        next = /^<(http:[^>]*)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1]
      }
      expect(seen).toEqual(whole)
      expect(new Set(seen).size).toBe(4)
    }
    expect((await hub.ask('/api/models?cursor=abc')).json.code).toBe('CURSOR_INVALID')
  })
})

describe('fields', () => {
  test('are few without `full`, and those asked for with `expand`', async () => {
    const one = async (query: string) => (await hub.ask(`/api/models?search=llama${query}`)).json[0]
    const short = await one('')
    expect(short).toMatchObject({ id: 'alice/llama', pipeline_tag: 'text-generation', library_name: 'transformers' })
    expect([short.siblings, short.cardData, short.config]).toEqual([undefined, undefined, undefined])
    const full = await one('&full=true')
    expect(full.siblings.map(({ rfilename }: { rfilename: string }) => rfilename)).toContain('config.json')
    expect(full.cardData).toMatchObject({ license: 'mit', tags: ['chat'] })
    expect(full.config).toEqual({ architectures: ['LlamaForCausalLM'], model_type: 'llama' })
    expect((await one('&cardData=true')).cardData.license).toBe('mit')
    const { _id, ...expanded } = await one('&expand[]=sha&expand[]=downloadsAllTime&expand=unheard')
    expect(_id).toMatch(/^[0-9a-f]{24}$/)
    expect(expanded).toEqual({ id: 'alice/llama', sha: full.sha, downloadsAllTime: 0 })
  })

  test('follow every commit to main, and no other', async () => {
    await hub.create('changing')
    const listed = async () => (await hub.ask('/api/models?search=changing&expand=sha&expand=tags')).json[0]
    const before = await listed()
    await hub.post('/api/models/alice/changing/branch/side', {})
    await hub.commit('alice/changing', [file('README.md', CARDS.llama)], { rev: 'side' })
    expect(await listed()).toEqual(before)
    const { json } = await hub.commit('alice/changing', [file('README.md', CARDS.bert)])
    expect(await listed()).toMatchObject({ sha: json.commitOid })
    expect((await listed()).tags).toContain('license:apache-2.0')
    const body = '{"name":"changing","organization":"alice"}'
    await hub.ask('/api/repos/delete', { method: 'DELETE', token: hub.alice, body })
    expect(await names('search=changing')).toEqual([])
  })
})

describe('what belongs to a user', () => {
  test('is listed with sizes for them alone', async () => {
    const { json } = await hub.ask('/api/settings/repositories', { token: hub.alice })
    const ids = json.map(({ id, visibility }: { id: string; visibility: string }) => `${id} ${visibility}`)
    expect(ids).toContain('alice/hidden private')
    expect(ids).toContain('alice/set public')
    expect(json[0]).toMatchObject({ storage: expect.any(Number), storagePercent: expect.any(Number), type: 'model' })
    expect((await hub.ask('/api/settings/repositories', { token: hub.bob })).json).toEqual([])
    expect((await hub.ask('/api/settings/repositories')).status).toBe(401)
    const org = '/api/organizations/alice/settings/repositories'
    expect((await hub.ask(org, { token: hub.alice })).json).toHaveLength(json.length)
    expect((await hub.ask(org, { token: hub.bob })).status).toBe(403)
  })

  test('is counted for others as far as they see it', async () => {
    const { json } = await hub.ask('/api/users/ALICE/overview')
    expect(json).toMatchObject({ user: 'alice', numModels: 3, numDatasets: 1, numSpaces: 0 })
    expect((await hub.ask('/api/users/nobody/overview')).json.code).toBe('USER_UNKNOWN')
    expect((await hub.ask('/api/users/alice/likes')).json).toEqual([])
  })

  test('spaces say that they are not run here', async () => {
    await hub.post('/api/repos/create', { name: 'app', type: 'space', sdk: 'gradio' })
    expect((await hub.ask('/api/spaces/alice/app')).json).toMatchObject({ sdk: 'gradio', subdomain: 'alice-app' })
    expect((await hub.ask('/api/spaces/alice/app/runtime')).json).toMatchObject({ stage: 'NO_APP_FILE' })
  })
})

test.each([
  ['GET', '/api/collections'],
  ['GET', '/api/daily_papers'],
  ['GET', '/api/models/alice/llama/nothing-known'],
  ['POST', '/api/models/alice/llama/like'],
  ['GET', '/api/kernels/alice/llama'],
  ['GET', '/api/buckets/alice/llama'],
  ['GET', '/api/settings/webhooks'],
  ['GET', '/api/jobs/alice'],
])('%s %s, which is not served, is a 404 in the Hub’s form', async (method, path) => {
  const { status, headers, json } = await hub.ask(path, { method, token: hub.alice })
  expect([status, json.code]).toEqual([404, 'ROUTE_UNKNOWN'])
  expect(headers['content-type']).toMatch(/^application\/json/)
  expect(headers['x-error-message']).toBe(json.error)
})
