/** Tests that take long for what they add to the others: `npm run slow`, which `.ci/run` calls, runs them instead of `npm test`. */
export const SLOW_FILES: readonly string[] = [
  'src/engine/scheduling/soak-demo.test.ts',
  'test/care/commands.test.ts',
  'test/care/disk.test.ts',
  'test/cas/kill.test.ts',
  'test/cas/slow-senders.test.ts',
  'test/e2e/demo.test.ts',
  'test/e2e/package.test.ts',
  'test/e2e/repo-commands.test.ts',
  'test/e2e/serve-memory.test.ts',
  'test/guards/pace.test.ts',
  'test/hub/kill.test.ts',
  'test/store/crash.test.ts',
  'test/transfer/disk.test.ts',
  'test/transfer/limits.test.ts',
  'test/transfer/resume.test.ts',
]
