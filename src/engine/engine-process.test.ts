import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import * as golden from '../../test/vectors/golden-model.ts'
import { silentLog } from '../base/log.ts'
import { EngineProcess, type EngineProcessOptions } from './engine-process.ts'
import type { WeightsOnDisk } from './token-engine.ts'
import type { GenerateEvent, GenerateRequest } from './token-generator.ts'

const EXACT: EngineProcessOptions = { model: { kvType: 'f32', contextTokens: 512, slotCount: 2, threadCount: 1 } }
const SOON = { retries: 0, firstMs: 10, factor: 1, capMs: 10, retryAfterMsMax: 0 }
const MIXED = { id: 'mixed', path: `${golden.goldenPath('demo-chat')}/adapters/00_mixed` }

let engine: EngineProcess | null = null
afterEach(async () => {
  await engine?.[Symbol.asyncDispose]()
  engine = null
})

async function start(name: string, options: EngineProcessOptions = EXACT): Promise<EngineProcess> {
  engine = await EngineProcess.start(weightsOf(golden.goldenPath(name)), options)
  return engine
}
const weightsOf = (path: string): WeightsOnDisk => ({ kind: 'hf-directory', path, dtype: 'f32' })
const request = (tokens: readonly number[], change: Partial<GenerateRequest> = {}): GenerateRequest => {
  return { tokens, adapters: [], tokenCountMax: 64, stopTokens: [763], sampling: { temperature: 0 }, ...change }
}

async function answerOf(model: EngineProcess, asked: GenerateRequest): Promise<number[]> {
  const ids: number[] = []
  for await (const event of model.generate(asked)) if (event.type === 'token') ids.push(event.id)
  return ids
}

const LONG = request([1, 2, 3], { tokenCountMax: 400, stopTokens: [] })

/** A request that has given its first token. */
async function startLong(model: EngineProcess): Promise<AsyncIterator<GenerateEvent>> {
  const stream = model.generate(LONG)[Symbol.asyncIterator]()
  await stream.next()
  return stream
}

async function drain(stream: AsyncIterator<GenerateEvent>): Promise<void> {
  while ((await stream.next()).done !== true);
}

/** Once it is loaded again. */
async function answerLater(model: EngineProcess, asked: GenerateRequest): Promise<number[]> {
  for (;;) {
    try {
      return await answerOf(model, asked)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENGINE_RESTARTING') throw error
      await sleep(1)
    }
  }
}

test('demo-chat answers the golden conversations out of a process that maps llama.cpp, this one does not', async () => {
  const model = await start('demo-chat')
  const maps = (pid: number | string | undefined) => readFileSync(`/proc/${pid}/maps`, 'utf8')
  expect(maps(model.pid)).toMatch(/libllama[^/]*\.so/)
  expect(maps('self')).not.toMatch(/libllama[^/]*\.so/)
  for (const { prompt, answer } of golden.goldenChats()) expect(await answerOf(model, request(prompt))).toEqual(answer)
  await model.attachAdapter(MIXED)
  const adapters = [{ id: 'mixed', weight: 1 }]
  const [taught] = golden.goldenAnswers().filter(({ adapter }) => adapter === 'mixed') as unknown as [golden.GoldenChat]
  expect((await answerOf(model, request(taught.prompt, { adapters }))).slice(0, -1)).toEqual(taught.answer)
  await model.detachAdapter('mixed')
  await expect(answerOf(model, request(taught.prompt, { adapters }))).rejects.toMatchObject({
    code: 'ADAPTER_NOT_ATTACHED',
  })
})

