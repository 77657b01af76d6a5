/** The vocabulary inside a GGUF file: text to tokens and tokens to bytes. Safetensors models bring none. */
import { AppError } from '../../base/app-error.ts'
import type { Pointer } from './libraries.ts'
import type { Native } from './native.ts'

const NONE = 0
const PIECE_BYTES_FIRST = 256

export class LlamaVocabulary {
  readonly #native: Native
  readonly #vocab: Pointer

  constructor(native: Native, model: Pointer) {
    this.#native = native
    this.#vocab = native.vocabOf(model)
  }

  get size(): number {
    return this.#native.vocabSize(this.#vocab)
  }

  get isPresent(): boolean {
    return this.#native.vocabType(this.#vocab) !== NONE
  }

  tokenize(text: string, { special, addBos }: { readonly special: boolean; readonly addBos: boolean }): Int32Array {
    this.#verifyPresent()
    const bytes = Buffer.from(text)
    const attempt = (max: number) => {
      const out = new Int32Array(max)
      const count = this.#native.tokenize(this.#vocab, bytes, bytes.length, out, max, addBos, special)
      return { out, count }
    }
    // At most one token a byte, and two around them; a negative count would say how many there are.
    const { out, count } = attempt(bytes.length + 4)
    if (count < 0)
      throw new AppError('bug', 'ENGINE_FAILED', `llama.cpp makes ${-count} tokens of ${bytes.length} bytes`)
    return out.slice(0, count)
  }

  pieces(): Uint8Array[] {
    this.#verifyPresent()
    let buffer = new Uint8Array(PIECE_BYTES_FIRST)
    return Array.from({ length: this.size }, (_, id) => {
      let length = this.#native.pieceOf(this.#vocab, id, buffer, buffer.length, 0, false)
      if (length < 0) {
        buffer = new Uint8Array(-length)
        length = this.#native.pieceOf(this.#vocab, id, buffer, buffer.length, 0, false)
      }
      return buffer.slice(0, Math.max(0, length))
    })
  }

  #verifyPresent(): void {
    if (this.isPresent) return
    const message = 'These weights bring no vocabulary: use their tokenizer.json'
    throw new AppError('unsupported', 'ENGINE_NO_VOCABULARY', message)
  }
}
