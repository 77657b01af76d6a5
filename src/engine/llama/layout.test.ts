import { expect, test } from 'vitest'
import { CONTEXT_SENTINELS, MODEL_SENTINELS, SIZES, verifyLayout } from './layout.ts'
import { findLibrary, orMissing, verifyRelease } from './libraries.ts'
import { defaultThreads } from './llama-engine.ts'
import { verifyMemory } from './memory-need.ts'
import { startNative } from './native.ts'

const RIGHT = { sizes: SIZES, model: MODEL_SENTINELS, context: CONTEXT_SENTINELS }
const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'ENGINE_LAYOUT_UNKNOWN', message: expect.stringMatching(message) })

test('the installed library has the layout, field by field', () => {
  const { koffi } = startNative()
  verifyLayout('v0.5.0', RIGHT)
  const offsets = { model_params: ['tensor_split', 40], context_params: ['kv_unified', 133] } as const
  for (const [struct, [field, offset]] of Object.entries(offsets)) expect(koffi.offsetof(struct, field)).toBe(offset)
})

test('a library with another layout is refused with the fields that differ', () => {
  const shifted = { ...RIGHT, context: { ...CONTEXT_SENTINELS, n_batch: 1, type_k: 0 } }
  expect(() => verifyLayout('v9', shifted)).toThrow(refused(/v9.*n_batch is 1, not 2048, context_params\.type_k is 0/))
  expect(() => verifyLayout('v9', { ...RIGHT, sizes: { ...SIZES, batch: 64 } })).toThrow(refused(/size of batch is 64/))
  expect(() => verifyLayout('v9', { ...RIGHT, model: {} })).toThrow(refused(/n_gpu_layers is undefined/))
})

test('another release and a missing package are said by name', () => {
  verifyRelease('@node-llama-cpp/linux-x64', 'v0.5.0')
  const another = expect.objectContaining({
    code: 'ENGINE_RELEASE_UNKNOWN',
    message: expect.stringMatching(/v0\.6\.0/),
  })
  expect(() => verifyRelease('@node-llama-cpp/linux-x64', 'v0.6.0')).toThrow(another)
  const missing = expect.objectContaining({
    kind: 'unsupported',
    code: 'ENGINE_PLATFORM_MISSING',
    message: expect.stringMatching(/@node-llama-cpp\/linux-riscv64 is missing.*npm install/),
  })
  expect(() =>
    orMissing('@node-llama-cpp/linux-riscv64', () => import.meta.resolve('@node-llama-cpp/linux-riscv64')),
  ).toThrow(missing)
})

test('finds each library by its name on every platform', () => {
  const linux = [
    'libggml-base.so',
    'libggml-cpu-x64.so',
    'libggml.v0.5.0.so',
    'libllama-common.so',
    'libllama.v0.5.0.so',
  ]
  expect(['ggml-base', 'ggml', 'llama'].map((name) => findLibrary(linux, name))).toEqual([linux[0], linux[2], linux[4]])
  expect(findLibrary(['libggml-metal.dylib', 'libllama.metal.v0.4.0.dylib'], 'llama')).toBe(
    'libllama.metal.v0.4.0.dylib',
  )
  expect(findLibrary(['ggml-base.dll', 'ggml.dll', 'llama.dll'], 'ggml')).toBe('ggml.dll')
  expect(() => findLibrary(['x.so'], 'llama')).toThrow('no library llama among x.so')
})

test('a machine that is busy gets one thread', () => {
  expect(defaultThreads(8, 0.5)).toBe(7)
  expect(defaultThreads(8, 6)).toBe(1)
  expect(defaultThreads(1, 0)).toBe(1)
})

test('a model larger than memory is refused with figures', () => {
  const need = { contextTokens: 4096, kvBytesEach: 2, layerCount: 32, kvHeadCount: 8, headSize: 128 } as const
  const refusal = expect.objectContaining({
    code: 'MODEL_TOO_LARGE',
    message: expect.stringMatching(
      /m needs 16642 MB \(weights 16000 MB, 4096 tokens of context 537 MB\), it may have 8000 MB/,
    ),
  })
  expect(() => verifyMemory('m', { ...need, weightBytes: 16e9, memoryBytesMax: 8e9 })).toThrow(refusal)
  verifyMemory('m', { ...need, weightBytes: 16e9, memoryBytesMax: 17e9 })
})
