/** Pulls through a proxy that lies, and what must come of it: a clear end and nothing under a final name. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../src/base/app-error.ts'
import type { Finished } from '../farm/hub-process.ts'
import { type Answer, type Lie, LyingProxy } from '../farm/lying-proxy.ts'
import type { Lab, Published } from './lab.ts'

export interface Pulled {
  readonly finished: Finished
  readonly folder: string
  readonly proxy: LyingProxy
}

/** `xorbit pull` of a whole repository into an empty folder, through a proxy that tells `lie`. */
export async function pullThrough(lab: Lab, repo: string, lie: Lie, args: readonly string[] = []): Promise<Pulled> {
  const folder = await lab.scratch()
  const proxy = await LyingProxy.start(lab.hub.url, lie)
  try {
    const target = join(folder, 'files')
    const finished = await lab.run(['pull', repo, '--local-dir', target, '--json', ...args], {
      endpoint: proxy.url,
      folder,
    })
    return { finished, folder: target, proxy }
  } finally {
    await proxy.close()
  }
}

/** The pull failed with `exit`, and the bad file has no final name and lies nowhere below its folder. */
export async function assertNothingDelivered(pulled: Pulled, file: Published, exit = 13): Promise<void> {
  const { finished, folder } = pulled
  assert.equal(
    finished.code,
    exit,
    `pull ended with ${finished.code}: ${finished.stdout.slice(-400)}${finished.stderr.slice(-400)}`,
  )
  const names = await namesBelow(folder)
  assert.ok(!names.includes(file.path), `${file.path} was delivered`)
}

export async function assertDelivered({ finished, folder }: Pulled, file: Published): Promise<void> {
  assert.equal(
    finished.code,
    0,
    `pull ended with ${finished.code}: ${finished.stdout.slice(-400)}${finished.stderr.slice(-400)}`,
  )
  assert.ok((await readFile(join(folder, file.path))).equals(file.content), `${file.path} differs`)
}

export function isXorbRead({ method, path }: { method: string; path: string }): boolean {
  return method === 'GET' && /\/v1\/xorbs\/default\/[0-9a-f]{64}/.test(path)
}

export function isReconstruction({ path }: { path: string }): boolean {
  return /\/v[12]\/reconstructions\//.test(path)
}

/** Changes the bodies of answers to xorb reads. */
export function spoilXorb(change: (body: Buffer, answer: Answer) => Buffer): Lie {
  return (exchange, answer) => {
    if (isXorbRead(exchange) && answer.status < 300) answer.body = change(answer.body, answer)
    return answer
  }
}

/** Changes the JSON of reconstructions. */
// biome-ignore lint/suspicious/noExplicitAny: a lie may have any shape.
export function spoilPlan(change: (plan: any) => void): Lie {
  return (exchange, answer) => {
    if (isReconstruction(exchange) && answer.status === 200) {
      const plan = JSON.parse(answer.body.toString())
      change(plan)
      answer.body = Buffer.from(JSON.stringify(plan))
    }
    return answer
  }
}

/** Every name below a folder; none where there is no folder. */
export async function namesBelow(folder: string): Promise<string[]> {
  try {
    return await readdir(folder, { recursive: true })
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
