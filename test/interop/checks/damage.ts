/**
 * One byte flipped in a stored xorb, and on the way: never delivered, told plainly, contained, and repaired by pushing
 * the file again with a client that believes it has sent it all.
 */
import assert from 'node:assert/strict'
import { mkdir, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../../farm/hub-process.ts'
import { LyingProxy } from '../../farm/lying-proxy.ts'
import { namesBelow } from '../../faults/spoil.ts'
import type { Check } from '../check.ts'
import { mustEnd, type Stand, sha256Of } from '../stand.ts'
import { hub2 } from '../venvs.ts'

const REPO = 'alice/damage'
const FILE_BYTES = 3 << 20
const READERS = ['curl', 'xorbit', 'hf'] as const
type Reader = (typeof READERS)[number]

interface Place {
  readonly repo: string
  /** The damaged file; its neighbour's chunks lie in the same xorb. */
  readonly victim: string
  readonly neighbour: string
  readonly folder: string
  readonly clientHome: string
}

/** Where a byte was changed, and to what. */
interface Flip {
  readonly xorb: string
  readonly path: string
  readonly at: number
  readonly value: number
}

export function damageChecks(stand: Stand): Check[] {
  const places = new Map<Reader, Place>()
  const before: string[] = []
  const flips: Flip[] = []
  const placeOf = (reader: Reader): Place => {
    const place = places.get(reader)
    if (place === undefined) throw new Error(`nothing was damaged for ${reader}`)
    return place
  }
  return [
    ...READERS.map((reader) => ({
      name: `a flipped stored byte is not delivered to ${reader}, which meets it first`,
      run: async () => {
        const place = await upload(stand, reader)
        before.push(await casUrl(stand, place.repo))
        flips.push(await flipStoredByte(stand, place))
        places.set(reader, place)
        await assertRefused(stand, place, reader)
      },
    })),
    {
      name: 'nor to any other reader afterwards',
      run: async () => {
        for (const first of READERS) for (const reader of READERS) await assertRefused(stand, placeOf(first), reader)
      },
    },
    {
      name: 'intact chunks of the same xorb stay readable to all',
      run: async () => {
        for (const first of READERS)
          for (const reader of READERS) await assertRead(stand, placeOf(first), placeOf(first).neighbour, reader)
      },
    },
    { name: 'the CAS address has another epoch after each damage', run: () => assertNewEpoch(stand, before) },
    {
      name: 'pushing again with hf_xet repairs it',
      run: async () => {
        for (const first of READERS) {
          const place = placeOf(first)
          mustEnd(await hfUpload(stand, place), 'hf upload again')
          for (const reader of READERS) await assertRead(stand, place, place.victim, reader)
        }
      },
    },
    { name: 'damaged copies that were replaced are in quarantine', run: () => assertQuarantined(stand, flips) },
    { name: 'a byte flipped on the way is not delivered by xorbit', run: () => flipOnTheWay(stand) },
    { name: 'a connection cut on the way is not delivered by xorbit', run: () => cutOnTheWay(stand) },
  ]
}

/** Both files in one upload: hf_xet packs them in one xorb. */
async function upload(stand: Stand, name: string): Promise<Place> {
  const folder = join(await stand.scratch(), 'files')
  await mkdir(folder)
  const place = {
    repo: `${REPO}-${name}`,
    victim: 'a.bin',
    neighbour: 'b.bin',
    folder,
    clientHome: await stand.scratch(),
  }
  for (const file of [place.victim, place.neighbour])
    await stand.randomFile(join(folder, file), FILE_BYTES, `${name} ${file}`)
  mustEnd(await hfUpload(stand, place), 'hf upload')
  return place
}

async function hfUpload(stand: Stand, { repo, folder, clientHome }: Place) {
  return stand.hf(await hub2('1.8.0'), ['upload', repo, folder, '.'], { home: clientHome })
}

/** Flips one bit in the middle of what the victim's plan leads to, in the file below the server's home. */
async function flipStoredByte(stand: Stand, { repo, victim }: Place): Promise<Flip> {
  const hash = (await stand.tree(repo)).get(victim)?.xetHash
  assert.ok(hash, `${victim} has no Xet hash`)
  const token = (await stand.send(`/api/models/${repo}/xet-read-token/main`)).json() as {
    casUrl: string
    accessToken: string
  }
  const plan = await stand.send(`${new URL(token.casUrl).pathname}/v1/reconstructions/${hash}`, {
    token: token.accessToken,
  })
  const info = plan.json().fetch_info as Record<string, { url_range: { start: number; end: number } }[]>
  const [xorb, fetches] = Object.entries(info)[0] ?? []
  const range = fetches?.[0]?.url_range
  assert.ok(xorb && range, `no plan: ${plan.body}`)
  const names = await readdir(join(stand.hub.home, 'blobs', 'xorbs'), { recursive: true })
  const name = names.find((found) => found.endsWith(xorb))
  assert.ok(name, `no file for xorb ${xorb}`)
  const path = join(stand.hub.home, 'blobs', 'xorbs', name)
  const file = await open(path, 'r+')
  const at = Math.floor((range.start + range.end) / 2)
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
  buffer[0] = (buffer[0] as number) ^ 4
  await file.write(buffer, 0, 1, at)
  await file.close()
  return { xorb, path, at, value: buffer[0] }
}

async function assertRefused(stand: Stand, { repo, victim }: Place, reader: Reader): Promise<void> {
  const folder = await stand.scratch()
  if (reader === 'curl') {
    const { code, stdout } = await curl(stand, `/${repo}/resolve/main/${victim}`, join(folder, victim))
    const [status, length] = stdout.split(' ').map(Number)
    if (code === 0) assert.ok((status ?? 0) >= 400, `curl got a whole answer of ${status}`)
    else assert.ok(code === 18 && (length ?? FILE_BYTES) < FILE_BYTES, `curl ended with ${code} after ${length} bytes`)
    return
  }
  const target = join(folder, 'down')
  const finished =
    reader === 'xorbit'
      ? await stand.xorbit(['pull', repo, victim, '--local-dir', target])
      : await stand.hf(await hub2('1.8.0'), ['download', repo, victim, '--local-dir', target], { timeoutMs: 120_000 })
  assert.notEqual(finished.code, 0, `${reader} reported success`)
  if (reader === 'xorbit') {
    assert.equal(finished.code, 13, finished.stdout + finished.stderr)
    assert.match(
      finished.stdout + finished.stderr,
      new RegExp(victim.replace('.', '\\.')),
      'the message does not name the file',
    )
  }
  assert.ok(!(await namesBelow(target)).includes(victim), `${reader} left a file`)
}

async function assertRead(stand: Stand, { repo, folder }: Place, name: string, reader: Reader): Promise<void> {
  const target = join(await stand.scratch(), 'down')
  await mkdir(target)
  const path = join(target, name)
  if (reader === 'curl') mustEnd(await curl(stand, `/${repo}/resolve/main/${name}`, path), 'curl')
  else if (reader === 'xorbit') mustEnd(await stand.xorbit(['pull', repo, name, '--local-dir', target]), 'pull')
  else mustEnd(await stand.hf(await hub2('1.8.0'), ['download', repo, name, '--local-dir', target]), 'hf download')
  assert.equal(await sha256Of(path), await sha256Of(join(folder, name)), `${reader} got other bytes of ${name}`)
}

function curl(stand: Stand, path: string, target: string) {
  const args = ['-s', '-o', target, '-w', '%{http_code} %{size_download}', '-H', `Authorization: Bearer ${stand.alice}`]
  return runProgram('curl', [...args, `${stand.hub.url}${path}`], { timeoutMs: 60_000 })
}

async function casUrl(stand: Stand, repo: string): Promise<string> {
  const reply = await stand.send(`/api/models/${repo}/xet-read-token/main`)
  return String(reply.json().casUrl)
}

/** Clients believe for 21 days what they heard at one address. */
async function assertNewEpoch(stand: Stand, before: readonly string[]): Promise<void> {
  const now = await casUrl(stand, `${REPO}-${READERS[0]}`)
  assert.equal(new Set([...before, now]).size, before.length + 1, `${[...before, now]}`)
}

/**
 * A copy that a push replaced is kept apart, not deleted. A push that packed the file's chunks otherwise replaced
 * nothing: then the copy stays, for the sake of its intact chunks.
 */
async function assertQuarantined(stand: Stand, flips: readonly Flip[]): Promise<string> {
  const names = await readdir(join(stand.hub.home, 'blobs', 'quarantine'), { recursive: true })
  let replaced = 0
  for (const { xorb, path, at, value } of flips) {
    const file = await open(path)
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
    await file.close()
    if (buffer[0] === value) continue
    replaced++
    assert.ok(
      names.some((name) => name.includes(xorb)),
      `${xorb} was replaced and is not in quarantine: ${names}`,
    )
  }
  return `${replaced} of ${flips.length} replaced`
}

async function flipOnTheWay(stand: Stand): Promise<void> {
  const place = await upload(stand, 'proxy')
  const proxy = await LyingProxy.start(stand.hub.url, (exchange, answer) => {
    const isData =
      exchange.method === 'GET' && /\/v1\/xorbs\/|\/resolve\//.test(exchange.path) && answer.body.length > 1000
    if (isData) answer.body[answer.body.length >> 1] = (answer.body[answer.body.length >> 1] as number) ^ 1
    return answer
  })
  await refuseThrough(stand, place, proxy)
}

async function cutOnTheWay(stand: Stand): Promise<void> {
  const place = await upload(stand, 'cut')
  const proxy = await LyingProxy.start(stand.hub.url, (exchange, answer) => {
    if (exchange.method === 'GET' && /\/v1\/xorbs\/|\/resolve\//.test(exchange.path) && answer.body.length > 1000) {
      answer.body = answer.body.subarray(0, answer.body.length - 500)
    }
    return answer
  })
  await refuseThrough(stand, place, proxy)
}

async function refuseThrough(stand: Stand, { repo, victim }: Place, proxy: LyingProxy): Promise<void> {
  try {
    const target = join(await stand.scratch(), 'down')
    const { code, stdout, stderr } = await stand.xorbit(['pull', repo, '--local-dir', target], { endpoint: proxy.url })
    assert.ok(code === 13 || code === 14, `pull ended with ${code}: ${stdout}${stderr}`)
    assert.ok(!(await namesBelow(target)).includes(victim), 'a spoiled file was delivered')
  } finally {
    await proxy.close()
  }
}
