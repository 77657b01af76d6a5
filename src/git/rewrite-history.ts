/**
 * The history of a repository without certain blobs: every commit that held one, and all that come after it, are made
 * anew with the same authors, dates and messages; what is not touched keeps its id. Writes loose objects that nothing
 * refers to yet: moving the refs is the caller's.
 *
 * Objects are handled as git stores them: a tree is entries of `MODE NAME\0` and 20 bytes, a commit is lines of headers,
 * an empty one, and its message. Signatures of what is made anew would be false, and are left out.
 */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import { AppError } from '../base/app-error.ts'
import { syncFolder, writeFileAtomically } from '../base/atomic-file.ts'
import type { GitObject } from './batch-process.ts'
import { type Oid, parseOid } from './oid.ts'

const TREE_MODE = '40000'
const OID_BYTES = 20
const READ_ONLY = 0o444
const pack = promisify(deflate)

export interface Objects {
  /** Of the repository. */
  readonly gitDir: string
  ask(oid: Oid): Promise<GitObject | null>
}

export class HistoryRewrite {
  readonly #objects: Objects
  readonly #blobs: ReadonlySet<Oid>
  /** What stands for what, also for what stays as it is; null for a folder that is empty without the blobs. */
  readonly #made = new Map<Oid, Oid | null>()
  readonly #folders = new Set<string>()

  constructor(objects: Objects, blobs: ReadonlySet<Oid>) {
    this.#objects = objects
    this.#blobs = blobs
  }

  /** Parents come before their children. */
  async addCommit(oid: Oid): Promise<void> {
    const text = (await this.#get(oid, 'commit')).toString('latin1')
    const end = text.indexOf('\n\n')
    const lines = text.slice(0, end).split('\n')
    const renamed: string[] = []
    for (const line of lines) {
      const [, word, name = ''] = /^(tree|parent) ([0-9a-f]{40})$/.exec(line) ?? []
      if (word === 'tree') renamed.push(`tree ${(await this.#treeOf(parseOid(name))) ?? (await this.#put('tree', ''))}`)
      else if (word === 'parent') renamed.push(`parent ${this.#made.get(parseOid(name)) ?? name}`)
      else renamed.push(line)
    }
    const isSame = renamed.every((line, i) => line === lines[i])
    const headers = renamed.join('\n').replace(/\ngpgsig(-sha256)? .*(\n .*)*/g, '')
    this.#made.set(oid, isSame ? oid : await this.#put('commit', Buffer.from(headers + text.slice(end), 'latin1')))
  }

  /** What a ref that held `oid`, a commit or an annotated tag of one, is to hold. Its commit was added before. */
  async refTarget(oid: Oid): Promise<Oid> {
    const known = this.#made.get(oid)
    if (known) return known
    const text = (await this.#get(oid, 'tag')).toString('latin1')
    const object = parseOid(/^object ([0-9a-f]{40})\n/.exec(text)?.[1] ?? '')
    const target = await this.refTarget(object)
    if (target === object) return oid
    const unsigned = text.replace(/\n-----BEGIN [A-Z ]*SIGNATURE-----[\s\S]*$/, '\n')
    return this.#put('tag', Buffer.from(unsigned.replace(object, target), 'latin1'))
  }

  /** Folders that name what was written are on disk. */
  async finish(): Promise<void> {
    for (const folder of this.#folders) await syncFolder(folder)
    await syncFolder(join(this.#objects.gitDir, 'objects'))
  }

  async #treeOf(oid: Oid): Promise<Oid | null> {
    const known = this.#made.get(oid)
    if (known !== undefined) return known
    const bytes = await this.#get(oid, 'tree')
    const kept: Buffer[] = []
    let isSame = true
    for (let at = 0; at < bytes.length; ) {
      const nul = bytes.indexOf(0, at)
      const entry = bytes.subarray(at, nul + 1 + OID_BYTES)
      const name = parseOid(bytes.toString('hex', nul + 1, nul + 1 + OID_BYTES))
      const isTree = bytes.toString('latin1', at, bytes.indexOf(0x20, at)) === TREE_MODE
      const target = isTree ? await this.#treeOf(name) : this.#blobs.has(name) ? null : name
      if (target === name) kept.push(entry)
      else isSame = false
      if (target !== null && target !== name) {
        kept.push(bytes.subarray(at, nul + 1), Buffer.from(target, 'hex'))
      }
      at = nul + 1 + OID_BYTES
    }
    const made = isSame ? oid : kept.length === 0 ? null : await this.#put('tree', Buffer.concat(kept))
    this.#made.set(oid, made)
    return made
  }

  async #get(oid: Oid, type: string): Promise<Buffer> {
    const object = await this.#objects.ask(oid)
    if (object?.type === type) return object.content
    throw new AppError('damaged', 'GIT_OBJECT_MISSING', `No ${type} ${oid} in ${this.#objects.gitDir}`)
  }

  async #put(type: string, content: Uint8Array | string): Promise<Oid> {
    const bytes = Buffer.concat([Buffer.from(`${type} ${Buffer.byteLength(content)}\0`), Buffer.from(content)])
    const oid = parseOid(createHash('sha1').update(bytes).digest('hex'))
    const folder = join(this.#objects.gitDir, 'objects', oid.slice(0, 2))
    await mkdir(folder, { recursive: true })
    await writeFileAtomically(join(folder, oid.slice(2)), await pack(bytes), READ_ONLY)
    this.#folders.add(folder)
    return oid
  }
}
