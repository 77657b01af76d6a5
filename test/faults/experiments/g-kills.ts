/**
 * Group G19: the server is killed at random moments of a push. After each restart every commit that is reachable leads
 * to whole, right bytes, git finds nothing wrong, and the same push succeeds.
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { checkRepo } from '../../farm/check-repo.ts'
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
    await checkRepo(lab.hub, { repo, token: lab.alice, acknowledged })
    const again = await lab.run(args, { folder: await lab.scratch() })
    assert.equal(again.code, 0, `seed ${seed}, round ${round}: ${again.stdout}${again.stderr}`)
    acknowledged.set(name, content)
  }
  await checkRepo(lab.hub, { repo, token: lab.alice, acknowledged })
  return `seed ${seed}: ${interrupted} of ${ROUNDS} pushes interrupted`
}
