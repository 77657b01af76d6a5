/** Group K, directories: safetensors, their index, what is no weights at all, and what becomes of a model that runs. */
import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { listWantedTensors } from '../../../src/engine/model-tensors.ts'
import { parseModelConfig } from '../../../src/weights/model-config.ts'
import { writeGgufModel } from '../../farm/gguf-model.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { DEMO, engineRefuses, JAPAN, serveRefuses, spoiltModel, streamChat, TOKYO, withModels } from '../models.ts'

const WEIGHTS = 'model.safetensors'

export const SAFETENSORS_EXPERIMENTS: Experiments = {
  K9: refusesBadHeaders,

  async K10(lab) {
    const withIndex = (edit: (index: { weight_map: Record<string, string> }) => void) =>
      spoiltModel(lab, 'tiny-mistral', {
        'model.safetensors.index.json': (bytes) => {
          const index = JSON.parse(bytes.toString())
          edit(index)
          return JSON.stringify(index)
        },
      })
    const pointAt = (name: string) =>
      withIndex(({ weight_map }) => {
        weight_map['model.norm.weight'] = name
      })
    for (const name of ['../../etc/passwd', '/etc/passwd', 'a/b.safetensors', '..', 'x\u0000y']) {
      await engineRefuses(await pointAt(name), { code: 'WEIGHTS_INDEX_BAD' })
    }
    const missing = { kind: 'not-found', code: 'MODEL_FILE_MISSING', message: /model-00009-of-00009/ }
    await engineRefuses(await pointAt('model-00009-of-00009.safetensors'), missing)
    await serveRefuses(lab, await pointAt('../../etc/passwd'), 19, /WEIGHTS_INDEX_BAD/)
  },

  async K11(lab) {
    for (const name of ['pytorch_model.bin', 'model.pt', 'model.pkl']) {
      const folder = await spoiltModel(lab, 'tiny-llama', { [name]: 'cos\nsystem\n(S"id"\ntR.' })
      rmSync(join(folder, WEIGHTS))
      const why = { kind: 'unsupported', code: 'MODEL_PICKLE_ONLY', message: /pickle.*run any code.*safetensors/ }
      await engineRefuses(folder, why)
      if (name === 'model.pkl') await serveRefuses(lab, folder, 20, /MODEL_PICKLE_ONLY/)
    }
  },

  async K12(lab) {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 987912\n`
    for (const file of [WEIGHTS, 'config.json', 'tokenizer.json']) {
      const folder = await spoiltModel(lab, 'tiny-llama', { [file]: pointer })
      await serveRefuses(lab, folder, 14, new RegExp(`not fetched; run:.*${file}`))
    }
  },

  async K16(lab) {
    const proof = join(await lab.scratch(), 'ran')
    const asked = { auto_map: { AutoModelForCausalLM: 'evil.py--Evil' } }
    const folder = await spoiltModel(lab, 'demo-chat', {
      'config.json': (bytes) => JSON.stringify({ ...JSON.parse(bytes.toString()), ...asked }),
      'evil.py': `open(${JSON.stringify(proof)}, 'w')`,
    })
    const named = join(await lab.scratch(), 'demo-chat')
    renameSync(folder, named)
    await withModels(lab, [named], async (server) => {
      assert.equal((await streamChat(server, JAPAN)).text, TOKYO)
      assert.match(await server.hub.logTail(), /auto_map/, 'nobody is warned')
    })
    assert.throws(() => readFileSync(proof), /ENOENT/)
  },

  async K17(lab) {
    const path = join(await lab.scratch(), 'demo-chat.gguf')
    writeGgufModel(DEMO, path, { pre: 'qwen2' })
    await withModels(lab, [path], async (server) => {
      writeFileSync(`${path}.new`, Buffer.alloc(5_000_000, 0xff))
      renameSync(`${path}.new`, path)
      assert.equal((await streamChat(server, JAPAN)).text, TOKYO)
    })
  },

  K18: refusesTheHuge,
}

/** The header of a safetensors file as text, and what lies behind it. */
function parts(bytes: Buffer): { json: string; data: Buffer } {
  const length = Number(bytes.readBigUInt64LE())
  return { json: bytes.subarray(8, 8 + length).toString(), data: bytes.subarray(8 + length) }
}

function joined(json: string | Buffer, data: Buffer, length?: bigint): Buffer {
  const header = Buffer.from(json)
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(length ?? BigInt(header.length))
  return Buffer.concat([prefix, header, data])
}

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>

async function refusesBadHeaders(lab: Lab): Promise<string> {
  const edited = (edit: (header: Header) => void) => (bytes: Buffer) => {
    const { json, data } = parts(bytes)
    const header = JSON.parse(json)
    edit(header)
    return joined(JSON.stringify(header), data)
  }
  const raw = (make: (json: string, data: Buffer) => Buffer) => (bytes: Buffer) => {
    const { json, data } = parts(bytes)
    return make(json, data)
  }
  const norm = 'model.norm.weight'
  const tensor = (header: Header) => header[norm] as Header[string]
  const million = () =>
    joined(
      `{${Array.from({ length: 1_000_000 }, (_, i) => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`).join(',')}}`,
      Buffer.alloc(0),
    )
  const cases: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    'a header longer than the file': raw((json, data) => joined(json, data, 2n ** 40n)),
    'a header above 100 MB': raw((json, data) => joined(json, data, 100_000_001n)),
    'a length of 2^64 - 1': raw((json, data) => joined(json, data, 2n ** 64n - 1n)),
    'no object': raw((json, data) => joined(`[${json}]`, data)),
    'bad UTF-8': raw((json, data) => joined(Buffer.concat([Buffer.from(json).subarray(0, -1), Buffer.of(0xff)]), data)),
    'bytes behind the last tensor': raw((json, data) => joined(json, Buffer.concat([data, Buffer.alloc(9)]))),
    'a hole': edited((header) => {
      tensor(header).data_offsets = tensor(header).data_offsets.map((at) => at + 4) as [number, number]
    }),
    'an overlap': edited((header) => {
      tensor(header).data_offsets = [0, tensor(header).data_offsets[1] - tensor(header).data_offsets[0]]
    }),
    'a shape that needs other bytes': edited((header) => {
      tensor(header).shape = [999]
    }),
    'a shape whose product overflows': edited((header) => {
      tensor(header).shape = [2 ** 40, 2 ** 40]
    }),
    'duplicate keys': raw((json, data) => joined(json.replace('{', `{"${norm}":{},`), data)),
    'a million tensors': million,
  }
  for (const [name, spoil] of Object.entries(cases)) {
    const folder = await spoiltModel(lab, 'tiny-llama', { [WEIGHTS]: spoil })
    try {
      await engineRefuses(folder, { code: /^(SAFETENSORS|JSON|WEIGHTS|MODEL)_/ })
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`)
    }
  }
  return `${Object.keys(cases).length} headers`
}

/** K18: a model of 140 GB, whose file has a header and holes. */
async function refusesTheHuge(lab: Lab): Promise<string> {
  const sizes = { hidden_size: 8192, intermediate_size: 28_672, num_hidden_layers: 80, vocab_size: 128_256 }
  const heads = { num_attention_heads: 64, num_key_value_heads: 8, max_position_embeddings: 8192, head_dim: 128 }
  const folder = await spoiltModel(lab, 'tiny-llama', {
    'config.json': (bytes) => JSON.stringify({ ...JSON.parse(bytes.toString()), ...sizes, ...heads }),
  })
  let end = 0
  const wanted = listWantedTensors(parseModelConfig(readFileSync(join(folder, 'config.json'))))
  const entries = [...wanted]
    .filter(([, { optional }]) => !optional)
    .map(([name, { shape }]) => {
      const start = end
      end += 2 * shape.reduce((product, size) => product * size, 1)
      return [name, { dtype: 'BF16', shape, data_offsets: [start, end] }]
    })
  const header = joined(JSON.stringify(Object.fromEntries(entries)), Buffer.alloc(0))
  const fd = openSync(join(folder, WEIGHTS), 'w')
  writeSync(fd, header)
  ftruncateSync(fd, header.length + end)
  closeSync(fd)
  const figures = /needs 1\d{5} MB \(weights 1\d{5} MB, \d+ tokens of context \d+ MB\), it may have \d+ MB/
  await serveRefuses(lab, folder, 19, figures)
  return `a model of ${Math.round(end / 1e9)} GB`
}
