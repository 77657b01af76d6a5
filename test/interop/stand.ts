/** A server with alice (write) and bob (read), and the real `hf`, `curl` and `xorbit` towards it, each with fresh caches. */
import assert from 'node:assert/strict'
import { createCipheriv, createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Reply, type SendOptions, send } from '../farm/http-send.ts'
import { cleanEnvironment, type Finished, HubProcess, runProgram, xorbit } from '../farm/hub-process.ts'

export interface ClientOptions {
  /** A folder whose caches are used; a fresh one unless given. */
  readonly home?: string
  /** Where the Hub seems to be, such as a proxy. */
  readonly endpoint?: string
  readonly env?: NodeJS.ProcessEnv
  readonly timeoutMs?: number
}

export class Stand {
  readonly folder: string
  readonly hub: HubProcess
  alice = ''
  bob = ''
  #count = 0

  private constructor(folder: string) {
    this.folder = folder
    this.hub = new HubProcess(join(folder, 'hub'))
  }

  static async open(): Promise<Stand> {
    const stand = new Stand(await mkdtemp(join(tmpdir(), 'xorbit-interop-')))
    try {
      await stand.hub.start()
      stand.alice = await stand.hub.createUser('alice', 'write')
      stand.bob = await stand.hub.createUser('bob', 'read')
    } catch (error) {
      await stand.close()
      throw error
    }
    return stand
  }

  async close(): Promise<void> {
    await this.hub.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  async scratch(): Promise<string> {
    const folder = join(this.folder, `s${this.#count++}`)
    await mkdir(folder, { recursive: true })
    return folder
  }

  send(path: string, options: SendOptions = {}): Promise<Reply> {
    return send(this.hub.url, path, { token: this.alice, ...options })
  }

  /** The `hf` command of the environment whose programs are in `bin`. */
  async hf(bin: string, args: readonly string[], options: ClientOptions = {}): Promise<Finished> {
    const env = await this.#environment(options)
    return runProgram(join(bin, 'hf'), args, { env, timeoutMs: options.timeoutMs ?? 300_000 })
  }

  async xorbit(args: readonly string[], options: ClientOptions = {}): Promise<Finished> {
    const home = options.home ?? (await this.scratch())
    return xorbit(home, [...args, '--json'], {
      env: await this.#environment({ ...options, home }),
      timeoutMs: options.timeoutMs ?? 300_000,
    })
  }

  async #environment({ home, endpoint, env }: ClientOptions): Promise<NodeJS.ProcessEnv> {
    const folder = home ?? (await this.scratch())
    return cleanEnvironment(folder, { HF_ENDPOINT: endpoint ?? this.hub.url, HF_TOKEN: this.alice, ...env })
  }

  /** A file whose bytes follow from the seed; none of its chunks is like another. */
  async randomFile(path: string, bytes: number, seed: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true })
    const key = createHash('sha256').update(seed).digest()
    const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
    const zeros = Buffer.alloc(1 << 20)
    const file = await open(path, 'w')
    for (let done = 0; done < bytes; done += zeros.length) {
      await file.write(cipher.update(zeros.subarray(0, Math.min(zeros.length, bytes - done))))
    }
    await file.close()
  }

  /** The tip's files by path. */
  async tree(repo: string): Promise<Map<string, { size: number; xetHash?: string; lfs?: { oid: string } }>> {
    const reply = await this.send(`/api/models/${repo}/tree/main?recursive=true`)
    assert.equal(reply.status, 200, `tree: ${reply.body}`)
    const entries = reply.json() as unknown as { path: string; size: number; xetHash?: string; lfs?: { oid: string } }[]
    return new Map(entries.map((entry) => [entry.path, entry]))
  }
}

export function mustEnd({ code, stdout, stderr }: Finished, what: string): void {
  assert.equal(code, 0, `${what} ended with ${code}: ${stdout.slice(-500)} ${stderr.slice(-800)}`)
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer)
  return hash.digest('hex')
}
