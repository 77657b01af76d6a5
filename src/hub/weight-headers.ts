/**
 * What the weights of a model say about themselves, read out of the first bytes of their files: parameters by type,
 * architecture. A file whose header is not what it should be says nothing. Kept by the file's name for its content.
 */
import { AppError } from '../base/app-error.ts'
import { Semaphore } from '../base/semaphore.ts'
import { BoundedCache } from '../store/bounded-cache.ts'
import { type GgufHeader, parseGgufHeader } from '../weights/gguf-header.ts'
import { parseHeaderLength, parseSafetensorsHeader, SAFETENSORS_PREFIX_BYTES } from '../weights/safetensors-header.ts'
import type { RepoFactsTable } from './repo-facts.ts'
import type { FileEntry } from './repo-listing.ts'
import type { Snapshot } from './repo-reader.ts'

const SINGLE = 'model.safetensors'
export const INDEX = 'model.safetensors.index.json'
const INDEX_BYTES_MAX = 16 * 1024 * 1024
/** Of one file; the largest models' are a few hundred kilobytes. */
const HEADER_BYTES_MAX = 8 * 1024 * 1024
/** Vocabularies stand in the headers of GGUF files. */
const GGUF_HEADER_BYTES_MAX = 64 * 1024 * 1024
const GGUF_FIRST_BYTES = 1024 * 1024
const SHARDS_MAX = 1_000
const READS_MAX = 2
const KNOWN_FILES_MAX = 10_000

type Parameters = Readonly<Record<string, number>>
type GgufFacts = Readonly<Record<string, unknown>> & { readonly total: number }

export class WeightHeaders {
  readonly #facts: RepoFactsTable
  readonly #reads = new Semaphore(READS_MAX)
  readonly #safetensors = new BoundedCache<Parameters | null>(KNOWN_FILES_MAX)
  readonly #ggufs = new BoundedCache<GgufFacts | null>(KNOWN_FILES_MAX)

  constructor(facts: RepoFactsTable) {
    this.#facts = facts
  }

  /** The fields `safetensors` and `gguf` of a model, as far as `expand` asks for them (empty: both). */
  async of(snapshot: Snapshot, expand: readonly string[]): Promise<Record<string, unknown>> {
    const isAsked = (key: string) => expand.length === 0 || expand.includes(key)
    if (snapshot.repo.type !== 'model' || !(isAsked('safetensors') || isAsked('gguf'))) return {}
    const parameters = isAsked('safetensors') ? await this.#parameters(snapshot) : null
    const gguf = isAsked('gguf') ? await this.#gguf(snapshot) : null
    const total = sum(parameters ?? {}) || (gguf?.total ?? 0)
    if (total > 0 && snapshot.revision === 'main') this.#facts.putParameters(snapshot.repo.id, total)
    return {
      ...(parameters === null ? {} : { safetensors: { parameters, total: sum(parameters) } }),
      ...(gguf === null ? {} : { gguf }),
    }
  }

  /** The text of a file's header; throws what is wrong with it. */
  async readHeader(snapshot: Snapshot, file: FileEntry): Promise<Uint8Array> {
    const prefix = await read(snapshot, file, 0, SAFETENSORS_PREFIX_BYTES)
    const length = parseHeaderLength(prefix, file.size)
    if (length > HEADER_BYTES_MAX) {
      throw new AppError('too-large', 'WEIGHTS_HEADER_TOO_LARGE', `The header of ${file.path} has ${length} bytes`)
    }
    const json = await read(snapshot, file, SAFETENSORS_PREFIX_BYTES, SAFETENSORS_PREFIX_BYTES + length)
    parseSafetensorsHeader(json, file.size)
    return json
  }

  async #parameters(snapshot: Snapshot): Promise<Parameters | null> {
    const files = await findSafetensors(snapshot)
    if (files.length === 0) return null
    const total: Record<string, number> = {}
    for (const file of files) {
      const known = await this.#known(this.#safetensors, file, async () => {
        const json = await this.readHeader(snapshot, file)
        return countParameters(parseSafetensorsHeader(json, file.size).tensors.values())
      })
      if (known === null) return null
      for (const [dtype, count] of Object.entries(known)) total[dtype] = (total[dtype] ?? 0) + count
    }
    return total
  }

  /** Of the first GGUF file: others are the same model in other sizes. */
  async #gguf(snapshot: Snapshot): Promise<GgufFacts | null> {
    const { entries } = await snapshot.list()
    const file = entries.find((entry) => entry.type === 'file' && entry.path.endsWith('.gguf'))
    if (file?.type !== 'file') return null
    return this.#known(this.#ggufs, file, async () => ggufFacts(await readGguf(snapshot, file)))
  }

  async #known<T>(cache: BoundedCache<T | null>, file: FileEntry, make: () => Promise<T>): Promise<T | null> {
    const name = file.lfs?.sha256 ?? file.oid
    const known = cache.find(name)
    if (known !== undefined) return known
    const made = await this.#reads.run(() => make().catch(nullIfBad))
    cache.put(name, made, 1)
    return made
  }
}

