/**
 * The forward pass of the Llama-shaped families in plain TypeScript: float32 storage, float64 sums, one position after
 * the other into a KV cache. The truth that other drivers are compared with: short enough to be checked by eye.
 */
import type { ModelConfig } from '../../weights/model-config.ts'
import { type RopeConfig, ropeFrequency } from '../../weights/rope-config.ts'
import type { KvCache } from './kv-cache.ts'
import { addScaled, matmul, rmsNorm } from './matrix.ts'

/** By the names of the text model. */
export type Weights = ReadonlyMap<string, Float32Array>

export interface ScaledPair {
  readonly a: Float32Array
  readonly b: Float32Array
  readonly scale: number
}

export interface ForwardModel {
  readonly config: ModelConfig
  readonly weights: Weights
  /** Pairs by module: y += scale * B(A x). */
  readonly pairs: ReadonlyMap<string, readonly ScaledPair[]>
}

/** Appends `tokens` to the cache; gives their states after the last norm, [tokens x hiddenSize]. `turn` may throw. */
export async function forward(
  model: ForwardModel,
  cache: KvCache,
  tokens: ArrayLike<number>,
  turn: () => Promise<void>,
): Promise<Float32Array> {
  const { config } = model
  const count = tokens.length
  const x = embed(model, tokens)
  for (let layer = 0; layer < config.layerCount; layer++) {
    await turn()
    addScaled(x, attention(model, cache, layer, x, count), 1)
    addScaled(x, feedForward(model, layer, x, count), 1)
  }
  cache.tokenCount += count
  return norm(model, x, 'model.norm')
}

/** [rows x vocabSize] logits of states after the last norm. */
export function headLogits({ config, weights }: ForwardModel, hidden: Float32Array): Float32Array {
  const head = weights.get(config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight') as Float32Array
  return matmul(hidden, head, hidden.length / config.hiddenSize)
}

function embed({ config, weights }: ForwardModel, tokens: ArrayLike<number>): Float32Array {
  const { hiddenSize, family } = config
  const table = weights.get('model.embed_tokens.weight') as Float32Array
  const x = new Float32Array(tokens.length * hiddenSize)
  const scale = family === 'gemma3' ? Math.sqrt(hiddenSize) : 1
  for (let t = 0; t < tokens.length; t++) {
    const row = table.subarray((tokens[t] as number) * hiddenSize, ((tokens[t] as number) + 1) * hiddenSize)
    for (let i = 0; i < hiddenSize; i++) x[t * hiddenSize + i] = (row[i] as number) * scale
  }
  return x
}

function attention(model: ForwardModel, cache: KvCache, layer: number, x: Float32Array, count: number): Float32Array {
  const { config, weights } = model
  const at = `model.layers.${layer}`
  const h = norm(model, x, `${at}.input_layernorm`)
  const rope = config.isSliding[layer] === true ? config.localRope : config.rope
  const turned = (which: 'q' | 'k') => {
    const y = linear(model, h, `${at}.self_attn.${which}_proj`, count)
    const name = `${at}.self_attn.${which}_norm`
    const normed = weights.has(`${name}.weight`) ? norm(model, y, name, config.headSize) : y
    return rotate(normed, { count, first: cache.tokenCount, headSize: config.headSize, rope })
  }
  const q = turned('q')
  cache.append(layer, turned('k'), linear(model, h, `${at}.self_attn.v_proj`, count))
  const out = linear(model, attend(config, cache, layer, q, count), `${at}.self_attn.o_proj`, count)
  return config.family === 'gemma3' ? norm(model, out, `${at}.post_attention_layernorm`) : out
}

function feedForward(model: ForwardModel, layer: number, x: Float32Array, count: number): Float32Array {
  const at = `model.layers.${layer}`
  const isGemma = model.config.family === 'gemma3'
  const h = norm(model, x, `${at}.${isGemma ? 'pre_feedforward_layernorm' : 'post_attention_layernorm'}`)
  const gate = linear(model, h, `${at}.mlp.gate_proj`, count)
  const up = linear(model, h, `${at}.mlp.up_proj`, count)
  const activate = isGemma ? geluTanh : silu
  for (let i = 0; i < gate.length; i++) gate[i] = activate(gate[i] as number) * (up[i] as number)
  const down = linear(model, gate, `${at}.mlp.down_proj`, count)
  return isGemma ? norm(model, down, `${at}.post_feedforward_layernorm`) : down
}

function silu(x: number): number {
  return x / (1 + Math.exp(-x))
}

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
}

