/** Something that makes no sense in what a replay was asked for. Its message is made for people. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError'
}
