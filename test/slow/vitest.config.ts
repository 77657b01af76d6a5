/** `npm run slow`: what `npm test` leaves out (files.ts). */
import { defineConfig } from 'vitest/config'
import { closingLine } from '../closing-line.ts'
import { SLOW_FILES } from './files.ts'

export default defineConfig({
  test: {
    include: [...SLOW_FILES],
    setupFiles: ['test/install-kernels.ts'],
    reporters: ['default', closingLine('slow')],
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
})
