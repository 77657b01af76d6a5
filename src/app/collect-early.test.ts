/** What V8 makes of what it is told: another release may know other flags, or read them otherwise. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const MODULE = JSON.stringify(new URL('./collect-early.ts', import.meta.url).href)

/**
 * Passes 400 MiB of buffers, and objects that grow old, through a heap of some 20 MiB. How often all of it was collected
 * meanwhile, and what V8 said of its flags.
 */
function passBuffers(heap: 'SERVER_HEAP' | 'COMMAND_HEAP'): { whole: number; said: string } {
  const program = `
    import { constants, PerformanceObserver } from 'node:perf_hooks'
    import { setTimeout } from 'node:timers/promises'
    import { collectEarly, collectStartUp, ${heap} } from ${MODULE}
    collectEarly(${heap})
    const live = Array.from({ length: 300_000 }, (_, i) => ({ i, text: 'x'.repeat(i % 7) }))
    const passing = []
    const served = []
    await setTimeout(100)
    collectStartUp()
    let whole = 0
    const isWhole = ({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR
    new PerformanceObserver((list) => { whole += list.getEntries().filter(isWhole).length }).observe({ entryTypes: ['gc'] })
    for (let mib = 0; mib < 400; mib++) {
      for (let i = 0; i < 16; i++) passing.push(Buffer.from(new ArrayBuffer(65_536)))
      while (passing.length > 64) passing.shift()
      served.push(Array.from({ length: 1_000 }, () => ({ mib })))
      while (served.length > 100) served.shift()
      await setTimeout(1)
    }
    await setTimeout(20)
    process.stdout.write(String(live.length > 0 ? whole : 0))`
  const args = ['--input-type=module', '--eval', program]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { whole: Number(stdout), said: stderr }
}

test('a server with room collects all of a small heap rarely, a command when it must, and V8 knows all flags', () => {
  const [server, command] = [passBuffers('SERVER_HEAP'), passBuffers('COMMAND_HEAP')]
  expect([server.said, command.said]).toEqual(['', ''])
  expect(server.whole).toBeLessThan(4)
  // What grows old is 30 MiB here, of which a command lets 24 pile up.
  expect(command.whole).toBeGreaterThan(0)
  expect(command.whole).toBeLessThan(12)
})
