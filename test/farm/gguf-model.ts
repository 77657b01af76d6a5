/** A model's directory as GGUF: one file with tokenizer and chat template as a converter makes it, or several parts. */
import { join } from 'node:path'

import { type GgufTensorSource, type GgufValue, writeGguf } from '../../src/engine/llama/gguf-writer.ts'
import { planModel } from '../../src/engine/llama/plan-model.ts'
import { ModelDirectory } from '../../src/engine/model-directory.ts'
import { vocabularyKeys } from './gguf-vocabulary.ts'

/** `pre` names the way byte-level text is cut first; `more` are further keys, before the others. */
export function writeGgufModel(
  directory: string,
  path: string,
  { pre, more = new Map() }: { pre: string; more?: ReadonlyMap<string, GgufValue> },
): void {
  using model = new ModelDirectory(directory)
  const { values, tensors } = planModel(model, 'keep')
  const vocabulary = vocabularyKeys(directory, { pre, size: model.config.vocabSize })
  writeGguf(path, new Map([...more, ...values, ...vocabulary]), tensors)
}

export const partName = (part: number, parts: number) =>
  `model-${String(part + 1).padStart(5, '0')}-of-${String(parts).padStart(5, '0')}.gguf`

/** In float32; the path of the first part. */
export function writeSplitGguf(directory: string, folder: string, parts: number, { pre }: { pre: string }): string {
  using model = new ModelDirectory(directory)
  const { values, tensors } = planModel(model, 'f32')
  for (const [key, value] of vocabularyKeys(directory, { pre, size: model.config.vocabSize })) values.set(key, value)
  const each = Math.ceil(tensors.length / parts)
  for (let part = 0; part < parts; part++) {
    const mine: readonly GgufTensorSource[] = tensors.slice(part * each, (part + 1) * each)
    const split = new Map<string, GgufValue>([
      ['split.no', { u16: part }],
      ['split.count', { u16: parts }],
      ['split.tensors.count', { i32: tensors.length }],
    ])
    writeGguf(join(folder, partName(part, parts)), part === 0 ? new Map([...values, ...split]) : split, mine)
  }
  return join(folder, partName(0, parts))
}
