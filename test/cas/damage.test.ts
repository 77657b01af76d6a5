/** A failing disk under the CAS: nothing damaged is delivered, what is whole stays readable, sending again heals. */
import { mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ShardFile } from '../../src/xet/shard-reader.ts'
import type { BuiltXorb } from '../../src/xet/xorb-writer.ts'
import { splitmix64 } from '../vectors/recipe.ts'
import { CasServer, tokenFor } from './cas-server.ts'
import { flipByte } from './flip-byte.ts'
import { type Plan, pack, SmallClient } from './small-client.ts'

const home = await mkdtemp(join(tmpdir(), 'xorbit-damage-'))
let server: CasServer
let ann: SmallClient
beforeAll(async () => {
  server = await CasServer.start(home)
  ann = new SmallClient(server.url(), tokenFor())
})
afterAll(async () => {
  await server.close()
  await rm(home, { recursive: true })
})

const pathOf = ({ hash }: BuiltXorb) => join(home, 'blobs/xorbs', hash.slice(0, 2), hash)

/** One xorb of some MB: several read batches. */
async function uploaded(seed: number) {
  const contents = [splitmix64(seed, 4_000_000), splitmix64(seed + 1, 1_000_000)]
  const packed = await pack(contents)
  await ann.upload(packed)
  const [first, second] = packed.files as [ShardFile, ShardFile]
  const xorb = packed.xorbs[0] as BuiltXorb
  const plan = (await (await ann.reconstruct(first.hash)).json()) as Plan
  const [entry] = Object.values(plan.xorbs)[0] as [Plan['xorbs'][string][number]]
  const [{ bytes }] = entry.ranges as [(typeof entry.ranges)[number]]
  const getAll = () => fetch(entry.url, { headers: { range: `bytes=${bytes.start}-${bytes.end}` } })
  return { contents, packed, first, second, xorb, url: entry.url, getAll }
}

/** What arrives before the end or the cut. */
async function readUntilCut(response: Response): Promise<{ bytes: number; isCut: boolean }> {
  let bytes = 0
  try {
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) bytes += piece.length
    return { bytes, isCut: false }
  } catch (error) {
    if (error instanceof TypeError) return { bytes, isCut: true }
    throw error
  }
}

test('damage behind the first batch cuts the connection short, and is 404 from then on', async () => {
  const { xorb, first, getAll } = await uploaded(1)
  const at = 3_000_000
  await flipByte(pathOf(xorb), at)
  const response = await getAll()
  expect(response.status).toBe(206)
  const { bytes, isCut } = await readUntilCut(response)
  expect(isCut).toBe(true)
  expect(bytes).toBeLessThanOrEqual(at)
  expect((await getAll()).status).toBe(404)
  expect((await ann.reconstruct(first.hash)).status).toBe(404)
})

test('intact chunks of the same xorb, and files made of them, stay readable', async () => {
  const { xorb, url, first, second, contents, getAll } = await uploaded(11)
  await flipByte(pathOf(xorb), 3_000_000)
  expect(await readUntilCut(await getAll())).toMatchObject({ isCut: true })
  expect((await fetch(url, { headers: { range: 'bytes=0-999999' } })).status).toBe(206)
  expect((await ann.reconstruct(first.hash, '0-999999')).status).toBe(200)
  expect((await ann.download(second.hash)).equals(contents[1] as Uint8Array)).toBe(true)
})

test('sending the xorb again heals it', async () => {
  const { xorb, first, contents, packed, getAll } = await uploaded(21)
  await flipByte(pathOf(xorb), 10)
  expect((await getAll()).status).toBe(404)
  expect((await ann.postShard(packed.shard)).status).toBe(400)
  await ann.upload(packed)
  expect((await ann.download(first.hash)).equals(contents[0] as Uint8Array)).toBe(true)
})

test('a file cut short or emptied is a lost xorb, not a wrong one, and heals', async () => {
  const { xorb, first, contents, packed } = await uploaded(31)
  const { hash } = xorb
  await server.close()
  await truncate(pathOf(xorb), 1000)
  server = await CasServer.start(home)
  ann = new SmallClient(server.url(), tokenFor())
  expect((await ann.reconstruct(first.hash)).status).toBe(404)
  expect((await ann.send('POST', `/v1/xorb-grants/default/${hash}`)).status).toBe(404)
  await ann.upload(packed)
  expect((await ann.download(first.hash)).equals(contents[0] as Uint8Array)).toBe(true)
})
