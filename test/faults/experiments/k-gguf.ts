/** Group K, GGUF files: each is offered to an engine in its own process, one of each kind also to the command. */
import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { AppError } from '../../../src/base/app-error.ts'
import { parseGgufHeader } from '../../../src/weights/gguf-header.ts'
import { type GgufParts, ggufFile, ggufTensor, listKey, text, textKey, u32, u32Key, u64 } from '../../farm/gguf-file.ts'
import { partName, writeGgufModel, writeSplitGguf } from '../../farm/gguf-model.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { DEMO, engineRefuses, fileOf, serveRefuses, VECTORS } from '../models.ts'

const LLAMA = textKey('general.architecture', 'llama')
const CUT_BYTES = 4096
const ENGINE_CUTS = 6

/** Offers each to the engine. */
async function refuseAll(lab: Lab, cases: readonly (readonly [Uint8Array, string, RegExp?])[]): Promise<string> {
  for (const [bytes, code, message] of cases) {
    const path = await fileOf(lab, 'bad.gguf', bytes)
    await engineRefuses(path, { code, ...(message === undefined ? {} : { message }) })
  }
  return `${cases.length} files`
}

const of = (parts: GgufParts) => ggufFile({ keys: [LLAMA], ...parts })

export const GGUF_EXPERIMENTS: Experiments = {
  async K1(lab) {
    const figure = await refuseAll(lab, [
      [of({ magic: 'GGUX' }), 'GGUF_MAGIC_BAD'],
      [of({ version: 1 }), 'GGUF_VERSION_UNKNOWN'],
      [of({ version: 9 }), 'GGUF_VERSION_UNKNOWN'],
      [Buffer.alloc(0), 'GGUF_TRUNCATED'],
    ])
    await serveRefuses(lab, await fileOf(lab, 'bad.gguf', of({ version: 9 })), 19, /GGUF_VERSION_UNKNOWN/)
    return figure
  },

  K2: (lab) =>
    refuseAll(lab, [
      [of({ tensorCount: 2n ** 63n - 1n }), 'GGUF_TOO_MANY'],
      [of({ keyCount: 2n ** 63n - 1n }), 'GGUF_TOO_MANY'],
      [of({ tensorCount: 2n ** 64n - 1n }), 'GGUF_TOO_MANY'],
      [of({ keyCount: 2n ** 64n - 5n }), 'GGUF_TOO_MANY'],
    ]),

  K3: (lab) =>
    refuseAll(lab, [
      [of({ keys: [Buffer.concat([text('k'), u32(8), u64(2n ** 40n)])] }), 'GGUF_TRUNCATED|GGUF_TOO_MANY'],
      [of({ keys: [Buffer.concat([u64(2n ** 62n)])] }), 'GGUF_TOO_MANY'],
      [of({ keys: [listKey('tokenizer.ggml.tokens', 8, 2n ** 52n)] }), 'GGUF_TRUNCATED'],
      [of({ keys: [listKey('k', 4, 2n ** 61n)] }), 'GGUF_TOO_MANY'],
      [of({ keys: [listKey('k', 9, 1, Buffer.concat([u32(4), u64(0)]))] }), 'GGUF_TYPE_UNKNOWN'],
      [of({ keys: [listKey('tokenizer.ggml.tokens', 9, 1)] }), 'GGUF_TYPE_UNKNOWN'],
    ]),

  K4: (lab) =>
    refuseAll(lab, [
      [of({ tensors: [ggufTensor('a', [1000])], data: 32 }), 'GGUF_TRUNCATED', /ends at \d+, needs \d+/],
      [of({ tensors: [ggufTensor('a', [4], 0, 2n ** 63n)], data: 32 }), 'GGUF_\\w+'],
      [of({ tensors: [ggufTensor('a', [16]), ggufTensor('b', [16], 0, 32)], data: 96 }), 'GGUF_OFFSET_BAD', /b/],
      [of({ tensors: [ggufTensor('a', [4], 0, 7)], data: 64 }), 'GGUF_OFFSET_BAD', /aligned/],
    ]),

  K5: (lab) =>
    refuseAll(
      lab,
      [0, 3, 2 ** 31].map((size) => [of({ keys: [LLAMA, u32Key('general.alignment', size)] }), 'GGUF_ALIGNMENT_BAD']),
    ),

  K6: (lab) =>
    refuseAll(lab, [
      [of({ keys: [LLAMA, LLAMA] }), 'GGUF_DUPLICATE'],
      [of({ tensors: [ggufTensor('a', [4]), ggufTensor('a', [4], 0, 32)], data: 64 }), 'GGUF_DUPLICATE'],
      [of({ tensors: [ggufTensor('a', [1, 1, 1, 1, 1])], data: 32 }), 'GGUF_\\w+'],
      [of({ tensors: [ggufTensor('a', [2n ** 32n, 2n ** 32n])], data: 32 }), 'GGUF_\\w+'],
      [of({ tensors: [ggufTensor('a', [4], 4000)], data: 32 }), 'GGUF_TYPE_UNKNOWN'],
      [of({ keys: [Buffer.concat([text('k'), u32(77)])] }), 'GGUF_TYPE_UNKNOWN'],
    ]),

  K7: refusesTruncated,
  K8: namesThePart,
}

/** K7: in this process wherever it is cut, in an engine's where it is cut in the header and in the data. */
async function refusesTruncated(lab: Lab): Promise<string> {
  const path = join(await lab.scratch(), 'demo.gguf')
  writeGgufModel(DEMO, path, { pre: 'qwen2' })
  const whole = readFileSync(path)
  let cuts = 0
  for (let length = 0; length < whole.length; length += CUT_BYTES) {
    const error = refusalOf(whole.subarray(0, length))
    assert.match(error.message, /ends at \d+, needs \d+/, `cut at ${length}`)
    cuts++
  }
  for (let i = 0; i < ENGINE_CUTS; i++) {
    const length = i < 3 ? i * CUT_BYTES : Math.floor((whole.length * i) / ENGINE_CUTS)
    const cut = await fileOf(lab, 'cut.gguf', whole.subarray(0, length))
    await engineRefuses(cut, { code: 'GGUF_TRUNCATED', message: new RegExp(`ends at ${length}, needs \\d+`) })
  }
  return `${cuts} lengths`
}

function refusalOf(bytes: Uint8Array): AppError {
  try {
    parseGgufHeader(bytes, bytes.length)
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  return assert.fail(`${bytes.length} bytes of the file were taken for all of it`)
}

/** K8: a part that is missing, that stands in another's place, or that is of another model. */
async function namesThePart(lab: Lab): Promise<void> {
  const first = writeSplitGguf(join(VECTORS, 'tiny-qwen2'), await lab.scratch(), 3, { pre: 'qwen2' })
  const folder = dirname(first)
  const second = join(folder, partName(1, 3))
  const aside = join(folder, 'aside')
  const named = new RegExp(partName(1, 3))
  renameSync(second, aside)
  await engineRefuses(first, { kind: 'not-found', code: 'MODEL_FILE_MISSING', message: named })
  copyFileSync(join(folder, partName(2, 3)), second)
  await engineRefuses(first, { code: 'GGUF_SPLIT_BAD', message: named })
  const other = writeSplitGguf(join(VECTORS, 'tiny-llama3'), await lab.scratch(), 3, { pre: 'llama-bpe' })
  writeFileSync(second, readFileSync(join(dirname(other), partName(1, 3))))
  await engineRefuses(first, { code: 'GGUF_SPLIT_BAD', message: named })
  await serveRefuses(lab, first, 19, named)
  renameSync(aside, second)
}
