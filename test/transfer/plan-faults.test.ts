/** Reconstructions that change, or promise other chunks than come: the file gets no name. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pull } from '../../src/actions/pull.ts'
import { FakeHub, type HubFault, type PlanJson } from '../farm/fake-hub.ts'

function rangeOf({ terms, xorbs }: PlanJson, term: number) {
  const range = xorbs[terms[term]?.hash ?? '']?.[0]?.ranges[0]
  if (range === undefined) throw new Error(`The plan has no term ${term}`)
  return range
}

const FAULTS: Record<string, HubFault> = {
  'promises-a-chunk-more': {
    plan: (plan) => {
      rangeOf(plan, 0).chunks.end++
    },
  },
  'changes-with-new-addresses': {
    xorb: ({ response }) => {
      response.writeHead(403).end()
      return true
    },
    plan: (plan, _hub, hit) => {
      if (hit % 2 === 1) rangeOf(plan, 0).bytes.end--
    },
  },
}

let hub: FakeHub
let folder: string
beforeAll(async () => {
  hub = await FakeHub.start(FAULTS)
  folder = await mkdtemp(join(tmpdir(), 'xorbit-plans-'))
})
afterAll(async () => {
  await hub.close()
  await rm(folder, { recursive: true })
})

test.each([
  ['promises-a-chunk-more', 'XORB_RANGE_MISMATCH'],
  ['changes-with-new-addresses', 'PLAN_CHANGED'],
])('a plan that %s', async (fault, code) => {
  const env = { HOME: folder, XORBIT_HOME: join(folder, 'none') }
  const cacheDir = join(folder, fault)
  const pulled = pull({ ref: `f/${fault}`, endpoint: hub.url, cacheDir, files: ['weights.bin'], token: 'hf_test', env })
  await expect(pulled).rejects.toMatchObject({ kind: 'integrity', code })
  const names = await readdir(cacheDir, { recursive: true })
  expect(names.filter((name) => /weights|parts\/|blobs\/[0-9a-f]/.test(name))).toEqual([])
})
