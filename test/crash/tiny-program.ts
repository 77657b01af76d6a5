/**
 * Run as a program, `KIND FOLDER`: what tracer.test.ts follows. Stores three files and says each, as it should be done or
 * with one fsync left out; then git makes a repository beside them.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { CALL_NUMBERS } from './call-reader.ts'
import { stopAtCalls } from './kernel.ts'

const [, , kind = '', folder = ''] = process.argv
stopAtCalls(CALL_NUMBERS)
for (const name of ['one', 'two', 'three']) {
  const temp = join(folder, `${name}.tmp`)
  writeFileSync(temp, name.repeat(1000), { flush: kind !== 'no fsync of the file' })
  renameSync(temp, join(folder, name))
  if (kind !== 'no fsync of the folder') {
    const open = openSync(folder, 'r')
    fsyncSync(open)
    closeSync(open)
  }
  writeSync(1, `${name}\n`)
}
execFileSync('git', ['init', '--quiet', '--bare', '--template=', join(folder, 'repo.git')])
