import { defineConfig } from 'vitest/config'
import type { Reporter } from 'vitest/node'

/** One plain last line that scripts can read: `vitest: 12 passed, 0 failed, 1 skipped`. */
const closingLine: Reporter = {
  onTestRunEnd(modules, unhandledErrors) {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state !== 'pending') count[state]++
      }
      if (module.errors().length > 0) count.failed++
    }
    console.log(`vitest: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  },
}

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Run by .ci/run: they install and drive programs that are not ours.
    exclude: ['test/interop/**', '**/node_modules/**'],
    setupFiles: ['test/install-kernels.ts'],
    reporters: ['default', closingLine],
    // As many as the smallest machine has cores: the default leaves one of two idle.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
