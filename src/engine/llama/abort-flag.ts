/**
 * Stops a pass that runs in another thread. llama.cpp asks a C function now and then whether to go on: libc's strlen,
 * over two bytes of which the second is always zero, answers "stop" as soon as the first is not zero.
 */
import type { Pointer } from './libraries.ts'
import type { Native } from './native.ts'

export class AbortFlag {
  readonly callback: Pointer
  readonly data: Pointer
  readonly #bytes: Uint8Array

  constructor(native: Native) {
    this.callback = native.strlen
    this.data = native.koffi.alloc('char', 2)
    this.#bytes = new Uint8Array(native.koffi.view(this.data, 2))
    this.#bytes.fill(0)
  }

  raise(): void {
    this.#bytes[0] = 1
  }

  lower(): void {
    this.#bytes[0] = 0
  }
}
