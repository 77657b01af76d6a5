/**
 * `node test/browser/main.ts`: the golden vectors in headless Chromium. Serves src/xet, src/base and the vectors on
 * loopback, with types stripped and nothing else changed: what imports a Node module does not even load.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { chromium } from 'playwright-core'
import { systemCode } from '../../src/base/app-error.ts'
import type { CheckResult } from './checks.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const FLAGS = [
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking',
  '--disable-component-update --disable-sync --disable-dev-shm-usage',
].flatMap((flags) => flags.split(' '))
const TIMEOUT_MS = 180_000
const SERVED = /^\/(src\/(xet|base)|test\/(vectors|browser))\//
const PAGE = `<!doctype html><meta charset="utf-8"><title>vectors</title><script type="module">
import { runChecks } from '/test/browser/checks.ts'
const read = async (name) => {
  const reply = await fetch(name === 'kernels.wasm' ? '/src/xet/kernels.wasm' : '/test/vectors/xet/' + name)
  if (!reply.ok) throw new Error(name + ': ' + reply.status)
  return new Uint8Array(await reply.arrayBuffer())
}
globalThis.outcome = runChecks(read)
globalThis.isLoaded = true
</script>`

async function answer(path: string): Promise<{ type: string; body: Uint8Array | string } | null> {
  if (path === '/') return { type: 'text/html', body: PAGE }
  const clean = normalize(path)
  if (!SERVED.test(clean)) return null
  const bytes = await readFile(join(ROOT, clean))
  if (!clean.endsWith('.ts')) return { type: 'application/octet-stream', body: bytes }
  return { type: 'text/javascript', body: stripTypeScriptTypes(bytes.toString('utf8')) }
}

const server = createServer((request, response) => {
  answer(new URL(request.url ?? '/', 'http://localhost').pathname).then(
    (found) => {
      response.writeHead(found === null ? 404 : 200, { 'content-type': found?.type ?? 'text/plain' })
      response.end(found?.body ?? 'no')
    },
    (error: unknown) => {
      response.writeHead(systemCode(error) === 'ENOENT' ? 404 : 500)
      response.end(String(error))
    },
  )
})

async function runInBrowser(origin: string): Promise<CheckResult[]> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS, headless: true })
  try {
    const page = await browser.newPage()
    page.on('pageerror', (error) => process.stderr.write(`browser: ${error.message}\n`))
    page.on('requestfailed', (request) => process.stderr.write(`browser: no ${request.url()}\n`))
    await page.goto(origin)
    await page.waitForFunction('globalThis.isLoaded === true', undefined, { timeout: 20_000 })
    const outcome = page.evaluate('globalThis.outcome') as Promise<CheckResult[]>
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error(`no outcome within ${TIMEOUT_MS} ms`)), TIMEOUT_MS).unref()
    })
    return await Promise.race([outcome, late])
  } finally {
    await browser.close()
  }
}

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
try {
  const results = await runInBrowser(`http://127.0.0.1:${port}/`)
  const failed = results.filter(({ error }) => error !== null)
  for (const { name, error } of failed) process.stdout.write(`browser: FAILED ${name}: ${error}\n`)
  process.stdout.write(`browser: ${results.length - failed.length} passed, ${failed.length} failed\n`)
  if (failed.length > 0 || results.length === 0) process.exitCode = 1
} catch (error) {
  process.stdout.write(
    `browser: ${error instanceof Error ? error.message : String(error)}\nbrowser: 0 passed, 1 failed\n`,
  )
  process.exitCode = 1
} finally {
  server.closeAllConnections()
  server.close()
}
