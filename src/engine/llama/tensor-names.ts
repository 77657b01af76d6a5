/** What the tensors of Hugging Face families are called in llama.cpp, and the order of rows it wants them in. */
export type LlamaArchitecture = 'llama' | 'qwen2' | 'qwen3' | 'gemma3'

const MODULES: ReadonlyMap<string, string> = new Map([
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.o_proj', 'attn_output'],
  ['self_attn.q_norm', 'attn_q_norm'],
  ['self_attn.k_norm', 'attn_k_norm'],
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
  ['input_layernorm', 'attn_norm'],
  ['post_attention_layernorm', 'ffn_norm'],
])
const GEMMA_MODULES: ReadonlyMap<string, string> = new Map([
  ['post_attention_layernorm', 'post_attention_norm'],
  ['pre_feedforward_layernorm', 'ffn_norm'],
  ['post_feedforward_layernorm', 'post_ffw_norm'],
])
const OUTER: ReadonlyMap<string, string> = new Map([
  ['model.embed_tokens.weight', 'token_embd.weight'],
  ['model.norm.weight', 'output_norm.weight'],
  ['lm_head.weight', 'output.weight'],
])

export function isLlamaArchitecture(name: string): name is LlamaArchitecture {
  return ['llama', 'qwen2', 'qwen3', 'gemma3'].includes(name)
}

/** Null for a tensor that the architecture has no place for. */
export function findLlamaName(name: string, architecture: LlamaArchitecture): string | null {
  const outer = OUTER.get(name)
  if (outer !== undefined) return outer
  const [, layer, module = '', kind] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? []
  const mapped = (architecture === 'gemma3' ? GEMMA_MODULES.get(module) : undefined) ?? MODULES.get(module)
  return mapped === undefined ? null : `blk.${layer}.${mapped}.${kind}`
}

export interface Heads {
  readonly headCount: number
  readonly kvHeadCount: number
}

/**
 * In the `llama` architecture rotary pairs stand side by side, in Hugging Face files half a head apart: reorders the
 * rows of query and key tensors (named as in llama.cpp), returns others as they are.
 */
export function orderRows(bytes: Buffer, rowCount: number, name: string, architecture: string, heads: Heads): Buffer {
  const [, which] = /\.attn_([qk])\.(weight|bias)$/.exec(name) ?? []
  if (architecture !== 'llama' || which === undefined) return bytes
  const headCount = which === 'q' ? heads.headCount : heads.kvHeadCount
  const rowBytes = bytes.length / rowCount
  const half = rowCount / headCount / 2
  const out = Buffer.allocUnsafeSlow(bytes.length)
  for (let head = 0; head < headCount; head++) {
    for (let i = 0; i < half; i++) {
      for (const side of [0, 1]) {
        const from = (head * 2 * half + side * half + i) * rowBytes
        bytes.copy(out, (head * 2 * half + 2 * i + side) * rowBytes, from, from + rowBytes)
      }
    }
  }
  return out
}
