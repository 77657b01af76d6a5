/** Group J: who may talk to the server, and what it refuses to start with. */
import assert from 'node:assert/strict'
import { chmod, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sendRaw } from '../../farm/http-send.ts'
import { HubProcess, xorbit } from '../../farm/hub-process.ts'
import type { Experiments } from '../experiment.ts'
import { assertRefused, JSON_TYPE, type Lab } from '../lab.ts'

export const DAEMON_EXPERIMENTS: Experiments = {
  async J1(lab) {
    const { host, port } = new URL(lab.hub.url)
    const ask = async (hostLines: string) => {
      const text = await sendRaw(
        lab.hub.url,
        `GET /api/whoami-v2 HTTP/1.1\r\n${hostLines}Authorization: Bearer ${lab.alice}\r\nConnection: close\r\n\r\n`,
      )
      return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
    }
    assert.equal(await ask(`Host: ${host}\r\n`), 200)
    assert.equal(await ask(`Host: localhost:${port}\r\n`), 200)
    const bad = [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `localhost.:${port}`,
      'localhost.',
      '127.0.0.1@evil.example',
      '127.1',
      '2130706433',
      '',
    ]
    for (const name of bad) {
      const status = await ask(`Host: ${name}\r\n`)
      assert.ok([400, 403].includes(status), `Host: ${name} got ${status}`)
    }
    for (const lines of ['', `Host: ${host}\r\nHost: ${host}\r\n`, `Host: ${host}\r\nHost: evil.example\r\n`]) {
      const status = await ask(lines)
      assert.ok([400, 403].includes(status), `${JSON.stringify(lines)} got ${status}`)
    }
  },
  J4: keepsItsToken,
  J5: refusesOpenBind,
}

/** J4: without the token nothing is changed; a token that others can read stops the start. */
async function keepsItsToken(lab: Lab): Promise<void> {
  const body = { name: `x${lab.next()}`, organization: 'alice', type: 'model' }
  await lab.leavesNothing(async () => {
    for (const token of [null, 'wrong', `hf_${'a'.repeat(40)}`, `${lab.hub.adminToken}x`]) {
      assertRefused(await lab.send('/api/repos/create', { method: 'POST', token, headers: JSON_TYPE, body }), 401)
      const control = await lab.send('/-/v1/status', { token })
      assert.ok([401, 404].includes(control.status), `control answered ${control.status}`)
    }
  })
  const folder = await lab.scratch()
  const hub = await HubProcess.start(folder)
  await hub.stop()
  const file = join(hub.home, 'run', 'token')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  await chmod(file, 0o644)
  const started = await xorbit(folder, ['serve', '--port', '0', '--home', hub.home, '--json'], { timeoutMs: 10_000 })
  assert.ok(started.code !== null && started.code !== 0, `serve with a readable token ended with ${started.code}`)
  assert.match(started.stdout + started.stderr, /token/)
}

/** J5: a new home has only its first token: nobody may reach it from outside. */
async function refusesOpenBind(lab: Lab): Promise<void> {
  for (const host of ['0.0.0.0', '::']) {
    const folder = await lab.scratch()
    const args = ['serve', '--host', host, '--port', '0', '--home', join(folder, 'home'), '--json']
    const started = await xorbit(folder, args, { timeoutMs: 10_000 })
    assert.equal(started.code, 2, `serve --host ${host} ended with ${started.code}: ${started.stdout}${started.stderr}`)
  }
}
