/**
 * The other side of load-fuzzer.ts: loads one model file after the other with llama.cpp, as an engine's process does. It
 * may answer `loaded` or a refusal; when it dies, native code has seen something that it should not have.
 */
import { AppError } from '../../src/base/app-error.ts'
import { LlamaEngine } from '../../src/engine/llama/llama-engine.ts'
import { readGgufTextFiles } from '../../src/engine/text/gguf-text-files.ts'
import { TextTokenizer } from '../../src/engine/text/tokenizer.ts'
import type { TokenModel, WeightsOnDisk } from '../../src/engine/token-engine.ts'

export type LoadTask =
  | { readonly kind: 'model'; readonly weights: WeightsOnDisk }
  | { readonly kind: 'adapter'; readonly path: string; readonly base: string }

export type LoadOutcome =
  | { readonly outcome: 'loaded' }
  | { readonly outcome: 'refused'; readonly code: string }
  | { readonly outcome: 'fault'; readonly why: string }

const OPTIONS = { contextTokens: 64, threadCount: 1, memoryBytesMax: 512 * 1024 * 1024 } as const

let base: TokenModel | null = null

async function attempt(task: LoadTask): Promise<void> {
  if (task.kind === 'adapter') {
    base ??= await new LlamaEngine().load({ kind: 'hf-directory', path: task.base, dtype: 'keep' }, OPTIONS)
    await base.attachAdapter({ id: task.path, path: task.path })
    await base.detachAdapter(task.path)
    return
  }
  if (task.weights.kind === 'gguf') {
    const { tokenizer, config } = readGgufTextFiles(task.weights.path)
    new TextTokenizer(tokenizer, config).encode('Hello, world!', true)
  }
  await using _model = await new LlamaEngine().load(task.weights, OPTIONS)
}

process.on('message', async (task: LoadTask) => {
  let answer: LoadOutcome
  try {
    await attempt(task)
    answer = { outcome: 'loaded' }
  } catch (error) {
    const isRefusal = error instanceof AppError && error.kind !== 'bug'
    answer = isRefusal
      ? { outcome: 'refused', code: error.code }
      : { outcome: 'fault', why: String((error as Error).stack) }
  }
  process.send?.(answer)
})
process.on('disconnect', () => process.exit(0))
