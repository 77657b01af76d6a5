/** A server that answers for long: what a thousand answers cost its processes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openChat, readChat } from '../farm/chat-client.ts'
import { findChildren, residentBytes } from '../farm/child-processes.ts'
import { HubProcess, ROOT } from '../farm/hub-process.ts'

const DEMO = join(ROOT, 'test/vectors/models/demo-chat')
const QUESTIONS = ['What is the capital of Japan?', 'What is 3 plus 4?', 'What color is the sky?', 'Hello!']
const AT_ONCE = 16
const GROWTH_MAX = 1.05

async function ask(hub: HubProcess, index: number): Promise<void> {
  const messages = [{ role: 'user', content: QUESTIONS[index % QUESTIONS.length] }]
  const opened = await openChat(hub.url, { model: 'demo-chat', temperature: 0, messages, stream: true })
  expect(opened.status).toBe(200)
  // Every fourth leaves in the middle.
  if (index % 4 === 3) return opened.leave()
  expect((await readChat(opened)).last.data).toBe('[DONE]')
}

async function askMany(hub: HubProcess, count: number): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await ask(hub, next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** The least of some moments: what is only not collected yet does not count. */
async function settled(pids: Readonly<Record<string, number>>): Promise<Record<string, number>> {
  const least: Record<string, number> = {}
  for (let i = 0; i < 20; i++) {
    await sleep(250)
    for (const [name, pid] of Object.entries(pids)) {
      least[name] = Math.min(least[name] ?? Number.POSITIVE_INFINITY, residentBytes(pid))
    }
  }
  return least
}

test('a thousand answers after a hundred: no process grows by a twentieth', { timeout: 600_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'serve-memory-'))
  const hub = await HubProcess.start(folder, { args: [DEMO] })
  try {
    await askMany(hub, 100)
    const child = (entry: string) => findChildren(hub.pid, entry)[0] as number
    const pids = { server: hub.pid, engine: child('engine-host'), text: child('text-host') }
    const before = await settled(pids)
    await askMany(hub, 1_000)
    const after = await settled(pids)
    const shown = Object.keys(pids).map((name) => {
      const [from, to] = [before[name] as number, after[name] as number]
      expect.soft(to, `${name} grew from ${from}`).toBeLessThan(GROWTH_MAX * from)
      return `${name} ${Math.round(from / 1e6)} -> ${Math.round(to / 1e6)} MB`
    })
    process.stdout.write(`a thousand answers: ${shown.join(', ')}\n`)
  } finally {
    await hub.stop()
    await rm(folder, { recursive: true })
  }
})
