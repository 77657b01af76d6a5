/**
 * How fast a Hub takes and gives: a push of fresh bytes, a push of them with 1 MiB changed, a pull of all. In a private
 * repository of the caller's own that is made for it and deleted afterwards, whatever happens.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { writeFully } from '../base/atomic-file.ts'
import type { HubChoice } from '../transfer/hub-location.ts'
import { whoami } from './auth.ts'
import { benchData, MIB } from './bench-data.ts'
import type { Measured } from './bench-local.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { deleteRepo } from './repo.ts'

export interface BenchHubOptions extends HubChoice {
  readonly mib: number
  readonly onMeasured: (measured: Measured) => void
  readonly signal?: AbortSignal | undefined
}

export interface BenchHubReport {
  readonly endpoint: string
  /** Made and deleted. */
  readonly repo: string
}

export async function benchHub(options: BenchHubOptions): Promise<BenchHubReport> {
  const { mib, onMeasured, ...hub } = options
  const { user, endpoint } = await whoami(hub)
  const seed = randomBytes(8).toString('hex')
  const repo = `${user}/xorbit-bench-${seed}`
  const folder = await mkdtemp(join(tmpdir(), 'xorbit-bench-'))
  const path = join(folder, 'model.safetensors')
  try {
    await write(path, mib, seed)
    const fresh = await push({ ...hub, repo, paths: [path], isPrivate: true })
    const measure = (name: string, seconds: number, figures: Readonly<Record<string, number>>) =>
      onMeasured({ name, bytes: mib * MIB, seconds, figures })
    measure('push, all new', fresh.seconds, { sentBytes: fresh.bytes.sent })
    await change(path, Math.floor(mib / 2))
    const changed = await push({ ...hub, repo, paths: [path] })
    measure('push, 1 MiB changed', changed.seconds, { sentBytes: changed.bytes.sent })
    const { seconds } = await pull({ ...hub, ref: repo, localDir: join(folder, 'pulled') })
    measure('pull', seconds, {})
    return { endpoint, repo }
  } finally {
    await rm(folder, { recursive: true, force: true })
    await removeRepo(repo, hub)
  }
}

/** Also after a Ctrl-C, so without its signal; what was never made needs no removal. */
async function removeRepo(repo: string, hub: HubChoice): Promise<void> {
  try {
    await deleteRepo({ ...hub, repo, signal: undefined })
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'not-found') throw error
  }
}

async function write(path: string, mib: number, seed: string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for (const piece of benchData(mib, seed)) await writeFully(file, piece)
  } finally {
    await file.close()
  }
}

async function change(path: string, mib: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await writeFully(file, randomBytes(MIB), mib * MIB)
  } finally {
    await file.close()
  }
}
