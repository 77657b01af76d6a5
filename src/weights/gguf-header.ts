/**
 * Reads the header of a GGUF file (versions 2 and 3, little-endian): keys and values, and which tensors it holds where.
 *
 * | bytes | what |
 * | 4 + 4 | `GGUF`, version |
 * | 8 + 8 | number of tensors, number of keys |
 * | rest | keys with typed values, tensor descriptions; then, aligned, tensor bytes |
 *
 * Everything is checked against the length of the file before it is believed; lists are counted, and kept where the
 * caller names their keys.
 */
import { AppError } from '../base/app-error.ts'
import { GGML_TYPES, type GgmlType } from './ggml-types.ts'
import * as limits from './header-limits.ts'

export type GgufValue = GgufScalar | GgufList
export type GgufScalar = string | number | boolean

export interface GgufList {
  /** How many there are. */
  readonly list: number
  readonly items?: readonly GgufScalar[]
}

export interface GgufTensor {
  readonly name: string
  readonly type: string
  /** As stored: the fastest dimension first. */
  readonly shape: readonly number[]
  readonly elements: number
  /** Half-open, in bytes from the start of the file. */
  readonly start: number
  readonly end: number
}

export interface GgufHeader {
  readonly version: number
  readonly values: ReadonlyMap<string, GgufValue>
  readonly tensors: readonly GgufTensor[]
}

const MAGIC = 0x46554747
const VERSIONS = [2, 3]
const ALIGNMENT_DEFAULT = 32
/** Bytes of the fixed-size value types by their id; 8 is text, 9 a list. */
const VALUE_BYTES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
}
const TEXT = 8
const LIST = 9
/** Of vocabularies the mark of byte order is a token like others. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Which lists are wanted, by their keys. */
export type WantedLists = ReadonlySet<string>

const NO_LISTS: WantedLists = new Set()

/** The header, out of the first bytes of a file of `fileBytes`; or how many bytes are needed at least. */
export function parseGgufHeader(
  bytes: Uint8Array,
  fileBytes: number,
  lists: WantedLists = NO_LISTS,
): GgufHeader | { readonly needs: number } {
  try {
    return readHeader(new Cursor(bytes, fileBytes), fileBytes, lists)
  } catch (error) {
    if (error instanceof Short) return { needs: error.needs }
    throw error
  }
}

function readHeader(cursor: Cursor, fileBytes: number, lists: WantedLists): GgufHeader {
  if (cursor.u32() !== MAGIC) throw refused('GGUF_MAGIC_BAD', 'it does not begin with GGUF')
  const version = cursor.u32()
  if (!VERSIONS.includes(version)) throw refused('GGUF_VERSION_UNKNOWN', `version ${version}, known are ${VERSIONS}`)
  const tensorCount = cursor.count(limits.TENSOR_COUNT_MAX, 'tensors')
  const keyCount = cursor.count(limits.GGUF_KEYS_MAX, 'keys')
  const values = new Map<string, GgufValue>()
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.text(limits.GGUF_KEY_BYTES_MAX)
    if (values.has(key)) throw refused('GGUF_DUPLICATE', `key ${key.slice(0, 100)} appears twice`)
    values.set(key, readValue(cursor, cursor.u32(), lists.has(key)))
  }
  const raw: Unplaced[] = []
  const names = new Set<string>()
  for (let i = 0; i < tensorCount; i++) {
    const tensor = readTensor(cursor)
    if (names.has(tensor.name)) throw refused('GGUF_DUPLICATE', `tensor ${tensor.name.slice(0, 100)} appears twice`)
    names.add(tensor.name)
    raw.push(tensor)
  }
  return { version, values, tensors: place(raw, { headerEnd: cursor.at, alignment: alignmentOf(values), fileBytes }) }
}

function readValue(cursor: Cursor, type: number, isWanted: boolean): GgufValue {
  if (type === TEXT) return cursor.text()
  if (type !== LIST) return cursor.scalar(type)
  const element = cursor.u32()
  const list = cursor.count(limits.ELEMENTS_MAX, 'list elements')
  if (isWanted) {
    // Grows with what is read, not with what is announced.
    const items: GgufScalar[] = []
    for (let i = 0; i < list; i++) items.push(element === TEXT ? cursor.text() : cursor.scalar(element))
    return { list, items }
  }
  if (element === TEXT) for (let i = 0; i < list; i++) cursor.skipText()
  else {
    const size = VALUE_BYTES[element]
    if (size === undefined) throw refused('GGUF_TYPE_UNKNOWN', `a list of type ${element}`)
    cursor.skip(list * size)
  }
  return { list }
}

interface Unplaced {
  readonly name: string
  readonly type: GgmlType
  readonly shape: readonly number[]
  readonly elements: number
  readonly offset: number
}

