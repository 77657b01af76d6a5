/**
 * Entry of an engine's process: one loaded model and its scheduler, asked over IPC. It ends with the server that started
 * it; its own end is the server's to tell (engine-process.ts).
 */
import { AppError } from '../base/app-error.ts'
import { toAppError } from '../base/error-table.ts'
import type { FromHost, HostCall, HostError, HostTask, HostValue, ToHost } from './host-messages.ts'
import { limitMemory } from './llama/limit-memory.ts'
import { LlamaEngine } from './llama/llama-engine.ts'
import { ReferenceEngine } from './reference/reference-engine.ts'
import { Scheduler } from './scheduling/scheduler.ts'
import type { GenerateRequest } from './token-generator.ts'

let model: Scheduler | null = null
const running = new Map<number, AbortController>()

function send(message: FromHost): void {
  // Without a server nobody reads it, and `disconnect` ends the process.
  if (process.connected) process.send?.(message)
}

async function load({ engine, weights, options, queueMax, isDeterministic, memoryBytesMax }: HostTask): Promise<void> {
  if (memoryBytesMax !== null && engine === 'llama') limitMemory(memoryBytesMax)
  const loaded = await (engine === 'llama' ? new LlamaEngine() : new ReferenceEngine()).load(weights, options)
  model = new Scheduler(loaded, { isDeterministic, ...(queueMax === null ? {} : { queueMax }) })
  send({ type: 'loaded', info: model.info, caps: model.caps() })
}

function loadedModel(): Scheduler {
  if (model === null) throw new AppError('bug', 'ENGINE_MISUSED', 'The engine was asked before its model was loaded')
  return model
}

async function generate(id: number, request: GenerateRequest, signal: AbortSignal): Promise<void> {
  for await (const event of loadedModel().generate(request, signal)) send({ type: 'event', id, event })
}

async function answer(id: number, call: HostCall, signal: AbortSignal): Promise<void> {
  send({ type: 'value', id, value: await resultOf(call, signal) })
}

async function resultOf(call: HostCall, signal: AbortSignal): Promise<HostValue> {
  const generator = loadedModel()
  switch (call.verb) {
    case 'logits':
      return generator.logits(call.tokens, call.adapters, signal)
    case 'attach':
      await generator.attachAdapter(call.adapter)
      return null
    case 'detach':
      await generator.detachAdapter(call.adapterId)
      return null
    case 'embed':
      return generator.embed(call.sequences, call.pooling)
    case 'tokenize':
      return generator.tokenize(call.text, { special: call.special, addBos: call.addBos })
    case 'pieces':
      return generator.pieces()
  }
}

async function serve(id: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  running.set(id, controller)
  try {
    await work(controller.signal)
  } catch (error) {
    send({ type: 'failed', id, error: describe(error) })
  } finally {
    running.delete(id)
  }
}

function describe(thrown: unknown): HostError {
  const { kind, code, message, data } = toAppError(thrown)
  return { kind, code, message, data }
}

process.on('message', (message: ToHost) => {
  if (message.type === 'generate') void serve(message.id, (signal) => generate(message.id, message.request, signal))
  else if (message.type === 'call') void serve(message.id, (signal) => answer(message.id, message.call, signal))
  else if (message.type === 'cancel') running.get(message.id)?.abort()
  else if (message.type === 'ping') send({ type: 'pong', ...(model?.stats() ?? { running: 0, queued: 0 }) })
  else void load(message.task).catch((error: unknown) => send({ type: 'not-loaded', error: describe(error) }))
})
process.on('disconnect', () => process.exit(0))
