/** Reads and writes the file of one blob: segments, then their table. Knows no names and no locks. */
import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from '../base/app-error.ts'
import { syncFolder, writeFully } from '../base/atomic-file.ts'
import { ifThere, textIfThere } from '../base/if-there.ts'
import { runOf, type SegmentRun } from './blob-store.ts'
import {
  decodeTrailer,
  encodeTrailer,
  type SegmentTable,
  SegmentTableBuilder,
  TRAILER_END_BYTES,
  trailerLength,
} from './segment-table.ts'

/** Said where a file can have one name only, or no more of them. */
const NO_LINKS: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

/** Writes a new file at `path` and syncs it by `sync`; `onLength` sees how long the segments are so far. */
export async function writeBlobFile(
  path: string,
  segments: AsyncIterable<Uint8Array | SegmentRun>,
  onLength: (length: number) => void,
  sync: (file: FileHandle) => Promise<void> = (file) => file.sync(),
): Promise<void> {
  const file = await open(path, 'wx')
  try {
    const table = new SegmentTableBuilder()
    for await (const piece of segments) {
      const run = runOf(piece)
      table.addRun(run)
      onLength(table.length)
      await writeFully(file, run.bytes)
    }
    await writeFully(file, encodeTrailer(table.finish()))
    await sync(file)
  } finally {
    await file.close()
  }
}

/** Null when the file does not end in a table that fits it. */
export async function readTable(file: FileHandle, fileLength: number): Promise<SegmentTable | null> {
  if (fileLength < TRAILER_END_BYTES) return null
  const end = await readExactly(file, fileLength - TRAILER_END_BYTES, TRAILER_END_BYTES)
  const length = trailerLength(end)
  if (length === null || length > fileLength) return null
  return decodeTrailer(await readExactly(file, fileLength - length, length), fileLength)
}

/** Always `length` bytes, at the beginning of `into`: zeros stand for what is missing, and fail their CRC. */
export async function readExactly(
  file: FileHandle,
  position: number,
  length: number,
  into: Uint8Array = new Uint8Array(length),
): Promise<Uint8Array> {
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(into, at, length - at, position + at)
    if (bytesRead === 0) {
      into.fill(0, at, length)
      break
    }
    at += bytesRead
  }
  return into.subarray(0, length)
}

/** Segments of `copy` recorded as damaged, one `COPY NUMBER` a line. */
export async function readMarks(path: string, copy: string): Promise<number[]> {
  const text = await textIfThere(path)
  const lines = (text ?? '').split('\n').map((line) => line.split(' '))
  return lines.filter(([of]) => of === copy).map(([, segment]) => Number(segment))
}

export function formatMarks(copy: string, segments: readonly number[]): string {
  return segments.map((segment) => `${copy} ${segment}\n`).join('')
}

export async function openIfThere(path: string): Promise<FileHandle | null> {
  return ifThere(open(path))
}

/** Null when there is no such file. */
export async function sizeIfThere(path: string): Promise<number | null> {
  return (await ifThere(stat(path)))?.size ?? null
}

export type Move = readonly [from: string, to: string]

/**
 * Gives files other names, in order, those of them that are there. The new names are durable before an old one goes: a
 * disk may keep the one change and lose the other, and after a power cut each file has one of its names at least. The
 * old names go in the reverse order: what was to stand beside a file does so for as long as the file is there.
 */
export async function moveSafely(moves: readonly Move[]): Promise<void> {
  for (const [from, to] of moves) await addName(from, to)
  for (const folder of foldersOf(moves.map(([, to]) => to))) await syncFolder(folder)
  for (const [from] of [...moves].reverse()) await rm(from, { force: true })
  for (const folder of foldersOf(moves.map(([from]) => from))) await syncFolder(folder)
}

/** A second name; where the disk knows no such thing the other one. */
async function addName(from: string, to: string): Promise<void> {
  if ((await sizeIfThere(from)) === null) return
  await rm(to, { force: true })
  try {
    await link(from, to)
  } catch (error) {
    if (!NO_LINKS.includes(systemCode(error) ?? '')) throw error
    await rename(from, to)
  }
}

function foldersOf(paths: readonly string[]): Set<string> {
  return new Set(paths.map((path) => dirname(path)))
}
