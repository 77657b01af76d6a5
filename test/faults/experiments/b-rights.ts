/** Group B13: a shard may name only xorbs that its sender may read or was told of. */
import assert from 'node:assert/strict'
import { type ForgedXorb, forgeShard, forgeXorb, listOf, seededChunks, wholeFile } from '../forge.ts'
import { assertRefused, JSON_TYPE, type Lab } from '../lab.ts'

export async function hidesForeignXorbs(lab: Lab): Promise<void> {
  const secret = await lab.freshRepo({ private: true })
  const file = await lab.publish(secret, 'secret.bin', seededChunks(lab.next(), [20_000, 30_000]))
  const unknown = forgeXorb(seededChunks(lab.next(), [20_000, 30_000]))
  const name = `eve${lab.next()}`
  const eve = await lab.hub.createUser(name, 'write')
  const body = { name: 'own', organization: name, type: 'model' }
  assertRefused(await lab.send('/api/repos/create', { method: 'POST', token: eve, headers: JSON_TYPE, body }), 200)
  const cas = await lab.cas(`${name}/own`, eve)
  const attempt = async (xorb: ForgedXorb, lists: boolean) => {
    const shard = forgeShard({ files: [wholeFile(xorb)], ...(lists ? { xorbs: [listOf(xorb)] } : {}) })
    const reply = await lab.leavesNothing(() => lab.putShard(cas, shard))
    assertRefused(reply, 400)
    return reply.body.toString().replaceAll(xorb.hash, 'XORB')
  }
  for (const lists of [true, false]) {
    assert.equal(await attempt(file.xorb, lists), await attempt(unknown, lists), 'the answer tells what is stored')
  }
  const plan = await lab.send(`${cas.path}/v1/reconstructions/${file.fileHash}`, { token: cas.token })
  assertRefused(plan, 404)
  // Told of by its own upload: fine.
  assertRefused(await lab.putXorb(cas, file.xorb.hash, file.xorb.body), 200)
  assertRefused(await lab.putShard(cas, forgeShard({ files: [wholeFile(file.xorb)], xorbs: [listOf(file.xorb)] })), 200)
}
