/** Meanings of the codes that commands for the Hugging Face cache and for settings throw. */
export const CACHE_MEANINGS: Readonly<Record<string, string>> = {
  ADOPT_NEEDS_COPY:
    'The file cannot be had without a second copy: it lies on another disk, or others may write to it. Add `--copy`.',
  ADOPT_SOURCE_BAD:
    'What `--from` names is no folder. Name a clone, a git-lfs or Ollama store, or a folder with files.',
  CACHE_ENTRY_AMBIGUOUS: 'The first digits of a commit fit several revisions in the cache. Give more of them.',
  CACHE_ENTRY_MISSING: 'The cache has no such repository or revision. `xorbit cache ls` says what it has.',
  CACHE_IN_USE: 'A process is downloading into the repository, or was until a moment ago. Try again when it has ended.',
  CACHE_NO_FOLDER: 'The place of the cache is a file. Correct --cache-dir, HF_HUB_CACHE or HF_HOME.',
  CONFIG_FILE_BAD: 'A line of config.toml is none that can be read. The message has file and line: correct it.',
  CONFIG_KEY_UNKNOWN: 'There is no such setting. The message names the nearest; `xorbit config ls` lists all.',
  CONFIG_VALUE_BAD: 'A setting has a value that it cannot have. The message says what it can be.',
  CA_FILE_BAD:
    'The file of certificate authorities cannot be read. Correct --ca-cert, SSL_CERT_FILE or REQUESTS_CA_BUNDLE.',
  PROXY_BAD: 'HTTP_PROXY or HTTPS_PROXY is no http or https address. Correct or unset it; `xorbit doctor` shows all.',
  SHELL_UNKNOWN: 'There are completions for bash, zsh and fish. Name one of them.',
}