function readTensor(cursor: Cursor): Unplaced {
  const name = cursor.text(limits.GGUF_KEY_BYTES_MAX)
  const shown = name.slice(0, 100)
  const dimensions = cursor.u32()
  if (dimensions > limits.GGUF_DIMENSIONS_MAX)
    throw refused('GGUF_SHAPE_BAD', `tensor ${shown}: ${dimensions} dimensions`)
  const shape = Array.from({ length: dimensions }, () => cursor.count(limits.ELEMENTS_MAX, 'elements'))
  const elements = shape.reduce((product, size) => product * size, 1)
  if (!Number.isSafeInteger(elements)) throw refused('GGUF_SHAPE_BAD', `tensor ${shown}: too many elements`)
  const id = cursor.u32()
  const type = GGML_TYPES[id]
  if (type === undefined) throw refused('GGUF_TYPE_UNKNOWN', `tensor ${shown} of type ${id}`)
  if ((shape[0] ?? 1) % type.block !== 0) throw refused('GGUF_SHAPE_BAD', `tensor ${shown}: rows are not whole blocks`)
  return { name, type, shape, elements, offset: cursor.count(limits.ELEMENTS_MAX, 'bytes') }
}

function alignmentOf(values: ReadonlyMap<string, GgufValue>): number {
  const alignment = values.get('general.alignment') ?? ALIGNMENT_DEFAULT
  const isPower = typeof alignment === 'number' && alignment > 0 && Number.isInteger(Math.log2(alignment))
  if (isPower && alignment <= limits.GGUF_ALIGNMENT_MAX) return alignment
  throw refused(
    'GGUF_ALIGNMENT_BAD',
    `alignment ${String(alignment)} is no power of two up to ${limits.GGUF_ALIGNMENT_MAX}`,
  )
}

function place(
  raw: readonly Unplaced[],
  file: { headerEnd: number; alignment: number; fileBytes: number },
): GgufTensor[] {
  const { headerEnd, alignment, fileBytes } = file
  const dataStart = Math.ceil(headerEnd / alignment) * alignment
  const placed = raw.map(({ name, type, shape, elements, offset }) => {
    if (offset % alignment !== 0) throw refused('GGUF_OFFSET_BAD', `tensor ${name.slice(0, 100)} is not aligned`)
    const start = dataStart + offset
    const end = start + (elements / type.block) * type.bytes
    if (end > fileBytes) throw refused('GGUF_TRUNCATED', `ends at ${fileBytes}, needs ${end}`)
    return { name, type: type.name, shape, elements, start, end }
  })
  let last = dataStart
  for (const { name, start, end } of placed.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start < last) throw refused('GGUF_OFFSET_BAD', `tensor ${name.slice(0, 100)} lies over another`)
    last = end
  }
  return placed
}

/** More bytes are needed; the file has them. */
class Short extends Error {
  readonly needs: number

  constructor(needs: number) {
    super('more bytes are needed')
    this.needs = needs
  }
}

class Cursor {
  at = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #fileBytes: number

  constructor(bytes: Uint8Array, fileBytes: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#fileBytes = fileBytes
  }

  /** Moves over `length` bytes and gives where they begin. */
  skip(length: number): number {
    const start = this.at
    const end = start + length
    if (end > this.#fileBytes) throw refused('GGUF_TRUNCATED', `ends at ${this.#fileBytes}, needs ${end}`)
    if (end > this.#bytes.length) throw new Short(end)
    this.at = end
    return start
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true)
  }

  count(max: number, what: string): number {
    const value = this.#view.getBigUint64(this.skip(8), true)
    if (value > BigInt(max)) throw refused('GGUF_TOO_MANY', `${value} ${what}, at most ${max}`)
    return Number(value)
  }

  scalar(type: number): number | boolean {
    const bytes = VALUE_BYTES[type]
    if (bytes === undefined) throw refused('GGUF_TYPE_UNKNOWN', `a value of type ${type}`)
    const at = this.skip(bytes)
    const view = this.#view
    switch (type) {
      case 0:
        return view.getUint8(at)
      case 1:
        return view.getInt8(at)
      case 2:
        return view.getUint16(at, true)
      case 3:
        return view.getInt16(at, true)
      case 4:
        return view.getUint32(at, true)
      case 5:
        return view.getInt32(at, true)
      case 6:
        return view.getFloat32(at, true)
      case 7:
        return view.getUint8(at) !== 0
      case 10:
        return Number(view.getBigUint64(at, true))
      case 11:
        return Number(view.getBigInt64(at, true))
      default:
        return view.getFloat64(at, true)
    }
  }

  text(max = this.#fileBytes): string {
    const length = this.count(max, 'bytes of text')
    const start = this.skip(length)
    try {
      return UTF8.decode(this.#bytes.subarray(start, start + length))
    } catch (cause) {
      throw refused('GGUF_TEXT_BAD', 'a text is no UTF-8', cause)
    }
  }

  skipText(): void {
    this.skip(this.count(this.#fileBytes, 'bytes of text'))
  }
}

function refused(code: string, detail: string, cause?: unknown): AppError {
  return new AppError('malformed', code, `GGUF header refused: ${detail}`, { cause })
}
