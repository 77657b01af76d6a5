import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

test('what is published holds the program, its kernels and the example, and no test or source', () => {
  const json = execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] })
  const found = JSON.parse(json.toString().slice(json.toString().indexOf('[')))
  const paths: string[] = found[0].files.map((file: { path: string }) => file.path)
  for (const path of ['bin/xorbit.cjs', 'dist/cli/main.js', 'dist/xet/kernels.wasm', 'LICENSE', 'README.md']) {
    expect(paths).toContain(path)
  }
  expect(paths).toContain('examples/demo-chat/model.safetensors')
  expect(paths.filter((path) => /^(src|test|kernels|scripts)\/|\.test\.|\.venv/.test(path))).toEqual([])
})
