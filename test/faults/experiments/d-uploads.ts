/** Group D: pushes whose answers are lost after the work was done, or come before the body was read. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Exchange, type Lie, LyingProxy } from '../../farm/lying-proxy.ts'
import type { Experiments } from '../experiment.ts'
import { seededBytes } from '../forge.ts'
import type { Lab } from '../lab.ts'
import { assertEnded, faster } from '../pulls.ts'

/** More than sockets hold on the way. */
const BYTES = 12 << 20

export const UPLOAD_EXPERIMENTS: Experiments = {
  D34: repeatsWithoutHarm,
  async D35(lab) {
    for (const [status, exit] of [
      [413, 19],
      [401, 11],
    ] as const) {
      for (const lingers of [true, false]) await seesEarlyAnswer(lab, status, exit, lingers)
    }
  },
}

const isXorb = ({ method, path }: Exchange) => method === 'POST' && path.includes('/v1/xorbs/')
const isShard = ({ method, path }: Exchange) => method === 'POST' && /\/v[12]\/shards/.test(path)
const isCommit = ({ method, path }: Exchange) => method === 'POST' && path.includes('/commit/')

/** A folder with one new large file. */
async function makeFolder(lab: Lab): Promise<{ folder: string; content: Buffer }> {
  const folder = join(await lab.scratch(), 'out')
  const content = Buffer.from(seededBytes(lab.next(), BYTES))
  await mkdir(folder)
  await writeFile(join(folder, 'model.bin'), content)
  return { folder, content }
}

function push(lab: Lab, repo: string, folder: string, endpoint: string) {
  return lab.run(['push', repo, folder, '--json'], { endpoint, env: faster(10) })
}

async function commitsOf(lab: Lab, repo: string): Promise<number> {
  const reply = await lab.send(`/api/models/${repo}/commits/main`, { token: lab.alice })
  assert.equal(reply.status, 200, `${reply.body}`)
  return (reply.json() as unknown as unknown[]).length
}

/** Xorb and shard are sent again and taken as the same; a commit is not, and the next push finds it done. */
async function repeatsWithoutHarm(lab: Lab): Promise<void> {
  for (const wanted of [isXorb, isShard, isCommit]) {
    const repo = await lab.freshRepo()
    const { folder, content } = await makeFolder(lab)
    let hits = 0
    const lie: Lie = (exchange, answer) => (wanted(exchange) && hits++ === 0 ? null : answer)
    const proxy = await LyingProxy.start(lab.hub.url, lie)
    try {
      const before = await commitsOf(lab, repo)
      const first = await push(lab, repo, folder, proxy.url)
      if (wanted === isCommit) {
        assertEnded(first, 14)
        assert.equal(hits, 1, 'the commit was sent twice')
        assertEnded(await push(lab, repo, folder, proxy.url), 0)
      } else assertEnded(first, 0)
      assert.equal(await commitsOf(lab, repo), before + 1, 'another number of commits')
      const sent = proxy.exchanges.filter(wanted)
      assert.ok(sent.every(({ status }) => status === 200))
      const read = await lab.send(`/${repo}/resolve/main/model.bin`, { token: lab.alice })
      assert.ok(read.body.equals(content), 'the server holds other bytes')
    } finally {
      await proxy.close()
    }
  }
}

/** The answer comes while the body goes up; the server reads no more and closes, at once or a moment later. */
async function seesEarlyAnswer(lab: Lab, status: number, exit: number, lingers: boolean): Promise<void> {
  const repo = await lab.freshRepo()
  const { folder } = await makeFolder(lab)
  const proxy = await LyingProxy.start(lab.hub.url)
  let asked = 0
  proxy.intercept = (exchange, reply) => {
    if (!isXorb(exchange)) return false
    asked++
    const { socket } = reply
    const body = '{"error":"refused before it was read"}'
    socket?.write(`HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`)
    socket?.pause()
    if (lingers) setTimeout(() => socket?.destroy(), 500)
    else socket?.end(() => socket.destroy())
    return true
  }
  try {
    const pushed = await push(lab, repo, folder, proxy.url)
    assertEnded(pushed, exit, new RegExp(`answered ${status}|"status":${status}`))
    assert.ok(asked <= 4, `asked ${asked} times`)
  } finally {
    await proxy.close()
  }
}
