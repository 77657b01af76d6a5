/** Model files to spoil, engines to offer them to in their own process, and servers that serve them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../src/base/app-error.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { ChatMessage } from '../../src/engine/chat-backend.ts'
import { EngineProcess, type EngineProcessOptions } from '../../src/engine/engine-process.ts'
import type { WeightsOnDisk } from '../../src/engine/token-engine.ts'
import { openChat, readChat, type StreamedAnswer } from '../farm/chat-client.ts'
import { findChildren } from '../farm/child-processes.ts'
import type { Reply } from '../farm/http-send.ts'
import { ROOT } from '../farm/hub-process.ts'
import { JSON_TYPE, type Lab } from './lab.ts'
import { whileAsking } from './latency-probe.ts'

export const VECTORS = join(ROOT, 'test/vectors/models')
export const DEMO = join(VECTORS, 'demo-chat')
const LATENCY_MS_MAX = 100
const ATTEMPTS = 3
const CONTROL_MS = 4_000
/** Tokens that end a turn of demo-chat: without them it goes on until its context is full. */
export const END_TOKENS = [763, 761]

export type Edits = Readonly<Record<string, string | Uint8Array | ((bytes: Buffer) => string | Uint8Array)>>

/** A copy of a golden model with some files made anew or edited. */
export async function spoiltModel(lab: Lab, name: string, edits: Edits = {}): Promise<string> {
  const folder = join(await lab.scratch(), `${name}-${lab.next()}`)
  cpSync(join(VECTORS, name), folder, { recursive: true, filter: (path) => !/\/(golden|finetune)$/.test(path) })
  for (const [file, edit] of Object.entries(edits)) {
    const path = join(folder, file)
    writeFileSync(path, typeof edit === 'function' ? edit(readFileSync(path)) : edit)
  }
  return folder
}

export async function fileOf(lab: Lab, name: string, bytes: Uint8Array): Promise<string> {
  const path = join(await lab.scratch(), name)
  writeFileSync(path, bytes)
  return path
}

export const SMALL: EngineProcessOptions = { model: { contextTokens: 512, slotCount: 2, threadCount: 1 } }

export interface Refusal {
  readonly code: string | RegExp
  readonly message?: RegExp
  readonly kind?: string
}

/** The engine's own process refuses these weights, clearly and before native code sees them; none stays behind. */
export async function engineRefuses(path: string, { kind = 'malformed', code, message }: Refusal): Promise<void> {
  const weights: WeightsOnDisk = { kind: path.endsWith('.gguf') ? 'gguf' : 'hf-directory', path, dtype: 'keep' }
  try {
    await using engine = await EngineProcess.start(weights, SMALL)
    assert.fail(`${path} was loaded as ${engine.info.architecture}`)
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    assert.equal(error.kind, kind, `${error.code} ${error.message}`)
    assert.match(error.code, typeof code === 'string' ? new RegExp(`^${code}$`) : code, error.message)
    if (message !== undefined) assert.match(error.message, message)
  }
  assert.deepEqual(findChildren(process.pid, 'engine-host'), [], 'an engine stays behind')
}

/** `xorbit serve` ends with `exit` and says why, before it answers anybody. */
export async function serveRefuses(lab: Lab, path: string, exit: number, message: RegExp): Promise<void> {
  const folder = await lab.scratch()
  mkdirSync(join(folder, 'home'), { recursive: true })
  const words = ['serve', path, '--port', '0', '--home', join(folder, 'home'), '--json']
  const ended = await lab.run(words, { folder })
  assert.equal(ended.code, exit, `serve ended with ${ended.code}: ${ended.stdout}${ended.stderr}`)
  assert.match(ended.stdout, message)
  assert.doesNotMatch(ended.stdout, /"event":"ready"/)
}

/** A server of its own with these models, which are called as their folders are. */
export function withModels<T>(lab: Lab, paths: readonly string[], action: (lab: Lab) => Promise<T>): Promise<T> {
  return lab.withAnother({ args: paths }, action)
}

export const say = (content: string): ChatMessage[] => [{ role: 'user', content }]
export const JAPAN = { model: 'demo-chat', temperature: 0, messages: say('What is the capital of Japan?') }
export const TOKYO = 'The capital of Japan is Tokyo.'
export const ENDLESS = { ...JAPAN, logit_bias: Object.fromEntries(END_TOKENS.map((token) => [token, -100])) }

/**
 * Meanwhile others are served: the server's own thread only waits. What a process that computes costs others on this
 * machine, wherever it comes from, is measured before; a server that is held up is so each time.
 */
export async function whileOthersAsk<T>(lab: Lab, action: () => Promise<T>): Promise<{ result: T; figure: string }> {
  const figures: string[] = []
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const usual = await besideBusyProcess(lab.hub.url)
    const { result, worst } = await whileAsking(lab.hub.url, action)
    figures.push(`others within ${Math.round(worst)} ms, ${Math.round(usual)} ms beside any busy process`)
    if (worst < LATENCY_MS_MAX + usual) return { result, figure: figures.at(-1) as string }
  }
  return assert.fail(figures.join('; '))
}

async function besideBusyProcess(url: string): Promise<number> {
  const busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
  const ended = once(busy, 'exit')
  try {
    return (await whileAsking(url, () => systemClock.sleep(CONTROL_MS))).worst
  } finally {
    busy.kill('SIGKILL')
    await ended
  }
}

export function postChat(lab: Lab, body: object | string): Promise<Reply> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return lab.send('/v1/chat/completions', { method: 'POST', body: text, headers: JSON_TYPE, timeoutMs: 60_000 })
}

export async function streamChat(lab: Lab, body: object): Promise<StreamedAnswer> {
  return readChat(await openChat(lab.hub.url, { ...body, stream: true }))
}

/** OpenAI's form of a refusal. */
export function assertChatRefused(reply: Reply, status: number, code?: string, message?: RegExp): void {
  assert.equal(reply.status, status, reply.body.toString().slice(0, 300))
  const { error } = reply.json() as { error: { message: string; type: string; param: unknown; code: string } }
  assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code'])
  if (code !== undefined) assert.equal(error.code, code)
  if (message !== undefined) assert.match(error.message, message)
}

/** The model answers as it should. */
export async function checkAnswers(lab: Lab): Promise<void> {
  assert.equal((await streamChat(lab, JAPAN)).text, TOKYO)
}

/** Once the model is loaded again; how long that took. */
export async function untilAnswers(lab: Lab, now: () => number): Promise<number> {
  const from = now()
  for (;;) {
    const reply = await postChat(lab, JAPAN)
    if (reply.status === 200) return now() - from
    assertChatRefused(reply, 503)
    assert.ok(Number(reply.headers['retry-after']) > 0, 'nobody says when to try again')
    assert.ok(now() - from < 20_000, 'the model does not come back')
  }
}
