/** Meanings of the codes that the care of a store throws: sweep, scrub, rebuild, backup and restore. */
export const CARE_MEANINGS: Readonly<Record<string, string>> = {
  BACKUP_FOLDER_BAD: 'A backup goes into a new folder outside of the home. Name another one.',
  BACKUP_INCOMPLETE: 'The folder holds no finished backup, or lacks blobs that it should hold. Use another backup.',
  CATALOG_DAMAGED: 'catalog.db is broken. Stop the server and run `xorbit rebuild`.',
  CATALOG_MISSING: 'The home holds data but no catalog.db. Run `xorbit rebuild`; nothing is served before.',
  CATALOG_RECORD_BAD: 'A record of the catalog makes no sense. Stop the server and run `xorbit rebuild`.',
  CLOCK_JUMPED:
    'The clock of the machine jumped, so the end of leases cannot be told. Set it right and restart the server, or wait.',
  HOME_MISSING: 'No server ever used this home. Give the right one by --home or XORBIT_HOME.',
  HOME_NOT_EMPTY: 'A backup is restored into a new folder. Name another --home, or remove what is there.',
  RESTORE_UNFINISHED: 'A restore into this home did not end. Run it again, or remove the folder.',
  SERVER_VERSION_DIFFERS:
    'Commands talk to a running server of their own version only. Restart the server, or use its command.',
  SERVER_UNREACHABLE: 'A server holds the home, but its address or token is not in run/. Stop it, or restore the file.',
}
