/**
 * The sweep against a plain model: what a repository reaches, and what anybody was promised less than 22 days ago, is
 * there, whatever happens in whatever order; in the end everything else is gone.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/base/clock.ts'
import { DedupIndex } from '../../src/cas/dedup-index.ts'
import { parseDedupShard } from '../../src/xet/shard-reader.ts'
import { BLOCKS, bytesOf, Crash, chunkOf, FILES, hashOf, SmallCas, sha256Of, xorbOf } from './small-cas.ts'

const DAY = 86_400
const PROMISE = 22 * DAY
const ACCOUNTS = ['ann', 'bob'] as const
const REPOS = ['r1', 'r2'] as const

interface Model {
  /** `account xorb` and `account file` to the second until which they hold. */
  readonly xorbs: Map<string, number>
  readonly files: Map<string, number>
  readonly repos: Map<string, Set<number>>
}

interface Real {
  readonly cas: SmallCas
  readonly clock: ManualClock
}

const pair = (account: string, what: string | number) => `${account} ${what}`
const account = fc.constantFrom(...ACCOUNTS)
const repo = fc.constantFrom(...REPOS)
const file = fc.nat(FILES.length - 1)
const block = fc.nat(BLOCKS - 1)

class Step implements fc.AsyncCommand<Model, Real> {
  readonly #label: string
  readonly #act: (model: Model, real: Real) => Promise<void>

  constructor(label: string, act: (model: Model, real: Real) => Promise<void>) {
    this.#label = label
    this.#act = act
  }

  check(): boolean {
    return true
  }

  async run(model: Model, real: Real): Promise<void> {
    await this.#act(model, real)
    await checkPromises(model, real)
  }

  toString(): string {
    return this.#label
  }
}

/** Everything that holds is there. */
async function checkPromises(model: Model, { cas, clock }: Real): Promise<void> {
  for (const files of model.repos.values()) {
    for (const each of files) expect((await cas.read(each)).equals(bytesOf(each))).toBe(true)
  }
  for (const [key, until] of model.xorbs) {
    if (until <= clock.nowSeconds()) continue
    const [who = '', xorb = ''] = key.split(' ')
    expect([key, (await cas.holdings.findXorb(xorb as never)) !== null]).toEqual([key, true])
    expect([key, await cas.holdings.rightsOf(who).mayUseXorb(xorb as never)]).toEqual([key, true])
  }
  for (const [key, until] of model.files) {
    if (until <= clock.nowSeconds()) continue
    const found = await cas.holdings.findFile(hashOf(Number(key.split(' ')[1])))
    expect([key, found !== null]).toEqual([key, true])
  }
}

function promise(model: Model, { clock }: Real, who: string, what: { xorbs?: string[]; file?: number }): void {
  const until = clock.nowSeconds() + PROMISE
  for (const xorb of what.xorbs ?? []) model.xorbs.set(pair(who, xorb), until)
  if (what.file !== undefined) model.files.set(pair(who, what.file), until)
}

const upload = (who: string, each: number) =>
  new Step(`upload xorb ${each} by ${who}`, async (model, real) => {
    await real.cas.putXorb(who, each)
    promise(model, real, who, { xorbs: [xorbOf(each)] })
  })

const register = (who: string, each: number) =>
  new Step(`upload file ${each} by ${who}`, async (model, real) => {
    const used = FILES[each] ?? []
    for (const i of used) await real.cas.putXorb(who, i)
    await real.cas.putShard(who, each)
    promise(model, real, who, { xorbs: used.map(xorbOf), file: each })
  })

const dedup = (who: string, each: number) =>
  new Step(`ask for chunk ${each} by ${who}`, async (model, real) => {
    const answer = await new DedupIndex(real.cas.holdings, new Uint8Array(32)).answer(who, chunkOf(each))
    if (answer === null) return
    promise(model, real, who, { xorbs: parseDedupShard(answer).xorbs.map(({ hash }) => hash) })
  })

const commit = (who: string, where: string, each: number) =>
  new Step(`commit file ${each} to ${where} by ${who}`, async (model, real) => {
    const until = model.files.get(pair(who, each)) ?? 0
    const done = await real.cas.commit(who, where, each)
    // Who was told that the file is here may commit it.
    if (until > real.clock.nowSeconds()) expect(done).toBe(true)
    if (done) model.repos.set(where, (model.repos.get(where) ?? new Set()).add(each))
  })

const forget = (where: string, each: number) =>
  new Step(`rewrite ${where} without file ${each}`, async (model, real) => {
    model.repos.get(where)?.delete(each)
    real.cas.roots.repos.get(where)?.delete(sha256Of(each))
  })

const remove = (where: string) =>
  new Step(`delete ${where}`, async (model, real) => {
    model.repos.delete(where)
    await real.cas.deleteRepo(where)
  })

const sweep = new Step('sweep', async (_model, real) => real.cas.sweep())

const crash = (after: number) =>
  new Step(`sweep, killed before change ${after}`, async (_model, { cas }) => {
    let left = after
    cas.onChange = async () => {
      if (left-- === 0) throw new Crash()
    }
    await cas.sweep().catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error
    })
    cas.reopen()
  })

const jump = (seconds: number) =>
  new Step(`clock jumps by ${seconds / DAY} days`, async (_model, { clock }) => clock.advance(seconds))

const commands = fc.commands(
  [
    fc.tuple(account, block).map(([a, b]) => upload(a, b)),
    fc.tuple(account, file).map(([a, f]) => register(a, f)),
    fc.tuple(account, block).map(([a, b]) => dedup(a, b)),
    fc.tuple(account, repo, file).map(([a, r, f]) => commit(a, r, f)),
    fc.tuple(repo, file).map(([r, f]) => forget(r, f)),
    repo.map(remove),
    fc.constant(sweep),
    fc.nat(25).map(crash),
    fc.constantFrom(-3600, 3600, DAY, 8 * DAY, 21 * DAY, 24 * DAY).map(jump),
  ],
  { maxCommands: 40 },
)

test('nothing that is reached or promised is ever missing, and all else goes', async () => {
  let swept = 0
  await fc.assert(
    fc.asyncProperty(commands, async (steps) => {
      const clock = new ManualClock(1_800_000_000)
      const real: Real = { cas: new SmallCas(clock), clock }
      const model: Model = { xorbs: new Map(), files: new Map(), repos: new Map() }
      await fc.asyncModelRun(() => ({ model, real }), steps)
      for (const days of [60, 8, 8]) {
        clock.advance(days * DAY)
        await real.cas.sweep()
      }
      await checkPromises(model, real)
      const reached = [...model.repos.values()].flatMap((files) => [...files].flatMap((each) => FILES[each] ?? []))
      expect(await real.cas.listXorbs()).toEqual([...new Set(reached.map(xorbOf))].sort())
      swept += BLOCKS - new Set(reached).size
    }),
    { numRuns: 300 },
  )
  expect(swept).toBeGreaterThan(0)
}, 120_000)
