/** `npm run guards`: what needs the real limits of a real server, and so minutes. */
import { defineConfig } from 'vitest/config'
import { closingLine } from '../closing-line.ts'

export default defineConfig({
  test: {
    include: ['test/guards/*.slow.ts'],
    reporters: ['default', closingLine('guards')],
    // One after the other: a flood beside it would make a stop look slow.
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
})
