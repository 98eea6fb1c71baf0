import { join } from 'node:path'
import { sshSession } from '../bans/table/protected.js'
import type { Bans } from '../language/policy/bans.js'
import type { BanSettings } from '../queue/bans/messages.js'

/** Where bans are kept unless systemd (STATE_DIRECTORY, systemd.exec(5)) or --state says otherwise. */
const STATE = '/var/lib/portcullis'

const NO_BANS: Bans = {
  folders: [],
  jails: [],
  protected: [],
  store: undefined,
  reset: false,
  limits: [],
}

/** What the ban thread is started with. folders: those of the command line; state: a folder to keep bans in. */
export function banSettings(
  bans: Bans = NO_BANS,
  folders: readonly string[],
  state: string = process.env.STATE_DIRECTORY?.split(':')[0] || STATE,
): BanSettings {
  return {
    folders: [...bans.folders, ...folders],
    jails: bans.jails,
    protected: [...bans.protected, ...sshSession(process.env)],
    shared: bans.store?.text,
    database: join(state, 'bans.db'),
    reset: bans.reset,
  }
}
