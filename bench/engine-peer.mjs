/** node-llama-cpp on the figures of engine.ts: `node engine-peer.mjs FOLDER FIGURES`; its last line is the result. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, figures] = process.argv.slice(2)
const { gguf, promptTokens, outputTokens, prefillTokens, firstTokens } = JSON.parse(figures)
const entry = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href)
const tokensOf = (count, seed) => Array.from({ length: count }, (_, i) => 300 + (((i + seed) * 37) % 4000))

const started = performance.now()
const llama = await getLlama({ build: 'never', gpu: false, logLevel: LlamaLogLevel.error, maxThreads: 1 })
const model = await llama.loadModel({ modelPath: gguf, gpuLayers: 0 })
const size = { contextSize: 512, batchSize: 512, sequences: 8 }
const context = await model.createContext({ ...size, threads: 1, flashAttention: true, ignoreMemorySafetyChecks: true })
const loadMs = performance.now() - started

async function rate(tokenCount, work) {
  const [wall, cpu] = [performance.now(), process.cpuUsage()]
  await work()
  const used = process.cpuUsage(cpu)
  return { wall: (tokenCount / (performance.now() - wall)) * 1000, cpu: (tokenCount / (used.user + used.system)) * 1e6 }
}

async function run(seed, prompt, output) {
  const sequence = context.getSequence()
  let count = 0
  for await (const _ of sequence.evaluate(tokensOf(prompt, seed), { temperature: 0, yieldEogToken: true })) {
    if (++count >= output) break
  }
  await sequence.dispose()
}

let seed = 0
await run(seed++, promptTokens, 4)
const first = performance.now()
await run(500 + seed++, firstTokens, 1)
const firstMs = performance.now() - first
const prefill = await rate(prefillTokens, () => run(1000 + seed++, prefillTokens, 1))
const together = (count) => {
  const runs = () =>
    Promise.all(Array.from({ length: count }, () => run(2000 + 50 * seed++, promptTokens, outputTokens)))
  return rate(count * outputTokens, runs)
}
const decode = { 1: await together(1), 4: await together(4), 8: await together(8) }
process.stdout.write(`\n${JSON.stringify({ loadMs, firstMs, prefill, decode })}\n`)
process.exit(0)
