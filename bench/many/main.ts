/**
 * `npm run many -- [--files 10000] [--gib 20] [--text] [--local-dir] [--quick]`: a repository of many files, pushed,
 * pulled, compared, and pulled again. Fails when a byte is wrong, when a pull asks the server more than twice a file or the
 * second one more than once, or when memory grows with the files: all is done with a thousand files before, where there
 * are to be several thousand, and is to take about the same.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Stand } from '../../test/interop/stand.ts'
import { Content } from './content.ts'
import { type Measured, runMeasured } from './measured-run.ts'

const MIB = 1 << 20
/** Of a client process, however many files there are. */
const PEAK_MIB_MAX = { push: 300, pull: 200, again: 150 } as const
/** By which it may be more than with a thousand: names, sizes and digests, 2 KiB a file, and what waits to be collected. */
const GROWTH_MIB_MAX = 60
const FEW_FILES = 1000
/** Plan and bytes; a few more for what is no file. */
const REQUESTS_A_FILE = 2
const REQUESTS_MORE = 100
const BYTES_EACH_MIN = 64

const { values } = parseArgs({
  options: {
    files: { type: 'string' },
    gib: { type: 'string' },
    text: { type: 'boolean', default: false },
    'local-dir': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
})
const files = Number(values.files ?? (values.quick ? 300 : 10_000))
const gib = Number(values.gib ?? (values.quick ? 0.1 : 20))
const bytesEach = Math.max(BYTES_EACH_MIN, Math.floor((gib * 2 ** 30) / files))
let [passed, failed] = [0, 0]
function write(text: string): void {
  process.stdout.write(`${text}\n`)
}

function expect(isRight: boolean, what: string): void {
  isRight ? passed++ : failed++
  write(`${isRight ? 'ok  ' : 'FAIL'} ${what}`)
}

interface Round {
  readonly push: Measured
  readonly pull: Measured
  readonly again: Measured
}

/** Pushes, pulls, pulls again, and compares. */
async function run(stand: Stand, repo: string, content: Content): Promise<Round> {
  const { files, bytesEach } = content.shape
  write(`many: ${files} ${values.text ? 'text' : 'binary'} files of ${bytesEach} bytes`)
  const show = (verb: string, { seconds, peakBytes, requests }: Measured) => {
    const rate = `${Math.round(files / seconds)} files/s, ${Math.round((files * bytesEach) / 1e6 / seconds)} MB/s`
    write(`${verb.padEnd(10)} ${seconds.toFixed(1)} s   ${rate}   ${requests} requests   peak ${mib(peakBytes)} MiB`)
  }
  const [home, source] = [await stand.scratch(), join(await stand.scratch(), 'in')]
  await mkdir(source)
  await content.writeAll(source)
  const push = await runMeasured(stand, home, ['push', repo, source])
  show('push', push)
  await rm(source, { recursive: true })
  write(`stored     ${mib(await sizeBelow(join(stand.hub.home, 'blobs')))} MiB of ${mib(files * bytesEach)} MiB`)

  const target = join(home, 'target')
  const verb = ['pull', repo, values['local-dir'] ? '--local-dir' : '--cache-dir', target]
  const pull = await runMeasured(stand, home, verb)
  show('pull', pull)
  const again = await runMeasured(stand, home, verb)
  show('pull again', again)

  const snapshots = join(target, `models--${repo.replace('/', '--')}`, 'snapshots')
  const pulled = values['local-dir'] ? target : join(snapshots, (await readdir(snapshots))[0] ?? '')
  const wrong = await content.findWrong(pulled)
  await rm(home, { recursive: true })
  expect(wrong.length === 0, `every byte came back (${wrong.length} wrong files)`)
  const requestsMax = REQUESTS_A_FILE * files + REQUESTS_MORE
  expect(pull.requests <= requestsMax, `the pull asked at most ${requestsMax} times (${pull.requests})`)
  expect(again.requests === 1, `the second pull asked the server once (${again.requests})`)
  return { push, pull, again }
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB)
}

async function sizeBelow(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}

const stand = await Stand.open()
try {
  const shape = { files, bytesEach, text: values.text }
  const fewShape = { ...shape, files: FEW_FILES, first: files }
  const few = files >= 4 * FEW_FILES ? await run(stand, 'alice/few', new Content(fewShape)) : null
  const many = await run(stand, 'alice/many', new Content(shape))
  for (const verb of ['push', 'pull', 'again'] as const) {
    const peak = mib(many[verb].peakBytes)
    expect(peak < PEAK_MIB_MAX[verb], `${verb} stays below ${PEAK_MIB_MAX[verb]} MiB (${peak})`)
    if (few === null) continue
    const growth = peak - mib(few[verb].peakBytes)
    expect(growth < GROWTH_MIB_MAX, `${verb} takes at most ${GROWTH_MIB_MAX} MiB more than with few files (${growth})`)
  }
} finally {
  await stand.close()
}
write(`many: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
