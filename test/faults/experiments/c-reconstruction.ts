/** Group C: plans and xorb answers that do not fit together, between our server and `xorbit pull`. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lie } from '../../farm/lying-proxy.ts'
import type { Experiments } from '../experiment.ts'
import { FILLING, forgeFile, forgeRecord, forgeShard, forgeXorb, listOf, seededBytes, seededChunks } from '../forge.ts'
import { assertRefused, type Lab, type Published } from '../lab.ts'
import {
  assertDelivered,
  assertNothingDelivered,
  isReconstruction,
  isXorbRead,
  pullThrough,
  spoilPlan,
  spoilXorb,
} from '../spoil.ts'

const LENGTHS = [30_000, 40_000, 20_000, ...FILLING]

async function published(lab: Lab, lengths: readonly number[] = LENGTHS): Promise<Published> {
  const repo = await lab.freshRepo()
  return lab.publish(repo, 'model.bin', seededChunks(lab.next(), lengths))
}

async function refusesPlan(lab: Lab, change: Parameters<typeof spoilPlan>[0]): Promise<void> {
  const file = await published(lab)
  await assertNothingDelivered(await pullThrough(lab, file.repo, spoilPlan(change)), file)
}

/** Every fetch range of a plan, in either of its two shapes. */
// biome-ignore lint/suspicious/noExplicitAny: a plan under attack.
function fetchesOf(plan: any): any[] {
  return Object.values(plan.xorbs ?? plan.fetch_info ?? {}).flat()
}

export const RECONSTRUCTION_EXPERIMENTS: Experiments = {
  async C1(lab) {
    await refusesPlan(lab, (plan) => {
      plan.terms[0].unpacked_length += 1
    })
    await refusesPlan(lab, (plan) => {
      plan.terms[0].unpacked_length = 0
    })
    await refusesPlan(lab, (plan) => plan.terms.push({ ...plan.terms[0] }))
    await refusesPlan(lab, (plan) => {
      plan.terms = []
    })
  },
  async C2(lab) {
    await refusesPlan(lab, (plan) => {
      if (plan.xorbs) plan.xorbs = {}
      else plan.fetch_info = {}
    })
    await refusesPlan(lab, (plan) => {
      for (const fetch of fetchesOf(plan)) {
        const chunks = fetch.range ?? fetch.ranges[0].chunks
        chunks.end -= 1
      }
    })
    // A plan is asked for again, once: a server that then tells the truth is believed.
    const file = await published(lab)
    let asked = 0
    const lie: Lie = (exchange, answer) => {
      if (!isReconstruction(exchange) || asked++ > 0) return answer
      return spoilPlan((plan) => {
        if (plan.xorbs) plan.xorbs = {}
        else plan.fetch_info = {}
      })(exchange, answer)
    }
    await assertDelivered(await pullThrough(lab, file.repo, lie), file)
  },
  async C3(lab) {
    for (const offset of [LENGTHS.reduce((sum, length) => sum + length), 2 ** 40, -1]) {
      await refusesPlan(lab, (plan) => {
        plan.offset_into_first_range = offset
      })
    }
  },
  async C4(lab) {
    const parts = (body: Buffer, ranges: readonly string[], boundary = 'B') =>
      Buffer.concat([
        ...ranges.flatMap((range) => [Buffer.from(`\r\n--${boundary}\r\nContent-Range: ${range}\r\n\r\n`), body]),
        Buffer.from(`\r\n--${boundary}--\r\n`),
      ])
    const lies: ((body: Buffer) => Buffer)[] = [
      () => Buffer.from('\r\n--B--\r\n'),
      (body) => parts(body, [`bytes 5-${body.length + 4}/999999`]),
      (body) => parts(body, [`bytes 0-${body.length - 1}/999999`], 'WRONG'),
      (body) => parts(body.subarray(0, 30_008), ['bytes 30008-60015/99999', 'bytes 0-30007/99999']),
    ]
    const multipart = lies.map(
      (change): Lie =>
        spoilXorb((body, answer) => {
          answer.headers['content-type'] = 'multipart/byteranges; boundary=B'
          delete answer.headers['content-range']
          return change(body)
        }),
    )
    const wrongRanges = ['bytes 1-90000/99999', 'bytes 0-1/2', 'nonsense'].map(
      (range): Lie =>
        spoilXorb((body, answer) => {
          answer.headers['content-range'] = range
          return body
        }),
    )
    // Each is tried again for a while: they run at once.
    await Promise.all(
      [...multipart, ...wrongRanges].map(async (lie) => {
        const file = await published(lab)
        const pulled = await pullThrough(lab, file.repo, lie)
        await assertNothingDelivered(pulled, file, pulled.finished.code === 14 ? 14 : 13)
      }),
    )
  },
  async C5(lab) {
    const file = await published(lab)
    const other = forgeRecord({ payload: seededBytes(4242, 40_000), plainLength: 40_000 })
    const lie = spoilXorb((body) => {
      const changed = Buffer.from(body)
      changed.set(other, 30_008)
      return changed
    })
    const pulled = await pullThrough(lab, file.repo, lie)
    await assertNothingDelivered(pulled, file)
    assert.match(pulled.finished.stdout + pulled.finished.stderr, /model\.bin/, 'the message does not name the file')
  },
  C6: replacesLongerFile,
  C7: answersRanges,
  C8: asksWithinFile,
  C9: readsManyTerms,
  C10: survivesNewPlan,
}

