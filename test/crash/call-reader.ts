/**
 * Reads, of a stopped process, which system call it is about to make and what that will do to the files below one
 * folder. The calls are those of Linux on x86-64 that change names or bytes, or make them durable.
 */
import { closeSync, existsSync, openSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { DiskEvent } from './disk-event.ts'
import type { Registers } from './kernel.ts'

const AT_FDCWD = -100
const O_CREAT = 0o100
const O_TRUNC = 0o1000
const O_APPEND = 0o2000
const AT_REMOVEDIR = 0x200
const FICLONE = 0x40049409n
const PATH_BYTES_MAX = 4096

/** A call read before it runs; `finish` reads afterwards what it did. */
export interface PendingCall {
  readonly name: string
  readonly path: string
  finish(result: number): DiskEvent[]
}

type Read = (call: CallReader, args: readonly bigint[]) => Omit<PendingCall, 'name'> | null

export class CallReader {
  readonly #pid: number

  constructor(pid: number) {
    this.#pid = pid
  }

  bytes(address: bigint, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    const memory = openSync(`/proc/${this.#pid}/mem`, 'r')
    try {
      return bytes.subarray(0, length === 0 ? 0 : readSync(memory, bytes, 0, length, address as unknown as number))
    } finally {
      closeSync(memory)
    }
  }

  /** A path as the process means it, its folder given as a file descriptor. */
  path(address: bigint, folder: bigint = BigInt(AT_FDCWD)): string {
    // A string may end just before memory that cannot be read.
    const page = 4096 - Number(address % 4096n)
    let text = this.bytes(address, Math.min(page, PATH_BYTES_MAX))
    if (!text.includes(0)) text = Buffer.concat([text, this.bytes(address + BigInt(page), PATH_BYTES_MAX - page)])
    const path = text.toString('utf8', 0, text.indexOf(0))
    const number = Number(BigInt.asIntN(32, folder))
    const base =
      number === AT_FDCWD
        ? readlinkSync(`/proc/${this.#pid}/cwd`)
        : path.startsWith('/')
          ? '/'
          : this.open(BigInt(number))
    return resolve(base, path)
  }

  /** What an open file is called now. */
  open(file: bigint): string {
    try {
      return readlinkSync(`/proc/${this.#pid}/fd/${Number(BigInt.asIntN(32, file))}`).replace(/ \(deleted\)$/, '')
    } catch {
      return ''
    }
  }

  stat(file: bigint) {
    return statSync(`/proc/${this.#pid}/fd/${Number(BigInt.asIntN(32, file))}`)
  }

  content(file: bigint): Buffer {
    return readFileSync(`/proc/${this.#pid}/fd/${Number(BigInt.asIntN(32, file))}`)
  }

  /** Where the next write without a position goes. */
  position(file: bigint): number {
    const info = readFileSync(`/proc/${this.#pid}/fdinfo/${Number(BigInt.asIntN(32, file))}`, 'latin1')
    const [, position = '0', flags = '0'] = /pos:\s+(\d+)\s+flags:\s+(\d+)/.exec(info) ?? []
    return (Number.parseInt(flags, 8) & O_APPEND) === 0 ? Number(position) : this.stat(file).size
  }

  vectors(address: bigint, count: bigint): Buffer {
    const table = this.bytes(address, Number(count) * 16)
    const parts: Buffer[] = []
    for (let i = 0; i < Number(count); i++) {
      parts.push(this.bytes(table.readBigUInt64LE(i * 16), Number(table.readBigUInt64LE(i * 16 + 8))))
    }
    return Buffer.concat(parts)
  }
}

const write = (bytesOf: (call: CallReader, args: readonly bigint[]) => Buffer, positionAt: number | null): Read => {
  return (call, args) => {
    const file = args[0] as bigint
    const path = call.open(file)
    if (!path.startsWith('/')) return null
    const position = () => (positionAt === null ? call.position(file) : Number(args[positionAt]))
    return lazily(path, () => {
      const at = position()
      const bytes = bytesOf(call, args)
      const inode = call.stat(file).ino
      return (length) => [{ op: 'write', inode, at, bytes: bytes.subarray(0, length) }]
    })
  }
}

/** The kernel moves the bytes: what the file holds afterwards is read from it. */
const copyInto = (fileAt: number, wanted: (args: readonly bigint[]) => boolean = () => true): Read => {
  return (call, args) => {
    const file = args[fileAt] as bigint
    const path = call.open(file)
    if (!path.startsWith('/') || !wanted(args)) return null
    const inode = () => call.stat(file).ino
    return { path, finish: () => [{ op: 'write', inode: inode(), at: 0, bytes: call.content(file) }] }
  }
}

const sync: Read = (call, args) => {
  const file = args[0] as bigint
  const path = call.open(file)
  if (!path.startsWith('/')) return null
  return lazily(path, () => {
    const stats = call.stat(file)
    return () => [stats.isDirectory() ? { op: 'sync-folder', path } : { op: 'sync', inode: stats.ino }]
  })
}

const resize: Read = (call, args) => {
  const file = args[0] as bigint
  return lazily(call.open(file), () => {
    const inode = call.stat(file).ino
    return () => [{ op: 'resize', inode, length: Number(args[1]) }]
  })
}

const allocate: Read = (call, args) => {
  const file = args[0] as bigint
  return {
    path: call.open(file),
    finish: () => [{ op: 'resize', inode: call.stat(file).ino, length: call.stat(file).size }],
  }
}

const open = (pathAt: number, folderAt: number | null): Read => {
  return (call, args) => {
    const flags = Number(args[pathAt + 1])
    if ((flags & (O_CREAT | O_TRUNC)) === 0) return null
    const path = call.path(args[pathAt] as bigint, folderAt === null ? undefined : args[folderAt])
    return lazily(path, () => {
      const isThere = existsSync(path)
      return (file) => {
        const { ino: inode } = call.stat(BigInt(file))
        if (!isThere) return [{ op: 'create', path, inode }]
        return (flags & O_TRUNC) === 0 ? [] : [{ op: 'resize', inode, length: 0 }]
      }
    })
  }
}

/** Calls on two names: the folders' descriptors, where the call has them, stand before the names. */
const two = (op: 'rename' | 'link', isAt: boolean): Read => {
  return (call, args) => {
    const from = isAt ? call.path(args[1] as bigint, args[0]) : call.path(args[0] as bigint)
    const path = isAt ? call.path(args[3] as bigint, args[2]) : call.path(args[1] as bigint)
    return { path, finish: () => [{ op, from, to: path }] }
  }
}

const one = (op: 'remove' | 'make-folder' | 'remove-folder'): Read => {
  return (call, args) => {
    const path = call.path(args[0] as bigint)
    return { path, finish: () => [{ op, path }] }
  }
}

const oneAt = (op: 'remove' | 'make-folder'): Read => {
  return (call, args) => {
    const path = call.path(args[1] as bigint, args[0])
    const isFolder = op === 'remove' && (Number(args[2]) & AT_REMOVEDIR) !== 0
    return { path, finish: () => [{ op: isFolder ? 'remove-folder' : op, path }] }
  }
}

const symlink: Read = (call, args) => {
  const path = call.path(args[1] as bigint)
  const target = call.path(args[0] as bigint)
  return { path, finish: () => [{ op: 'symlink', target, path }] }
}

const refused = (name: string): Read => {
  return () => {
    throw new Error(`${name} is a call that this machine does not follow: teach it`)
  }
}

/** Reads what comes before the call only for files that matter. */
function lazily(
  path: string,
  read: () => (result: number) => DiskEvent[],
): Omit<PendingCall, 'name'> & { start(): void } {
  let after: ((result: number) => DiskEvent[]) | null = null
  return {
    path,
    start: () => {
      after = read()
    },
    finish: (result) => after?.(result) ?? [],
  }
}

const READERS: Readonly<Record<number, readonly [name: string, read: Read]>> = {
  1: ['write', write((call, args) => call.bytes(args[1] as bigint, Number(args[2])), null)],
  2: ['open', open(0, null)],
  18: ['pwrite64', write((call, args) => call.bytes(args[1] as bigint, Number(args[2])), 3)],
  20: ['writev', write((call, args) => call.vectors(args[1] as bigint, args[2] as bigint), null)],
  40: ['sendfile', copyInto(0)],
  74: ['fsync', sync],
  75: ['fdatasync', sync],
  76: ['truncate', refused('truncate')],
  77: ['ftruncate', resize],
  16: ['ioctl', copyInto(0, (args) => args[1] === FICLONE)],
  82: ['rename', two('rename', false)],
  83: ['mkdir', one('make-folder')],
  84: ['rmdir', one('remove-folder')],
  85: ['creat', refused('creat')],
  86: ['link', two('link', false)],
  87: ['unlink', one('remove')],
  88: ['symlink', symlink],
  257: ['openat', open(1, 0)],
  258: ['mkdirat', oneAt('make-folder')],
  263: ['unlinkat', oneAt('remove')],
  264: ['renameat', two('rename', true)],
  265: ['linkat', two('link', true)],
  266: ['symlinkat', refused('symlinkat')],
  285: ['fallocate', allocate],
  296: ['pwritev', write((call, args) => call.vectors(args[1] as bigint, args[2] as bigint), 3)],
  316: ['renameat2', two('rename', true)],
  326: ['copy_file_range', copyInto(2)],
  328: ['pwritev2', write((call, args) => call.vectors(args[1] as bigint, args[2] as bigint), 3)],
}

export const CALL_NUMBERS: readonly number[] = Object.keys(READERS).map(Number)

/** Null for a call that touches nothing below `isWatched`. */
export function readCall(
  pid: number,
  { call, args }: Registers,
  isWatched: (path: string) => boolean,
): PendingCall | null {
  const [name, read] = READERS[call] ?? []
  if (name === undefined || read === undefined) return null
  const pending = read(new CallReader(pid), args)
  if (pending === null || !isWatched(pending.path)) return null
  if ('start' in pending) (pending as { start(): void }).start()
  return { name, path: pending.path, finish: pending.finish }
}
