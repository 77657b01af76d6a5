/**
 * `adapter_config.json` of PEFT: how much each LoRA pair counts. Only plain LoRA is accepted: whatever else PEFT can
 * save (DoRA, biases, whole modules, changed base weights) would be left out silently.
 */
import { AppError } from '../base/app-error.ts'
import { parseJson } from '../base/json.ts'
import { ConfigFields } from './config-fields.ts'
import * as limits from './header-limits.ts'

export interface AdapterConfig {
  readonly rank: number
  readonly baseModel: string | null
  /** The commit of the base it was trained on, where its maker recorded one. */
  readonly baseCommit: string | null
  /** What B A x is multiplied by, for a module (`model.layers.0.self_attn.q_proj`) whose pair has this rank. */
  scaleOf(module: string, rank: number): number
  /** The rank that the configuration gives a module. */
  rankOf(module: string): number
}

/** Fields that change the numbers when they are set. */
const FOREIGN = [
  ...['modules_to_save', 'layer_replication', 'trainable_token_indices', 'alora_invocation_tokens'],
  ...['target_parameters', 'fan_in_fan_out', 'use_dora', 'lora_bias', 'use_qalora', 'use_bdlora'],
  ...['velora_config', 'kasa_config', 'monteclora_config', 'arrow_config'],
]
/** Starts of training that also change the base weights. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga)/

export function parseAdapterConfig(bytes: Uint8Array): AdapterConfig {
  if (bytes.length > limits.CONFIG_BYTES_MAX) throw refused(`it has ${bytes.length} bytes`)
  const config = new ConfigFields(parseJson('adapter_config.json', bytes), refused)
  verifyPlain(config)
  const rank = config.count('r', limits.ADAPTER_RANK_MAX)
  const alpha = config.number('lora_alpha')
  const isRootScaled = config.flag('use_rslora', false)
  const ranks = readPattern(config, 'rank_pattern', (fields, key) => fields.count(key, limits.ADAPTER_RANK_MAX))
  const alphas = readPattern(config, 'alpha_pattern', (fields, key) => fields.number(key))
  const base = config.value('base_model_name_or_path')
  const commit = config.value('base_model_commit')
  return {
    rank,
    baseModel: typeof base === 'string' ? base : null,
    baseCommit: typeof commit === 'string' ? commit : null,
    rankOf: (module) => findPattern(ranks, module) ?? rank,
    scaleOf: (module, pairRank) =>
      (findPattern(alphas, module) ?? alpha) / (isRootScaled ? Math.sqrt(pairRank) : pairRank),
  }
}

function verifyPlain(config: ConfigFields): void {
  const kind = config.text('peft_type', 'absent')
  if (kind !== 'LORA') throw unsupported(`peft_type is ${kind.slice(0, 40)}`)
  const bias = config.text('bias', 'none')
  if (bias !== 'none') throw unsupported(`bias is ${bias.slice(0, 40)}`)
  for (const key of FOREIGN) if (isSet(config.value(key))) throw unsupported(`${key} is set`)
  const start = config.value('init_lora_weights')
  if (typeof start === 'string' && CHANGES_BASE.test(start))
    throw unsupported(`init_lora_weights is ${start.slice(0, 40)}`)
}

function isSet(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value !== undefined && value !== false
  return Object.keys(value).length > 0
}

/** PEFT takes the keys as regular expressions; only plain names are taken here, so that none can stall us. */
function readPattern(
  config: ConfigFields,
  key: string,
  read: (fields: ConfigFields, name: string) => number,
): ReadonlyMap<string, number> {
  const fields = config.object(key)
  const found = new Map<string, number>()
  for (const [name] of fields?.entries() ?? []) {
    if (!/^[\w.]{1,300}$/.test(name)) throw unsupported(`${key} has a key that is no plain module name`)
    if (fields !== null) found.set(name, read(fields, name))
  }
  if (found.size > limits.ADAPTER_MODULES_MAX) throw refused(`${key} has ${found.size} keys`)
  return found
}

function findPattern(patterns: ReadonlyMap<string, number>, module: string): number | undefined {
  for (const [name, value] of patterns) if (module === name || module.endsWith(`.${name}`)) return value
  return undefined
}

function refused(detail: string): AppError {
  return new AppError('malformed', 'ADAPTER_CONFIG_BAD', `adapter_config.json refused: ${detail}`)
}

function unsupported(what: string): AppError {
  const message = `Only plain LoRA adapters are attached: ${what}. Merge the adapter into the model and use that`
  return new AppError('unsupported', 'ADAPTER_KIND_UNSUPPORTED', message)
}
