/** Tensors of safetensors files on disk, read on demand. Every header is checked by weights/ before it is believed. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { findPointer, POINTER_BYTES_MAX } from '../weights/pointer.ts'
import {
  parseHeaderLength,
  parseSafetensorsHeader,
  SAFETENSORS_PREFIX_BYTES,
  type TensorInfo,
} from '../weights/safetensors-header.ts'
import { widenFloats } from './float-widths.ts'

export interface TensorOnDisk extends TensorInfo {
  readonly path: string
  readonly fd: number
}

/** Synchronous, because native code asks for tensors in the middle of a call; runs in the engine's own process. */
export class TensorFiles implements Disposable {
  readonly tensors = new Map<string, TensorOnDisk>()
  readonly #files: number[] = []

  constructor(paths: readonly string[]) {
    try {
      for (const path of paths) this.#add(path)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  #add(path: string): void {
    const fd = openModelFile(path)
    this.#files.push(fd)
    const { size } = fstatSync(fd)
    const prefix = readExactly(fd, 0, Math.min(size, SAFETENSORS_PREFIX_BYTES))
    const json = readExactly(fd, SAFETENSORS_PREFIX_BYTES, parseHeaderLength(prefix, size))
    for (const [name, tensor] of parseSafetensorsHeader(json, size).tensors) {
      const twin = this.tensors.get(name)
      if (twin !== undefined) {
        const message = `Tensor ${name.slice(0, 100)} stands in ${basename(twin.path)} and in ${basename(path)}`
        throw new AppError('malformed', 'WEIGHTS_INDEX_BAD', message)
      }
      this.tensors.set(name, { ...tensor, path, fd })
    }
  }

  readFloats(name: string): Float32Array {
    const tensor = this.tensors.get(name)
    if (tensor === undefined) throw new AppError('malformed', 'TENSOR_MISSING', `Tensor ${name} is missing`)
    return widenFloats(readTensor(tensor), tensor.dtype)
  }

  [Symbol.dispose](): void {
    for (const fd of this.#files.splice(0)) closeSync(fd)
  }
}

export function readTensor({ fd, start, end }: TensorOnDisk): Buffer {
  return readExactly(fd, start, end - start)
}

/** A file of a model, open for reading: there, and not a pointer that stands for it. */
export function openModelFile(path: string): number {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    throw new AppError('not-found', 'MODEL_FILE_MISSING', `${path} is missing: pull the model again`)
  }
  try {
    refusePointer(path, fd)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function refusePointer(path: string, fd: number): void {
  const { size } = fstatSync(fd)
  const kind = size > POINTER_BYTES_MAX ? null : findPointer(readExactly(fd, 0, size), size)
  if (kind === null) return
  const [folder, name] = [dirname(path), basename(path)]
  throw new AppError(
    'not-found',
    'MODEL_FILE_IS_POINTER',
    `${path} is only the ${kind} pointer of a file that was not fetched; run: git -C ${folder} lfs pull --include ${name}, ` +
      `or pull the model with: xorbit pull NAMESPACE/NAME --include ${name}`,
  )
}

export function readExactly(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length)
  for (let at = 0; at < length; ) {
    const bytesRead = readSync(fd, buffer, at, Math.min(length - at, 1 << 30), position + at)
    if (bytesRead === 0)
      throw new AppError('damaged', 'MODEL_FILE_CHANGED', `The file ended at ${position + at} while it was read`)
    at += bytesRead
  }
  return buffer
}
