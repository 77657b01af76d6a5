/** `xorbit xet hash|pack|unpack|inspect`: the formats by hand, without any server. */
import { hashLocalFile } from '../../actions/xet-hash.ts'
import { type InspectedShard, type InspectedXorb, inspectFile } from '../../actions/xet-inspect.ts'
import { packFiles } from '../../actions/xet-pack.ts'
import { unpackFolder } from '../../actions/xet-unpack.ts'
import type { Flags, Io } from '../output.ts'

export async function run([verb, ...paths]: string[], flags: Flags, io: Io): Promise<void> {
  if (verb === 'hash') await hash(paths, flags, io)
  else if (verb === 'pack') await pack(paths, outputOf(flags), io)
  else if (verb === 'unpack') await unpack(paths[0] as string, outputOf(flags), io)
  else await inspect(paths, io)
}

function outputOf(flags: Flags): string {
  return (flags.output as string | undefined) ?? '.'
}

async function hash(paths: readonly string[], flags: Flags, io: Io): Promise<void> {
  let total = 0
  for (const path of paths) {
    const file = await hashLocalFile(path, { chunks: flags.chunks === true, signal: io.signal })
    total += file.bytes
    io.event('file', { ...file })
    io.line(io.quiet ? file.fileHash : `${file.fileHash}  ${file.sha256}  ${file.bytes}  ${path}`)
    for (const chunk of file.chunks ?? []) io.line(`  ${chunk.hash}  ${chunk.offset}  ${chunk.bytes}`)
  }
  io.event('done', { files: paths.length, bytes: total })
}

async function pack(paths: readonly string[], output: string, io: Io): Promise<void> {
  const { files, xorbs, shard, bytes } = await packFiles(paths, output)
  for (const { name, ...file } of files) {
    io.event('file', { path: name, ...file })
    io.line(io.quiet ? file.fileHash : `${file.fileHash}  ${file.bytes}  ${name}`)
  }
  for (const xorb of xorbs) {
    io.event('xorb', xorb)
    if (!io.quiet) io.line(`${xorb.hash}  ${xorb.chunks} chunks, ${xorb.bytes} bytes  ${xorb.hash}.xorb`)
  }
  io.event('done', { files: files.length, xorbs: xorbs.length, shard, bytes })
  if (!io.quiet) io.line(`${bytes.plain} bytes of files in ${bytes.stored} bytes of xorbs; ${shard}`)
}

async function unpack(folder: string, output: string, io: Io): Promise<void> {
  let files = 0
  for await (const file of unpackFolder(folder, output)) {
    files++
    io.event('file', { ...file })
    io.line(io.quiet ? file.path : `${file.fileHash}  ${file.bytes}  ${file.path}`)
  }
  io.event('done', { files })
}

async function inspect(paths: readonly string[], io: Io): Promise<void> {
  for (const path of paths) {
    const { kind, ...found } = await inspectFile(path)
    io.event(kind, found)
    const lines = kind === 'xorb' ? linesOfXorb(found as InspectedXorb) : linesOfShard(found as InspectedShard)
    for (const line of io.quiet ? lines.slice(0, 1) : lines) io.line(line)
  }
  io.event('done', { files: paths.length })
}

const SCHEMES = ['stored', 'lz4', 'grouped lz4']

function linesOfXorb({ hash, chunks, plainBytes, storedBytes, footer }: InspectedXorb): string[] {
  const end = footer ? 'with footer' : 'no footer'
  const rows = chunks.map((chunk, i) => {
    return `  ${i}  ${chunk.hash}  ${SCHEMES[chunk.scheme]}  ${chunk.plainBytes} -> ${chunk.storedBytes}`
  })
  return [`xorb ${hash}: ${chunks.length} chunks, ${plainBytes} plain, ${storedBytes} stored, ${end}`, ...rows]
}

function linesOfShard({ files, xorbs, footer }: InspectedShard): string[] {
  const keyed = footer?.keyed ? ', chunk hashes keyed' : ''
  const end = footer === null ? 'no footer' : `with footer${keyed}`
  return [
    `shard: ${files.length} files, ${xorbs.length} xorbs, ${end}`,
    ...files.map(({ fileHash, bytes, terms }) => `  file ${fileHash}  ${bytes} bytes in ${terms} terms`),
    ...xorbs.map(({ hash, chunks, plainBytes }) => `  xorb ${hash}  ${chunks} chunks, ${plainBytes} plain bytes`),
  ]
}
