/** Something without which the gate cannot stand; the message says what to do. */
export class GateError extends Error {
  override readonly name = 'GateError'
  /** The gate is shut: nothing answers the queue any more. */
  readonly fatal: boolean

  constructor(message: string, fatal = false) {
    super(message)
    this.fatal = fatal
  }
}
