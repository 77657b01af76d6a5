/**
 * `npm run many -- [--files 10000] [--gib 20] [--text] [--local-dir] [--quick]`: a repository of many files, pushed,
 * pulled, compared, and pulled again. Fails when a byte is wrong, when the second pull asks the server more than once, or
 * when memory grows with the files.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Stand } from '../../test/interop/stand.ts'
import { Content } from './content.ts'
import { type Measured, runMeasured } from './measured-run.ts'

const MIB = 1 << 20
const REPO = 'alice/many'
/** Of a client process, however many files there are. */
const PEAK_MIB_MAX = { push: 400, pull: 300, again: 200 } as const
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
const content = new Content({ files, bytesEach, text: values.text })

let [passed, failed] = [0, 0]
function write(text: string): void {
  process.stdout.write(`${text}\n`)
}

function expect(isRight: boolean, what: string): void {
  isRight ? passed++ : failed++
  write(`${isRight ? 'ok  ' : 'FAIL'} ${what}`)
}

function show(verb: string, { seconds, peakBytes, requests }: Measured): void {
  const rate = `${Math.round(files / seconds)} files/s, ${Math.round((files * bytesEach) / 1e6 / seconds)} MB/s`
  write(`${verb.padEnd(10)} ${seconds.toFixed(1)} s   ${rate}   ${requests} requests   peak ${mib(peakBytes)} MiB`)
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
  write(`many: ${files} ${values.text ? 'text' : 'binary'} files of ${bytesEach} bytes`)
  const [home, source] = [await stand.scratch(), join(await stand.scratch(), 'in')]
  await mkdir(source)
  await content.writeAll(source)
  const push = await runMeasured(stand, home, ['push', REPO, source])
  show('push', push)
  await rm(source, { recursive: true })
  write(`stored     ${mib(await sizeBelow(join(stand.hub.home, 'blobs')))} MiB of ${mib(files * bytesEach)} MiB`)

  const target = join(home, 'target')
  const verb = ['pull', REPO, values['local-dir'] ? '--local-dir' : '--cache-dir', target]
  const pull = await runMeasured(stand, home, verb)
  show('pull', pull)
  const again = await runMeasured(stand, home, verb)
  show('pull again', again)

  const snapshots = join(target, 'models--alice--many', 'snapshots')
  const pulled = values['local-dir'] ? target : join(snapshots, (await readdir(snapshots))[0] ?? '')
  const wrong = await content.findWrong(pulled)
  expect(wrong.length === 0, `every byte came back (${wrong.length} wrong files)`)
  expect(again.requests === 1, `the second pull asked the server once (${again.requests})`)
  for (const [name, { peakBytes }] of [
    ['push', push],
    ['pull', pull],
    ['again', again],
  ] as const) {
    expect(mib(peakBytes) < PEAK_MIB_MAX[name], `${name} stays below ${PEAK_MIB_MAX[name]} MiB (${mib(peakBytes)})`)
  }
} finally {
  await stand.close()
}
write(`many: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