async function replacesLongerFile(lab: Lab): Promise<void> {
  const file = await published(lab)
  const folder = await lab.scratch()
  const target = join(folder, 'files')
  await mkdir(target)
  await writeFile(join(target, file.path), seededBytes(5, file.content.length + 50_000))
  const pull = await lab.run(['pull', file.repo, '--local-dir', target, '--json'], { folder })
  assert.equal(pull.code, 0, pull.stdout + pull.stderr)
  assert.ok((await readFile(join(target, file.path))).equals(file.content), 'a stale tail is left')
}

/** C7: a range's first byte, its last, past the end, reversed; of resolve, of a xorb, of a plan. */
async function answersRanges(lab: Lab): Promise<void> {
  const file = await published(lab)
  const plans = `${file.cas.path}/v1/reconstructions/${file.fileHash}`
  const plan = await lab.send(plans, { token: file.cas.token })
  const info = (plan.json() as { fetch_info: Record<string, { url: string }[]> }).fetch_info[file.xorb.hash]?.[0]
  assert.ok(info)
  const { pathname, search } = new URL(info.url)
  const sources = [
    { path: `/${file.repo}/resolve/main/model.bin`, size: file.content.length, bytes: file.content },
    { path: pathname + search, size: file.xorb.body.length, bytes: Buffer.from(file.xorb.body) },
  ]
  for (const { path, size, bytes } of sources) {
    const ask = (range: string) =>
      lab.send(path, { headers: { range: `bytes=${range}` }, ...(path.includes('/cas/') ? {} : { token: lab.alice }) })
    for (const at of [0, size - 1]) {
      const reply = await ask(`${at}-${at}`)
      assert.equal(reply.status, 206, path)
      assert.equal(reply.headers['content-range'], `bytes ${at}-${at}/${size}`)
      assert.deepEqual([...reply.body], [bytes[at]])
    }
    assert.equal((await ask(`${size}-${size}`)).status, 416, path)
    assert.equal((await ask('5-2')).status, 416, path)
  }
  const size = file.content.length
  const statuses = []
  for (const range of ['0-0', `${size - 1}-${size - 1}`, `${size}-${size}`, '5-2']) {
    statuses.push((await lab.send(plans, { token: file.cas.token, headers: { range: `bytes=${range}` } })).status)
  }
  assert.deepEqual(statuses, [200, 200, 416, 416])
}

