/** CRC-64/NVME, which upload grants carry: polynomial 9a6c9329ac4bc9b5 reflected, initial value and final xor all ones. */
const POLYNOMIAL_HIGH = 0x9a6c9329 | 0
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0
const TABLE_HIGH = new Int32Array(256)
const TABLE_LOW = new Int32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let high = 0
  let low = byte
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (carry === 1) {
      high ^= POLYNOMIAL_HIGH
      low ^= POLYNOMIAL_LOW
    }
  }
  TABLE_HIGH[byte] = high
  TABLE_LOW[byte] = low
}

export function crc64Nvme(bytes: Uint8Array): bigint {
  let high = -1
  let low = -1
  for (let i = 0; i < bytes.length; i++) {
    const index = (low ^ (bytes[i] as number)) & 255
    low = ((low >>> 8) | (high << 24)) ^ (TABLE_LOW[index] as number)
    high = (high >>> 8) ^ (TABLE_HIGH[index] as number)
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0)
}
