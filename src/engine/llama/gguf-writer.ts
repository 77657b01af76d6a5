/** Writes GGUF version 3: a header in memory, and whole files by streaming each tensor's bytes behind it. */
import { closeSync, openSync, writeSync } from 'node:fs'

const VALUE_TYPES = { u16: 2, u32: 4, i32: 5, f32: 6, bool: 7, text: 8, list: 9 } as const
const TENSOR_TYPES = { F32: 0, F16: 1, BF16: 30 } as const
const ALIGNMENT_BYTES = 32

export type GgufValue =
  | { readonly u16: number }
  | { readonly i32: number }
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly f32s: Float32Array }
  | { readonly i32s: Int32Array }

export type GgufValues = ReadonlyMap<string, GgufValue>

export interface GgufTensorSource {
  readonly name: string
  /** Outermost first, as in safetensors. */
  readonly shape: readonly number[]
  readonly type: keyof typeof TENSOR_TYPES
  read(): Uint8Array
}

export function encodeGgufHeader(values: GgufValues, tensors: readonly GgufTensorSource[]): Buffer {
  const parts: Buffer[] = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(values.size)]
  for (const [key, value] of values) parts.push(text(key), encodeValue(value))
  let offset = 0
  for (const { name, shape, type } of tensors) {
    parts.push(text(name), u32(shape.length), ...shape.toReversed().map(u64), u32(TENSOR_TYPES[type]), u64(offset))
    offset += align(shape.reduce((product, size) => product * size, type === 'F32' ? 4 : 2))
  }
  return padded(Buffer.concat(parts))
}

/** Creates `path`, which must not exist, readable by its owner only. */
export function writeGguf(path: string, values: GgufValues, tensors: readonly GgufTensorSource[]): void {
  const fd = openSync(path, 'wx', 0o600)
  try {
    writeAll(fd, encodeGgufHeader(values, tensors))
    for (const tensor of tensors) {
      const bytes = tensor.read()
      writeAll(fd, bytes)
      writeAll(fd, Buffer.alloc(align(bytes.length) - bytes.length))
    }
  } finally {
    closeSync(fd)
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, Math.min(bytes.length - at, 1 << 30))
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(align(bytes.length) - bytes.length)])
}

function encodeValue(value: GgufValue): Buffer {
  if ('u16' in value) return Buffer.concat([u32(VALUE_TYPES.u16), u32(value.u16).subarray(0, 2)])
  if ('i32' in value) return Buffer.concat([u32(VALUE_TYPES.i32), bytesOf(Int32Array.of(value.i32))])
  if ('u32' in value) return Buffer.concat([u32(VALUE_TYPES.u32), u32(value.u32)])
  if ('f32' in value) return Buffer.concat([u32(VALUE_TYPES.f32), bytesOf(Float32Array.of(value.f32))])
  if ('bool' in value) return Buffer.concat([u32(VALUE_TYPES.bool), Buffer.of(value.bool ? 1 : 0)])
  if ('text' in value) return Buffer.concat([u32(VALUE_TYPES.text), text(value.text)])
  if ('texts' in value) return list(VALUE_TYPES.text, value.texts.length, value.texts.map(text))
  if ('f32s' in value) return list(VALUE_TYPES.f32, value.f32s.length, [bytesOf(value.f32s)])
  return list(VALUE_TYPES.i32, value.i32s.length, [bytesOf(value.i32s)])
}

function list(type: number, count: number, parts: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(VALUE_TYPES.list), u32(type), u64(count), ...parts])
}

export function bytesOf(numbers: Float32Array | Int32Array): Buffer {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}
