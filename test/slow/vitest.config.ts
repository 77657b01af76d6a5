/** `npm run slow`: what `npm test` leaves out (files.ts). */
import { defineConfig } from 'vitest/config'
import { closingLine } from '../closing-line.ts'
import { SLOW_FILES } from './files.ts'

export default defineConfig({
  test: {
    // Tries a few in `npm test`, ten thousand of each format here unless told otherwise.
    include: [...SLOW_FILES, 'test/fuzz/model-loads.test.ts'],
    env: { FUZZ_LOADS: process.env.FUZZ_LOADS ?? '10000' },
    setupFiles: ['test/install-kernels.ts'],
    reporters: ['default', closingLine('slow')],
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
})
