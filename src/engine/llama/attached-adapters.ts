/**
 * Adapters in llama.cpp. It reads them from GGUF files only: one is written into the scratch folder, for its owner's
 * eyes, and deleted as soon as it is read. Scale, rank patterns and the order of rows are folded into B, since
 * llama.cpp takes an adapter of alpha 0 as it is.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../base/app-error.ts'
import { type Adapter, type AdapterBase, readAdapter } from '../adapter-files.ts'
import { type AdapterOnDisk, type AdapterSet, adapterSetKey } from '../token-engine.ts'
import { bytesOf, type GgufTensorSource, type GgufValue, writeGguf } from './gguf-writer.ts'
import type { Pointer } from './libraries.ts'
import type { Native } from './native.ts'
import { findLlamaName, type Heads, isLlamaArchitecture, orderRows } from './tensor-names.ts'

export interface AttachedBase extends AdapterBase, Heads {
  readonly model: Pointer
  readonly architecture: string
}

export class AttachedAdapters {
  readonly #native: Native
  readonly #base: AttachedBase
  readonly #scratchFolder: string
  readonly #pointers = new Map<string, Pointer>()
  /** The set that the context has now. */
  #activeKey = adapterSetKey([])

  constructor(native: Native, base: AttachedBase, scratchFolder = tmpdir()) {
    this.#native = native
    this.#base = base
    this.#scratchFolder = scratchFolder
  }

  has(id: string): boolean {
    return this.#pointers.has(id)
  }

  attach({ id, path }: AdapterOnDisk): void {
    if (this.has(id)) return
    const adapter = readAdapter(path, this.#base)
    const folder = mkdtempSync(join(this.#scratchFolder, 'xorbit-adapter-'))
    try {
      const file = join(folder, 'adapter.gguf')
      writeGguf(file, this.#values(), this.#tensors(adapter))
      const pointer = this.#native.adapterFromFile(this.#base.model, file)
      if (pointer === null) {
        throw new AppError(
          'malformed',
          'ENGINE_LOAD_FAILED',
          `llama.cpp refuses adapter ${id}: ${this.#native.takeLog()}`,
        )
      }
      this.#pointers.set(id, pointer)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  detach(id: string, context: Pointer): void {
    const pointer = this.#pointers.get(id)
    if (pointer === undefined) return
    this.activate(context, [])
    this.#pointers.delete(id)
    this.#native.adapterFree(pointer)
  }

  /** The next pass of the context runs with these. */
  activate(context: Pointer, adapters: AdapterSet): void {
    const key = adapterSetKey(adapters)
    if (key === this.#activeKey) return
    const active = adapters.filter(({ weight }) => weight !== 0)
    const pointers = active.map(({ id }) => this.#pointers.get(id) ?? null)
    const weights = Float32Array.from(active, ({ weight }) => weight)
    const status = this.#native.setAdapters(context, pointers, pointers.length, weights)
    if (status !== 0)
      throw new AppError('bug', 'ENGINE_FAILED', `llama.cpp does not set adapters: ${this.#native.takeLog()}`)
    this.#activeKey = key
  }

  /** Once the context is gone; llama.cpp wants it before the model goes. */
  free(): void {
    for (const pointer of this.#pointers.values()) this.#native.adapterFree(pointer)
    this.#pointers.clear()
  }

  #values(): Map<string, GgufValue> {
    return new Map<string, GgufValue>([
      ['general.architecture', { text: this.#base.architecture }],
      ['general.type', { text: 'adapter' }],
      ['adapter.type', { text: 'lora' }],
      ['adapter.lora.alpha', { f32: 0 }],
    ])
  }

  #tensors(adapter: Adapter): GgufTensorSource[] {
    const { architecture } = this.#base
    return [...adapter].flatMap(([module, { a, b, rank, scale }]): GgufTensorSource[] => {
      const name = isLlamaArchitecture(architecture) ? findLlamaName(`${module}.weight`, architecture) : null
      if (name === null) throw new AppError('bug', 'ENGINE_MISUSED', `Module ${module} has no name in llama.cpp`)
      const outputs = b.length / rank
      const scaled = () => orderRows(bytesOf(b.map((value) => value * scale)), outputs, name, architecture, this.#base)
      return [
        { name: `${name}.lora_a`, shape: [rank, a.length / rank], type: 'F32', read: () => bytesOf(a) },
        { name: `${name}.lora_b`, shape: [outputs, rank], type: 'F32', read: scaled },
      ]
    })
  }
}