test('logits and vectors come through as they are', async () => {
  const model = await start('tiny-llama')
  const { ids } = golden.goldenPrompts('tiny-llama')[0] as golden.GoldenPrompt
  const truth = golden.goldenNumbers('tiny-llama', 'logits')
  expect(golden.worstDifference(await model.logits(ids, []), truth.get('logits_0'))).toBeLessThan(3e-5)
  const [last] = await model.embed([ids], 'last')
  const wanted = truth.get('hidden_0')?.slice(-model.info.hiddenSize)
  expect(golden.worstDifference(last as Float32Array, wanted)).toBeLessThan(3e-5)
  await expect(model.pieces()).rejects.toMatchObject({ code: 'ENGINE_NO_VOCABULARY' })
  await expect(model.tokenize('a', { special: false, addBos: false })).rejects.toMatchObject({ kind: 'unsupported' })
  await expect(model.logits(ids, [], AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('an abort ends one request and touches no other', async () => {
  const model = await start('demo-chat')
  const controller = new AbortController()
  const reasons: string[] = []
  const other = answerOf(model, request(golden.goldenChats()[0]?.prompt ?? []))
  for await (const event of model.generate(LONG, controller.signal)) {
    if (event.type === 'done') reasons.push(event.reason)
    else controller.abort()
  }
  expect(reasons).toEqual(['abort'])
  expect(await other).toEqual(golden.goldenChats()[0]?.answer)
})

test('a death fails what runs, and the model comes back with its adapters', async () => {
  const model = await start('demo-chat', { ...EXACT, restarts: SOON })
  await model.attachAdapter(MIXED)
  const [running, pid] = [await startLong(model), model.pid as number]
  process.kill(pid, 'SIGABRT')
  const died = { kind: 'busy', code: 'ENGINE_DIED', message: expect.stringContaining('SIGABRT') }
  await expect(drain(running)).rejects.toMatchObject(died)
  const refused = { kind: 'busy', code: 'ENGINE_RESTARTING', data: { retryAfterMs: expect.any(Number) } }
  await expect(answerOf(model, LONG)).rejects.toMatchObject(refused)
  const [taught] = golden.goldenAnswers().filter(({ adapter }) => adapter === 'mixed') as unknown as [golden.GoldenChat]
  const asked = request(taught.prompt, { adapters: [{ id: 'mixed', weight: 1 }] })
  expect((await answerLater(model, asked)).slice(0, -1)).toEqual(taught.answer)
  expect(model.pid).not.toBe(pid)
})

test('a model that cannot be loaded again is tried later and later, until it can', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'xorbit-engine-'))
  try {
    cpSync(golden.goldenPath('tiny-llama'), join(folder, 'model'), { recursive: true })
    engine = await EngineProcess.start(weightsOf(join(folder, 'model')), { ...EXACT, restarts: SOON })
    renameSync(join(folder, 'model'), join(folder, 'aside'))
    const running = await startLong(engine)
    process.kill(engine.pid as number, 'SIGKILL')
    await expect(drain(running)).rejects.toMatchObject({ code: 'ENGINE_DIED' })
    await sleep(300)
    await expect(answerOf(engine, LONG)).rejects.toMatchObject({ code: 'ENGINE_RESTARTING' })
    renameSync(join(folder, 'aside'), join(folder, 'model'))
    expect(await answerLater(engine, LONG)).toHaveLength(400)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('code that a model asks to run is not run, and the log says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'xorbit-engine-'))
  try {
    cpSync(golden.goldenPath('tiny-llama'), folder, { recursive: true })
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, auto_map: { AutoModel: 'evil.py--X' } }))
    const lines: string[] = []
    const log = { ...silentLog, warn: (_: object, message: string) => void lines.push(message) }
    engine = await EngineProcess.start(weightsOf(folder), { ...EXACT, engine: 'reference', log })
    expect(lines).toEqual([expect.stringContaining('auto_map')])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a process that hangs is ended, and the next request is served within five seconds', async () => {
  const model = await start('demo-chat', { ...EXACT, restarts: SOON })
  const running = await startLong(model)
  const stoppedMs = performance.now()
  process.kill(model.pid as number, 'SIGSTOP')
  const died = { code: 'ENGINE_DIED', message: expect.stringMatching(/answered nothing for \d+ ms/) }
  await expect(drain(running)).rejects.toMatchObject(died)
  expect(await answerLater(model, request(golden.goldenChats()[0]?.prompt ?? []))).toEqual(
    golden.goldenChats()[0]?.answer,
  )
  expect(performance.now() - stoppedMs).toBeLessThan(5_000)
})

test('a model that is being unloaded says so, and its process is gone', async () => {
  const model = await start('demo-chat')
  const [running, pid] = [await startLong(model), model.pid as number]
  const ended = drain(running)
  await Promise.all([model[Symbol.asyncDispose](), expect(ended).rejects.toMatchObject({ code: 'ENGINE_CLOSED' })])
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  await expect(answerOf(model, LONG)).rejects.toMatchObject({ code: 'ENGINE_CLOSED' })
})

describe('does not start', () => {
  const starting = (path: string, options: EngineProcessOptions) => EngineProcess.start(weightsOf(path), options)

  test('without its files, and says which', async () => {
    const missing = { code: 'MODEL_FILE_MISSING', message: expect.stringContaining('/nowhere') }
    await expect(starting('/nowhere', EXACT)).rejects.toMatchObject(missing)
  })

  test('with a model that needs more memory than it may take', async () => {
    const small = { ...EXACT, memoryBytesMax: 50_000_000 }
    const tooLarge = { code: 'MODEL_TOO_LARGE', data: { memoryBytesMax: 50_000_000 } }
    await expect(starting(golden.goldenPath('demo-chat'), small)).rejects.toMatchObject(tooLarge)
  })

  test('when loading takes for ever', async () => {
    const impatient = { ...EXACT, times: { loadMs: 1 } }
    const died = { code: 'ENGINE_DIED', message: expect.stringContaining('within 1 ms') }
    await expect(starting(golden.goldenPath('demo-chat'), impatient)).rejects.toMatchObject(died)
  })
})

test('the kernel refuses memory beyond the limit', async () => {
  const script = `import { limitMemory } from './src/engine/llama/limit-memory.ts'
    limitMemory(100_000_000)
    Buffer.alloc(20_000_000, 1)
    try { Buffer.alloc(300_000_000, 1); console.log('given') } catch (error) { console.log('refused', error.name) }`
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  expect((await run).stdout).toBe('refused RangeError\n')
})
