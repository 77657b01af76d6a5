/**
 * Pushes a folder, pulls it back and shows both: `node transfer.mjs NS/NAME FOLDER TARGET`. The Hub and the token are
 * those of HF_ENDPOINT and HF_TOKEN. Ctrl-C ends it within a second; run it again and it goes on.
 */
import { isTransferError, pull, push } from 'xorbit/client'

const [repo, folder, target] = process.argv.slice(2)
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

let [done, total] = [0, 0]
function onProgress(event) {
  if (event.event === 'plan') [done, total] = [0, event.bytes]
  if (event.event === 'bytes') done += event.bytes
  if (event.event === 'file') process.stderr.write(`${event.file.path}: ${done} of ${total} bytes\n`)
}

try {
  const sent = await push({ repo, paths: [folder], message: 'From the library', onProgress, signal: stop.signal })
  console.log(`pushed ${sent.files} files as ${sent.commit}, ${sent.bytes.sent} bytes sent`)
  const got = await pull({ ref: `${repo}@${sent.commit}`, localDir: target, onProgress, signal: stop.signal })
  console.log(`pulled ${got.files.length} files, ${got.bytes.total} bytes`)
} catch (error) {
  if (!isTransferError(error)) throw error
  console.error(`${error.kind} (${error.code}): ${error.message}`)
  process.exitCode = 1
}
