/** The engines that are measured, each in a process of its own with one compute thread: ours, and two that are not. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { systemClock } from '../src/base/clock.ts'
import { EngineProcess } from '../src/engine/engine-process.ts'
import type { WeightsDtype } from '../src/engine/token-engine.ts'
import { type EngineRates, FIGURES, measure, SLOT_COUNT } from './engine-rates.ts'

/** 512 for each slot: llama.cpp's server divides it. */
const CONTEXT_TOKENS = 4096

/** As the server uses it, with scheduler and process border, out of safetensors. */
export async function measureOurs(directory: string, dtype: WeightsDtype, cacheFolder: string): Promise<EngineRates> {
  const started = systemClock.monotonicMs()
  const model = { contextTokens: CONTEXT_TOKENS, slotCount: SLOT_COUNT, threadCount: 1, cacheFolder }
  await using engine = await EngineProcess.start({ kind: 'hf-directory', path: directory, dtype }, { model })
  const loadMs = systemClock.monotonicMs() - started
  return await measure({
    pid: engine.pid,
    loadMs,
    async run(tokens, tokenCountMax) {
      const request = { tokens, adapters: [], tokenCountMax, stopTokens: [], sampling: { temperature: 0 } }
      for await (const event of engine.generate(request)) if (event.type === 'done') return
      throw new Error('an answer has no end')
    },
  })
}

/** node-llama-cpp, installed in `folder`. */
export async function measureNodeLlama(gguf: string, folder: string): Promise<EngineRates> {
  const script = new URL('./engine-peer.mjs', import.meta.url).pathname
  const words = [script, folder, JSON.stringify({ gguf, ...FIGURES })]
  const { stdout } = await promisify(execFile)(process.execPath, words, { maxBuffer: 1 << 24 })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as EngineRates
}

/** llama.cpp's own HTTP server, out of the wheel in the environment in `folder`. */
export async function measureLlamaServer(gguf: string, folder: string): Promise<EngineRates> {
  const started = systemClock.monotonicMs()
  const script = new URL('./llama_server.py', import.meta.url).pathname
  const words = [script, gguf, String(CONTEXT_TOKENS), String(SLOT_COUNT)]
  const child = spawn(join(folder, 'venv/bin/python'), words, { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  try {
    const url = await listeningAt(child.stdout)
    const loadMs = systemClock.monotonicMs() - started
    return await measure({
      pid: child.pid,
      loadMs,
      async run(prompt, n_predict) {
        const asked = { prompt, n_predict, temperature: 0, ignore_eos: true, cache_prompt: false }
        const { tokens_predicted } = (await post(`${url}/completion`, asked)) as { tokens_predicted: number }
        if (tokens_predicted !== n_predict) throw new Error(`${tokens_predicted} tokens of ${n_predict}`)
      },
    })
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

async function listeningAt(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    const [, url] = /^listening (http\S+)$/.exec(line) ?? []
    if (url !== undefined) return url
  }
  throw new Error('the server of the peer does not start')
}

function post(url: string, body: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', headers: { 'content-type': 'application/json' } }, async (answer) => {
      let text = ''
      for await (const part of answer.setEncoding('utf8')) text += part
      if (answer.statusCode === 200) resolve(JSON.parse(text))
      else reject(new Error(`${answer.statusCode}: ${text.slice(0, 200)}`))
    })
    asked.on('error', reject)
    asked.end(JSON.stringify(body))
  })
}
