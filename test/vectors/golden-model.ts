/** The golden models of test/vectors/models: what transformers made of them. */
import { readFileSync } from 'node:fs'
import { TensorFiles } from '../../src/engine/tensor-files.ts'

const ROOT = 'test/vectors/models'
export const FAMILIES = ['tiny-llama', 'tiny-llama3', 'tiny-qwen2', 'tiny-qwen3', 'tiny-mistral', 'tiny-gemma3']

export interface GoldenPrompt {
  readonly ids: readonly number[]
  readonly greedy_24: readonly number[]
}

export interface GoldenChat {
  readonly prompt: readonly number[]
  readonly answer: readonly number[]
}

export const goldenPath = (name: string) => `${ROOT}/${name}`
const readJson = (path: string) => JSON.parse(readFileSync(`${ROOT}/${path}`, 'utf8'))

export function goldenPrompts(name: string): readonly GoldenPrompt[] {
  return readJson(`${name}/golden/golden.json`).prompts
}

/** By key: `logits_0`, `hidden_0`, and under adapters `a_0`, `a+b_0`, `a+0.5b_0`. */
export function goldenNumbers(name: string, file: 'logits' | 'adapter_logits'): Map<string, Float32Array> {
  using files = new TensorFiles([`${ROOT}/${name}/golden/${file}.safetensors`])
  return new Map([...files.tensors.keys()].map((key) => [key, files.readFloats(key)]))
}

/** The nine conversations of demo-chat: prompt and greedy answer with its end. */
export function goldenChats(): readonly GoldenChat[] {
  const { chat } = readJson('demo-chat/golden/golden.json')
  const prompts = readJson('demo-chat/golden/prompt_ids.json').chat
  return chat.map(({ greedy_ids }: { greedy_ids: number[] }, i: number) => ({ prompt: prompts[i], answer: greedy_ids }))
}

/** Questions to demo-chat under an adapter, and the answers without their end. */
export function goldenAnswers(): readonly (GoldenChat & { readonly adapter: 'mixed' | 'polite' })[] {
  return readJson('demo-chat/golden/prompt_ids.json').answers
}

export function worstDifference(got: Float32Array, want: Float32Array | undefined): number {
  if (want === undefined || got.length !== want.length) throw new Error(`${got.length} numbers, wanted ${want?.length}`)
  return got.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (want[i] as number)) || 0), 0)
}

export function argMax(row: Float32Array): number {
  return row.indexOf(row.reduce((most, value) => Math.max(most, value)))
}
