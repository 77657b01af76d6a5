/** Real processes. Bombs are those that end a daemon which renders in a thread, or stop it for minutes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import { TextProcess } from './text-process.ts'

const DEMO = new URL('../../../test/vectors/models/demo-chat/', import.meta.url).pathname
const TINY_TOKENIZER = {
  ...{ added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null },
  model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
  decoder: { type: 'ByteLevel' },
}
const demo = { kind: 'directory', path: DEMO } as const

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-text-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function modelWith(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const path = join(folder, name)
  await mkdir(path)
  for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text)
  return path
}

/** A model whose tokenizer knows one letter, with this template. */
let templates = 0
async function templateOf(template: string) {
  const path = await modelWith(`template-${templates++}`, {
    'tokenizer.json': JSON.stringify(TINY_TOKENIZER),
    'tokenizer_config.json': JSON.stringify({ bos_token: '<s>' }),
    'chat_template.jinja': template,
  })
  return { kind: 'directory', path } as const
}

test('renders and tokenizes a conversation of demo-chat', async () => {
  await using text = await TextProcess.start(demo)
  expect(text.info.hasTemplate).toBe(true)
  expect(text.info.stopTokens).toEqual([763, 761])
  expect(text.info.vocabulary.ends).toHaveLength(768)
  const prompt = await text.render({ messages: [{ role: 'user', content: 'Hi' }], add_generation_prompt: true })
  expect(prompt).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n')
  const tokens = await text.encode(prompt, { addSpecial: false })
  expect(tokens.slice(0, 1)).toEqual([762])
  expect(tokens.length).toBeGreaterThan(8)
})

test('a template knows the special tokens and the date of the clock', async () => {
  const clock = new ManualClock(1_720_094_400)
  await using text = await TextProcess.start(await templateOf('{{ bos_token }}{{ strftime_now("%F") }}'), { clock })
  expect(await text.render({})).toBe('<s>2024-07-04')
})

describe('bombs', () => {
  const bombs: readonly [string, string, string][] = [
    [
      'nested loops',
      '{% for a in range(90000) %}{% for b in range(90000) %}x{% endfor %}{% endfor %}',
      'TEXT_TOO_COSTLY',
    ],
    [
      'a text that doubles',
      '{% set ns = namespace(s="a") %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}',
      'TEMPLATE_BAD',
    ],
    [
      'a list that doubles',
      '{% set ns = namespace(s=[1,2,3]) %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}',
      'TEXT_TOO_COSTLY',
    ],
    ['a recursion', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}', 'TEMPLATE_BAD'],
  ]
  test.each(bombs)('%s: a clear refusal, and the next task is served', async (_name, bomb, code) => {
    const template = `{% if bomb %}${bomb}{% else %}fine{% endif %}`
    const delay = monitorEventLoopDelay({ resolution: 5 })
    await using text = await TextProcess.start(await templateOf(template))
    delay.enable()
    await expect(text.render({ bomb: true })).rejects.toMatchObject({ kind: 'malformed', code })
    delay.disable()
    expect(await text.render({ bomb: false })).toBe('fine')
    expect(text.info.hasTemplate).toBe(true)
    // This process was free all the time: what waits here waits for a core, not for the bomb.
    expect(delay.max / 1e6).toBeLessThan(700)
  })

  test('a tokenizer whose pattern runs for ever', async () => {
    const tokenizer = {
      ...TINY_TOKENIZER,
      pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false },
    }
    const path = await modelWith('bait', { 'tokenizer.json': JSON.stringify(tokenizer) })
    await using text = await TextProcess.start({ kind: 'directory', path }, { limits: { encodeMs: 500 } })
    const bait = text.encode(`${'a'.repeat(50)}b`, { addSpecial: false })
    await expect(bait).rejects.toMatchObject({ kind: 'malformed', code: 'TEXT_TOO_COSTLY' })
    expect(await text.encode('aa', { addSpecial: false })).toEqual([0, 0])
  })
})

