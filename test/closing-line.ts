/** One plain last line that scripts can read: `vitest: 12 passed, 0 failed, 1 skipped`. */
import type { Reporter } from 'vitest/node'

export function closingLine(word: string): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors) {
      const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
      for (const module of modules) {
        for (const test of module.children.allTests()) {
          const { state } = test.result()
          if (state !== 'pending') count[state]++
        }
        if (module.errors().length > 0) count.failed++
      }
      process.stdout.write(`${word}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`)
    },
  }
}
