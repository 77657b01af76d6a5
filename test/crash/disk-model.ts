/**
 * What a disk may hold after a power cut. Fed with the calls of a recorded run, it keeps beside what a program sees what
 * is durable: a file's bytes as of its last fsync or fdatasync, a folder's names as of the folder's last fsync. Nothing
 * else makes anything durable: not time, not a later call on another file, not the fsync of a file for its name. That is
 * less than ext4 or XFS give, and what POSIX promises; so a program that holds here holds on them.
 *
 * After the cut (`cut`):
 * - `synced`: only what is durable; a name whose file was never synced leads to an empty file.
 * - `named`: every change of names and lengths is there, of the bytes only the durable ones, zeros in place of the rest
 *   (as after a journal of metadata was written and the data was not).
 * - `torn`: between the two, chosen by a seed: of each folder's changes since its fsync the first few, of each file's
 *   writes since its fsync any, each perhaps only in part, in units of SECTOR_BYTES.
 *
 * `all` is what a program sees, and what a killed one leaves.
 *
 * What lay there before the run is durable.
 */
import type { DiskEvent } from './disk-event.ts'

const SECTOR_BYTES = 512
export const CUTS = ['synced', 'named', 'torn'] as const
export type Cut = (typeof CUTS)[number] | 'all'

/** A folder as it would be found: Buffers are files, strings are links. */
export type Found = Map<string, Found | Buffer | string>

interface Change {
  readonly at: number
  /** Null for a change of length, to `at`. */
  readonly bytes: Uint8Array | null
}

class FileNode {
  bytes: Buffer = Buffer.alloc(0)
  durable: Buffer = Buffer.alloc(0)
  pending: Change[] = []

  change(change: Change): void {
    this.bytes = applied(this.bytes, change)
    this.pending.push(change)
  }

  sync(): void {
    this.durable = this.bytes
    this.pending = []
  }
}

type Entry = FileNode | FolderNode | string

class FolderNode {
  names = new Map<string, Entry>()
  durable = new Map<string, Entry>()
  pending: { readonly name: string; readonly entry: Entry | null }[] = []

  set(name: string, entry: Entry | null): void {
    put(this.names, name, entry)
    this.pending.push({ name, entry })
  }

  sync(): void {
    this.durable = new Map(this.names)
    this.pending = []
  }
}

export class DiskModel {
  readonly #root = new FolderNode()
  readonly #base: string
  readonly #inodes = new Map<number, FileNode>()

  /** `base`: the absolute path of the folder that the model stands for. */
  constructor(base: string) {
    this.#base = base
  }

  /** A file that lies there durably; folders are made as needed. */
  lay(path: string, inode: number, bytes: Buffer): void {
    const file = this.#inodes.get(inode) ?? new FileNode()
    this.#inodes.set(inode, file)
    file.bytes = bytes
    file.sync()
    const folder = this.layFolder(parentOf(path))
    folder.set(nameOf(path), file)
    folder.sync()
  }

  layFolder(path: string): FolderNode {
    let at = this.#root
    for (const name of this.#steps(path)) {
      let next = at.names.get(name)
      if (!(next instanceof FolderNode)) {
        next = new FolderNode()
        at.set(name, next)
        at.sync()
      }
      at = next
    }
    return at
  }

  take(event: DiskEvent): void {
    if (event.op === 'said') return
    switch (event.op) {
      case 'create': {
        const file = new FileNode()
        this.#inodes.set(event.inode, file)
        this.#folder(parentOf(event.path)).set(nameOf(event.path), file)
        break
      }
      case 'resize':
        this.#inodes.get(event.inode)?.change({ at: event.length, bytes: null })
        break
      case 'write':
        this.#inodes.get(event.inode)?.change(event)
        break
      case 'sync':
        this.#inodes.get(event.inode)?.sync()
        break
      case 'sync-folder':
        this.#folder(event.path).sync()
        break
      default:
        this.#takeName(event)
    }
  }

  #takeName(
    event: Extract<DiskEvent, { op: 'rename' | 'link' | 'symlink' | 'remove' | 'make-folder' | 'remove-folder' }>,
  ): void {
    switch (event.op) {
      case 'rename':
      case 'link': {
        const source = this.#folder(parentOf(event.from))
        const entry = source.names.get(nameOf(event.from))
        if (entry === undefined) throw new Error(`${event.from} is nowhere in the model`)
        this.#folder(parentOf(event.to)).set(nameOf(event.to), entry)
        if (event.op === 'rename') source.set(nameOf(event.from), null)
        break
      }
      case 'symlink':
        this.#folder(parentOf(event.path)).set(nameOf(event.path), event.target)
        break
      case 'make-folder':
        this.#folder(parentOf(event.path)).set(nameOf(event.path), new FolderNode())
        break
      default:
        this.#folder(parentOf(event.path)).set(nameOf(event.path), null)
    }
  }

  /** What would be found if the power went now. */
  cut(cut: Cut, seed = 0): Found {
    const random = generator(seed)
    const shown = (entry: Entry): Found | Buffer | string => {
      if (typeof entry === 'string') return entry
      if (entry instanceof FileNode) return fileAfter(entry, cut, random)
      const names = namesAfter(entry, cut, random)
      return new Map([...names].map(([name, below]) => [name, shown(below)]))
    }
    return shown(this.#root) as Found
  }

  #folder(path: string): FolderNode {
    let at: Entry | undefined = this.#root
    for (const name of this.#steps(path)) at = at instanceof FolderNode ? at.names.get(name) : undefined
    if (at instanceof FolderNode) return at
    throw new Error(`${path} is no folder of the model`)
  }

  #steps(path: string): string[] {
    return path.slice(this.#base.length).split('/').filter(Boolean)
  }
}

function namesAfter({ names, durable, pending }: FolderNode, cut: Cut, random: (below: number) => number) {
  if (cut === 'named' || cut === 'all') return names
  const after = new Map(durable)
  if (cut === 'synced') return after
  for (const { name, entry } of pending.slice(0, random(pending.length + 1))) put(after, name, entry)
  return after
}

function fileAfter({ bytes, durable, pending }: FileNode, cut: Cut, random: (below: number) => number): Buffer {
  if (cut === 'all') return bytes
  if (cut === 'synced') return durable
  if (cut === 'named') return applied(durable, { at: bytes.length, bytes: null })
  let after: Buffer = durable
  for (const change of pending) {
    const share = random(3)
    if (share === 0) continue
    after = applied(after, share === 1 ? change : partOf(change, random))
  }
  return after
}

/** The first sectors of a write, at least one. */
function partOf(change: Change, random: (below: number) => number): Change {
  if (change.bytes === null) return change
  const sectors = Math.ceil(change.bytes.length / SECTOR_BYTES)
  return { at: change.at, bytes: change.bytes.subarray(0, (1 + random(sectors)) * SECTOR_BYTES) }
}

function applied(before: Buffer, { at, bytes }: Change): Buffer {
  const length = bytes === null ? at : Math.max(before.length, at + bytes.length)
  const after = Buffer.alloc(length)
  before.copy(after)
  if (bytes !== null) after.set(bytes, at)
  return after
}

function put<T>(map: Map<string, T>, name: string, entry: T | null): void {
  if (entry === null) map.delete(name)
  else map.set(name, entry)
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Numbers below a bound, always the same for a seed. */
function generator(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761 + 1) >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
