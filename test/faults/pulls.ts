/**
 * Transfers for experiments: one repository with a file of four xorbs, the real command that pulls it through whatever
 * lies or breaks, and what must come of it.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import type { Finished } from '../farm/hub-process.ts'
import { type Exchange, type Lie, LyingProxy } from '../farm/lying-proxy.ts'
import { forgeFile, forgeShard, forgeXorb, listOf, seededChunks } from './forge.ts'
import type { Lab } from './lab.ts'
import { namesBelow } from './spoil.ts'

const XORBS = 4
const CHUNKS_PER_XORB = 16
const CHUNK_BYTES = 98_304
/** Above it a broken attempt is kept for the next one. */
export const WEIGHT_BYTES = XORBS * CHUNKS_PER_XORB * CHUNK_BYTES

export interface Weights {
  readonly repo: string
  readonly path: string
  readonly content: Buffer
  readonly sha256: string
}

const shared = new WeakMap<Lab, Promise<Weights>>()

/** The same file for all experiments of a run that do not change it. */
export function weightsOf(lab: Lab): Promise<Weights> {
  const weights = shared.get(lab) ?? lab.freshRepo().then((repo) => publishWeights(lab, repo))
  shared.set(lab, weights)
  return weights
}

/** 6 MiB that nobody else has, in four xorbs, and a small `config.json` beside them. */
export async function publishWeights(lab: Lab, repo: string, path = 'weights.bin'): Promise<Weights> {
  const cas = await lab.cas(repo)
  const lengths = Array<number>(CHUNKS_PER_XORB).fill(CHUNK_BYTES)
  const xorbs = Array.from({ length: XORBS }, () => forgeXorb(seededChunks(lab.next(), lengths)))
  for (const xorb of xorbs) assert.equal((await lab.putXorb(cas, xorb.hash, xorb.body)).status, 200)
  const content = Buffer.concat(xorbs.flatMap(({ plain }) => plain))
  const sha256 = createHash('sha256').update(content).digest('hex')
  const file = { ...forgeFile(xorbs.map((xorb) => ({ xorb, start: 0, end: CHUNKS_PER_XORB }))), sha256 }
  const shard = await lab.putShard(cas, forgeShard({ files: [file], xorbs: xorbs.map(listOf) }))
  assert.equal(shard.status, 200, `shard: ${shard.body}`)
  await lab.commitText(repo, { 'config.json': '{"model_type":"test"}\n' })
  await lab.commitLarge(repo, { path, sha256, content })
  return { repo, path, content, sha256 }
}

export interface PullOptions {
  readonly endpoint?: string
  /** Where caches lie; a fresh one unless given. Files come into `in` below it. */
  readonly folder?: string
  /** By plain HTTP in place of Xet. */
  readonly isPlain?: boolean
  /** So many times as fast as its clock says. */
  readonly speed?: number
  readonly env?: NodeJS.ProcessEnv
  /** In the place of the usual words. */
  readonly args?: readonly string[]
  /** After them. */
  readonly more?: readonly string[]
}

export interface WeightsPulled {
  readonly finished: Finished
  readonly folder: string
  readonly target: string
  /** By the command's own clock. */
  readonly seconds: number
}

export async function pullWeights(lab: Lab, weights: Weights, options: PullOptions = {}): Promise<WeightsPulled> {
  const folder = options.folder ?? (await lab.scratch())
  const target = join(folder, 'in')
  const { speed = 1, isPlain = false, endpoint } = options
  const env = { ...(isPlain ? PLAIN : {}), ...(speed === 1 ? {} : faster(speed)), ...options.env }
  const words = options.args ?? ['pull', weights.repo, weights.path, '--local-dir', target, '--json']
  const args = [...words, ...(options.more ?? [])]
  const started = systemClock.monotonicMs()
  const finished = await lab.run(args, { folder, env, ...(endpoint === undefined ? {} : { endpoint }) })
  return { finished, folder, target, seconds: ((systemClock.monotonicMs() - started) * speed) / 1000 }
}

export const PLAIN: NodeJS.ProcessEnv = { HF_HUB_DISABLE_XET: '1' }

/** A command whose timers run so many times as fast. */
export function faster(speed: number): NodeJS.ProcessEnv {
  const preload = new URL('../farm/fast-clock.ts', import.meta.url).href
  return { NODE_OPTIONS: `--import=${preload}`, FAST_CLOCK: String(speed) }
}

/** Pulls the shared file through a proxy that tells `lie`. */
export async function pullLied(
  lab: Lab,
  lie: Lie,
  options: PullOptions & { readonly prepare?: (proxy: LyingProxy) => void; readonly weights?: Weights } = {},
): Promise<WeightsPulled & { readonly proxy: LyingProxy; readonly weights: Weights }> {
  const weights = options.weights ?? (await weightsOf(lab))
  const proxy = await LyingProxy.start(lab.hub.url, lie)
  options.prepare?.(proxy)
  try {
    return { ...(await pullWeights(lab, weights, { ...options, endpoint: proxy.url })), proxy, weights }
  } finally {
    await proxy.close()
  }
}

export async function assertRight({ finished, target }: WeightsPulled, { path, content }: Weights): Promise<void> {
  assertEnded(finished, 0)
  assert.ok((await readFile(join(target, path))).equals(content), `${path} differs`)
  assert.deepEqual(await partsIn(target), [], 'a part is left')
}

/** Ended so, told why in one line, and gave nothing a final name. */
export async function assertRefusedWith(
  { finished, target }: WeightsPulled,
  { path }: Weights,
  exit: number,
  message = /"event":"error"/,
): Promise<void> {
  assertEnded(finished, exit, message)
  assert.ok(!(await namesBelow(target)).includes(path), `${path} was delivered`)
}

export function assertEnded({ code, stdout, stderr }: Finished, exit: number, message?: RegExp): void {
  const said = `${stdout.slice(-500)}${stderr.slice(-500)}`
  assert.equal(code, exit, `ended with ${code}, not ${exit}: ${said}`)
  if (message !== undefined) assert.match(stdout + stderr, message)
  assert.doesNotMatch(stdout + stderr, /\n {4}at /, 'a stack trace was shown')
}

/** Folders of unfinished files below a target. */
export async function partsIn(target: string): Promise<string[]> {
  const names = await namesBelow(join(target, '.cache', 'huggingface', 'xorbit-parts'))
  return names.filter((name) => !name.includes('/'))
}

/** Where the one unfinished file of a target lies. */
export async function onePart(target: string): Promise<string> {
  const parts = join(target, '.cache', 'huggingface', 'xorbit-parts')
  const names = await readdir(parts)
  assert.equal(names.length, 1, `parts: ${names.join(' ')}`)
  return join(parts, names[0] as string)
}

export function isFileRead({ method, path }: Pick<Exchange, 'method' | 'path'>): boolean {
  return method === 'GET' && /\/resolve\/[0-9a-f]{40}\/weights\.bin/.test(path)
}
