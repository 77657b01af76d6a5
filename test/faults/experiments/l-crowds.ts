/** Group L, many clients and odd ones: who leaves, who crawls, who is one of a hundred, and what the text is like. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { systemClock } from '../../../src/base/clock.ts'
import { type ChatStream, openChat, readChat } from '../../farm/chat-client.ts'
import { cpuSeconds, findChildren } from '../../farm/child-processes.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { checkAnswers, DEMO, ENDLESS, JAPAN, say, streamChat, TOKYO, withModels } from '../models.ts'

const PLACES = 4
const SOON_MS = 1_000
const now = () => systemClock.monotonicMs()
const stream = (lab: Lab, body: object) => openChat(lab.hub.url, { ...body, stream: true })

export const CLIENT_EXPERIMENTS: Experiments = {
  L6: freesPlaces,
  L13: outlivesCrawlers,
  L14: speaksUtf8,
  L15: queuesToABound,
  L18: repeatsItself,
}

/** L6: all places are taken; who leaves gives back theirs, and whoever stays or waits is not touched. */
async function freesPlaces(lab: Lab): Promise<string> {
  return withModels(lab, [DEMO], async (server) => {
    const staying = stream(server, { ...ENDLESS, max_tokens: 400, stream_options: { include_usage: true } })
    const leaving = await Promise.all(Array.from({ length: PLACES - 1 }, () => stream(server, ENDLESS)))
    for (const one of leaving) await firstFrame(one)
    // These wait for a place, then one leaves; and one leaves while its long prompt is computed.
    const [waiting, impatient] = [stream(server, JAPAN), stream(server, ENDLESS)]
    const long = stream(server, { ...ENDLESS, messages: say('word '.repeat(90)) })
    for (const gone of [impatient, long]) leaveSoon(gone)
    const fromMs = now()
    for (const one of leaving) one.leave()
    assert.equal((await readChat(await waiting)).text, TOKYO)
    const freedMs = now() - fromMs
    const stayed = await readChat(await staying)
    assert.ok(stayed.text.startsWith(TOKYO), 'who stayed got other words')
    assert.deepEqual([stayed.finish, stayed.usage?.completion_tokens], ['length', 400])
    await systemClock.sleep(SOON_MS)
    const engine = findChildren(server.hub.pid, 'engine-host')[0] as number
    const before = cpuSeconds(engine)
    await systemClock.sleep(SOON_MS)
    const spent = cpuSeconds(engine) - before
    assert.ok(spent < 0.2, `the engine computes for nobody: ${spent} s`)
    assert.ok(freedMs < 2 * SOON_MS, `a place came free after ${Math.round(freedMs)} ms`)
    await checkAnswers(server)
    return `a waiting request was answered ${Math.round(freedMs)} ms after others left`
  })
}

async function firstFrame(opened: ChatStream): Promise<void> {
  for await (const { data } of opened) if (data.includes('"content"')) return
}

/** The answer is given up, whether or not it has begun by then. */
function leaveSoon(opened: Promise<ChatStream>): void {
  opened.then(
    (one) => one.leave(),
    (error: unknown) => assert.match(String(error), /socket|ECONNRESET|no word/),
  )
}

/** L13: one byte a second is read of an answer; it keeps neither memory nor a place, and others are answered. */
async function outlivesCrawlers(lab: Lab): Promise<string> {
  return withModels(lab, [DEMO], async (server) => {
    await checkAnswers(server)
    const usual = server.hub.memory().now
    const body = JSON.stringify({ ...ENDLESS, stream: true, logprobs: true, top_logprobs: 20 })
    const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`
    const { hostname, port } = new URL(server.hub.url)
    const crawlers = Array.from({ length: 3 * PLACES }, () => {
      const socket = connect({ host: hostname, port: Number(port) })
      socket.on('error', () => socket.destroy())
      socket.write(head + body)
      socket.pause()
      return socket
    })
    const reading = setInterval(() => {
      for (const socket of crawlers) socket.read(1)
    }, 1_000)
    try {
      const fromMs = now()
      const { text } = await streamChat(server, JAPAN)
      assert.equal(text, TOKYO)
      const servedMs = now() - fromMs
      const grown = server.hub.memory().now - usual
      assert.ok(grown < 100 << 20, `the server grew by ${grown} bytes`)
      return `answered after ${Math.round(servedMs)} ms beside ${crawlers.length}, ${Math.round(grown / 2 ** 20)} MiB more`
    } finally {
      clearInterval(reading)
      for (const socket of crawlers) socket.destroy()
    }
  })
}

/** L14: hot enough, the model writes bytes that are no text; every frame is whole characters all the same. */
async function speaksUtf8(lab: Lab): Promise<string> {
  return withModels(lab, [DEMO], async (server) => {
    let replaced = 0
    for (let seed = 0; seed < 8; seed++) {
      const opened = await stream(server, { ...ENDLESS, temperature: 50, seed })
      for await (const { data } of opened) {
        // What is no UTF-8 on the wire would show as this character without being in the JSON as one.
        assert.ok(data.isWellFormed())
        replaced += data.split('\ufffd').length - 1
      }
    }
    assert.ok(replaced > 10, 'nothing odd was written')
    const plain = await streamChat(server, JAPAN)
    for (const stop of ['of Ja', 'n is T', 'kyo', ' capital of ']) {
      const { text, finish } = await streamChat(server, { ...JAPAN, stop })
      assert.deepEqual([text, finish], [TOKYO.slice(0, TOKYO.indexOf(stop)), 'stop'], stop)
    }
    assert.ok(plain.pieces > 4)
    return `${replaced} broken characters`
  })
}

/** L15: a hundred at once: as many as may wait are answered in order, the rest are told when to come again. */
async function queuesToABound(lab: Lab): Promise<string> {
  return withModels(lab, [DEMO], async (server) => {
    const ended: number[] = []
    const asked = Array.from({ length: 100 }, async (_, i) => {
      const opened = await stream(server, { ...ENDLESS, max_tokens: 30 })
      if (opened.status !== 200) return { opened, last: null }
      const { last } = await readChat(opened)
      ended.push(i)
      return { opened, last }
    })
    const all = await Promise.all(asked)
    const refused = all.filter(({ opened }) => opened.status !== 200)
    for (const { opened } of refused) {
      assert.equal(opened.status, 429)
      assert.ok(Number(opened.headers['retry-after']) > 0)
    }
    const served = all.filter(({ opened }) => opened.status === 200)
    assert.ok(served.length >= 64 && refused.length > 0, `${served.length} were answered`)
    for (const { last } of served) assert.equal(last?.data, '[DONE]')
    // Nobody is overtaken by many: those who are answered together end in any order.
    const late = ended.map((request, place) => place - ended.filter((other) => other < request).length)
    assert.ok(Math.max(...late) <= 2 * PLACES, `one was overtaken by ${Math.max(...late)}`)
    await checkAnswers(server)
    return `${served.length} answered, ${refused.length} sent away`
  })
}

/** L18: the same seed, the prefix in the cache or not. */
async function repeatsItself(lab: Lab): Promise<void> {
  await withModels(lab, [DEMO], async (server) => {
    const asked = { ...ENDLESS, temperature: 1, seed: 42, max_tokens: 60 }
    const texts: string[] = []
    for (let i = 0; i < 3; i++) {
      texts.push((await streamChat(server, asked)).text)
      await checkAnswers(server)
    }
    assert.equal(new Set(texts).size, 1, texts.join(' | '))
    assert.notEqual((await streamChat(server, { ...asked, seed: 43 })).text, texts[0])
  })
}
