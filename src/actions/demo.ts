/**
 * The whole story in under a minute, with real processes and a real model: a Hub, a push, a push of an edited copy, a
 * pull elsewhere, a damaged byte that is refused, its repair by pushing again, and a last check of every byte.
 * Everything happens in one temporary folder and on loopback.
 */
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { type CommandEvent, type CommandResult, OwnServer, runOwn } from './own-command.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/demo-chat/', import.meta.url))
const USER = 'demo'
const REPO = `${USER}/demo-chat`
const EDITED_FILE = 'model.safetensors'
const EDITED_BYTES = 4096
const EXIT_INTEGRITY = 13

export interface DemoOptions {
  /** Told about each finished step. */
  readonly onStep: (step: DemoStep) => void
  readonly signal: AbortSignal
  /** Leaves the temporary folder. */
  readonly keep?: boolean
  readonly clock?: Clock
}

export interface DemoStep {
  readonly name: string
  readonly text: string
  readonly figures: Readonly<Record<string, number | string>>
}

export interface DemoSummary {
  readonly folder: string
  readonly seconds: number
  readonly files: number
  readonly bytes: number
  readonly firstSent: number
  readonly editSent: number
  readonly refusedCode: string
  readonly repairSent: number
}

interface PushBytes {
  readonly total: number
  readonly sent: number
  readonly deduplicated: number
}

export async function demo({ onStep, signal, keep = false, clock = systemClock }: DemoOptions): Promise<DemoSummary> {
  const started = clock.monotonicMs()
  const folder = await mkdtemp(join(tmpdir(), 'xorbit-demo-'))
  let server: OwnServer | null = null
  try {
    await copyExample(join(folder, 'model'))
    server = await OwnServer.start(join(folder, 'server'), USER, { HOME: folder })
    onStep({ name: 'serve', text: `A Hub of its own on ${server.url}`, figures: { url: server.url } })
    const story = new Story({ folder, server, onStep, signal })
    const told = await story.tell()
    return { ...told, folder, seconds: (clock.monotonicMs() - started) / 1000 }
  } finally {
    await server?.stop()
    if (!keep) await rm(folder, { recursive: true, force: true })
  }
}

class Story {
  readonly #folder: string
  readonly #server: OwnServer
  readonly #onStep: DemoOptions['onStep']
  readonly #signal: AbortSignal

  constructor(parts: { folder: string; server: OwnServer; onStep: DemoOptions['onStep']; signal: AbortSignal }) {
    this.#folder = parts.folder
    this.#server = parts.server
    this.#onStep = parts.onStep
    this.#signal = parts.signal
  }

