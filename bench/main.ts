/**
 * `npm run bench -- [--quick] [--json] [chunk-hash|transfer]`: our speed beside hf_xet's on this machine, in the same
 * minutes. Ratios say more than seconds: above 1 we are better.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchChunkHash, type ChunkHashResult } from './chunk-hash.ts'
import { benchTransfer, type TransferResult } from './transfer.ts'

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const wants = (name: string) => positionals.length === 0 || positionals.includes(name)

function write(text: string): void {
  if (!values.json) process.stdout.write(`${text}\n`)
}

function writeJson(bench: string, result: ChunkHashResult | TransferResult): void {
  if (values.json) process.stdout.write(`${JSON.stringify({ event: 'bench', bench, ...result })}\n`)
}

write(`${cpus().length} cores, ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`)
if (wants('chunk-hash')) {
  const results = await benchChunkHash(values.quick ? { mib: 192, rounds: 2 } : { mib: 1024, rounds: 5 })
  write('\nchunk + hash, CPU of the work alone   (ratio: rate by that of hf_xet)')
  for (const result of results) {
    writeJson('chunk-hash', result)
    const rates = Object.entries(result.cpuSeconds).map(([name, seconds]) => {
      const ratio = result.ratios[name]
      return `${name} ${Math.round(result.bytes / 1e6 / seconds)} MB/s${ratio === undefined ? '' : ` (${ratio.toFixed(2)})`}`
    })
    write(
      `${result.kind.padEnd(8)} ${String(Math.round(result.bytes / 1048576)).padStart(5)} MiB   ${rates.join('   ')}`,
    )
  }
}
if (wants('transfer')) {
  const results = await benchTransfer(values.quick ? { mib: 128, rounds: 1 } : { mib: 1024, rounds: 3 })
  write('\npush and pull over loopback, whole client processes')
  write('verb  client   wall s   MB/s   client CPU s   peak MiB   server CPU s')
  for (const result of results) {
    writeJson('transfer', result)
    for (const [client, cost] of Object.entries(result.costs)) {
      const cells = [
        cost.wallSeconds.toFixed(2).padStart(7),
        String(Math.round(result.bytes / 1e6 / cost.wallSeconds)).padStart(6),
        cost.cpuSeconds.toFixed(2).padStart(14),
        String(Math.round(cost.peakBytes / 1048576)).padStart(10),
        cost.serverCpuSeconds.toFixed(2).padStart(14),
      ]
      write(`${result.verb.padEnd(5)} ${client.padEnd(8)}${cells.join(' ')}`)
    }
    write(`      ratio    wall ${result.ratios.wall.toFixed(2)}, client CPU ${result.ratios.cpu.toFixed(2)}`)
  }
}