/** Gemma stores w and means 1 + w. */
function norm(
  { config, weights }: ForwardModel,
  x: Float32Array,
  name: string,
  size = config.hiddenSize,
): Float32Array {
  const w = weights.get(`${name}.weight`) as Float32Array
  return rmsNorm(x, w, { size, epsilon: config.rmsEpsilon, plus: config.family === 'gemma3' ? 1 : 0 })
}

function linear({ weights, pairs }: ForwardModel, x: Float32Array, module: string, count: number): Float32Array {
  const y = matmul(x, weights.get(`${module}.weight`) as Float32Array, count)
  const bias = weights.get(`${module}.bias`)
  if (bias !== undefined) for (let i = 0; i < y.length; i++) y[i] = (y[i] as number) + (bias[i % bias.length] as number)
  for (const { a, b, scale } of pairs.get(module) ?? []) addScaled(y, matmul(matmul(x, a, count), b, count), scale)
  return y
}

/** Half-split rotary embedding of x [count x heads x headSize], whose first row stands at position `first`. */
function rotate(
  x: Float32Array,
  { count, first, headSize, rope }: { count: number; first: number; headSize: number; rope: RopeConfig },
): Float32Array {
  const half = headSize / 2
  const frequencies = Array.from({ length: half }, (_, i) => ropeFrequency(rope, i, headSize))
  const y = new Float32Array(x.length)
  const width = x.length / count
  for (let t = 0; t < count; t++) {
    for (let head = t * width; head < (t + 1) * width; head += headSize) {
      for (let i = 0; i < half; i++) {
        const angle = (first + t) * (frequencies[i] as number)
        const [a, b] = [x[head + i] as number, x[head + half + i] as number]
        y[head + i] = a * Math.cos(angle) - b * Math.sin(angle)
        y[head + half + i] = b * Math.cos(angle) + a * Math.sin(angle)
      }
    }
  }
  return y
}

function attend(config: ModelConfig, cache: KvCache, layer: number, q: Float32Array, count: number): Float32Array {
  const { headCount, kvHeadCount, headSize } = config
  const window = config.isSliding[layer] === true ? config.slidingWindowTokens : null
  const { keys, values } = cache.layer(layer)
  const kvWidth = kvHeadCount * headSize
  const y = new Float32Array(q.length)
  for (let t = 0; t < count; t++) {
    const last = cache.tokenCount + t
    const first = window === null ? 0 : Math.max(0, last - window + 1)
    for (let head = 0; head < headCount; head++) {
      const kv = Math.floor((head * kvHeadCount) / headCount) * headSize
      const at = (t * headCount + head) * headSize
      const scores: number[] = []
      for (let s = first; s <= last; s++) {
        let dot = 0
        for (let i = 0; i < headSize; i++) dot += (q[at + i] as number) * (keys[s * kvWidth + kv + i] as number)
        scores.push(dot * config.attentionScale)
      }
      const top = scores.reduce((most, score) => Math.max(most, score))
      const shares = scores.map((score) => Math.exp(score - top))
      const total = shares.reduce((sum, share) => sum + share, 0)
      for (let i = 0; i < headSize; i++) {
        let sum = 0
        for (let s = first; s <= last; s++)
          sum += (shares[s - first] as number) * (values[s * kvWidth + kv + i] as number)
        y[at + i] = sum / total
      }
    }
  }
  return y
}