/** The files of the model at the root: one, or those that its index names. Throws for an index that names others. */
export async function findSafetensors(snapshot: Snapshot): Promise<readonly FileEntry[]> {
  const listing = await snapshot.list()
  const single = listing.find(SINGLE)
  if (single?.type === 'file') return [single]
  const shards = await findShards(snapshot, INDEX)
  return shards ?? []
}

/** The files that an index names, in order; null without an index, or for one that names what is not there. */
export async function findShards(snapshot: Snapshot, path: string): Promise<readonly FileEntry[] | null> {
  const text = await snapshot.findText(path, INDEX_BYTES_MAX)
  const names = text === null ? null : namesIn(text)
  if (names === null || names.length > SHARDS_MAX) return null
  const listing = await snapshot.list()
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const files = names.map((name) => listing.find(`${folder}${name}`))
  return files.every((file) => file?.type === 'file') ? (files as FileEntry[]) : null
}

function namesIn(text: string): string[] | null {
  try {
    const { weight_map: map } = JSON.parse(text) as { weight_map?: Record<string, unknown> }
    const names = new Set(Object.values(map ?? {}))
    return [...names].every((name) => typeof name === 'string') ? ([...names] as string[]).sort() : null
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null
    throw error
  }
}

async function read(snapshot: Snapshot, file: FileEntry, start: number, end: number): Promise<Uint8Array> {
  const to = Math.min(end, file.size)
  if (start >= to) return new Uint8Array(0)
  const stored = await snapshot.findStored(file)
  if (file.lfs !== null && stored === null) {
    throw new AppError('damaged', 'LFS_CONTENT_LOST', `The bytes of ${file.path} are not stored`)
  }
  const parts: Uint8Array[] = []
  for await (const part of snapshot.open(file, stored, { start, end: to })) parts.push(part)
  return Buffer.concat(parts)
}

/** Reads more until the header is whole. */
async function readGguf(snapshot: Snapshot, file: FileEntry): Promise<GgufHeader> {
  let bytes = await read(snapshot, file, 0, GGUF_FIRST_BYTES)
  for (;;) {
    const header = parseGgufHeader(bytes, file.size)
    if (!('needs' in header)) return header
    const wanted = Math.max(header.needs, bytes.length * 2)
    if (header.needs > GGUF_HEADER_BYTES_MAX) {
      throw new AppError(
        'too-large',
        'WEIGHTS_HEADER_TOO_LARGE',
        `The header of ${file.path} needs ${header.needs} bytes`,
      )
    }
    bytes = Buffer.concat([bytes, await read(snapshot, file, bytes.length, wanted)])
  }
}

function ggufFacts({ values, tensors }: GgufHeader): GgufFacts {
  const architecture = values.get('general.architecture')
  const text = (key: string) => (typeof values.get(key) === 'string' ? values.get(key) : undefined)
  const context = values.get(`${String(architecture)}.context_length`)
  const facts = {
    architecture: typeof architecture === 'string' ? architecture : undefined,
    context_length: typeof context === 'number' ? context : undefined,
    chat_template: text('tokenizer.chat_template'),
  }
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  return { total: tensors.reduce((count, { elements }) => count + elements, 0), ...Object.fromEntries(known) }
}

function countParameters(tensors: Iterable<{ dtype: string; shape: readonly number[] }>): Parameters {
  const counts: Record<string, number> = {}
  for (const { dtype, shape } of tensors) {
    counts[dtype] = (counts[dtype] ?? 0) + shape.reduce((product, size) => product * size, 1)
  }
  return counts
}

function sum(parameters: Parameters): number {
  return Object.values(parameters).reduce((total, count) => total + count, 0)
}

/** A bad file says nothing about itself; anything else is thrown on. */
function nullIfBad(error: unknown): null {
  if (error instanceof AppError && ['malformed', 'damaged', 'too-large', 'not-found'].includes(error.kind)) return null
  throw error
}
