/** The .gitattributes of a new repository, and the line that gives one more path to git-lfs. */
const LFS = 'filter=lfs diff=lfs merge=lfs -text'

const PATTERNS = [
  '*.7z *.arrow *.avro *.bin *.bz2 *.ckpt *.ftz *.gguf *.ggml *.gz *.h5 *.joblib *.lz4 *.mds *.mlmodel *.model *.msgpack',
  '*.npy *.npz *.onnx *.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors saved_model/**/* *.tar.* *.tar',
  '*.tflite *.tgz *.wasm *.xz *.zip *.zst *tfevents*',
  '*.pcm *.sam *.raw *.aac *.flac *.mp3 *.ogg *.wav *.bmp *.gif *.png *.tiff *.jpg *.jpeg *.webp *.mp4 *.webm',
]
  .join(' ')
  .split(' ')

export const DEFAULT_ATTRIBUTES = `${PATTERNS.map((pattern) => `${pattern} ${LFS}`).join('\n')}\n`

/** A line for exactly this path. */
export function lfsLine(path: string): string {
  const escaped = path.replace(/[\\*?[]/g, '\\$&').replace(/ /g, '[[:space:]]')
  // Without a slash a pattern would mean every folder.
  return `${path.includes('/') ? escaped.replace(/^[#!"]/, '\\$&') : `/${escaped}`} ${LFS}`
}
