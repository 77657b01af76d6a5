/** kill -9 of the server during pushes by hf_xet: what was acknowledged is there, and the same push then succeeds. */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { checkRepo } from '../../farm/check-repo.ts'
import { LyingProxy } from '../../farm/lying-proxy.ts'
import type { Check } from '../check.ts'
import { mustEnd, type Stand } from '../stand.ts'
import { hub2 } from '../venvs.ts'

const ROUNDS = 20
const FILE_BYTES = 24 << 20
/** hf_xet waits for a server that is gone; a client that still tries after this is ended. */
const CLIENT_MS = 60_000

export function killChecks(stand: Stand): Check[] {
  return [
    { name: 'kill -9 between shard and commit', run: () => killBeforeCommit(stand) },
    { name: `kill -9 at ${ROUNDS} random moments of a push`, run: () => killAnywhere(stand) },
  ]
}

async function killBeforeCommit(stand: Stand): Promise<void> {
  const repo = 'alice/kill-commit'
  const bin = await hub2('1.8.0')
  const home = await stand.scratch()
  const folder = await stand.scratch()
  await stand.randomFile(join(folder, 'a.bin'), FILE_BYTES, 'kill commit')
  let killed = 0
  const proxy = await LyingProxy.start(stand.hub.url)
  proxy.onRequest = async ({ path }) => {
    if (!/\/commit\//.test(path) || killed > 0) return
    killed++
    await stand.hub.stop('SIGKILL')
  }
  const first = await stand.hf(bin, ['upload', repo, folder, '.'], { home, endpoint: proxy.url, timeoutMs: CLIENT_MS })
  await proxy.close()
  assert.equal(killed, 1, 'no commit was sent')
  assert.notEqual(first.code, 0, 'the push was reported as done')
  await stand.hub.start()
  mustEnd(await stand.hf(bin, ['upload', repo, folder, '.'], { home }), 'the push after the restart')
  await checkRepo(stand.hub, {
    repo,
    token: stand.alice,
    acknowledged: new Map([['a.bin', await readFile(join(folder, 'a.bin'))]]),
  })
}

async function killAnywhere(stand: Stand): Promise<string> {
  const repo = 'alice/kill-anywhere'
  const bin = await hub2('1.8.0')
  const seed = randomInt(1 << 30)
  const acknowledged = new Map<string, Uint8Array>()
  let broken = 0
  const usualMs = await timeOfPush(stand, bin)
  for (let round = 0; round < ROUNDS; round++) {
    const home = await stand.scratch()
    const folder = await stand.scratch()
    const name = `r${round}.bin`
    await stand.randomFile(join(folder, name), FILE_BYTES, `${seed} ${round}`)
    const content = await readFile(join(folder, name))
    const push = stand.hf(bin, ['upload', repo, folder, '.'], { home, timeoutMs: CLIENT_MS })
    await systemClock.sleep(usualMs * (0.25 + 0.8 * fractionOf(seed, round)))
    await stand.hub.stop('SIGKILL')
    await stand.hub.start()
    const first = await push
    if (first.code === 0) acknowledged.set(name, content)
    else broken++
    await checkRepo(stand.hub, { repo, token: stand.alice, acknowledged }).catch((error: Error) => {
      // Killed before the repository was made, or between its folder and its name: then there is nothing to hold.
      if (acknowledged.size > 0 || !/^(git fsck|tree: 404)/.test(error.message))
        throw new Error(`seed ${seed} round ${round}, ${acknowledged.size} acknowledged: ${error.message}`)
    })
    mustEnd(
      await stand.hf(bin, ['upload', repo, folder, '.'], { home }),
      `seed ${seed} round ${round}: the same push again`,
    )
    acknowledged.set(name, content)
  }
  await checkRepo(stand.hub, { repo, token: stand.alice, acknowledged })
  return `seed ${seed}: ${broken} of ${ROUNDS} pushes were broken off`
}

/** How long the same push takes when nothing happens: the kills are spread over that time and a little beyond. */
async function timeOfPush(stand: Stand, bin: string): Promise<number> {
  const folder = await stand.scratch()
  await stand.randomFile(join(folder, 'usual.bin'), FILE_BYTES, 'usual')
  const started = systemClock.monotonicMs()
  mustEnd(await stand.hf(bin, ['upload', 'alice/kill-usual', folder, '.']), 'a push that nothing disturbs')
  return systemClock.monotonicMs() - started
}

/** In [0, 1), the same for one seed. */
function fractionOf(seed: number, round: number): number {
  return (Math.imul(seed ^ Math.imul(round, 0x9e3779b1), 0x85ebca6b) >>> 0) / 2 ** 32
}
