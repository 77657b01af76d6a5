import { defineConfig } from 'vitest/config'
import { closingLine } from './test/closing-line.ts'
import { SLOW_FILES } from './test/slow/files.ts'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Run by .ci/run: they install and drive programs that are not ours, or take long.
    exclude: ['test/interop/**', '**/node_modules/**', ...SLOW_FILES],
    setupFiles: ['test/install-kernels.ts'],
    reporters: ['default', closingLine('vitest')],
    // As many as the smallest machine has cores: the default leaves one of two idle.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
