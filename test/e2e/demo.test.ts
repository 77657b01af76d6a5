/** The demo looks at what it tells: whatever makes its story untrue ends it, with a code that says where. */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DemoStep, demo } from '../../src/actions/demo.ts'
import { ROOT, runProgram } from '../farm/hub-process.ts'

let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'demo-test-'))
})
afterAll(() => rm(scratch, { recursive: true }))

const signal = new AbortController().signal

/** Runs the demo; `disturb` is told of each step and the demo's folder. */
function demoWith(name: string, disturb: (step: DemoStep, count: number, folder: string) => void): Promise<unknown> {
  const parent = join(scratch, name)
  mkdirSync(parent)
  let steps = 0
  const onStep = (step: DemoStep) => disturb(step, ++steps, join(parent, readdirSync(parent)[0] as string))
  const { TMPDIR } = process.env
  process.env.TMPDIR = parent
  const told = demo({ signal, onStep })
  if (TMPDIR === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = TMPDIR
  return told
}

function flip(path: string, at: number): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  writeSync(file, Uint8Array.of((byte[0] as number) ^ 1), 0, 1, at)
  closeSync(file)
}

function xorbsOf(folder: string): string[] {
  const blobs = join(folder, 'server', 'blobs', 'xorbs')
  const names = readdirSync(blobs, { recursive: true, encoding: 'utf8' }).filter((name) => /[0-9a-f]{64}$/.test(name))
  return names.map((name) => join(blobs, name)).sort((a, b) => statSync(b).size - statSync(a).size)
}

test.concurrent.each([
  [
    'whose command fails',
    'DEMO_STEP_FAILED',
    ({ name }: DemoStep, _count: number, folder: string) => {
      if (name === 'serve') rmSync(join(folder, 'model'), { recursive: true })
    },
  ],
  [
    'that gives back other bytes than were pushed',
    'DEMO_FILE_DIFFERS',
    (_step: DemoStep, count: number, folder: string) => {
      if (count === 3) flip(join(folder, 'model', 'model.safetensors'), 100)
    },
  ],
  [
    'whose store is empty',
    'DEMO_NOTHING_STORED',
    ({ name }: DemoStep, _count: number, folder: string) => {
      if (name === 'pull') rmSync(join(folder, 'server', 'blobs', 'xorbs'), { recursive: true })
      if (name === 'pull') mkdirSync(join(folder, 'server', 'blobs', 'xorbs'))
    },
  ],
  [
    'whose damage heals by itself',
    'DEMO_DAMAGE_DELIVERED',
    ({ name, figures }: DemoStep, _count: number, folder: string) => {
      if (name === 'damage') flip(xorbsOf(folder)[0] as string, figures.offset as number)
    },
  ],
] as const)('a demo %s ends with %s', { timeout: 120_000 }, async (_name, code, disturb) => {
  await expect(demoWith(code, disturb)).rejects.toMatchObject({ code })
})

test('a program without its examples says what the demo needs', async () => {
  const copy = join(scratch, 'copy')
  for (const part of ['src', 'bin', 'package.json']) await cp(join(ROOT, part), join(copy, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const { code, stdout } = await runProgram(process.execPath, [join(copy, 'bin', 'xorbit.cjs'), 'demo', '--json'])
  expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ code: 'DEMO_FILES_MISSING', exit: 2 })
  expect(code).toBe(2)
})
