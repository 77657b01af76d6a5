import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BatchProcess } from './batch-process.ts'
import { GitCommand } from './git-command.ts'

test('what is asked while it ends is answered too, and so is what is asked afterwards', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xorbit-batch-'))
  const gitDir = join(folder, 'r.git')
  execFileSync('git', ['init', '-q', '--bare', gitDir])
  const input = 'some text'
  const oid = execFileSync('git', ['--git-dir', gitDir, 'hash-object', '-w', '--stdin'], { input }).toString().trim()
  const batch = new BatchProcess(await GitCommand.find(), gitDir, { withContent: true })
  const asked = [batch.ask(oid), batch.ask(oid)]
  batch.end()
  asked.push(batch.ask(oid))
  const answers = await Promise.all(asked)
  expect(answers.map((answer) => answer?.content.toString())).toEqual([input, input, input])
  expect((await batch.ask(oid))?.size).toBe(input.length)
  batch.end()
  await rm(folder, { recursive: true })
}, 10_000)
