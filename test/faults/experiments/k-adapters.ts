/** Group K, what comes with a model: adapters that do not fit it, and tokenizers that eat time or memory. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EngineProcess } from '../../../src/engine/engine-process.ts'
import { TextProcess } from '../../../src/engine/text/text-process.ts'
import { argMax, goldenPrompts } from '../../vectors/golden-model.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import {
  assertChatRefused,
  checkAnswers,
  DEMO,
  JAPAN,
  postChat,
  SMALL,
  say,
  serveRefuses,
  spoiltModel,
  VECTORS,
  whileOthersAsk,
  withModels,
} from '../models.ts'

export const COMPANION_EXPERIMENTS: Experiments = { K13: refusesForeignAdapters, K15: limitsTokenizers }

/** K13: each is refused by what differs, and the base answers as before. */
async function refusesForeignAdapters(lab: Lab): Promise<string> {
  const path = join(VECTORS, 'tiny-llama')
  const commit = 'c'.repeat(40)
  await using engine = await EngineProcess.start({ kind: 'hf-directory', path, dtype: 'keep', commit }, SMALL)
  const [prompt] = goldenPrompts('tiny-llama')
  const answer = async () => argMax((await engine.logits(prompt?.ids ?? [], [])).slice(-engine.info.vocabSize))
  const usual = await answer()
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a wrong shape', await adapter(lab, { header: (json) => json.replaceAll('[8,64]', '[4,128]') }), /asks for|rank/],
    [
      'other ranks of A and B',
      await adapter(lab, { header: (json) => json.replaceAll('[64,8]', '[128,4]') }),
      /rank|asks for/,
    ],
    ['a module of experts', await adapter(lab, { header: rename('mlp.up_proj', 'mlp.experts.0.up_proj') }), /experts/],
    ['an unknown module', await adapter(lab, { header: rename('self_attn.q_proj', 'self_attn.x_proj') }), /x_proj/],
    ['another base', join(VECTORS, 'tiny-qwen3/adapters/00_a'), /does not fit \(\d+ times\)/],
    [
      'another commit',
      await adapter(lab, { config: { base_model_commit: 'd'.repeat(40) } }),
      /was trained on commit d/,
    ],
    ['NaN', await adapter(lab, { data: (data) => data.fill(0xff, 0, 64) }), /not finite/],
    ['no tensors', await adapter(lab, { header: () => '{}', data: () => Buffer.alloc(0) }), /no LoRA tensor/],
    ['DoRA', await adapter(lab, { config: { use_dora: true } }), /dora/i],
  ]
  for (const [name, folder, message] of cases) {
    await assert.rejects(engine.attachAdapter({ id: name, path: folder }), (error: Error) => {
      assert.match((error as { code?: string }).code ?? '', /^ADAPTER_/, `${name}: ${error.message}`)
      assert.match(error.message, message, name)
      return true
    })
    assert.equal(await answer(), usual, `${name}: the base answers otherwise`)
  }
  await engine.attachAdapter({ id: 'good', path: join(path, 'adapters/00_a') })
  return `${cases.length} adapters`
}

const rename = (from: string, to: string) => (json: string) => json.replaceAll(from, to)

interface Spoilt {
  readonly header?: (json: string) => string
  readonly data?: (data: Buffer) => Buffer
  readonly config?: object
}

async function adapter(lab: Lab, { header = (json) => json, data = (bytes) => bytes, config = {} }: Spoilt) {
  const folder = join(await lab.scratch(), 'adapter')
  cpSync(join(VECTORS, 'tiny-llama/adapters/00_a'), folder, { recursive: true })
  const weights = join(folder, 'adapter_model.safetensors')
  const bytes = readFileSync(weights)
  const end = 8 + Number(bytes.readBigUInt64LE())
  const json = Buffer.from(header(bytes.subarray(8, end).toString()))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(weights, Buffer.concat([prefix, json, data(Buffer.from(bytes.subarray(end)))]))
  const path = join(folder, 'adapter_config.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...config }))
  return folder
}

/** K15: too many merges and too many bytes end the start; a pattern that runs for ever ends one request. */
async function limitsTokenizers(lab: Lab): Promise<string> {
  const edited =
    (edit: (json: { model: { merges: unknown[] }; pre_tokenizer: unknown }) => void) => (bytes: Buffer) => {
      const json = JSON.parse(bytes.toString())
      edit(json)
      return JSON.stringify(json)
    }
  const merges = await spoiltModel(lab, 'demo-chat', {
    'tokenizer.json': edited(({ model }) => {
      model.merges = new Array(3_000_000).fill(['a', 'b'])
    }),
  })
  await serveRefuses(lab, merges, 19, /TOKENIZER_BAD.*merges|TEXT_TOO_COSTLY/)
  const large = await spoiltModel(lab, 'demo-chat', { 'tokenizer.json': Buffer.alloc(200_000_000, ' ') })
  await assert.rejects(TextProcess.start({ kind: 'directory', path: large }), { code: 'MODEL_FILE_TOO_LARGE' })
  await serveRefuses(lab, large, 19, /MODEL_FILE_TOO_LARGE/)
  const bait = await spoiltModel(lab, 'demo-chat', {
    'tokenizer.json': edited((json) => {
      json.pre_tokenizer = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false }
    }),
  })
  return withModels(lab, [DEMO, bait], async (server) => {
    const model = bait.split('/').at(-1)
    const asked = { ...JAPAN, model, messages: say(`${'a'.repeat(60)}b`) }
    const { result, figure } = await whileOthersAsk(server, () => postChat(server, asked))
    assertChatRefused(result, 400, 'text_too_costly', /tokenizer/)
    await checkAnswers(server)
    return figure
  })
}