  async tell(): Promise<Omit<DemoSummary, 'folder' | 'seconds'>> {
    const first = await this.#push('the model', 'cache-1')
    await editModel(join(this.#folder, 'model', EDITED_FILE))
    // Another machine would have none of our caches: only the Hub knows what it has.
    const edit = await this.#push(`a copy with ${EDITED_BYTES} bytes changed`, 'cache-2')
    const { files, bytes } = await this.#pull('cache-3', 'into an empty cache')
    await this.#damage()
    const refusedCode = await this.#pullRefused()
    const repair = await this.#push('the same files again, which repairs it', 'cache-5')
    await this.#pull('cache-6', 'after the repair')
    await this.#verify('cache-6')
    return { files, bytes, firstSent: first.sent, editSent: edit.sent, refusedCode, repairSent: repair.sent }
  }

  async #push(what: string, cache: string): Promise<PushBytes> {
    const done = lastEvent(await this.#run(['push', REPO, join(this.#folder, 'model')], cache), 'push')
    const bytes = done.bytes as PushBytes
    const saved = bytes.total === 0 ? 0 : (100 * (bytes.total - bytes.sent)) / bytes.total
    const text = `Pushed ${what}: ${size(bytes.total)}, sent ${size(bytes.sent)}, spared ${saved.toFixed(1)} %`
    this.#onStep({ name: 'push', text, figures: { ...bytes, seconds: done.seconds as number } })
    return bytes
  }

  /** Pulls into a cache of its own and compares every file with the original. */
  async #pull(cache: string, what: string): Promise<{ files: number; bytes: number }> {
    const done = lastEvent(await this.#run(['pull', REPO], cache), 'pull')
    const original = await hashFiles(join(this.#folder, 'model'))
    const pulled = await hashFiles(done.snapshot as string)
    for (const [path, { sha256 }] of original) {
      if (pulled.get(path)?.sha256 !== sha256) {
        throw new AppError('integrity', 'DEMO_FILE_DIFFERS', `${path} was pulled with other bytes than were pushed`)
      }
    }
    const bytes = [...original.values()].reduce((sum, file) => sum + file.bytes, 0)
    const text = `Pulled ${what}: ${original.size} files, ${size(bytes)}, every byte as pushed`
    this.#onStep({ name: 'pull', text, figures: { files: original.size, bytes, seconds: done.seconds as number } })
    return { files: original.size, bytes }
  }

  /** Flips one bit of the largest stored xorb, as a failing disk would. */
  async #damage(): Promise<void> {
    const blobs = join(this.#folder, 'server', 'blobs', 'xorbs')
    const found = await readdir(blobs, { recursive: true, withFileTypes: true })
    const sized = await Promise.all(
      found
        .filter((entry) => entry.isFile())
        .map(async (entry) => {
          const path = join(entry.parentPath, entry.name)
          return { path, bytes: (await stat(path)).size }
        }),
    )
    const largest = sized.sort((a, b) => b.bytes - a.bytes)[0]
    if (largest === undefined) throw new AppError('bug', 'DEMO_NOTHING_STORED', `No xorb lies below ${blobs}`)
    const at = Math.floor(largest.bytes / 4)
    const file = await open(largest.path, 'r+')
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
    buffer[0] = (buffer[0] as number) ^ 1
    await file.write(buffer, 0, 1, at)
    await file.close()
    const text = `Flipped one bit on the disk: byte ${at} of a xorb of ${size(largest.bytes)}`
    this.#onStep({ name: 'damage', text, figures: { offset: at, bytes: largest.bytes } })
  }

  async #pullRefused(): Promise<string> {
    const { code, events } = await this.#run(['pull', REPO], 'cache-4')
    const error = events.find(({ event }) => event === 'error')
    if (code !== EXIT_INTEGRITY || error === undefined) {
      throw new AppError('integrity', 'DEMO_DAMAGE_DELIVERED', `The pull of damaged bytes ended with ${code}, not 13`)
    }
    const text = `The next pull is refused with exit ${code}: ${error.message}`
    this.#onStep({ name: 'refusal', text, figures: { exit: code, code: String(error.code) } })
    return String(error.code)
  }

  async #verify(cache: string): Promise<void> {
    const done = lastEvent(await this.#run(['verify', REPO], cache), 'verify')
    const text = `Verified what is on disk: ${done.checked} files, ${done.differences} differences`
    this.#onStep({
      name: 'verify',
      text,
      figures: { checked: done.checked as number, differences: done.differences as number },
    })
  }

  #run(args: readonly string[], cache: string): Promise<CommandResult> {
    const settings = {
      HOME: this.#folder,
      HF_HOME: join(this.#folder, cache),
      XDG_CACHE_HOME: join(this.#folder, cache),
      HF_ENDPOINT: this.#server.url,
      HF_TOKEN: this.#server.token,
    }
    return runOwn(args, settings, this.#signal)
  }
}

async function copyExample(target: string): Promise<void> {
  try {
    await cp(EXAMPLE, target, { recursive: true })
  } catch (error) {
    throw new AppError(
      'usage',
      'DEMO_FILES_MISSING',
      `The demo needs examples/demo-chat of a checkout, not found at ${EXAMPLE}`,
      {
        cause: error,
      },
    )
  }
  await mkdir(target, { recursive: true })
}

/** Changes the signs of some weights in the middle of the file: a small fine-tuning. */
async function editModel(path: string): Promise<void> {
  const bytes = await readFile(path)
  const start = Math.floor(bytes.length / 4) * 2
  for (let i = start + 1; i < start + EDITED_BYTES; i += 2) bytes[i] = (bytes[i] as number) ^ 0x80
  await writeFile(path, bytes)
}

async function hashFiles(folder: string): Promise<Map<string, { sha256: string; bytes: number }>> {
  const files = new Map<string, { sha256: string; bytes: number }>()
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    if (!(await stat(path)).isFile()) continue
    const content = await readFile(path)
    files.set(name, { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length })
  }
  return files
}

function lastEvent({ code, events, stderr }: CommandResult, command: string): CommandEvent {
  const last = events.at(-1)
  if (code === 0 && last?.event === 'done') return last
  const why = last?.event === 'error' ? String(last.message) : stderr.slice(-500)
  throw new AppError('bug', 'DEMO_STEP_FAILED', `${command} ended with exit ${code}: ${why}`)
}

function size(bytes: number): string {
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(2)} MB`
}
