/** A disk that only the commands see which run in it: a tmpfs, gone with its last process. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cleanEnvironment, type Finished, LAUNCHER, runInside } from '../farm/hub-process.ts'
import type { Lab } from './lab.ts'
import type { Weights } from './pulls.ts'

const SCRIPT = 'mount -t tmpfs -o "$1" none "$0" && echo ready && exec sleep 900'

export class PrivateDisk {
  /** As its commands name it. */
  readonly inner: string
  readonly #child: ChildProcess
  readonly #lab: Lab

  private constructor(lab: Lab, inner: string, child: ChildProcess) {
    this.#lab = lab
    this.inner = inner
    this.#child = child
  }

  /** `options` as mount takes them: `size=8m`. */
  static async mount(lab: Lab, options: string): Promise<PrivateDisk> {
    const inner = join(await lab.scratch(), 'disk')
    await mkdir(inner)
    const words = ['--map-root-user', '--mount', 'sh', '-c', SCRIPT, inner, options]
    const child = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    const disk = new PrivateDisk(lab, inner, child)
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    assert.equal(String(said), 'ready\n')
    return disk
  }

  /** As we name it. */
  get outer(): string {
    return `/proc/${this.#child.pid}/root${this.inner}`
  }

  run(words: readonly string[]): Promise<Finished> {
    return runInside(this.#child.pid as number, words)
  }

  /** The weights into a folder of the disk. */
  pull({ repo, path }: Weights, target: string, options: PullHere): Promise<Finished> {
    const { endpoint, env = {}, before = [] } = options
    const clean = cleanEnvironment(this.#lab.folder, { HF_ENDPOINT: endpoint, HF_TOKEN: this.#lab.alice, ...env })
    const settings = Object.entries(clean).map(([name, value]) => `${name}=${value}`)
    const pull = [process.execPath, LAUNCHER, 'pull', repo, path, '--local-dir', target, '--json']
    return this.run(['env', '-i', ...settings, ...before, ...pull])
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

export interface PullHere {
  readonly endpoint: string
  readonly env?: NodeJS.ProcessEnv
  /** Words before the command. */
  readonly before?: readonly string[]
}
