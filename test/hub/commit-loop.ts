/** Run as a program: a server over the home given, and a client of its own that commits until it is killed. */
import { createHash, randomBytes } from 'node:crypto'
import { installBestKernels } from '../../src/app/install-kernels.ts'
import { file, HubServer } from './hub-server.ts'

await installBestKernels()
const hub = await HubServer.start({ home: process.argv[2] as string })
await hub.create('loop')
process.stdout.write('started\n')
for (;;) {
  const content = randomBytes(20_000)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const lines = [file(`small/${sha256}`, sha256), await hub.upload('alice/loop', `large/${sha256}.bin`, content)]
  const { status, json } = await hub.commit('alice/loop', lines)
  if (status !== 200) throw new Error(`commit gave ${status}: ${JSON.stringify(json)}`)
  process.stdout.write(`${json.commitOid} ${sha256}\n`)
}
