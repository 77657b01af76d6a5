/**
 * Group G19: the server is killed at random moments of a push. After each restart every commit that is reachable leads
 * to whole, right bytes, git finds nothing wrong, and the same push succeeds.
 */
import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { runProgram } from '../../farm/hub-process.ts'
import { seededBytes } from '../forge.ts'
import type { Lab } from '../lab.ts'

const ROUNDS = 12
const FILE_BYTES = 3 << 20

export async function survivesKills(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const seed = randomInt(1 << 30)
  const acknowledged = new Map<string, Buffer>()
  let interrupted = 0
  for (let round = 0; round < ROUNDS; round++) {
    const folder = await lab.scratch()
    const name = `round-${round}.bin`
    const content = Buffer.from(seededBytes(seed + round, FILE_BYTES))
    await mkdir(join(folder, 'in'))
    await writeFile(join(folder, 'in', name), content)
    const args = ['push', repo, join(folder, 'in'), '--json']
    const push = lab.run(args, { folder })
    // Most of a push is the start of its process: the kills are spread over the second half.
    await systemClock.sleep(300 + ((seed >> (round % 16)) % 37) * 25)
    await lab.restart('SIGKILL')
    const first = await push
    if (first.code === 0) acknowledged.set(name, content)
    else interrupted++
    await checkInvariants(lab, repo, acknowledged)
    const again = await lab.run(args, { folder: await lab.scratch() })
    assert.equal(again.code, 0, `seed ${seed}, round ${round}: ${again.stdout}${again.stderr}`)
    acknowledged.set(name, content)
  }
  await checkInvariants(lab, repo, acknowledged)
  return `seed ${seed}: ${interrupted} of ${ROUNDS} pushes interrupted`
}

async function checkInvariants(lab: Lab, repo: string, acknowledged: ReadonlyMap<string, Buffer>): Promise<void> {
  const folder = join(lab.hub.home, 'repos', 'models', `${repo}.git`)
  const fsck = await runProgram('git', ['--git-dir', folder, 'fsck', '--strict', '--no-dangling'], {
    timeoutMs: 30_000,
  })
  assert.equal(fsck.code, 0, `git fsck: ${fsck.stdout}${fsck.stderr}`)
  const tree = await lab.send(`/api/models/${repo}/tree/main?recursive=true`, { token: lab.alice })
  assert.equal(tree.status, 200, `${tree.body}`)
  const entries = tree.json() as unknown as { path: string; type: string; lfs?: { oid: string } }[]
  for (const { path, lfs } of entries.filter(({ type }) => type === 'file')) {
    const reply = await lab.send(`/${repo}/resolve/main/${path}`, { token: lab.alice })
    assert.equal(reply.status, 200, `${path}: ${reply.status} ${reply.body.subarray(0, 200)}`)
    assert.ok(reply.complete, `${path} was cut short`)
    if (lfs) assert.equal(createHash('sha256').update(reply.body).digest('hex'), lfs.oid, `${path} differs`)
  }
  for (const [path, content] of acknowledged) {
    const reply = await lab.send(`/${repo}/resolve/main/${path}`, { token: lab.alice })
    assert.ok(reply.body.equals(content), `${path} was acknowledged and is lost`)
  }
}
