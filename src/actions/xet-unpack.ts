/**
 * Files out of a folder of xorbs and shards. A file gets its name only after its file hash and its SHA-256 are right;
 * `names.json` gives names, a file it does not list is named by its hash.
 */
import { createHash, randomUUID } from 'node:crypto'
import { open, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { AppError, systemCode } from '../base/app-error.ts'
import { makeFolder, nameFile, writeFully } from '../base/atomic-file.ts'
import { resolveInside } from '../base/safe-path.ts'
import { CHUNK_HEADER_BYTES } from '../xet/constants.ts'
import { assembleFile } from '../xet/file-assembler.ts'
import { type FileHash, ZERO_HASH } from '../xet/hash.ts'
import { parseShard, type ShardFile, type Term } from '../xet/shard-reader.ts'
import { parseRecordHeader, readXorbChunks } from '../xet/xorb-reader.ts'
import { openLocalFile, readLocalFile } from './xet-local-file.ts'

export interface UnpackedFile {
  readonly path: string
  readonly bytes: number
  readonly fileHash: FileHash
  readonly sha256: string
}

const Names = z.object({ files: z.array(z.object({ name: z.string(), fileHash: z.string() })) })

/** Where the records of one xorb begin; read once from its headers. */
type RecordStarts = readonly number[]

export async function* unpackFolder(folder: string, output: string): AsyncGenerator<UnpackedFile> {
  const names = await readNames(folder)
  const starts = new Map<string, RecordStarts>()
  const inside = await readdir(folder).catch((cause: unknown) => {
    if (systemCode(cause) === 'ENOENT')
      throw new AppError('not-found', 'FILE_MISSING', `No folder ${folder}`, { cause })
    throw cause
  })
  const shards = inside.filter((name) => name.endsWith('.shard'))
  if (shards.length === 0) throw new AppError('not-found', 'SHARD_MISSING', `No *.shard in ${folder}`)
  for (const name of shards) {
    for (const file of parseShard(await readFile(join(folder, name))).files) {
      const openTerm = (term: Term) => readTerm(folder, term, starts)
      for (const path of names.get(file.hash) ?? [file.hash]) yield await writeOne(file, openTerm, output, path)
    }
  }
}

async function readNames(folder: string): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>()
  let text: string
  try {
    text = await readFile(join(folder, 'names.json'), 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return names
    throw error
  }
  for (const { name, fileHash } of parseNames(text)) names.set(fileHash, [...(names.get(fileHash) ?? []), name])
  return names
}

function parseNames(text: string): z.infer<typeof Names>['files'] {
  try {
    return Names.parse(JSON.parse(text)).files
  } catch (cause) {
    throw new AppError('malformed', 'NAMES_BAD', 'names.json is not what xorbit xet pack writes', { cause })
  }
}

async function writeOne(
  file: ShardFile,
  openTerm: (term: Term) => ReturnType<typeof readTerm>,
  output: string,
  name: string,
): Promise<UnpackedFile> {
  const path = await resolveInside(output, name)
  await makeFolder(dirname(path))
  const temp = `${path}.${randomUUID()}.tmp`
  const sha256 = createHash('sha256')
  let bytes = 0
  try {
    const out = await open(temp, 'wx')
    try {
      for await (const plain of assembleFile(file, openTerm)) {
        sha256.update(plain)
        await writeFully(out, plain)
        bytes += plain.length
      }
      await out.sync()
    } finally {
      await out.close()
    }
    const actual = sha256.digest('hex')
    if (file.sha256 !== null && file.sha256 !== ZERO_HASH && file.sha256 !== actual) {
      throw new AppError('integrity', 'SHA256_MISMATCH', `${name} has SHA-256 ${actual}, not ${file.sha256}`)
    }
    await nameFile(temp, path)
    return { path, bytes, fileHash: file.hash, sha256: actual }
  } finally {
    await rm(temp, { force: true })
  }
}

async function* readTerm(folder: string, term: Term, known: Map<string, RecordStarts>) {
  const path = join(folder, `${term.xorb}.xorb`)
  const starts = known.get(term.xorb) ?? (await readRecordStarts(path, term.end))
  known.set(term.xorb, starts)
  for await (const chunk of readXorbChunks(readLocalFile(path, starts[term.start] ?? 0), { firstIndex: term.start })) {
    if (chunk.index >= term.end) return
    yield chunk
    if (chunk.index + 1 === term.end) return
  }
}

/** Jumps from header to header; the bodies are checked when they are read. */
async function readRecordStarts(path: string, countMin: number): Promise<RecordStarts> {
  const file = await openLocalFile(path)
  try {
    const { size } = await file.stat()
    const starts: number[] = []
    const head = new Uint8Array(CHUNK_HEADER_BYTES)
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(head, 0, head.length, at)
      const isFooter = head[0] === 'X'.charCodeAt(0)
      if (bytesRead < head.length || isFooter) break
      starts.push(at)
      at += CHUNK_HEADER_BYTES + parseRecordHeader(head, starts.length - 1).storedLength
    }
    if (starts.length < countMin) {
      throw new AppError('integrity', 'XORB_TRUNCATED', `${path} has ${starts.length} chunks, a term needs ${countMin}`)
    }
    return starts
  } finally {
    await file.close()
  }
}
