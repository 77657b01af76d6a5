/** `xorbit serve`: the server in the foreground until a signal, with the models that are named. */
import { startServer } from '../../app/lifecycle.ts'
import { AppError } from '../../base/app-error.ts'
import { DEFAULT_PORT, homeFolder } from '../../base/config.ts'
import { createLog } from '../../base/log.ts'
import type { Flags, Io } from '../output.ts'
import { parseServerLimits } from '../server-limits.ts'

export async function run(args: string[], flags: Flags, io: Io): Promise<void> {
  const running = await startServer({
    home: homeFolder(flags.home as string | undefined, process.env),
    publicUrl: flags.publicUrl as string | undefined,
    host: (flags.host as string | undefined) ?? '127.0.0.1',
    port: parsePort(flags.port as string | undefined),
    allowedHosts: (flags.allowHost as readonly string[] | undefined) ?? [],
    limits: parseServerLimits(flags),
    models: args,
    signal: io.signal,
    firstUser: (flags.user as string | undefined) ?? 'admin',
    log: createLog(process.env.XORBIT_LOG ?? (flags.verbose === true ? 'info' : 'warn')),
  })
  const { url, token, tokenFile, home, models } = running
  io.event('ready', { url, token, home, pid: process.pid, ...(models.length > 0 ? { models } : {}) })
  io.line(`Xorbit serves ${home} at ${url}`)
  io.line(`The first user's token is in ${tokenFile}`)
  io.line('')
  io.line(`  export HF_ENDPOINT=${url}`)
  io.line(`  export HF_TOKEN=$(cat ${tokenFile})`)
  io.line('  export HF_HUB_DISABLE_UPDATE_CHECK=1')
  if (models.length > 0) {
    io.line('')
    io.line(`  export OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=none`)
    io.line(`  models: ${models.join(', ')}`)
  }
  await untilAborted(io.signal)
  await running.stop()
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function parsePort(text: string | undefined): number {
  const port = text === undefined ? DEFAULT_PORT : Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port
  throw new AppError('usage', 'FLAG_INVALID', `--port ${text}: a port is a number from 0 to 65535`)
}
