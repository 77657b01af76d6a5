/** A model's directory as one GGUF file, with tokenizer and chat template, as a converter makes it. */

import { writeGguf } from '../../src/engine/llama/gguf-writer.ts'
import { planModel } from '../../src/engine/llama/plan-model.ts'
import { ModelDirectory } from '../../src/engine/model-directory.ts'
import { vocabularyKeys } from './gguf-vocabulary.ts'

/** `pre` names the way byte-level text is cut first. */
export function writeGgufModel(directory: string, path: string, { pre }: { pre: string }): void {
  using model = new ModelDirectory(directory)
  const { values, tensors } = planModel(model, 'keep')
  for (const [key, value] of vocabularyKeys(directory, { pre, size: model.config.vocabSize })) values.set(key, value)
  writeGguf(path, values, tensors)
}
