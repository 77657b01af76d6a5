/**
 * The SHA-256 of a file while it is written: ranges are told in order as they are there, and read back from the disk, so
 * what is hashed is what was written. For large files, where there are cores to spare, a thread does it, shared by all
 * of them; a thread that ends has the file hashed here instead. It goes with the last file.
 */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { AppError } from '../base/app-error.ts'
import { DIGEST_THREAD, type DigestAnswer, type DigestTask } from './digest-thread.ts'

const READ_BYTES = 1024 * 1024
/** Below it a thread takes longer to start than it saves. */
const THREAD_BYTES_MIN = 32 * 1024 * 1024
/** With fewer it would take the place of whoever sends or writes, and 14 MiB. */
const THREAD_CORES_MIN = 3
/** Of one question to the thread: what closing a file may have to wait for. */
const TASK_BYTES_MAX = 16 * 1024 * 1024

export interface FileDigest {
  /** The file's bytes up to `end` are written. */
  extend(end: number): void
  /** In lower-case hexadecimal, of all that was told. */
  finish(): Promise<string>
  /** Resolves when the file is not read any more. */
  close(): Promise<void>
}

export function openFileDigest(file: FileHandle, size: number, cores = availableParallelism()): FileDigest {
  const usesThread = size >= THREAD_BYTES_MIN && cores >= THREAD_CORES_MIN
  return usesThread ? new ThreadDigest(file, DigestThread.get()) : new LocalDigest(file)
}

class LocalDigest implements FileDigest {
  readonly #file: FileHandle
  readonly #sha256 = createHash('sha256')
  #buffer = new Uint8Array(0)
  #at = 0
  #end = 0
  #reading: Promise<void> = Promise.resolve()
  #failure: unknown = null

  constructor(file: FileHandle) {
    this.#file = file
  }

  extend(end: number): void {
    this.#end = end
    this.#reading = this.#reading
      .then(() => this.#read())
      .catch((error: unknown) => {
        this.#failure ??= error
      })
  }

  async finish(): Promise<string> {
    await this.#reading
    if (this.#failure !== null) throw this.#failure
    return this.#sha256.digest('hex')
  }

  async close(): Promise<void> {
    this.#end = 0
    await this.#reading
  }

  async #read(): Promise<void> {
    while (this.#at < this.#end) {
      const wanted = Math.min(READ_BYTES, this.#end - this.#at)
      if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted)
      const { bytesRead } = await this.#file.read(this.#buffer, 0, wanted, this.#at)
      if (bytesRead === 0) throw shrank()
      this.#sha256.update(this.#buffer.subarray(0, bytesRead))
      this.#at += bytesRead
    }
  }
}

class ThreadDigest implements FileDigest {
  readonly #file: FileHandle
  readonly #thread: DigestThread
  readonly #pass: number
  #sent = 0
  #end = 0
  #reading: Promise<void> | null = null
  #failure: unknown = null

  constructor(file: FileHandle, thread: DigestThread) {
    this.#file = file
    this.#thread = thread
    this.#pass = thread.begin()
  }

  extend(end: number): void {
    this.#end = end
    this.#reading ??= this.#send().finally(() => {
      this.#reading = null
    })
  }

  async finish(): Promise<string> {
    while (this.#reading !== null) await this.#reading
    try {
      if (this.#failure !== null) throw this.#failure
      const { sha256 } = await this.#thread.ask({ verb: 'digest', pass: this.#pass })
      return sha256 as string
    } catch (error) {
      if (!(error instanceof ThreadLost)) throw error
      const local = new LocalDigest(this.#file)
      local.extend(this.#end)
      return local.finish()
    }
  }

  async close(): Promise<void> {
    this.#end = 0
    await this.#reading
    this.#thread.end(this.#pass)
  }

  async #send(): Promise<void> {
    try {
      while (this.#sent < this.#end && this.#failure === null) {
        const length = Math.min(this.#end - this.#sent, TASK_BYTES_MAX)
        const task = { verb: 'read', pass: this.#pass, fd: this.#file.fd, offset: this.#sent, length } as const
        const { read } = await this.#thread.ask(task)
        if (read !== length) throw shrank()
        this.#sent += length
      }
    } catch (error) {
      this.#failure = error
    }
  }
}

class ThreadLost extends Error {}

interface Waiting {
  resolve(answer: DigestAnswer): void
  reject(error: Error): void
}

class DigestThread {
  static #current: DigestThread | null = null
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #passes = 0
  #open = 0
  #asked = 0
  #isLost = false

  static get(): DigestThread {
    DigestThread.#current ??= new DigestThread()
    return DigestThread.#current
  }

  private constructor() {
    this.#worker = new Worker(DIGEST_THREAD, {
      eval: true,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    })
    this.#worker.unref()
    this.#worker.on('message', (answer: DigestAnswer) => this.#take(answer))
    this.#worker.on('error', () => this.#lose())
    this.#worker.once('exit', () => this.#lose())
  }

  begin(): number {
    this.#open++
    return this.#passes++
  }

  /** Nobody wants this pass any more. */
  end(pass: number): void {
    this.#open--
    if (this.#isLost) return
    if (this.#open > 0) this.#worker.postMessage({ id: -1, task: { verb: 'forget', pass } })
    else {
      this.#lose()
      void this.#worker.terminate()
    }
  }

  ask(task: DigestTask): Promise<DigestAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#isLost) return reject(new ThreadLost())
      const id = this.#asked++
      // Only what is asked for keeps the process alive.
      if (this.#waiting.size === 0) this.#worker.ref()
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, task })
    })
  }

  #take(answer: DigestAnswer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if (answer.failure === undefined) waiting?.resolve(answer)
    else waiting?.reject(Object.assign(new Error(answer.failure.message), { code: answer.failure.code }))
  }

  #lose(): void {
    this.#isLost = true
    if (DigestThread.#current === this) DigestThread.#current = null
    for (const { reject } of this.#waiting.values()) reject(new ThreadLost())
    this.#waiting.clear()
  }
}

function shrank(): AppError {
  return new AppError('damaged', 'FILE_SHRANK', 'The file being written became shorter meanwhile')
}
