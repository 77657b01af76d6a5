/** Group D: where a Hub may send the client, and what goes along. */
import assert from 'node:assert/strict'
import { type Exchange, type Lie, LyingProxy } from '../../farm/lying-proxy.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { assertRefusedWith, assertRight, isFileRead, pullLied, pullWeights, weightsOf } from '../pulls.ts'
import { isXorbRead } from '../spoil.ts'
import { startTlsFront } from '../tls-front.ts'

/** Four streams, and each asks in two ways. */
const XORB_READS_MAX = 8

export const REDIRECT_EXPERIMENTS: Experiments = {
  async D22(lab) {
    const loop: Lie = (exchange, answer) => (isFileRead(exchange) ? sentTo(exchange.path) : answer)
    const hops: Lie = (exchange, answer) => {
      const hop = Number(/hop=(\d+)/.exec(exchange.path)?.[1] ?? 0)
      return isFileRead(exchange) && hop < 21 ? sentTo(`${exchange.path.split('?')[0]}?hop=${hop + 1}`) : answer
    }
    for (const lie of [loop, hops]) {
      const pulled = await pullLied(lab, lie, { isPlain: true })
      await assertRefusedWith(pulled, pulled.weights, 14, /REDIRECT_LOOP/)
      assert.equal(pulled.proxy.exchanges.filter(isFileRead).length, 11)
    }
    const ten: Lie = (exchange, answer) => {
      const hop = Number(/hop=(\d+)/.exec(exchange.path)?.[1] ?? 0)
      return isFileRead(exchange) && hop < 10 ? sentTo(`${exchange.path.split('?')[0]}?hop=${hop + 1}`) : answer
    }
    const pulled = await pullLied(lab, ten, { isPlain: true })
    await assertRight(pulled, pulled.weights)
  },
  D23: keepsToken,
  async D24(lab) {
    const weights = await weightsOf(lab)
    const lie: Lie = (exchange, answer) => (isFileRead(exchange) ? sentTo(`${lab.hub.url}${exchange.path}`) : answer)
    const front = await startTlsFront(lab)
    try {
      const options = { isPlain: true, endpoint: front.url, more: ['--ca-cert', front.authority] }
      const honest = await pullWeights(lab, weights, options)
      await assertRight(honest, weights)
      front.proxy.lie = lie
      const pulled = await pullWeights(lab, weights, options)
      await assertRefusedWith(pulled, weights, 14, /https to http/)
      assert.equal(front.proxy.exchanges.filter(isFileRead).length, 2, 'it was asked again')
    } finally {
      await front.close()
    }
  },
  async D25(lab) {
    for (const target of [
      'file:///etc/passwd',
      'data:text/plain,hello',
      'gopher://127.0.0.1:70/1',
      '//[',
      'javascript:1',
    ]) {
      for (const isPlain of [true, false]) {
        const wanted = isPlain ? isFileRead : isXorbRead
        const lie: Lie = (exchange, answer) => (wanted(exchange) ? sentTo(target) : answer)
        const pulled = await pullLied(lab, lie, { isPlain })
        await assertRefusedWith(pulled, pulled.weights, 14, /REDIRECT_REFUSED/)
        const asked = pulled.proxy.exchanges.filter(wanted).length
        assert.ok(asked <= (isPlain ? 1 : XORB_READS_MAX), `asked ${asked} times`)
      }
    }
  },
  async D26(lab) {
    for (const isPlain of [true, false]) {
      const wanted = isPlain ? isFileRead : isXorbRead
      const lie: Lie = (exchange, answer) => {
        if (!wanted(exchange) || exchange.path.includes('there=1')) return answer
        const to = `${exchange.path}${exchange.path.includes('?') ? '&' : '?'}there=1`
        return { ...sentTo(to), body: Buffer.alloc(54_321, 'moved ') }
      }
      const pulled = await pullLied(lab, lie, { isPlain })
      await assertRight(pulled, pulled.weights)
    }
  },
}

function sentTo(location: string) {
  return { status: 302, headers: { location }, body: Buffer.alloc(0) }
}

/** Bytes that lie on another host are fetched without the token, also when that host sends back to the first. */
async function keepsToken(lab: Lab): Promise<void> {
  const elsewhere = await LyingProxy.start(lab.hub.url)
  try {
    for (const [isPlain, wanted] of [
      [true, isFileRead],
      [false, isXorbRead],
    ] as const) {
      let home = ''
      const away: Lie = (exchange, answer) => {
        const isFirst = wanted(exchange) && !exchange.path.includes('back=1')
        return isFirst ? sentTo(`${elsewhere.url}${exchange.path}`) : answer
      }
      const lies: Lie[] = [
        (_exchange, answer) => answer,
        (exchange) => sentTo(`${home}${exchange.path}${exchange.path.includes('?') ? '&' : '?'}back=1`),
      ]
      for (const lie of lies) {
        elsewhere.lie = lie
        const prepare = (proxy: LyingProxy) => {
          home = proxy.url
        }
        const options = { isPlain, prepare }
        const pulled = await pullLied(lab, away, options)
        await assertRight(pulled, pulled.weights)
        const back = pulled.proxy.exchanges.filter(({ path }) => path.includes('back=1'))
        assertWithoutToken([...elsewhere.exchanges, ...back])
        assert.equal(back.length > 0, lie === lies[1])
      }
    }
    assert.ok(elsewhere.exchanges.length >= 4, 'nothing was asked for elsewhere')
  } finally {
    await elsewhere.close()
  }
}

function assertWithoutToken(exchanges: readonly Exchange[]): void {
  for (const { requestHeaders, path } of exchanges) {
    assert.equal(requestHeaders.authorization, undefined, `the token went to ${path}`)
    assert.equal(requestHeaders.cookie, undefined)
  }
}
