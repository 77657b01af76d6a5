/** Gives this process its kernels: WebAssembly, with BLAKE3 by the native addon where that is installed. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { systemCode } from '../base/app-error.ts'
import { installKernels } from '../xet/active-kernels.ts'
import { type BlakeAddon, createNativeKernels } from '../xet/native-kernels.ts'
import { createWasmKernels } from '../xet/wasm-kernels.ts'

const ADDON = '@napi-rs/blake-hash'

/** `XORBIT_KERNELS=wasm` leaves the addon out. */
export async function installBestKernels(): Promise<void> {
  const bytes = await readFile(new URL('../xet/kernels.wasm', import.meta.url))
  const wasm = createWasmKernels(new Uint8Array(bytes))
  const addon = process.env.XORBIT_KERNELS === 'wasm' ? null : loadAddon()
  installKernels(addon === null ? wasm : createNativeKernels(wasm, addon))
}

/** Null when the optional package, or its part for this platform, is not installed. */
function loadAddon(): BlakeAddon | null {
  try {
    return createRequire(import.meta.url)(ADDON) as BlakeAddon
  } catch (error) {
    if ((error as { code?: unknown }).code === 'MODULE_NOT_FOUND' || systemCode(error) !== null) return null
    if (/Cannot find native binding|Failed to load native binding/.test((error as Error).message)) return null
    throw error
  }
}