/** C8: nothing past the end of the file or of a xorb is asked for, so no 416 is ever seen. */
async function asksWithinFile(lab: Lab): Promise<void> {
  const file = await published(lab)
  const pulled = await pullThrough(lab, file.repo, (_exchange, answer) => answer)
  await assertDelivered(pulled, file)
  assert.deepEqual(
    pulled.proxy.exchanges.filter(({ status }) => status === 416),
    [],
  )
  for (const { path, requestHeaders } of pulled.proxy.exchanges.filter(isReconstruction)) {
    const start = Number(/bytes=(\d+)-/.exec(requestHeaders.range ?? '')?.[1] ?? 0)
    assert.ok(start < file.content.length, `${path} asked from ${start}`)
  }
}

/** C9: a hundred thousand terms of one chunk each. */
async function readsManyTerms(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const cas = await lab.cas(repo)
  const xorb = forgeXorb(seededChunks(lab.next(), new Array(1000).fill(64)))
  assert.equal((await lab.putXorb(cas, xorb.hash, xorb.body)).status, 200)
  const count = 100_000
  // Steps of 7 within 1,000: no term continues the one before it.
  const ranges = Array.from({ length: count }, (_, i) => ({ xorb, start: (i * 7) % 1000, end: ((i * 7) % 1000) + 1 }))
  const content = Buffer.concat(ranges.map(({ start }) => xorb.plain[start] as Uint8Array))
  const sha256 = createHash('sha256').update(content).digest('hex')
  const file = { ...forgeFile(ranges), sha256 }
  const shard = await lab.putShard(cas, forgeShard({ files: [file], xorbs: [listOf(xorb)] }))
  assertRefused(shard, 200)
  const commit = await lab.commit(repo, [
    { key: 'lfsFile', value: { path: 'many.bin', algo: 'sha256', oid: sha256, size: content.length } },
  ])
  assertRefused(commit, 200)
  const growth = await lab.watchMemory()
  const started = process.hrtime.bigint()
  const folder = await lab.scratch()
  const pull = await lab.run(['pull', repo, '--local-dir', join(folder, 'files'), '--json'], { folder })
  assert.equal(pull.code, 0, pull.stdout + pull.stderr)
  assert.ok((await readFile(join(folder, 'files', 'many.bin'))).equals(content), 'the file differs')
  const seconds = Number((process.hrtime.bigint() - started) / 1_000_000n) / 1000
  assert.ok(seconds < 30, `${seconds} s`)
  assert.ok(growth() < 256 << 20, `the server grew by ${growth()}`)
  return `${seconds.toFixed(1)} s, server +${Math.round(growth() / 1048576)} MiB`
}

/** C10: the first plan's addresses stop working; the next plan has the same content in other ranges. */
async function survivesNewPlan(lab: Lab): Promise<void> {
  const file = await published(lab)
  let plans = 0
  const lie: Lie = (exchange, answer) => {
    if (isReconstruction(exchange) && ++plans > 1) {
      return spoilPlan((plan) => {
        // The same term, cut in two: lengths and fetch ranges still cover it.
        const [term] = plan.terms
        const [first = 0, ...others] = LENGTHS
        const second = others.reduce((sum, length) => sum + length)
        if (term.range.start !== 0 || term.range.end !== LENGTHS.length) return
        plan.terms = [
          { ...term, unpacked_length: first, range: { start: 0, end: 1 } },
          { ...term, unpacked_length: second, range: { start: 1, end: LENGTHS.length } },
        ]
      })(exchange, answer)
    }
    if (isXorbRead(exchange) && plans < 2) return { status: 403, headers: {}, body: Buffer.from('expired') }
    return answer
  }
  await assertDelivered(await pullThrough(lab, file.repo, lie), file)
  assert.ok(plans > 1, 'no second plan was asked for')
}
