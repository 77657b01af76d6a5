/** One pusher: new bytes into its own repository again and again, as hf_xet does: token, xorb, shard, commit. */
import { createHash } from 'node:crypto'
import { pack } from '../../test/cas/small-client.ts'
import { type Answer, type Caller, jsonOf } from './caller.ts'
import { contentOf } from './content.ts'
import type { Latencies } from './latencies.ts'
import type { LoadPlan } from './plan.ts'

const FILE_BYTES = 2 << 20
/** Names that it commits to in turn. */
const NAMES = 16

export class Pusher {
  readonly #plan: LoadPlan
  readonly #caller: Caller
  readonly #latencies: Latencies
  readonly #number: number
  #turn = 0
  pushedBytes = 0

  constructor(plan: LoadPlan, parts: { caller: Caller; latencies: Latencies }, number: number) {
    this.#plan = plan
    this.#caller = parts.caller
    this.#latencies = parts.latencies
    this.#number = number
  }

  async push(): Promise<void> {
    const { url, pushed, name } = this.#plan
    const { id, token } = pushed[this.#number] as { id: string; token: string }
    const turn = this.#turn++
    const content = contentOf(`pushed ${name} ${this.#number} ${turn}`, FILE_BYTES)
    const { xorbs, shard } = await pack([content])
    const key = await this.#caller.call(`${url}/api/models/${id}/xet-write-token/main`, { token })
    const { casUrl, accessToken } = jsonOf<{ casUrl: string; accessToken: string }>(key)
    for (const { hash, body } of xorbs) {
      const path = `${casUrl}/v1/xorbs/default/${hash}`
      await this.#time('POST xorb', path, { method: 'POST', token: accessToken, body })
    }
    const answer = await this.#time('POST shard', `${casUrl}/v2/shards`, {
      method: 'POST',
      token: accessToken,
      body: shard,
    })
    if (!answer.body.toString().includes('"type":"result"')) throw new Error(`shard: ${answer.body}`)
    const oid = createHash('sha256').update(content).digest('hex')
    const lines = [
      { key: 'header', value: { summary: `push ${turn}` } },
      { key: 'lfsFile', value: { path: `file-${turn % NAMES}.bin`, algo: 'sha256', oid, size: content.length } },
    ]
    await this.#time('commit', `${url}/api/models/${id}/commit/main`, {
      method: 'POST',
      token,
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.map((line) => JSON.stringify(line)).join('\n'),
    })
    this.pushedBytes += content.length
  }

  #time(call: string, url: string, options: Parameters<Caller['call']>[1]): Promise<Answer> {
    return this.#latencies.time(call, () => this.#caller.call(url, options))
  }
}
