/** Group L, an engine that dies, hangs, starves or computes nonsense: what it was doing ends clearly, and it comes back. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { type Frame, openChat, readChat } from '../../farm/chat-client.ts'
import { findChildren } from '../../farm/child-processes.ts'
import { runProgram } from '../../farm/hub-process.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import {
  assertChatRefused,
  checkAnswers,
  DEMO,
  ENDLESS,
  JAPAN,
  postChat,
  say,
  spoiltModel,
  untilAnswers,
  withModels,
} from '../models.ts'

const SOON_MS = 5_000
const now = () => systemClock.monotonicMs()

export const ENGINE_EXPERIMENTS: Experiments = {
  L5: tellsNonsense,
  L10: (lab) => comesBack(lab, (pid) => void process.kill(pid, 'SIGABRT')),
  L11: (lab) => comesBack(lab, (pid) => void process.kill(pid, 'SIGSTOP')),
  L12: survivesStarvation,
}

const engineOf = (lab: Lab): number => findChildren(lab.hub.pid, 'engine-host')[0] as number

/** L5: a norm of NaN makes every logit one. The answer ends, and no request waits behind it. */
async function tellsNonsense(lab: Lab): Promise<void> {
  const broken = await spoiltModel(lab, 'demo-chat', {
    'model.safetensors': (bytes) => {
      const end = 8 + Number(bytes.readBigUInt64LE())
      const [from, to] = JSON.parse(bytes.subarray(8, end).toString())['model.norm.weight'].data_offsets
      return bytes.fill(0xff, end + from, end + to)
    },
  })
  await withModels(lab, [DEMO, broken], async (server) => {
    // More than there are places: each was given back.
    for (let i = 0; i < 6; i++) {
      const asked = { model: basename(broken), messages: say('x'), stream: i % 2 === 0 }
      assertChatRefused(await postChat(server, asked), 500, 'engine_nan', /NaN/)
    }
    await checkAnswers(server)
  })
}

/** L10, L11: an error event for who was being answered, 503 with a time for who asks then, and an answer in seconds. */
async function comesBack(lab: Lab, spoil: (pid: number) => void): Promise<string> {
  return withModels(lab, [DEMO], async (server) => {
    const [running, beside] = [await openChat(server.hub.url, { ...ENDLESS, stream: true }), 3]
    const others = Array.from({ length: beside }, () => openChat(server.hub.url, { ...ENDLESS, stream: true }))
    const { pid } = server.hub
    let spoiltMs = 0
    let last: Frame | null = null
    for await (const frame of running) {
      last = frame
      if (spoiltMs !== 0) continue
      await Promise.all(others)
      spoiltMs = now()
      spoil(engineOf(server))
    }
    assert.equal(last?.event, 'error')
    assert.equal(JSON.parse(last.data).error.code, 'engine_died')
    for (const other of others) assert.equal((await readChat(await other)).last.event, 'error')
    const clearMs = now() - spoiltMs
    await untilAnswers(server, now)
    const backMs = now() - spoiltMs
    assert.ok(backMs < SOON_MS, `back after ${Math.round(backMs)} ms`)
    await checkAnswers(server)
    assert.equal(server.hub.pid, pid)
    return `told within ${Math.round(clearMs)} ms, back within ${Math.round(backMs)} ms`
  })
}

/** L12: the kernel gives the engine no more memory. Whatever becomes of it, the next one answers, and nothing loops. */
async function survivesStarvation(lab: Lab): Promise<string> {
  return withModels(lab, [DEMO], async (server) => {
    await checkAnswers(server)
    const starved = engineOf(server)
    const { code, stderr } = await runProgram('prlimit', ['--pid', String(starved), '--data=1:1'])
    assert.equal(code, 0, stderr)
    const asked = Array.from({ length: 4 }, (_, i) => {
      return postChat(server, { ...ENDLESS, messages: say(`${'word '.repeat(90)}${i}`), logprobs: true })
    })
    const replies = await Promise.all(asked)
    const statuses = replies.map(({ status }) => status)
    assert.ok(
      statuses.every((status) => [200, 413, 503].includes(status)),
      `${statuses}`,
    )
    await untilAnswers(server, now)
    const log = readFileSync(`${server.hub.folder}/serve.log`, 'utf8')
    const deaths = log.split('\n').filter((line) => line.includes("engine's process ended")).length
    assert.ok(deaths <= 1, `it died ${deaths} times`)
    assert.equal(deaths === 1, engineOf(server) !== starved)
    assert.equal((await postChat(server, JAPAN)).status, 200)
    return `${statuses}, ${deaths} deaths`
  })
}
