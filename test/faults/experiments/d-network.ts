/** Group D: certificates, names and addresses, connections that were kept open, and proxies. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { cleanEnvironment, LAUNCHER, runProgram } from '../../farm/hub-process.ts'
import { LyingProxy } from '../../farm/lying-proxy.ts'
import type { Experiments } from '../experiment.ts'
import { seededBytes } from '../forge.ts'
import { type ForwardProxy, startForwardProxy } from '../forward-proxy.ts'
import type { Lab } from '../lab.ts'
import {
  assertEnded,
  assertRefusedWith,
  assertRight,
  faster,
  pullLied,
  pullWeights,
  type WeightsPulled,
  weightsOf,
} from '../pulls.ts'
import { isReconstruction } from '../spoil.ts'
import { startTlsFront, type TlsOptions } from '../tls-front.ts'

const NAME = 'hub.xorbit.test'
const SPEED = 20
/** One for the calls, one for each stream of bytes; the addresses that a name has count. */
const CONNECTIONS_MAX = 8

export const NETWORK_EXPERIMENTS: Experiments = {
  D29: trustsNoOther,
  D30: (lab) => lab.withAnother({ args: ['--allow-host', NAME] }, findsServer),
  D31: repeatsOnlyWhatMayBe,
  D32: (lab) => lab.withAnother({ args: ['--allow-host', NAME] }, usesProxies),
}

/** D29: a certificate that is over, of another name, or vouched for by nobody ends it, for calls and for bytes alike. */
async function trustsNoOther(lab: Lab): Promise<void> {
  const weights = await weightsOf(lab)
  const bad: readonly (TlsOptions & { readonly isTrusted: boolean })[] = [
    { isExpired: true, isTrusted: true },
    { names: 'DNS:other.example', isTrusted: true },
    { isSelfSigned: true, isTrusted: false },
    { isTrusted: false },
  ]
  for (const options of bad) {
    const front = await startTlsFront(lab, options)
    const more = options.isTrusted ? ['--ca-cert', front.authority] : []
    try {
      const called = await pullWeights(lab, weights, { endpoint: front.url, more })
      // Only the addresses of the bytes lead there.
      const lied = await pullLied(
        lab,
        (exchange, answer) => {
          if (!isReconstruction(exchange)) return answer
          const body = answer.body.toString().replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, front.url)
          return { ...answer, body: Buffer.from(body) }
        },
        { more },
      )
      for (const pulled of [called, lied]) {
        await assertRefusedWith(pulled, weights, 14, /TLS_REFUSED/)
        assert.match(pulled.finished.stdout, /--ca-cert/)
      }
      assert.deepEqual(front.proxy.exchanges, [], 'something was sent all the same')
      assert.ok(front.connections() <= CONNECTIONS_MAX, `tried ${front.connections()} times`)
    } finally {
      await front.close()
    }
  }
}

/** D30: a name that is unknown at first, and one of two addresses that nobody listens at. */
async function findsServer(lab: Lab): Promise<void> {
  const weights = await weightsOf(lab)
  const { port } = new URL(lab.hub.url)
  const endpoint = `http://${NAME}:${port}`
  const late = await pullByNames(lab, '127.0.0.1 localhost\n', endpoint, async (hosts) => {
    await systemClock.sleep(1000)
    await writeFile(hosts, `127.0.0.1 localhost\n127.0.0.1 ${NAME}\n`)
  })
  await assertRight(late, weights)
  const two = await pullByNames(lab, `127.0.0.77 ${NAME}\n127.0.0.1 ${NAME}\n`, endpoint)
  await assertRight(two, weights)
  const dead = await pullByNames(lab, `127.0.0.77 ${NAME}\n`, endpoint)
  await assertRefusedWith(dead, weights, 14, /CONNECTION_FAILED/)
}

