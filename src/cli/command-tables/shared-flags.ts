/** Flags that mean the same wherever they are. */

export const HOME = ['--home <dir>', 'folder of the server (default: XORBIT_HOME)'] as const
export const HUB = [
  ['--endpoint <url>', 'Hub to use (default: HF_ENDPOINT, else the server of this home, else huggingface.co)'],
  ['--token <token>', 'token for the Hub (default: HF_TOKEN, else the stored one)'],
  ['--ca-cert <file>', 'certificate authorities to trust besides the usual ones (default: SSL_CERT_FILE)'],
  HOME,
] as const
export const SCOPE = ['--scope <scope>', 'read, write, admin, inference or metrics (default: write)'] as const
export const REPO = [
  ['--repo-type <type>', 'model, dataset or space (default: model)'],
  ['--revision <rev>', 'branch, tag or commit (default: main)'],
] as const
export const CHOOSE = [
  ['--include <glob>', 'only files that match; may be given several times', 'repeatable'],
  ['--exclude <glob>', 'no files that match; may be given several times', 'repeatable'],
] as const
export const PROGRESS = ['--progress <mode>', 'auto, tty, plain, json or none'] as const
export const OFFLINE = ['--offline', 'open no connection: what is in the cache, or an error (HF_HUB_OFFLINE)'] as const
export const PARANOID = ['--paranoid', 'hash what is here already, whatever was proved before'] as const
export const LIMITS = [
  ['--connections <n>', 'ranges or xorbs on their way at once (default: as many as make it faster)'],
  ['--limit-rate <bytes>', 'bytes a second, such as 500K or 20M'],
  ['--connect-timeout <seconds>', 'give a connection up that does not stand after so long (default: 10)'],
  ['--max-time <seconds>', 'stop after so long; what is done is kept'],
  ['--max-memory <bytes>', 'for bytes on their way, such as 64M; the program itself comes on top'],
] as const
