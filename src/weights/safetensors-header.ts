/**
 * Reads the header of a safetensors file: which tensors it holds and where their bytes lie.
 *
 * | bytes | what |
 * | 8 | N, u64 little-endian |
 * | N | JSON object: name -> {dtype, shape, data_offsets: [start, end)}, offsets from the end of the header |
 * | rest | tensor bytes, without holes or overlaps |
 *
 * Everything is checked against the length of the file before it is believed. Reads no tensor bytes.
 */
import { AppError } from '../base/app-error.ts'
import { findDuplicateKey } from './duplicate-key.ts'
import * as limits from './header-limits.ts'

export const SAFETENSORS_PREFIX_BYTES = 8

const DTYPE_BITS = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F4: 4,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
} as const
export type Dtype = keyof typeof DTYPE_BITS

export interface TensorInfo {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Half-open, in bytes from the start of the file. */
  readonly start: number
  readonly end: number
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly metadata: Readonly<Record<string, string>>
}

/** Returns N, checked: how many bytes of JSON follow the prefix. */
export function parseHeaderLength(prefix: Uint8Array, fileBytes: number): number {
  if (prefix.length < SAFETENSORS_PREFIX_BYTES)
    throw refused('SAFETENSORS_TRUNCATED', `file ends at ${fileBytes}, needs 8`)
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(limits.SAFETENSORS_HEADER_BYTES_MAX))
    throw refused('SAFETENSORS_HEADER_TOO_LONG', `claims ${length} header bytes`)
  const end = Number(length) + SAFETENSORS_PREFIX_BYTES
  if (end > fileBytes) throw refused('SAFETENSORS_TRUNCATED', `ends at ${fileBytes}, needs ${end}`)
  return Number(length)
}

export function parseSafetensorsHeader(json: Uint8Array, fileBytes: number): SafetensorsHeader {
  const entries = parseJson(json)
  const count = Object.keys(entries).length
  if (count > limits.TENSOR_COUNT_MAX + 1) throw refused('SAFETENSORS_TOO_MANY_TENSORS', `${count} tensors`)
  const dataStart = SAFETENSORS_PREFIX_BYTES + json.length
  const tensors = new Map<string, TensorInfo>()
  let metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(entries)) {
    if (name === '__metadata__') metadata = parseMetadata(value)
    else tensors.set(name, parseTensor(name, value, dataStart))
  }
  verifyLayout([...tensors.values()], dataStart, fileBytes)
  return { tensors, metadata }
}

function parseJson(json: Uint8Array): Record<string, unknown> {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(json)
    if (!text.startsWith('{')) throw new SyntaxError('does not start with {')
    value = JSON.parse(text)
  } catch (cause) {
    throw refused('SAFETENSORS_HEADER_NOT_JSON', String(cause).slice(0, 200), cause)
  }
  const twice = findDuplicateKey(text)
  if (twice !== null) throw refused('SAFETENSORS_DUPLICATE_KEY', `"${twice}" appears twice`)
  return value as Record<string, unknown>
}

function parseMetadata(value: unknown): Record<string, string> {
  const bad =
    typeof value !== 'object' || value === null || Object.values(value).some((text) => typeof text !== 'string')
  if (bad) throw refused('SAFETENSORS_METADATA_BAD', '__metadata__ must map text to text')
  return value as Record<string, string>
}

function parseTensor(name: string, value: unknown, dataStart: number): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BITS, dtype))
    throw refused('SAFETENSORS_DTYPE_UNKNOWN', `tensor ${name}: ${String(dtype).slice(0, 50)}`)
  if (!isCounts(shape) || shape.length > limits.TENSOR_DIMENSIONS_MAX)
    throw refused('SAFETENSORS_SHAPE_BAD', `tensor ${name}`)
  if (!isCounts(offsets) || offsets.length !== 2) throw refused('SAFETENSORS_OFFSETS_BAD', `tensor ${name}`)
  const bits = shape.reduce((product, size) => product * size, DTYPE_BITS[dtype as Dtype])
  const [start = 0, end = 0] = offsets
  if (!Number.isSafeInteger(bits) || bits % 8 !== 0 || end - start !== bits / 8)
    throw refused(
      'SAFETENSORS_SIZE_MISMATCH',
      `tensor ${name}: ${end - start} bytes, ${dtype} [${shape}] needs ${bits / 8}`,
    )
  return { name, dtype: dtype as Dtype, shape, start: dataStart + start, end: dataStart + end }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}

/** The format forbids holes and overlaps, so that no byte of the file goes unhashed or is read as two tensors. */
function verifyLayout(tensors: TensorInfo[], dataStart: number, fileBytes: number): void {
  tensors.sort((a, b) => a.start - b.start || a.end - b.end)
  let position = dataStart
  for (const { name, start, end } of tensors) {
    if (start !== position)
      throw refused('SAFETENSORS_HOLE_OR_OVERLAP', `tensor ${name} starts at ${start}, expected ${position}`)
    position = end
  }
  if (position > fileBytes) throw refused('SAFETENSORS_TRUNCATED', `ends at ${fileBytes}, needs ${position}`)
  if (position < fileBytes)
    throw refused('SAFETENSORS_TRAILING_BYTES', `${fileBytes - position} bytes after the last tensor`)
}

function refused(code: string, detail: string, cause?: unknown): AppError {
  return new AppError('malformed', code, `Safetensors header refused: ${detail.slice(0, 500)}`, { cause })
}
