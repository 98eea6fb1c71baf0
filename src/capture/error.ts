/** Where in a capture something is wrong, and what to do about it. */
export interface Fault {
  /** Bytes before it, in the file or, if that is packed with gzip, in what it unpacks to. */
  readonly offset?: number
  /** How many packets before it were read. */
  readonly packets?: number
  readonly hint?: string
}

/** A capture that cannot be read or written, or only up to a place. Its message is made for people. */
export class CaptureError extends Error {
  readonly file: string
  readonly offset: number | undefined
  readonly packets: number | undefined

  constructor(file: string, what: string, { offset, packets, hint }: Fault = {}) {
    const place = offset === undefined ? file : `${file}: byte ${grouped(offset)}`
    const lines = [`${place}: ${what}`]
    if (packets !== undefined) lines.push(`   ${good(packets)}`)
    if (hint !== undefined) lines.push(`   ${hint}`)
    super(lines.join('\n'))
    this.name = 'CaptureError'
    this.file = file
    this.offset = offset
    this.packets = packets
  }
}

/** A number with its thousands set apart. Not by Intl: its tables take 7 MB. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

function good(packets: number): string {
  if (packets === 0) return 'no packet before it could be read'
  return packets === 1 ? 'the packet before it is good' : `the ${grouped(packets)} packets before it are good`
}

/** What the system, or zlib, said when a file could not be read or written, in words. */
export function systemError(file: string, error: unknown, fault: Fault = {}): CaptureError {
  const { code, message } = error as NodeJS.ErrnoException
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'it may not be read or written by this user',
    EISDIR: 'it is a folder',
    ENOSPC: 'the disk is full',
    EMFILE: 'too many files are open',
  }
  const zlib = code?.startsWith('Z_') === true
  return new CaptureError(
    file,
    zlib ? `its gzip data are damaged: ${message}` : (words[code ?? ''] ?? message),
    {
      ...(zlib ? { hint: 'gzip -t FILE checks it; copy it again from where it was made' } : {}),
      ...fault,
    },
  )
}
