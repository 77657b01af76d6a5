import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { engineSuite } from '../../../test/suites/engine.suite.ts'
import { goldenPath } from '../../../test/vectors/golden-model.ts'
import { ReferenceEngine } from './reference-engine.ts'

engineSuite(new ReferenceEngine(), { toleranceOf: () => 3e-5 })

test('computes nothing but safetensors in float32', async () => {
  const quantised = new ReferenceEngine().load({ kind: 'hf-directory', path: goldenPath('tiny-llama'), dtype: 'q8_0' })
  await expect(quantised).rejects.toMatchObject({ kind: 'unsupported', code: 'ENGINE_WEIGHTS_UNSUPPORTED' })
})

test('a model that is large for plain TypeScript is refused before it is read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'xorbit-large-'))
  try {
    const config = { architectures: ['LlamaForCausalLM'], hidden_size: 64, intermediate_size: 64, vocab_size: 4e6 }
    const rest = { num_hidden_layers: 1, num_attention_heads: 1, tie_word_embeddings: true }
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, ...rest }))
    writeSparse(join(folder, 'model.safetensors'), 64, 4e6)
    const loading = new ReferenceEngine().load({ kind: 'hf-directory', path: folder, dtype: 'keep' })
    await expect(loading).rejects.toMatchObject({ kind: 'too-large', code: 'MODEL_TOO_LARGE' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** A one-layer model of zeros that takes no room on disk. */
function writeSparse(path: string, width: number, vocabulary: number): void {
  const at = 'model.layers.0'
  const square = ['q', 'k', 'v', 'o'].map((which) => `${at}.self_attn.${which}_proj`)
  const mlp = ['gate', 'up', 'down'].map((which) => `${at}.mlp.${which}_proj`)
  const norms = ['model.norm', `${at}.input_layernorm`, `${at}.post_attention_layernorm`]
  const shapes: [string, number[]][] = [
    ['model.embed_tokens.weight', [vocabulary, width]],
    ...[...square, ...mlp].map((name): [string, number[]] => [`${name}.weight`, [width, width]]),
    ...norms.map((name): [string, number[]] => [`${name}.weight`, [width]]),
  ]
  let end = 0
  const entries = shapes.map(([name, shape]) => {
    const start = end
    end += 4 * shape.reduce((product, size) => product * size, 1)
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }]
  })
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(path, Buffer.concat([prefix, json]))
  truncateSync(path, 8 + json.length + end)
}
