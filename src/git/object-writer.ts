/**
 * Writes blobs and commits by one `git fast-import` into a quarantine beside the repository's objects. `finish` makes
 * them part of the repository, durable, and moves no ref; `abort` leaves no trace. What was never finished (a killed
 * server) is removed by `Repository.recover`.
 */
import assert from 'node:assert'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../base/atomic-file.ts'
import { type GitCall, type GitCommand, gitFailed, keepText } from './git-command.ts'
import type { GitProcess } from './git-process.ts'
import { blobOid, type Oid, parseOid } from './oid.ts'

export const QUARANTINE_PREFIX = 'incoming-'
/** Never left behind: the same session that makes it takes it away before refs are written. */
const SCRATCH_REF = 'refs/xorbit/commit'

export interface Person {
  readonly name: string
  readonly email: string
}

/** `oid` null removes the file or folder. */
export interface TreeChange {
  readonly path: string
  readonly oid: Oid | null
}

export interface CommitSpec {
  /** Null makes a first commit. */
  readonly parent: Oid | null
  /** A second parent: what is joined by this commit. */
  readonly joins?: Oid
  /** Applied in order to the parent's tree. */
  readonly changes: readonly TreeChange[]
  readonly message: string
  readonly author: Person
  readonly seconds: number
}

export class ObjectWriter {
  readonly #gitDir: string
  readonly #quarantine: string
  readonly #child: GitProcess
  readonly #call: GitCall
  readonly #stderr: string[]
  readonly #exit: Promise<number>
  #lines = ''
  #wake: (() => void) | null = null

  private constructor(git: GitCommand, gitDir: string, quarantine: string) {
    this.#gitDir = gitDir
    this.#quarantine = quarantine
    const env = { GIT_OBJECT_DIRECTORY: quarantine, GIT_ALTERNATE_OBJECT_DIRECTORIES: join(gitDir, 'objects') }
    this.#call = { gitDir, env, args: ['fast-import', '--quiet', '--done', '--date-format=raw', '--depth=0'] }
    this.#child = git.start(this.#call)
    this.#stderr = keepText(this.#child.stderr)
    this.#child.stdin.on('error', (error) => this.#stderr.push(error.message))
    this.#child.stdout.on('data', (part: Buffer) => {
      this.#lines += part.toString('latin1')
      this.#wake?.()
    })
    this.#exit = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#stderr.push(error.message))
      this.#child.once('close', (exit) => resolve(exit ?? -1))
    })
    this.#child.once('close', () => this.#wake?.())
  }

  static async open(git: GitCommand, gitDir: string): Promise<ObjectWriter> {
    const quarantine = join(gitDir, `${QUARANTINE_PREFIX}${randomUUID()}`)
    await mkdir(join(quarantine, 'pack'), { recursive: true })
    return new ObjectWriter(git, gitDir, quarantine)
  }

  async putBlob(content: Uint8Array): Promise<Oid> {
    await this.#write(`blob\ndata ${content.length}\n`)
    await this.#write(content)
    await this.#write('\n')
    return blobOid(content)
  }

  /** A commit object; no ref points to it yet. */
  async putCommit({ parent, joins, changes, message, author, seconds }: CommitSpec): Promise<Oid> {
    const person = `${cleanName(author.name)} <${cleanName(author.email)}> ${seconds} +0000`
    const text = Buffer.from(message)
    await this.#write(`commit ${SCRATCH_REF}\nmark :1\nauthor ${person}\ncommitter ${person}\ndata ${text.length}\n`)
    await this.#write(text)
    await this.#write(parent === null ? '\n' : `\nfrom ${parent}\n`)
    if (joins !== undefined) await this.#write(`merge ${joins}\n`)
    for (const { path, oid } of changes) {
      await this.#write(oid === null ? `D ${quote(path)}\n` : `M 100644 ${oid} ${quote(path)}\n`)
    }
    await this.#write(`\nget-mark :1\nreset ${SCRATCH_REF}\nfrom ${'0'.repeat(40)}\n\n`)
    return parseOid(await this.#readLine())
  }

  /** Everything written is in the repository and durable. */
  async finish(): Promise<void> {
    try {
      await this.#write('done\n')
      this.#child.stdin.end()
      const exit = await this.#exit
      if (exit !== 0) throw gitFailed(this.#call, exit, this.#stderr.join(''))
      await this.#promote()
    } finally {
      await this.abort()
    }
  }

  /** Ends the process and removes what it wrote; does nothing after `finish`. */
  async abort(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
    await rm(this.#quarantine, { recursive: true, force: true })
    await rm(join(this.#gitDir, `fast_import_crash_${this.#child.pid}`), { force: true })
  }

  /** An index that is there promises its pack: packs first. Git has flushed the files; the folder is ours to flush. */
  async #promote(): Promise<void> {
    const from = join(this.#quarantine, 'pack')
    const to = join(this.#gitDir, 'objects', 'pack')
    const names = (await readdir(from)).filter((name) => name.startsWith('pack-'))
    const rank = (name: string) => (name.endsWith('.idx') ? 1 : 0)
    for (const name of names.sort((a, b) => rank(a) - rank(b))) await rename(join(from, name), join(to, name))
    if (names.length > 0) await syncFolder(to)
  }

  async #write(data: string | Uint8Array): Promise<void> {
    const { stdin } = this.#child
    if (stdin.destroyed || this.#child.exitCode !== null) throw gitFailed(this.#call, -1, this.#stderr.join(''))
    if (data.length === 0 || stdin.write(data)) return
    await Promise.race([once(stdin, 'drain'), this.#exit])
  }

  async #readLine(): Promise<string> {
    for (;;) {
      const end = this.#lines.indexOf('\n')
      if (end >= 0) {
        const line = this.#lines.slice(0, end)
        this.#lines = this.#lines.slice(end + 1)
        return line
      }
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw gitFailed(this.#call, this.#child.exitCode ?? -1, this.#stderr.join(''))
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** What would end the name or the line early is left out. */
function cleanName(text: string): string {
  return text.replace(/[<>\p{Cc}]/gu, '').trim() || 'unknown'
}

/** A path as fast-import reads it, whatever it begins with or holds. */
function quote(path: string): string {
  assert(!/[\n\0]/.test(path), 'a line end in a path that was to be checked')
  return `"${path.replace(/["\\]/g, '\\$&')}"`
}
