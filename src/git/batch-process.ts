/**
 * One `git cat-file --batch` or `--batch-check` that stays up while it is asked and ends when it has been idle. Names
 * go in as lines, answers come back in their order; each is looked up anew, so refs that move are seen.
 */
import assert from 'node:assert'
import { AppError } from '../base/app-error.ts'
import { type GitCommand, keepText } from './git-command.ts'
import type { GitProcess } from './git-process.ts'
import { findOid, type Oid } from './oid.ts'

const IDLE_MS = 10_000
/** A process that says nothing for so long, although it was asked, is ended; the next question starts another. */
const SILENT_MS = 15_000
/** Larger objects are streamed by a process of their own. */
export const BATCH_CONTENT_BYTES_MAX = 16 * 1024 * 1024
const LF = 0x0a

export interface GitObject {
  readonly oid: Oid
  readonly type: string
  readonly size: number
  /** Empty when only asked about. */
  readonly content: Buffer
}

export interface BatchOptions {
  readonly withContent: boolean
  readonly silentMs?: number
}

interface Question {
  readonly name: string
  resolve(object: GitObject | null): void
  reject(error: AppError): void
}

export class BatchProcess {
  readonly #git: GitCommand
  readonly #gitDir: string
  readonly #withContent: boolean
  readonly #silentMs: number
  #child: GitProcess | null = null
  #waiting: Question[] = []
  /** It ends when nothing is waited for. */
  #isEnding = false
  #parts: Buffer[] = []
  #bytes = 0
  #header: { oid: Oid; type: string; size: number } | null = null
  #idle: NodeJS.Timeout | undefined
  #silent: NodeJS.Timeout | undefined

  constructor(git: GitCommand, gitDir: string, { withContent, silentMs = SILENT_MS }: BatchOptions) {
    this.#git = git
    this.#gitDir = gitDir
    this.#withContent = withContent
    this.#silentMs = silentMs
  }

  /** Null when nothing has this name. A name never holds a line end: callers pass oids and checked ref names. */
  ask(name: string): Promise<GitObject | null> {
    assert(!name.includes('\n'), 'a line end in the name of a git object')
    const child = this.#child ?? this.#startChild()
    clearTimeout(this.#idle)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ name, resolve, reject })
      if (this.#waiting.length === 1) this.#awaitWord(child)
      child.stdin.write(`${name}\n`)
    })
  }

  /** As soon as all that was asked is answered; a question after that starts a new process. */
  end(): void {
    clearTimeout(this.#idle)
    this.#isEnding = this.#waiting.length > 0
    if (this.#isEnding) return
    this.#child?.stdin.end()
    this.#child = null
  }

  #startChild(): GitProcess {
    const args = ['cat-file', this.#withContent ? '--batch' : '--batch-check']
    const child = this.#git.start({ gitDir: this.#gitDir, args })
    const stderr = keepText(child.stderr)
    this.#parts = []
    this.#bytes = 0
    this.#header = null
    this.#child = child
    child.stdin.on('error', (error) => stderr.push(error.message))
    child.once('error', (error) => stderr.push(error.message))
    child.stdout.on('data', (part: Buffer) => this.#take(child, part))
    child.once('close', () => this.#onClose(child, stderr.join('')))
    return child
  }

  #awaitWord(child: GitProcess): void {
    clearTimeout(this.#silent)
    if (this.#waiting.length === 0) return
    this.#silent = setTimeout(() => {
      if (this.#child !== child) return
      child.kill('SIGKILL')
      this.#child = null
      const message = `git cat-file said nothing for ${this.#silentMs / 1000} s in ${this.#gitDir}: try again soon`
      for (const { reject } of this.#waiting.splice(0)) reject(new AppError('busy', 'GIT_STALLED', message))
    }, this.#silentMs).unref()
  }

  #onClose(child: GitProcess, stderr: string): void {
    if (this.#child !== child) return
    this.#child = null
    clearTimeout(this.#silent)
    const waiting = this.#waiting.splice(0)
    const message = `git cat-file ended in ${this.#gitDir}: ${stderr.trim().slice(0, 300)}`
    for (const { reject } of waiting) reject(new AppError('bug', 'GIT_FAILED', message))
  }

  #take(child: GitProcess, part: Buffer): void {
    if (this.#child !== child) return
    this.#parts.push(part)
    this.#bytes += part.length
    while (this.#takeOne(child));
    this.#awaitWord(child)
    if (this.#waiting.length > 0) return
    clearTimeout(this.#idle)
    if (this.#isEnding) this.end()
    else this.#idle = setTimeout(() => this.end(), IDLE_MS).unref()
  }

  /** Whether an answer was complete. */
  #takeOne(child: GitProcess): boolean {
    const question = this.#waiting[0]
    if (question === undefined) return false
    this.#header ??= this.#takeHeader(question)
    if (this.#header === null) return this.#waiting[0] !== question
    const { size } = this.#header
    const wanted = this.#withContent ? size + 1 : 0
    if (wanted > BATCH_CONTENT_BYTES_MAX + 1) {
      child.kill('SIGKILL')
      return false
    }
    if (this.#bytes < wanted) return false
    const content = wanted === 0 ? Buffer.alloc(0) : this.#cut(wanted).subarray(0, size)
    const object = { ...this.#header, content }
    this.#header = null
    this.#waiting.shift()?.resolve(object)
    return true
  }

  /** Null when the line is not whole yet, or when it answered `question` with "missing". */
  #takeHeader(question: Question): { oid: Oid; type: string; size: number } | null {
    const front = this.#front()
    const end = front.indexOf(LF)
    if (end < 0) return null
    const line = this.#cut(end + 1).toString('utf8', 0, end)
    const [, name, type, size] = /^([0-9a-f]{40}) (commit|tree|blob|tag) (\d+)$/.exec(line) ?? []
    const oid = findOid(name ?? '')
    if (oid !== null && type !== undefined) return { oid, type, size: Number(size) }
    this.#waiting.shift()
    question.resolve(null)
    return null
  }

  #front(): Buffer {
    const joined = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts, this.#bytes)
    this.#parts = [joined]
    return joined
  }

  #cut(length: number): Buffer {
    const front = this.#front()
    this.#parts = [front.subarray(length)]
    this.#bytes -= length
    return front.subarray(0, length)
  }
}