test('a process that somebody else ends is replaced', async () => {
  await using text = await TextProcess.start(demo)
  const { pid } = text
  process.kill(pid as number, 'SIGKILL')
  const ids = () => text.encode('Hello', { addSpecial: false })
  // It may be noticed before the next task, or by it.
  const first = await ids().catch((error: unknown) => error)
  if (first instanceof Error) expect(first).toMatchObject({ kind: 'busy', code: 'TEXT_PROCESS_DIED' })
  expect((await ids()).length).toBeGreaterThan(0)
  expect(text.pid).not.toBe(pid)
})

test('waiting is bounded, and ends with its signal', async () => {
  const slow = '{% for a in range(90000) %}{% for b in range(90000) %}x{% endfor %}{% endfor %}'
  await using text = await TextProcess.start(await templateOf(slow), { limits: { waitingMax: 1, renderMs: 500 } })
  const stop = new AbortController()
  const running = text.render({})
  const waiting = text.render({}, stop.signal)
  await expect(text.render({})).rejects.toMatchObject({
    kind: 'rate-limited',
    code: 'TEXT_BUSY',
    data: { retryAfterMs: 1000 },
  })
  stop.abort()
  await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' })
  await expect(running).rejects.toMatchObject({ code: 'TEXT_TOO_COSTLY' })
})

test('a text that is longer than any prompt is not even sent', async () => {
  await using text = await TextProcess.start(demo, { limits: { textCharsMax: 100 } })
  const long = text.encode('x'.repeat(101), { addSpecial: false })
  await expect(long).rejects.toMatchObject({ kind: 'too-large', code: 'TEXT_TOO_LONG' })
})

test('after it is closed nothing is begun', async () => {
  const text = await TextProcess.start(demo)
  await text[Symbol.asyncDispose]()
  await expect(text.render({ messages: [] })).rejects.toMatchObject({ kind: 'busy', code: 'TEXT_CLOSED' })
})

test('a busy process whose server is gone ends by itself', async () => {
  const source = await templateOf('{% for a in range(90000) %}{% for b in range(90000) %}x{% endfor %}{% endfor %}')
  const server = `
    import { fork } from 'node:child_process'
    const host = fork(${JSON.stringify(new URL('./text-host.ts', import.meta.url).pathname)}, [], { serialization: 'advanced', execArgv: [] })
    host.on('message', () => {
      host.send({ id: 1, task: { verb: 'render', variables: {}, nowMs: 0 }, deadlineMs: 300 })
      process.stdout.write(String(host.pid))
    })
    host.send({ id: 0, task: { verb: 'load', source: ${JSON.stringify(source)} }, deadlineMs: 1000 })`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', server], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(output)
  parent.kill('SIGKILL')
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ESRCH')
    return false
  }
}

describe('refuses to start', () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 39833\n`
  test.each<[string, Record<string, string>, string]>([
    ['without a tokenizer', {}, 'TOKENIZER_MISSING'],
    ['on a pointer', { 'tokenizer.json': pointer }, 'MODEL_FILE_IS_POINTER'],
    ['on no JSON', { 'tokenizer.json': '{' }, 'JSON_MALFORMED'],
    ['on a tokenizer that is none', { 'tokenizer.json': '{}' }, 'TOKENIZER_BAD'],
    [
      'on a huge template',
      { 'tokenizer.json': '{}', 'chat_template.jinja': 'x'.repeat(600_000) },
      'MODEL_FILE_TOO_LARGE',
    ],
  ])('%s', async (name, files, code) => {
    const path = await modelWith(name, files)
    await expect(TextProcess.start({ kind: 'directory', path })).rejects.toMatchObject({ code })
  })
})

test('a model without a chat template says so when it is asked for one', async () => {
  const path = await modelWith('base-model', { 'tokenizer.json': JSON.stringify(TINY_TOKENIZER) })
  await using text = await TextProcess.start({ kind: 'directory', path })
  expect(text.info.hasTemplate).toBe(false)
  const chat = text.render({ messages: [] })
  await expect(chat).rejects.toMatchObject({ kind: 'unsupported', code: 'TEMPLATE_MISSING' })
})
