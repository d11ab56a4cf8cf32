// A file whose bytes are not what they should be: the message says where and why, the remedy what can be done.
export class UnreadableFile extends Error {
  override name = 'UnreadableFile'
  readonly remedy: string

  constructor(message: string, remedy: string) {
    super(message)
    this.remedy = remedy
  }
}
