/** Errors that the user is told of in a few words, without a stack trace. */
export class UserError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Something that was asked for could not be done. */
export class Failure extends UserError {
  constructor(message: string) {
    super(message, 1)
  }
}

/** A file is not what it should be. */
export class BadInput extends UserError {
  constructor(message: string) {
    super(message, 2)
  }
}

/** The command line makes no sense. */
export class Misuse extends UserError {
  constructor(message: string) {
    super(message, 2)
  }
}
