/** What weights say about themselves, as information about a model shows it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ggufFile, ggufTensor, textKey, u32Key } from '../farm/gguf-file.ts'
import { file, HubServer } from './hub-server.ts'

let hub: HubServer

beforeAll(async () => {
  hub = await HubServer.start()
})
afterAll(() => hub.remove())

function safetensors(tensors: Readonly<Record<string, { dtype: string; count: number; bytes: number }>>): Buffer {
  let at = 0
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  for (const [name, { dtype, count, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape: [count], data_offsets: [at, at + count * bytes] }
    at += count * bytes
  }
  const json = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([prefix, json, Buffer.alloc(at)])
}

const SHARD_1 = safetensors({ a: { dtype: 'F32', count: 10, bytes: 4 }, b: { dtype: 'BF16', count: 6, bytes: 2 } })
const SHARD_2 = safetensors({ c: { dtype: 'F32', count: 5, bytes: 4 } })
const INDEX = {
  metadata: { total_size: 72 },
  weight_map: { a: 's-1.safetensors', b: 's-1.safetensors', c: 's-2.safetensors' },
}

async function model(name: string, files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const id = `alice/${name}`
  await hub.create(name)
  const lines: object[] = []
  for (const [path, content] of Object.entries(files)) {
    lines.push(typeof content === 'string' ? file(path, content) : await hub.upload(id, path, content))
  }
  expect((await hub.commit(id, lines)).status).toBe(200)
  return id
}

const infoOf = async (id: string, query = '') => (await hub.ask(`/api/models/${id}${query}`)).json

describe('safetensors', () => {
  test('of one file are counted by type', async () => {
    const id = await model('single', { 'model.safetensors': SHARD_1 })
    expect((await infoOf(id)).safetensors).toEqual({ parameters: { F32: 10, BF16: 6 }, total: 16 })
    expect(Object.keys(await infoOf(id, '?expand=safetensors')).sort()).toEqual(['_id', 'id', 'safetensors'])
    expect((await infoOf(id)).tags).toContain('safetensors')
    const listed = (await hub.ask('/api/models?num_parameters=min:16,max:1K')).json
    expect(listed.map((one: { id: string }) => one.id)).toEqual([id])
    expect((await hub.ask('/api/models?num_parameters=min:1M')).json).toEqual([])
  })

  test('of shards are added, and their headers come in one answer', async () => {
    const files = { 's-1.safetensors': SHARD_1, 's-2.safetensors': SHARD_2 }
    const id = await model('sharded', { ...files, 'model.safetensors.index.json': JSON.stringify(INDEX) })
    expect((await infoOf(id)).safetensors).toEqual({ parameters: { F32: 15, BF16: 6 }, total: 21 })
    const { json } = await hub.ask(`/api/models/${id}/safetensors-metadata/model.safetensors.index.json`)
    expect(json.index).toEqual({ metadata: { total_size: 72 } })
    expect(json.headers['s-2.safetensors']).toEqual({
      __metadata__: { format: 'pt' },
      c: { dtype: 'F32', shape: [5], data_offsets: [0, 20] },
    })
    const none = await hub.ask(`/api/models/${id}/safetensors-metadata/nope.json`)
    expect(none.headers['x-error-code']).toBe('EntryNotFound')
  })

  test('that are damaged, or whose index leads elsewhere, say nothing and break nothing', async () => {
    const cut = await model('cut', { 'model.safetensors': SHARD_1.subarray(0, SHARD_1.length - 1) })
    expect((await infoOf(cut)).safetensors).toBeUndefined()
    const outside = { weight_map: { a: '../../etc/passwd', b: 's-1.safetensors' } }
    const index = { 'model.safetensors.index.json': JSON.stringify(outside), 's-1.safetensors': SHARD_1 }
    const id = await model('outside', index)
    expect((await infoOf(id)).safetensors).toBeUndefined()
    const metadata = await hub.ask(`/api/models/${id}/safetensors-metadata/model.safetensors.index.json`)
    expect([metadata.status, metadata.json.code]).toEqual([400, 'WEIGHTS_INDEX_BAD'])
    const prefix = Buffer.alloc(9 * 1024 * 1024 + 8, ' ')
    prefix.writeBigUInt64LE(BigInt(prefix.length - 8))
    const long = {
      'model.safetensors.index.json': JSON.stringify({ weight_map: { a: 'x.safetensors' } }),
      'x.safetensors': prefix,
    }
    const large = await hub.ask(
      `/api/models/${await model('long', long)}/safetensors-metadata/model.safetensors.index.json`,
    )
    expect([large.status, large.json.code]).toEqual([413, 'WEIGHTS_HEADER_TOO_LARGE'])
    const odd = {
      'model.safetensors.index.json': '{"weight_map":[1,2]}',
      'config.json': '[1]',
      'README.md': '---\n---\n',
    }
    expect((await infoOf(await model('odd', odd))).id).toBe('alice/odd')
  })
})

test('GGUF files say architecture, context and parameters, also behind a large vocabulary', async () => {
  const keys = [
    textKey('general.architecture', 'llama'),
    u32Key('llama.context_length', 4096),
    textKey('filler', 'x'.repeat(2_500_000)),
  ]
  const id = await model('gguf', { 'q8.gguf': ggufFile({ keys, tensors: [ggufTensor('w', [32, 3], 8)], data: 102 }) })
  expect((await infoOf(id)).gguf).toEqual({ total: 96, architecture: 'llama', context_length: 4096 })
  expect((await infoOf(id)).tags).toContain('gguf')
  const bad = await model('bad-gguf', { 'q8.gguf': Buffer.concat([ggufFile({ version: 9 }), Buffer.alloc(100)]) })
  expect((await infoOf(bad, '?expand=gguf')).gguf).toBeUndefined()
})
