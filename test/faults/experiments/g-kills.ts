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

const ROUNDS = 10
const FILE_BYTES = 3 << 20

export async function survivesKills(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const seed = randomInt(1 << 30)
  const acknowledged = new Map<string, Buffer>()
  let interrupted = 0
  let usualMs = 0
  for (let round = 0; round < ROUNDS; round++) {
    const folder = await lab.scratch()
    const name = `round-${round}.bin`
    const content = Buffer.from(seededBytes(seed + round, FILE_BYTES))
    await mkdir(join(folder, 'in'))
    await writeFile(join(folder, 'in', name), content)
    const args = ['push', repo, join(folder, 'in'), '--json']
    const push = lab.run(args, { folder })
    if (round === 0) {
      const started = systemClock.monotonicMs()
      const whole = await push
      assert.equal(whole.code, 0, whole.stdout + whole.stderr)
      usualMs = systemClock.monotonicMs() - started
      acknowledged.set(name, content)
      continue
    }
    // The first part of a push is the start of its process: the kills are spread over the rest, and a little beyond.
    await systemClock.sleep(usualMs * (0.3 + 0.8 * fractionOf(seed, round)))
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
  return `seed ${seed}: ${interrupted} of ${ROUNDS - 1} pushes interrupted`
}

/** In [0, 1), the same for one seed. */
function fractionOf(seed: number, round: number): number {
  return (Math.imul(seed ^ Math.imul(round, 0x9e3779b1), 0x85ebca6b) >>> 0) / 2 ** 32
}
