/** Prints lines per layer and the ten longest files: what grew, at a glance. */
import { readdirSync, readFileSync } from 'node:fs'

const layers = new Map<string, number>()
const files: { name: string; lines: number }[] = []
for (const name of readdirSync('src', { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue
  const lines = readFileSync(`src/${name}`, 'utf8').split('\n').length - 1
  const layer = name.split('/')[0] ?? ''
  layers.set(layer, (layers.get(layer) ?? 0) + lines)
  files.push({ name, lines })
}
const total = [...layers.values()].reduce((sum, lines) => sum + lines, 0)
for (const [layer, lines] of [...layers].sort()) process.stdout.write(`${String(lines).padStart(6)} ${layer}\n`)
process.stdout.write(`${String(total).padStart(6)} in all\n\n`)
for (const { name, lines } of files.sort((a, b) => b.lines - a.lines).slice(0, 10)) {
  process.stdout.write(`${String(lines).padStart(6)} src/${name}\n`)
}
