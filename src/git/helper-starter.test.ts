/** Programs that a helper starts are to their callers as children of this process are. */
import { once } from 'node:events'
import { afterAll, describe, expect, test } from 'vitest'
import { type GitProcess, ownStarter, type ProcessStarter } from './git-process.ts'
import { HelperStarter } from './helper-starter.ts'

const helper = new HelperStarter()
afterAll(() => helper.close())

const shell = (starter: ProcessStarter, script: string): GitProcess =>
  starter.start({ program: '/bin/sh', args: ['-c', script], env: { PATH: '/usr/bin:/bin' }, cwd: '/' })

async function ended(child: GitProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve))
}

async function textOf(stream: GitProcess['stdout']): Promise<string> {
  let text = ''
  for await (const part of stream) text += part
  return text
}

describe.each([
  ['a child of this process', ownStarter],
  ['a child of the helper', helper],
] as const)('%s', (_name, starter) => {
  test('gives its output, its errors and its exit status', async () => {
    const child = shell(starter, 'echo out; echo bad >&2; pwd; exit 3')
    const closed = ended(child)
    child.stdin.end()
    expect(await Promise.all([textOf(child.stdout), textOf(child.stderr), closed])).toEqual(['out\n/\n', 'bad\n', 3])
    expect([child.exitCode, child.signalCode]).toEqual([3, null])
  })

  test('takes megabytes and gives them back to a reader that is slower', async () => {
    const child = shell(starter, 'cat')
    const closed = ended(child)
    child.stderr.resume()
    const block = Buffer.alloc(1 << 20, 'x')
    const writing = (async () => {
      for (let i = 0; i < 8; i++) if (!child.stdin.write(block)) await once(child.stdin, 'drain')
      child.stdin.end()
    })()
    let bytes = 0
    for await (const part of child.stdout) {
      bytes += (part as Buffer).length
      await new Promise((resolve) => setImmediate(resolve))
    }
    await writing
    expect([bytes, await closed]).toEqual([8 << 20, 0])
  })

  test('is killed, and ends whoever reads and writes', async () => {
    const child = shell(starter, 'exec sleep 60')
    const closed = ended(child)
    child.stdout.resume()
    child.stderr.resume()
    expect(child.kill('SIGKILL')).toBe(true)
    expect(await closed).toBe(null)
    expect([child.exitCode, child.signalCode]).toEqual([null, 'SIGKILL'])
    expect(child.kill('SIGKILL')).toBe(false)
  })

  test('that cannot be started says so', async () => {
    const child = starter.start({ program: '/nonexistent/program', args: [], env: {}, cwd: '/' })
    child.stdin.on('error', () => child.stdin.destroy())
    const error = await new Promise<Error>((resolve) => child.once('error', resolve))
    expect(error.message).toContain('ENOENT')
  })

  test('whose reader leaves ends all the same', async () => {
    const child = shell(starter, 'while :; do echo more; done')
    const closed = ended(child)
    child.stderr.resume()
    for await (const part of child.stdout) if (String(part).includes('more')) break
    child.kill('SIGKILL')
    expect(await closed).toBe(null)
  })
})

test('a helper that ends takes its programs with it, and the next start has a new one', async () => {
  const starter = new HelperStarter()
  const child = shell(starter, 'echo "$PPID"; exec sleep 60')
  const closed = ended(child)
  child.stderr.resume()
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  process.kill(Number(String(line)), 'SIGKILL')
  expect(await closed).toBe(null)
  const next = shell(starter, 'echo again')
  next.stderr.resume()
  expect(await textOf(next.stdout)).toBe('again\n')
  await starter.close()
})
