/** Group E: what becomes of the server's process: stopped, paused, killed for its memory, started twice. */
import assert from 'node:assert/strict'
import { systemClock } from '../../../src/base/clock.ts'
import { sendRaw } from '../../farm/http-send.ts'
import { xorbit } from '../../farm/hub-process.ts'
import { MemoryCap } from '../../farm/memory-cap.ts'
import type { Experiments } from '../experiment.ts'
import { forgeXorb, seededChunks } from '../forge.ts'
import { assertRefused, type Lab } from '../lab.ts'
import { startSlowUpload } from '../slow-upload.ts'

const STOP_MS_MAX = 10_000
const PAUSE_MS = 60_000
const ROOM_BYTES = 4 << 20
const UNLIMITED_BYTES = 16 * 2 ** 30

export const PROCESS_EXPERIMENTS: Experiments = {
  E10: stopsUnderLoad,
  E12: survivesPause,
  E13: survivesMemoryKill,
  async E18(lab) {
    const args = ['serve', '--port', '0', '--home', lab.hub.home, '--json']
    const second = await xorbit(await lab.scratch(), args, { timeoutMs: 30_000 })
    assert.equal(second.code, 18, second.stdout + second.stderr)
    assert.match(second.stdout, /FOLDER_IN_USE/)
    assert.match(second.stdout, new RegExp(`\\\\"pid\\\\":${lab.hub.pid}\\b`), 'who holds it is not said')
    await lab.checkSound()
    lab.checkSameProcess()
  },
}

/** E10: SIGTERM while uploads run: they finish, nothing new begins, and the end is in time and of the right code. */
async function stopsUnderLoad(lab: Lab): Promise<string> {
  return lab.withAnother({}, async (own) => {
    const { url } = own.hub
    const cas = await own.cas()
    const uploads = await Promise.all(Array.from({ length: 4 }, () => startSlowUpload(own, cas)))
    // What the server has begun to read it has begun to run.
    await until(async () => (await own.temporaryFiles()).length === uploads.length)
    const begun = systemClock.monotonicMs()
    const stopped = own.hub.stop('SIGTERM')
    await until(async () => (await refusesNew(url)) === true)
    const answers = await Promise.all(uploads.map(({ finish }) => finish()))
    await stopped
    const tookMs = systemClock.monotonicMs() - begun
    const ended = await own.hub.ended()
    assert.deepEqual(ended, { code: 143, signal: null })
    assert.ok(tookMs < STOP_MS_MAX, `the end took ${tookMs} ms`)
    assert.deepEqual(answers, [200, 200, 200, 200], 'a running upload was not finished')
    await own.hub.start()
    const again = await own.cas()
    for (const { xorb } of uploads) {
      const grant = await own.send(`${again.path}/v1/xorb-grants/default/${xorb.hash}`, {
        method: 'POST',
        token: again.token,
      })
      assertRefused(grant, 200)
    }
    return `ended in ${Math.round(tookMs)} ms`
  })
}

async function refusesNew(url: string): Promise<boolean> {
  const text = await sendRaw(url, `GET /health HTTP/1.1\r\nHost: ${new URL(url).host}\r\nConnection: close\r\n\r\n`)
  return !text.startsWith('HTTP/1.1 200')
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = systemClock.monotonicMs() + STOP_MS_MAX
  while (!(await isSo())) {
    if (systemClock.monotonicMs() > end) throw new Error('waited in vain')
    await systemClock.sleep(20)
  }
}

/** E12: the process stands still for a minute, as in a suspended machine, with uploads half sent. */
async function survivesPause(lab: Lab): Promise<string> {
  return lab.withAnother({}, async (own) => {
    const file = await own.publish(await own.freshRepo(), 'before.bin', seededChunks(own.next(), [30_000]))
    const upload = await startSlowUpload(own, await own.cas())
    process.kill(own.hub.pid, 'SIGSTOP')
    try {
      const waiting = systemClock.sleep(PAUSE_MS)
      const thief = await xorbit(await own.scratch(), ['rebuild', '--home', own.hub.home, '--json'])
      assert.equal(thief.code, 18, `the lock of a paused server was taken: ${thief.stdout}${thief.stderr}`)
      await waiting
    } finally {
      process.kill(own.hub.pid, 'SIGCONT')
    }
    const answer = await upload.finish()
    assert.ok([200, 408, 'cut'].includes(answer), `the upload ended with ${answer}`)
    await own.checkSound()
    const again = await own.putXorb(await own.cas(), upload.xorb.hash, upload.xorb.body)
    assertRefused(again, 200)
    const read = await own.send(`/${file.repo}/resolve/main/before.bin`, { token: own.alice })
    assert.ok(read.body.equals(file.content))
    own.checkSameProcess()
    return `the upload ended with ${answer}`
  })
}

/** E13: the kernel kills the server for its memory while it takes an upload. */
async function survivesMemoryKill(lab: Lab): Promise<void> {
  const cap = await MemoryCap.create()
  await lab.withAnother({ before: cap.before }, async (own) => {
    const before = await own.publish(await own.freshRepo(), 'before.bin', seededChunks(own.next(), [30_000]))
    const xorbs = Array.from({ length: 8 }, () => forgeXorb(seededChunks(own.next(), Array(64).fill(131_072))))
    const cas = await own.cas()
    await cap.limit(own.hub.memory().own + ROOM_BYTES)
    const answers = await Promise.all(
      xorbs.map(({ hash, body }) =>
        own.putXorb(cas, hash, body).then(
          ({ status }) => status,
          () => 'cut',
        ),
      ),
    )
    const ended = await own.hub.ended()
    assert.equal(ended.signal, 'SIGKILL', `the server ended with ${JSON.stringify(ended)}`)
    await cap.limit(UNLIMITED_BYTES)
    await own.hub.start()
    assert.match(await own.hub.logTail(), /did not end/, 'the next start says nothing of it')
    await own.checkSound()
    const read = await own.send(`/${before.repo}/resolve/main/before.bin`, { token: own.alice })
    assert.ok(read.body.equals(before.content))
    const again = await own.cas()
    for (const [i, { hash, body }] of xorbs.entries()) {
      const grant = await own.send(`${again.path}/v1/xorb-grants/default/${hash}`, {
        method: 'POST',
        token: again.token,
      })
      if (answers[i] === 200) assertRefused(grant, 200)
      else assertRefused(await own.putXorb(again, hash, body), 200)
    }
    // A server that was ended properly leaves no such message.
    await own.hub.stop()
    const log = await own.hub.logTail()
    await own.hub.start()
    assert.equal(await own.hub.logTail(), log)
  })
  await cap.remove()
}
