/** Kills the server at random moments of uploads: what it acknowledged is readable afterwards, and repeating succeeds. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { casUrl } from '../../src/cas/cas-address.ts'
import type { ShardFile } from '../../src/xet/shard-reader.ts'
import { splitmix64 } from '../vectors/recipe.ts'
import { tokenFor } from './cas-server.ts'
import { type Packed, pack, SmallClient } from './small-client.ts'

const KILLS = 6
const home = await mkdtemp(join(tmpdir(), 'xorbit-kill-'))
let server: ChildProcess | null = null
afterAll(async () => {
  server?.kill('SIGKILL')
  await rm(home, { recursive: true })
})

async function start(): Promise<SmallClient> {
  const script = fileURLToPath(new URL('cas-server.ts', import.meta.url))
  const child = spawn(process.execPath, [script, home], { stdio: ['ignore', 'pipe', 'inherit'] })
  server = child
  for await (const line of child.stdout) {
    return new SmallClient(casUrl(String(line).trim(), 'e1', 'ann'), tokenFor())
  }
  throw new Error('The server ended before it said where it listens')
}

function killServer(): Promise<void> {
  const child = server as ChildProcess
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

/** Uploads until the server dies; returns the names of xorbs whose upload was acknowledged. */
async function uploadUntilDead(
  client: SmallClient,
  { xorbs, shard }: Packed,
): Promise<{ xorbs: string[]; isDone: boolean }> {
  const acknowledged: string[] = []
  try {
    for (const { hash, body } of xorbs) if ((await client.postXorb(hash, body)).ok) acknowledged.push(hash)
    return { xorbs: acknowledged, isDone: (await client.postShard(shard, 2)).ok }
  } catch (error) {
    if (error instanceof TypeError) return { xorbs: acknowledged, isDone: false }
    throw error
  }
}

test(`everything acknowledged is readable after ${KILLS} kills during uploads, and a repeated upload succeeds`, {
  timeout: 180_000,
}, async () => {
  const done: { content: Uint8Array; file: ShardFile }[] = []
  let cutShort = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const content = splitmix64(100 + kill, 1_500_000)
    const packed = await pack([content], { chunksMax: 3 })
    const client = await start()
    const dying = (async () => {
      await new Promise((resolve) => setTimeout(resolve, (kill * 37) % 60))
      await killServer()
    })()
    const said = await uploadUntilDead(client, packed)
    await dying
    if (!said.isDone) cutShort++
    const again = await start()
    for (const hash of said.xorbs) {
      expect((await again.send('HEAD', `/v1/xorbs/default/${hash}`)).status).toBe(200)
      expect((await again.send('POST', `/v1/xorb-grants/default/${hash}`)).status).toBe(200)
    }
    await again.upload(packed)
    done.push({ content, file: packed.files[0] as ShardFile })
    await killServer()
  }
  expect(cutShort).toBeGreaterThan(KILLS / 4)
  const last = await start()
  for (const { content, file } of done) expect((await last.download(file.hash)).equals(content)).toBe(true)
})