/** With an /etc/hosts that only the command sees, and that may change meanwhile. */
async function pullByNames(
  lab: Lab,
  names: string,
  endpoint: string,
  meanwhile: (hosts: string) => Promise<void> = async () => undefined,
): Promise<WeightsPulled> {
  const { repo, path } = await weightsOf(lab)
  const folder = await lab.scratch()
  const hosts = join(folder, 'hosts')
  const target = join(folder, 'in')
  await writeFile(hosts, names)
  const inNamespace = ['unshare', '--map-root-user', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"']
  const pull = [process.execPath, LAUNCHER, 'pull', repo, path, '--local-dir', target, '--json']
  const words = [...inNamespace, hosts, ...pull]
  const env = cleanEnvironment(folder, { HF_ENDPOINT: endpoint, HF_TOKEN: lab.alice, ...faster(5) })
  const changing = meanwhile(hosts)
  const finished = await runProgram(words[0] as string, words.slice(1), { env })
  await changing
  return { finished, folder, target, seconds: 0 }
}

/** D31: the other side closes a connection just when it is used again: reads are repeated, a commit is not. */
async function repeatsOnlyWhatMayBe(lab: Lab): Promise<void> {
  const used = new WeakSet<Socket>()
  let resets = 0
  const prepare = (proxy: LyingProxy) => {
    proxy.intercept = (_exchange, _reply, { socket }) => {
      if (!used.has(socket)) {
        used.add(socket)
        return false
      }
      resets++
      socket.resetAndDestroy()
      return true
    }
  }
  for (const isPlain of [false, true]) {
    const before = resets
    const pulled = await pullLied(lab, (_exchange, answer) => answer, { prepare, isPlain, speed: SPEED })
    await assertRight(pulled, pulled.weights)
    assert.equal(pulled.finished.stderr, '', 'the user was told')
    assert.ok(resets > before, 'no connection was used again')
  }
  const repo = await lab.freshRepo()
  const folder = join(await lab.scratch(), 'out')
  await mkdir(folder)
  await writeFile(join(folder, 'note.bin'), seededBytes(lab.next(), 40_000))
  const proxy = await LyingProxy.start(lab.hub.url)
  let commits = 0
  proxy.intercept = ({ method, path }, _reply, { socket }) => {
    if (method !== 'POST' || !path.includes('/commit/') || commits++ > 0) return false
    socket.resetAndDestroy()
    return true
  }
  try {
    const push = () => lab.run(['push', repo, folder, '--json'], { endpoint: proxy.url, env: faster(SPEED) })
    assertEnded(await push(), 14)
    assert.equal(commits, 1, 'a commit was sent again')
    assertEnded(await push(), 0)
  } finally {
    await proxy.close()
  }
}

/** D32: what the environment says about proxies holds for every call and every byte. */
async function usesProxies(lab: Lab): Promise<void> {
  const front = await startTlsFront(lab, { names: `DNS:${NAME}` })
  const places = { 80: lab.hub.url, 443: `http://127.0.0.1:${new URL(front.url).port}` }
  const proxy = await startForwardProxy(places)
  const refusing = await startForwardProxy(places, { asksPassword: true })
  try {
    const weights = await weightsOf(lab)
    const plainly = async (env: NodeJS.ProcessEnv, isPlain: boolean) => {
      return pullWeights(lab, weights, { endpoint: `http://${NAME}`, env, isPlain, speed: SPEED })
    }
    for (const isPlain of [false, true]) {
      const before = proxy.seen.length
      await assertRight(await plainly({ HTTP_PROXY: proxy.url }, isPlain), weights)
      assert.ok(proxy.seen.length > before)
    }
    const tls = { endpoint: `https://${NAME}`, isPlain: true, more: ['--ca-cert', front.authority] }
    await assertRight(await pullWeights(lab, weights, { ...tls, env: { HTTPS_PROXY: proxy.url } }), weights)
    await passesBy(proxy, () => plainly({ HTTP_PROXY: proxy.url, NO_PROXY: NAME }, false))
    const local = await pullWeights(lab, weights, { env: { HTTP_PROXY: proxy.url } })
    await assertRight(local, weights)
    for (const env of [{ HTTP_PROXY: refusing.url }, { HTTPS_PROXY: refusing.url }]) {
      const endpoint = 'HTTP_PROXY' in env ? `http://${NAME}` : `https://${NAME}`
      const refused = await pullWeights(lab, weights, { endpoint, env })
      await assertRefusedWith(refused, weights, 11, /PROXY_REFUSED/)
    }
    assert.ok(
      refusing.seen.length > 0 && refusing.seen.length <= 4,
      `the proxy was asked ${refusing.seen.length} times`,
    )
  } finally {
    await Promise.all([proxy.close(), refusing.close(), front.close()])
  }
}

/** The proxy is not asked, so nobody knows the name. */
async function passesBy(proxy: ForwardProxy, pull: () => Promise<WeightsPulled>): Promise<void> {
  const before = proxy.seen.length
  assertEnded((await pull()).finished, 14, /CONNECTION_FAILED/)
  assert.equal(proxy.seen.length, before, 'the proxy was asked')
}
